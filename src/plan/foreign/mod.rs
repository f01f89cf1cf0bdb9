//! Turns words of other tools (k6, Locust, Taurus, Hyperfoil, `JMeter`, Artillery, wrk, Gatling)
//! into what is written here.
//!
//! **Invariant:** every suggestion is valid in a plan: a test parses each of them.

mod answers;
mod metrics;

pub(super) use metrics::{figure, metric};

use super::suggest::plain;
use answers::{ANSWERS, ForeignKeyHint};
use std::ops::Range;

/// Where an answer's line belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyPlace {
    /// The scenario's table.
    Scenario,
    /// A stage of it.
    Stage,
    /// A request of it.
    Request,
    /// A threshold of it.
    Threshold,
    /// The target's table.
    Target,
}

impl KeyPlace {
    /// The table's own name in messages.
    fn noun(self) -> &'static str {
        match self {
            Self::Scenario => "a scenario",
            Self::Stage => "a stage",
            Self::Request => "a request",
            Self::Threshold => "a threshold",
            Self::Target => "a target",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Scenario => "`[scenarios.NAME]`",
            Self::Stage => "a stage, `stages = [{ … }]` of a scenario",
            Self::Request => "a request, `requests = [{ … }]` of a scenario",
            Self::Threshold => "a threshold, `thresholds = [{ … }]` of a scenario",
            Self::Target => "`[targets.NAME]`",
        }
    }
}

/// The keys of a table that a word of another tool corresponds to there.
pub(super) fn meant<'a>(
    word: &str,
    noun: &str,
    known: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = &'a str> {
    let line = answer(word, noun).filter(|answer| answer.home.noun() == noun);
    let line = line.map_or("", |answer| answer.line);
    known.filter(move |key| line.split([' ', ',']).any(|word| word == *key))
}

/// The suggestion for a key that the table `noun` does not have.
pub(super) fn key(word: &str, noun: &str) -> Option<String> {
    let ForeignKeyHint { home, line, why, .. } = answer(word, noun)?;
    let colon = if why.is_empty() { "" } else { ": " };
    Some(format!("write `{line}` in {}{colon}{why}", home.words()))
}

fn answer(word: &str, noun: &str) -> Option<&'static ForeignKeyHint> {
    let word = plain(word);
    ANSWERS.iter().find(|answer| {
        answer.words.contains(&word.as_str())
            && (answer.inside.is_empty() || answer.inside.contains(&noun))
    })
}

/// The first `{{name}}` of a text, as Artillery, Postman, Insomnia and other templates have it, and
/// its name.
pub(super) fn placeholder(text: &str) -> Option<(Range<usize>, &str)> {
    text.match_indices("{{").find_map(|(start, _)| {
        let rest = &text[start + 2..];
        let inside = &rest[..rest.find("}}")?];
        let name = inside.trim();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
            && name.trim_start_matches('$').trim_end_matches("()").chars().all(plain);
        is_name.then(|| (start..start + 2 + inside.len() + 2, name))
    })
}

/// The suggestion for another tool's name of a value: `id`, `__ENV.TOKEN`, `data.id`.
pub(super) fn value(name: &str) -> String {
    let plain = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let environment = ["__ENV.", "$processEnvironment.", "$env.", "ENV.", "process.env."];
    if let Some(name) =
        environment.iter().find_map(|start| name.strip_prefix(start)).filter(|name| plain(name))
    {
        return format!("write `${{env.{name}}}` for a variable of the environment");
    }
    let last = name.rsplit('.').next().unwrap_or(name).trim_start_matches('$');
    let last = if plain(last) { last } else { "NAME" };
    // Names in capitals usually mean environment variables.
    if last.chars().any(char::is_uppercase) && !last.chars().any(char::is_lowercase) {
        return format!(
            "write `${{env.{last}}}` for a variable of the environment, `${{row.{last}}}` for a column of the data, `${{var.{last}}}` for a value that an earlier step extracts"
        );
    }
    format!(
        "write `${{row.{last}}}` for a column of the data, `${{var.{last}}}` for a value that an earlier step extracts, `${{env.{last}}}` for a variable of the environment"
    )
}

#[cfg(test)]
mod tests;
