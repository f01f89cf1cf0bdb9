//! Says why runs cannot be compared: another load, another machine, or a run that proves nothing.

use crate::schedule::Digests;
use crate::store::{SavedRun, Tool};
use crate::verdict::Verdict;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The properties in which two runs may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Another load, or other due times.
    #[value(skip)]
    Workload,
    /// A run that proves nothing about its target.
    #[value(skip)]
    Invalid,
    /// A run that stopped before its end.
    #[value(skip)]
    Incomplete,
    /// Another processor, kernel or hypervisor, or a debug build.
    Machine,
    /// Another version of planrun.
    Version,
    /// Another commit of the same version of planrun: reported, but still comparable.
    #[value(skip)]
    Commit,
    /// Another target: reported, but still comparable.
    #[value(skip)]
    Target,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The differences.
    pub kind: DifferenceKind,
    /// In words.
    pub detail: String,
    /// Whether the runs are compared all the same.
    pub accepted: bool,
}

/// The properties of a machine that affect figures most, by name.
const MACHINE: [(&str, [&str; 2]); 5] = [
    ("processor", ["cpu", "model"]),
    ("processors", ["cpu", "usable"]),
    ("hypervisor", ["cpu", "hypervisor"]),
    ("governor", ["cpu", "governor"]),
    ("kernel", ["kernel", "release"]),
];

/// Where the runs differ from the first of the base.
pub(super) fn differences(
    base: &[SavedRun],
    new: &[SavedRun],
    accept: &[DifferenceKind],
) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    let mut add = |kind: DifferenceKind, detail: String| {
        let reported = [DifferenceKind::Commit, DifferenceKind::Target];
        let accepted = reported.contains(&kind) || accept.contains(&kind);
        let one = Difference { kind, detail, accepted };
        if !found.contains(&one) {
            found.push(one);
        }
    };
    let Some(first) = base.first() else { return found };
    let wanted = Digests::of(&first.plan_without_values);
    let machine = &first.environment;
    for run in base.iter().chain(new) {
        let name = run.folder.display();
        let digests = Digests::of(&run.plan_without_values);
        if digests.workload != wanted.workload {
            add(
                DifferenceKind::Workload,
                format!("{name} has another workload than {}", first.folder.display()),
            );
        } else if digests.schedule != wanted.schedule {
            add(
                DifferenceKind::Workload,
                format!("{name} has other due times than {}", first.folder.display()),
            );
        }
        if digests.targets != wanted.targets {
            add(
                DifferenceKind::Target,
                format!("{name} has another target than {}", first.folder.display()),
            );
        }
        if !run.complete() {
            add(DifferenceKind::Incomplete, format!("{name} was cut off"));
        } else if run.judgement.verdict == Verdict::Invalid {
            let mut rules: Vec<&str> =
                run.judgement.breaches.iter().map(|one| one.rule.name()).collect();
            rules.dedup();
            let rules = rules.join(", ");
            add(
                DifferenceKind::Invalid,
                format!("{name} is INVALID ({rules}): it proves nothing about its target"),
            );
        }
        if let Some((kind, detail)) = builds(&first.header.tool, &run.header.tool) {
            add(kind, detail);
        }
        for words in machines(machine, &run.environment) {
            add(DifferenceKind::Machine, words);
        }
    }
    found
}

/// Where two builds of planrun differ. An unknown commit is not a difference.
fn builds(was: &Tool, is: &Tool) -> Option<(DifferenceKind, String)> {
    if was.version != is.version {
        let detail = format!("planrun {} and {}", was.version, is.version);
        return Some((DifferenceKind::Version, detail));
    }
    let (before, after) = (was.commit.as_ref()?, is.commit.as_ref()?);
    let detail = || format!("planrun {} of the commits {before} and {after}", is.version);
    (before != after).then(|| (DifferenceKind::Commit, detail()))
}

/// The differences of two machines, in words. An unknown property is not a difference.
pub(in crate::results) fn machines(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, [table, key]) in MACHINE {
        let [was, is] = [one, other].map(|all| shown(key, &all[table][key]));
        if let (Some(was), Some(is)) = (was, is)
            && was != is
        {
            found.push(format!("{name}: {was} and {is}"));
        }
    }
    let build = |all: &Value| all["build"].as_str().map(str::to_owned);
    if let (Some(was), Some(is)) = (build(one), build(other))
        && was != is
        && !was.is_empty()
        && !is.is_empty()
    {
        found.push(format!("a {was} and a {is} build of planrun"));
    }
    found
}

/// Of a kernel its first two numbers: the others are patches.
fn shown(key: &str, value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let numbers: Vec<&str> = text.splitn(3, '.').take(2).collect();
    Some(if key == "release" { numbers.join(".") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn builds_differ_by_version_or_by_a_commit_that_is_known() {
        let tool = |version: &str, commit: Option<&str>| Tool {
            name: "planrun".to_owned(),
            version: version.to_owned(),
            commit: commit.map(str::to_owned),
        };
        let kind = |one, other| builds(&one, &other).map(|(kind, _)| kind);
        let one = || tool("1.0.0", Some("abc"));
        assert_eq!(kind(one(), tool("1.0.1", Some("abc"))), Some(DifferenceKind::Version));
        assert_eq!(kind(one(), tool("1.0.0", Some("def"))), Some(DifferenceKind::Commit));
        assert_eq!(kind(one(), one()), None);
        assert_eq!(kind(one(), tool("1.0.0", None)), None);
    }

    #[test]
    fn machines_differ_by_what_moves_figures() {
        let one = json!({ "build": "release", "cpu": { "model": "Fast 1", "usable": 2 }, "kernel": { "release": "6.1.0-18" } });
        let mut other = one.clone();
        other["kernel"]["release"] = "6.1.7-99".into();
        assert!(machines(&one, &other).is_empty());
        assert!(machines(&one, &Value::Null).is_empty());
        other["cpu"]["usable"] = 4.into();
        other["build"] = "debug".into();
        let words = ["processors: 2 and 4", "a release and a debug build of planrun"];
        assert_eq!(machines(&one, &other), words);
    }
}
