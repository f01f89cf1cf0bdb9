//! The names that a plan may use: they are printed, compared and used as file names, so they must
//! be harmless.

use super::error::Errors;
use super::raw::At;
use super::span::Span;
use super::text::Text;
use crate::units::is_printable;

/// Names longer than this do not fit a table: characters.
const LONGEST: usize = 100;

/// Which characters a name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    /// Names a folder: ASCII letters, digits, `-`, `_`, `.`, and begins with a letter or digit.
    Folder,
    /// A part of a dotted path: letters, digits, `-`, `_`, `.`.
    Word,
    /// Anything that can be printed on one line.
    Line,
}

/// Checks a name; returns an empty one for a name that is not accepted.
pub(super) fn check(name: &str, kind: NameKind, at: Span, errors: &mut Errors) -> bool {
    let (ok, help) = match kind {
        NameKind::Folder => (
            name.chars().all(|c| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c))
                && name.starts_with(|c: char| c.is_ascii_alphanumeric()),
            "it names the result folder: use letters, digits, `-`, `_` and `.`, a letter or digit first",
        ),
        NameKind::Word => (
            name.chars().all(|c| c.is_alphanumeric() || ['-', '_', '.'].contains(&c)),
            "use letters, digits, `-`, `_` and `.`",
        ),
        NameKind::Line => (
            name.chars().all(is_printable) && name.trim() == name,
            "use printable characters, and no space at either end",
        ),
    };
    if name.is_empty() {
        errors.add(at, "a name cannot be empty");
        return false;
    }
    if name.chars().count() > LONGEST {
        errors.add(at, format!("a name has at most {LONGEST} characters"));
        return false;
    }
    if !ok {
        errors.add(at, "this cannot be a name").help(suggestion(name, kind, help));
    }
    ok
}

/// The name with invalid characters replaced, if anything is left of it.
fn suggestion(name: &str, kind: NameKind, help: &str) -> String {
    let fitting: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || ['_', '.'].contains(&c) { c } else { '-' })
        .collect();
    let fitting = fitting.trim_matches(|c| c == '-' || c == '.');
    match kind {
        NameKind::Folder | NameKind::Word if !fitting.is_empty() => format!("{help}: `{fitting}`"),
        _ => help.to_owned(),
    }
}

/// The text of what will be printed in reports: it may not come from the environment.
pub(super) fn public<'a>(text: &'a At<Text>, errors: &mut Errors) -> Option<&'a str> {
    if text.value.is_secret() {
        errors.add(text.at, "`${env.…}` cannot be used here").help(
            "write it out: it is printed in reports, where values of the environment never are",
        );
        return None;
    }
    Some(&text.value.value)
}
