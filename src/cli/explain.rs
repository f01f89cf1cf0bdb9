//! The `explain` subcommand: explains a word of reports, or a key of plans.
//!
//! **Invariant:** every text comes from the same table as the word in reports.

use super::complete::candidates;
use super::{ExitStatus, diagnostic, print_result, screen};
use crate::catalogue::{
    Counter, Gauge, Metric, MetricRow, MonitorStat, Need, ProtocolKind, Samples, TimeMetric,
};
use crate::plan::{KeyRow, KeySection, Plan, Stat, nearest};
use crate::record::{ConnectionEnd, Failure};
use crate::report::page::Page;
use crate::verdict::rules::{self, Rule, RuleUnit};
use anstyle::Style;
use clap::Args;
use clap_complete::{ArgValueCompleter, CompletionCandidate};
use std::ffi::OsStr;
use std::io;

const EXIT_STATUS: &str = "\
Exit status:
  0  the word is explained
  2  there is no such word";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct ExplainArgs {
    /// Word to explain: a metric, a counter, a validity rule, a failure, a reason why a connection
    /// ended, an exit status, or a key of plans (`ramp`, `stages.ramp`). Without one, all words
    /// are listed.
    #[arg(value_name = "WORD", add = ArgValueCompleter::new(completed))]
    word: Option<String>,
}

/// The meaning of a word in one of its uses.
struct WordMeaning {
    /// `metric`, `rule`.
    kind: &'static str,
    /// A sentence.
    text: String,
    /// More of it: what, and its text.
    facts: Vec<(&'static str, String)>,
}

pub(super) fn explain(args: &ExplainArgs) -> ExitStatus {
    let mut out = Vec::new();
    let page = &mut Page::new(&mut out, screen::columns());
    let written = match &args.word {
        None => list(page),
        Some(word) => {
            let meanings = meanings(word);
            if meanings.is_empty() {
                let words = words();
                let known = words.iter().flat_map(|(_, words)| words).map(String::as_str);
                let help = match nearest(word, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`planrun explain` lists every word".to_owned(),
                };
                let shown = crate::units::visible(word);
                diagnostic::print_error(&format!("nothing is called `{shown}`"), Some(&help));
                return ExitStatus::WrongPlan;
            }
            meanings.iter().try_for_each(|meaning| write(page, word, meaning))
        }
    };
    written.map_or(ExitStatus::Internal, |()| print_result(&out))
}

fn write(page: &mut Page<'_>, word: &str, meaning: &WordMeaning) -> io::Result<()> {
    page.hanging("", "  ", &format!("{word} ({}): {}", meaning.kind, meaning.text), Style::new())?;
    meaning.facts.iter().try_for_each(|(what, text)| {
        page.hanging("  ", "    ", &format!("{what}: {text}"), Style::new())
    })
}

/// The words that begin as it is typed, for shells.
fn completed(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(words().into_iter().flat_map(|(_, words)| words), typed, "")
}

/// Every word, by kind.
fn words() -> Vec<(&'static str, Vec<String>)> {
    let names = |all: &mut dyn Iterator<Item = &'static str>| all.map(str::to_owned).collect();
    vec![
        ("metrics", Metric::rows().map(|row| row.name.to_owned()).collect()),
        ("counters", names(&mut Counter::ALL.iter().map(|one| one.name()))),
        ("gauges", names(&mut Gauge::ALL.iter().map(|one| one.name()))),
        ("validity rules", names(&mut rules::ALL.iter().map(|rule| rule.name))),
        ("failures", names(&mut Failure::ALL.iter().map(|one| one.name()))),
        ("ends of connections", names(&mut ConnectionEnd::ALL.iter().map(|one| one.name()))),
        ("plan keys", key_names()),
        ("exit statuses", ExitStatus::ALL.iter().map(|status| status.code().to_string()).collect()),
    ]
}

fn list(page: &mut Page<'_>) -> io::Result<()> {
    words().iter().try_for_each(|(kind, words)| {
        page.hanging("", "  ", &format!("{kind}: {}", words.join(", ")), Style::new())
    })
}

fn meanings(word: &str) -> Vec<WordMeaning> {
    let plain = |kind, doc: &str| WordMeaning { kind, text: sentence(doc), facts: Vec::new() };
    let mut all: Vec<WordMeaning> = metric(word).into_iter().collect();
    let counter = Counter::ALL.iter().find(|one| one.name() == word);
    all.extend(counter.map(|one| plain("counter", one.doc())));
    let gauge = Gauge::ALL.iter().find(|one| one.name() == word);
    all.extend(gauge.map(|one| plain("gauge", one.doc())));
    all.extend(rules::ALL.iter().find(|rule| rule.name == word).map(|rule| of_rule(rule)));
    let failure = Failure::ALL.iter().find(|one| one.name() == word);
    all.extend(failure.map(|one| WordMeaning {
        kind: "failure",
        text: sentence(one.doc()),
        facts: vec![("origin", one.origin().name().to_owned())],
    }));
    let end = ConnectionEnd::ALL.iter().find(|one| one.name() == word);
    all.extend(end.map(|one| plain("end of a connection", one.doc())));
    // PASS, FAIL and INVALID stand at the beginning of theirs.
    let verdict = |doc: &str| doc.trim_start().split(['.', ':']).next() == Some(word);
    let is_named =
        |status: &&ExitStatus| status.code().to_string() == word || verdict(status.doc());
    let status = ExitStatus::ALL.iter().find(is_named);
    all.extend(status.map(|one| plain("exit status", one.doc())));
    all.extend(plan_keys(word));
    all
}

/// The names of keys, each once, in the order of plans.
fn key_names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for key in Plan::keys().into_iter().flat_map(|section| section.keys) {
        if !names.contains(&key.name) {
            names.push(key.name);
        }
    }
    names
}

