//! Turns `${env.NAME}` into the value of an environment variable.

use super::error::Errors;
use super::tree::{Place, Text};

/// Looks up a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The string with everything filled in; `None` if that cannot be done, which is then among the errors.
pub(super) fn interpolate(
    text: &Text,
    at: Place,
    environment: Environment<'_>,
    errors: &mut Errors,
) -> Option<String> {
    let mut value = String::with_capacity(text.shown.len());
    let mut rest = text.shown.as_str();
    let mut whole = true;
    while let Some(start) = rest.find("${") {
        // `$${` stands for `${`.
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
            Some(filled) => value.push_str(&filled),
            None => whole = false,
        }
        rest = &rest[end..];
    }
    value.push_str(rest);
    whole.then_some(value)
}

fn fill(
    name: &str,
    environment: Environment<'_>,
    at: Place,
    errors: &mut Errors,
) -> Option<String> {
    if name.starts_with("row.") {
        errors
            .add(at, "`${row.…}` is not supported by this version of planrun")
            .help("data files are not read yet: write the value itself");
        return None;
    }
    let variable = name.strip_prefix("env.").filter(|variable| {
        !variable.is_empty() && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let Some(variable) = variable else {
        errors.add(at, format!("`${{{name}}}` means nothing here")).help(
            "write `${env.NAME}` for a variable of the environment, `$${` for the characters themselves",
        );
        return None;
    };
    let value = environment(variable);
    if value.is_none() {
        errors
            .add(at, format!("the environment has no variable `{variable}`"))
            .help(format!("set it first: `{variable}=… planrun …`"));
    }
    value
}

/// The place of some bytes of a string, or of the whole string when it is written with escapes.
pub(super) fn inside(text: &Text, at: Place, start: usize, end: usize) -> Place {
    match text.literal {
        Some(first) => Place { start: first + start, end: first + end, ..at },
        None => at,
    }
}
