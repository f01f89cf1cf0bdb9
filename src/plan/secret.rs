//! Replaces values of environment variables by `${env.NAME}` wherever a text is shown.

use super::interpolate::Environment;
use super::tree::{Node, Value};
use super::{Overrides, Plan, PlanErrors, Protocol, Source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

/// The values that a plan took from environment variables, in all forms in which they may appear,
/// the longest first.
///
/// Workers need them, so they travel in binary messages; a text format is for files and people, and
/// gets none.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Secrets(Vec<(String, String)>);

/// A text of the plan that is hidden, wherever it comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HiddenValue(String);

impl HiddenValue {
    /// A part of a forward proxy's credentials.
    pub(super) fn of_proxy(text: String) -> Self {
        Self(text)
    }
}

impl Serialize for Secrets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && !self.0.is_empty() {
            return Err(S::Error::custom("values from the environment are never written as text"));
        }
        self.0.serialize(serializer)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Protocol {
    /// The secrets that are hidden in texts that a scenario sends and receives.
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Http(http) => http.secrets.clone(),
            Self::Hold(hold) => hold.secrets.clone(),
        }
    }

    /// The secrets of a scenario that are hidden in texts from the target.
    pub(super) fn secrets_mut(&mut self) -> &mut Secrets {
        match self {
            Self::Http(http) => &mut http.secrets,
            Self::Hold(hold) => &mut hold.secrets,
        }
    }
}

impl Plan {
    /// Reads the plan of a saved run with `${env.NAME}` in place of each value of the environment
    /// that is a text. Numbers and addresses cannot do without theirs.
    ///
    /// # Errors
    /// As [`Plan::parse_saved`].
    pub fn parse_without_values(
        source: &Source,
        overrides: &Overrides,
        environment: Environment<'_>,
    ) -> Result<Self, PlanErrors> {
        let asked = RefCell::new(BTreeSet::new());
        let noted = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            environment(name)
        };
        let mut plan = Self::parse_saved(source, overrides, &noted)?;
        let masked = |hidden: &BTreeSet<String>| {
            let text = |name: &str| {
                let shown = || format!("${{env.{name}}}");
                if hidden.contains(name) { Some(shown()) } else { environment(name) }
            };
            Self::parse_saved(source, overrides, &text)
        };
        let mut hidden = BTreeSet::new();
        for name in asked.into_inner() {
            hidden.insert(name.clone());
            match masked(&hidden) {
                Ok(without) => plan = without,
                Err(_) => drop(hidden.remove(&name)),
            }
        }
        let each = plan.scenarios.iter_mut().map(|one| one.protocol.secrets_mut());
        each.for_each(|secrets| *secrets = Secrets::default());
        Ok(plan)
    }
}

impl Secrets {
    /// The secrets of a plan.
    pub(super) fn of(plan: &Node, environment: Environment<'_>) -> Self {
        let mut all = Vec::new();
        collect(plan, environment, &mut all);
        all.retain(|(value, _)| !value.is_empty());
        all.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        all.dedup_by(|a, b| a.0 == b.0);
        Self(all)
    }

    /// The same, with texts of the plan that are hidden, too.
    pub(super) fn with(&self, hidden: &[HiddenValue]) -> Self {
        let mut all = self.0.clone();
        let known = |all: &[(String, String)], text: &str| all.iter().any(|(one, _)| one == text);
        for HiddenValue(text) in hidden {
            if !known(&all, text) {
                all.push((text.clone(), "${proxy credentials}".to_owned()));
            }
        }
        all.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        Self(all)
    }

    /// Writes `*` over each value that stands in bytes.
    pub fn mask(&self, bytes: &mut [u8]) {
        for (value, _) in &self.0 {
            let found: Vec<usize> = memchr::memmem::find_iter(bytes, value.as_bytes()).collect();
            for at in found {
                bytes[at..at + value.len()].fill(b'*');
            }
        }
    }