/// Keys of plans by their name, or by the end of their dotted path: `ramp`, `stages.ramp`,
/// `scenarios.web.stages.0.ramp`.
fn plan_keys(word: &str) -> Vec<WordMeaning> {
    let is_number = |part: &&str| part.chars().all(|c| c.is_ascii_digit());
    let parts: Vec<&str> = word.split('.').filter(|part| !is_number(part)).collect();
    let sections = Plan::keys();
    let mut found = Vec::new();
    for section in &sections {
        for key in &section.keys {
            if ends_in(&section.path(key), &parts) {
                found.push(of_key(&sections, section, key));
            }
        }
    }
    found
}

/// Whether a path ends in these parts. `NAME` stands for any name, and steps are requests.
fn ends_in(path: &str, parts: &[&str]) -> bool {
    let path: Vec<&str> = path.split('.').collect();
    let Some(begins) = path.len().checked_sub(parts.len()).filter(|_| !parts.is_empty()) else {
        return false;
    };
    let last = parts.len() - 1;
    let same = |(number, (part, wanted)): (usize, (&&str, &&str))| {
        part == wanted
            || (number < last && (*part == "NAME" || (*part == "requests" && *wanted == "steps")))
    };
    path[begins..].iter().zip(parts).enumerate().all(same)
}

fn of_key(sections: &[KeySection], section: &KeySection, key: &KeyRow) -> WordMeaning {
    let path = section.path(key);
    let of_names = format!("{path}.NAME");
    let place = if section.place.is_empty() { "the top of the plan" } else { &section.place };
    let required = if key.is_required { ", required" } else { "" };
    let mut facts = vec![("in", format!("{place}{required}")), ("takes", key.value.clone())];
    let below = sections.iter().find(|one| one.place == path || one.place == of_names);
    if let Some(below) = below {
        let names: Vec<&str> = below.keys.iter().map(|key| key.name.as_str()).collect();
        facts.push(("its keys", names.join(", ")));
    }
    WordMeaning { kind: "plan key", text: key.meaning.clone(), facts }
}

/// A metric by its name, by its family, or with a statistic.
fn metric(word: &str) -> Option<WordMeaning> {
    let of_time = |word: &str| TimeMetric::named(word).map(TimeMetric::row);
    let with_stat = || {
        let named = |(time, stat): (&str, &str)| {
            Stat::ALL.iter().find(|one| one.name() == stat).and_then(|_| of_time(time))
        };
        // A statistic may have a point: `p99.9`.
        word.match_indices('.').find_map(|(at, _)| named((&word[..at], &word[at + 1..])))
    };
    // The names of monitors and their metrics are a plan's own.
    let of_monitor = || {
        let (_, stat) = word.strip_prefix("monitor.")?.rsplit_once('.')?;
        let row = || Metric::rows().find(|row| row.samples == Samples::Scrapes);
        MonitorStat::named(stat).and_then(|_| row())
    };
    let row = Metric::rows()
        .find(|row| row.name == word)
        .or_else(|| of_time(word.trim_end_matches(".*")))
        .or_else(|| Metric::named(word).map(Metric::row))
        .or_else(with_stat)
        .or_else(of_monitor)?;
    Some(of_metric(row))
}

