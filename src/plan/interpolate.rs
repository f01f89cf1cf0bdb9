//! Turns `${env.NAME}` into the value of an environment variable, and notes where `${row.…}`,
//! `${var.…}` and generated values stand.

use super::error::Errors;
use super::foreign;
use super::generated::{FORMS, Generated};
use super::span::Span;
use super::text::Placeholder;
use super::text::{PlaceholderAt, Text, inside};

/// Looks up a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The string with environment variables filled in, and the placeholders for later; `None` if that
/// cannot be done, which is then among the errors.
pub(super) fn interpolate(
    text: &Text,
    at: Span,
    environment: Environment<'_>,
    errors: &mut Errors,
) -> Option<(String, Vec<PlaceholderAt>)> {
    let mut value = String::with_capacity(text.shown.len());
    let mut blanks = Vec::new();
    let mut rest = text.shown.as_str();
    let mut whole = true;
    while let Some(start) = rest.find("${") {
        // `$${` escapes `${`.
        if let Some(before) = rest[..start].strip_suffix('$') {
            value.push_str(before);
            value.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        value.push_str(&rest[..start]);
        let offset = text.shown.len() - rest.len() + start;
        let Some(end) = rest[start..].find('}').map(|end| start + end + 1) else {
            errors
                .add(inside(text, at, offset, text.shown.len()), "`${` is never closed")
                .help("write `${env.NAME}` for a variable of the environment, `$${` for the characters themselves");
            return None;
        };
        let place = inside(text, at, offset, offset + (end - start));
        match fill(&rest[start + 2..end - 1], environment, place, errors) {
            Some(Filled::Now(filled)) => value.push_str(&filled),
            Some(Filled::Later(given)) => {
                let from = value.len();
                value.push_str(&rest[start..end]);
                blanks.push(PlaceholderAt { range: from..value.len(), given, at: place });
            }
            None => whole = false,
        }
        rest = &rest[end..];
    }
    value.push_str(rest);
    whole.then_some((value, blanks))
}

/// The value of `${…}`.
enum Filled {
    Now(String),
    Later(Placeholder),
}

fn fill(name: &str, environment: Environment<'_>, at: Span, errors: &mut Errors) -> Option<Filled> {
    let later = |prefix| name.strip_prefix(prefix).filter(|rest: &&str| !rest.is_empty());
    if let Some(column) = later("row.") {
        return Some(Filled::Later(Placeholder::Row(column.to_owned())));
    }
    if let Some(variable) = later("var.") {
        return Some(Filled::Later(Placeholder::Var(variable.to_owned())));
    }
    match Generated::parse(name) {
        Ok(Some(generated)) => return Some(Filled::Later(Placeholder::Generated(generated))),
        Err(why) => {
            errors.add(at, format!("`${{{name}}}` {why}")).help(format!("write {FORMS}"));
            return None;
        }
        Ok(None) => {}
    }
    let (variable, default) = variable(name);
    let variable = variable.filter(|variable| {
        !variable.is_empty() && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let Some(variable) = variable else {
        errors.add(at, format!("`${{{name}}}` is not a known placeholder")).help(format!(
            "{}, {FORMS} for a generated value, `$${{` for the characters themselves",
            foreign::value(name)
        ));
        return None;
    };
    // As in a shell: the default stands for a variable that is not set, or empty.
    let value = environment(variable).filter(|value| default.is_none() || !value.is_empty());
    let value = value.or_else(|| default.map(str::to_owned));
    if value.is_none() {
        errors.add(at, format!("the environment has no variable `{variable}`")).help(format!(
            "set it first: `{variable}=… planrun …`, or write a default: `${{env.{variable}:-…}}`"
        ));
    }
    value.map(Filled::Now)
}

/// The variable of `env.NAME` or `env.NAME:-DEFAULT`, and its default.
pub(super) fn variable(name: &str) -> (Option<&str>, Option<&str>) {
    let given = name.strip_prefix("env.");
    match given.and_then(|given| given.split_once(":-")) {
        Some((variable, default)) => (Some(variable), Some(default)),
        None => (given, None),
    }
}
