//! Checks values of environment variables that go into headers.

use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::text::Text;
use ::http::HeaderValue;

/// The credentials of basic authentication.
pub(super) const BASIC: &str = "name or the password";

/// The credentials of bearer authentication.
pub(super) const TOKEN: &str = "token";

/// Reports characters that a header cannot carry, or missing values: the environment variables are
/// named, and no value is shown.
pub(in crate::plan) fn check_secret(text: &Text, what: &str, at: Span, errors: &mut Errors) {
    // Errors of the environment itself were already reported.
    if text.broken {
        return;
    }
    let half_empty = || what == BASIC && has_empty_half(text);
    let empty = text.value.is_empty() || takes_nothing(text) || half_empty();
    let broken = text.value.chars().any(|c| matches!(c, '\r' | '\n'));
    let wrong = if empty {
        "is empty"
    } else if broken {
        "has a line break"
    } else if what == TOKEN && text.value.trim() != text.value {
        "begins or ends with a space, which servers remove"
    } else if HeaderValue::from_str(&text.value).is_err() {
        "has a character that no header carries"
    } else {
        return;
    };
    let from = text.shown.split("${env.").skip(1).filter_map(|rest| rest.split('}').next());
    let from: Vec<String> = from.map(|name| format!("`{name}`")).collect();
    let (from, help) = if from.is_empty() {
        (
            String::new(),
            "write one line of text: `\"${env.NAME}\"` takes it from the environment".to_owned(),
        )
    } else {
        (
            format!(" (from the environment: {})", from.join(", ")),
            format!("set {} to one line of text, without a line break at its end", from.join(", ")),
        )
    };
    errors.add(at, format!("the {what} {wrong}{from}")).help(help);
}

/// Whether the environment variables that fill a value are empty.
fn takes_nothing(text: &Text) -> bool {
    let mut pieces = text.shown.split("${env.");
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    let filled = pieces.filter_map(|piece| piece.split_once('}'));
    let count = filled.map(|(_, behind)| rest.push_str(behind)).count();
    count > 0 && rest == text.value
}

/// Whether a name or a password that is to come from the environment is empty; one that the plan
/// leaves out is meant so.
fn has_empty_half(text: &Text) -> bool {
    let halves = |text: &str| {
        let (name, password) = text.split_once(':').unwrap_or((text, "-"));
        [name.is_empty(), password.is_empty()]
    };
    text.is_secret()
        && halves(&text.value).into_iter().zip(halves(&text.shown)).any(|(is, was)| is && !was)
}