    /// The text with `${env.NAME}` for each value. `is_cut`: the text went on, so that its end may
    /// be the beginning of a value, which is left out.
    pub fn hide(&self, text: &str, is_cut: bool) -> String {
        let mut hidden = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let found = self.0.iter().find(|(value, _)| rest.starts_with(value.as_str()));
            if let Some((value, shown)) = found {
                hidden.push_str(shown);
                rest = &rest[value.len()..];
                continue;
            }
            if is_cut && self.0.iter().any(|(value, _)| value.starts_with(rest)) {
                break;
            }
            hidden.push(first);
            rest = &rest[first.len_utf8()..];
        }
        hidden
    }
}

fn collect(node: &Node, environment: Environment<'_>, all: &mut Vec<(String, String)>) {
    match &node.value {
        Value::List(nodes) => nodes.iter().for_each(|one| collect(one, environment, all)),
        Value::Table(table) => {
            table.entries.iter().for_each(|(_, one)| collect(one, environment, all));
        }
        Value::Text(text) if text.is_secret() => {
            let names = text.shown.split("${env.").skip(1).filter_map(|rest| rest.split_once('}'));
            let mut any = false;
            for (name, _) in names {
                let name = name.split_once(":-").map_or(name, |(name, _)| name);
                let Some(value) = environment(name) else { continue };
                any = true;
                let shown = format!("${{env.{name}}}");
                let json = serde_json::to_string(&value).unwrap_or_default();
                let json = json.trim_matches('"').to_owned();
                let percent = utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string();
                all.extend([value, json, percent].map(|form| (form, shown.clone())));
            }
            if any {
                // As basic authentication sends it.
                all.push((STANDARD.encode(&text.value), text.shown.clone()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(pairs: &[(&str, &str)]) -> Secrets {
        Secrets(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    #[test]
    fn values_are_hidden_wherever_they_stand() {
        let all = secrets(&[("hunter2", "${env.PW}"), ("e", "${env.E}")]);
        assert_eq!(all.hide("a=hunter2&b=hunter2", false), "a=${env.PW}&b=${env.PW}");
        assert_eq!(all.hide("the", false), "th${env.E}");
        assert_eq!(Secrets::default().hide("größer", true), "größer");
    }

    #[test]
    fn a_plan_without_values_has_the_names_of_texts_and_the_values_of_numbers() {
        let text = "name = \"p\"\n[targets.t]\naddress = \"http://${env.HOST}/\"\n[scenarios.s]\n\
            protocol = \"http\"\nrequests = [{ path = \"/\", headers = { x-key = \"${env.PW}\" } }]\n\
            stages = [{ users = \"${env.USERS}\", hold = \"1s\" }]\n";
        let source = Source { name: "p.toml".to_owned(), text: text.to_owned() };
        let parse = |password: &str, users: &str| {
            let value = |name: &str| {
                let known = [("HOST", "localhost"), ("PW", password), ("USERS", users)];
                known.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
            };
            Plan::parse_without_values(&source, &Overrides::default(), &value).unwrap()
        };
        let plan = parse("hunter2", "20");
        let json = serde_json::to_string(&plan).unwrap();
        assert!(json.contains("${env.PW}") && !json.contains("hunter2"), "{json}");
        assert_eq!(plan, parse("other", "20"));
        assert_ne!(plan, parse("hunter2", "21"));
    }

    #[test]
    fn values_travel_to_workers_and_into_no_text() {
        let all = secrets(&[("hunter2", "${env.PW}")]);
        let bytes = postcard::to_stdvec(&all).unwrap();
        assert_eq!(postcard::from_bytes::<Secrets>(&bytes).unwrap(), all);
        assert!(serde_json::to_string(&all).is_err());
        assert_eq!(serde_json::to_string(&Secrets::default()).unwrap(), "[]");
    }

    #[test]
    fn the_beginning_of_a_value_at_a_cut_is_left_out() {
        let all = secrets(&[("hunter2", "${env.PW}")]);
        assert_eq!(all.hide("a=hunt", true), "a=");
        assert_eq!(all.hide("a=hunt", false), "a=hunt");
        assert_eq!(all.hide("a=hunter2", true), "a=${env.PW}");
    }
}