fn of_metric(row: &MetricRow) -> WordMeaning {
    let during =
        |protocol: ProtocolKind| if row.all_phases.has(protocol) { "all phases" } else { "hold" };
    let looks_at: Vec<String> = row
        .protocols
        .iter()
        .map(|protocol| format!("{} in {}", during(protocol), protocol.name()))
        .collect();
    let mut facts = vec![
        ("computed as", row.formula.to_owned()),
        ("protocols", row.protocols.to_string()),
        ("a threshold without `during` looks at", looks_at.join(", ")),
    ];
    if !row.needs.is_empty() {
        let needs = row.needs.iter().map(|need| Need::words(*need).0);
        facts.push(("needs", needs.collect::<Vec<_>>().join(", ")));
    }
    let columns = row.columns();
    let key = row.json_key().map(|key| format!("report.json `{key}`"));
    let columns = (!columns.is_empty()).then(|| format!("summary.csv {}", columns.join(", ")));
    let places: Vec<String> = key.into_iter().chain(columns).collect();
    facts.push(("in reports", places.join("; ")));
    WordMeaning { kind: "metric", text: sentence(row.doc), facts }
}

fn of_rule(rule: &Rule) -> WordMeaning {
    let limit = |unit: RuleUnit, limit: Option<f64>, note: &str| {
        let figure = limit.map(|limit| unit.figure(limit));
        let both = figure.into_iter().chain((!note.is_empty()).then(|| note.to_owned()));
        both.collect::<Vec<_>>().join(", ")
    };
    let facts = [
        ("warns beyond", limit(rule.unit, rule.warn, rule.warn_note)),
        ("INVALID beyond", limit(rule.unit, rule.invalid, rule.invalid_note)),
        (
            "set by",
            rule.setting.map_or_else(String::new, |key| {
                format!("`[generator] limits = {{ {} = … }}`", key.name())
            }),
        ),
        ("what to do", rule.advice.to_owned()),
    ];
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    WordMeaning { kind: "validity rule", text: sentence(rule.doc), facts }
}

/// A comment as a text of one line.
fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_meaning_with_a_text() {
        for word in words().into_iter().flat_map(|(_, words)| words) {
            let all = meanings(&word);
            assert!(!all.is_empty(), "{word}");
            for meaning in all {
                assert!(meaning.text.ends_with('.'), "{word}: {}", meaning.text);
                assert!(meaning.facts.iter().all(|(_, text)| !text.is_empty()), "{word}");
            }
        }
    }

    #[test]
    fn metrics_are_found_as_plans_name_them() {
        for word in [
            "service_time.p99",
            "connect.time.p99.9",
            "connect.time.*",
            "within.200ms.ratio",
            "monitor.lb.node_load1.max",
        ] {
            assert!(meanings(word).iter().any(|one| one.kind == "metric"), "{word}");
        }
        for (word, place) in [
            ("spawn_rate", "scenarios.NAME.stages"),
            ("stages.ramp", "scenarios.NAME.stages"),
            ("scenarios.web.stages.0.ramp", "scenarios.NAME.stages"),
            ("steps.on_failure", "scenarios.NAME.requests"),
            ("targets.lb.tls.ca", "targets.NAME.tls"),
        ] {
            let keys = meanings(word);
            let found = keys.iter().filter(|one| one.kind == "plan key");
            let places: Vec<&str> = found.map(|one| one.facts[0].1.as_str()).collect();
            assert_eq!(places, [place], "{word}");
        }
        assert!(plan_keys("stages.nonsense").is_empty() && plan_keys("0").is_empty());
        assert!(meanings("service_time.p98").is_empty());
        assert!(meanings("monitor.lb.node_load1.p99").is_empty());
        assert!(meanings("nonsense").is_empty());
        assert_eq!(meanings("INVALID")[0].text, meanings("3")[0].text);
    }
}
