//! A string of the plan: its printable form, its value, and its placeholders.

use super::generated::Generated;
use super::span::Span;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A string, before and after the environment was filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// With `${env.NAME}` as the plan has it: the only form that may be shown.
    pub shown: String,
    /// The text with its escapes resolved.
    pub value: String,
    /// Where the first character stands, if the string is written without escapes: then places
    /// inside it are known.
    pub literal: Option<usize>,
    /// Whether an escape in it stands for a character from U+0080 to U+00FF, as if for a byte.
    pub has_byte_escape: bool,
    /// Whether an environment variable could not be filled in; an error was reported.
    pub broken: bool,
    /// The placeholders filled in for each request, in order.
    pub blanks: Vec<PlaceholderAt>,
}

impl Text {
    /// Whether some of it comes from the environment, and so must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        self.shown != self.value
    }
}

/// A part of a string that is filled in for each sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlaceholderAt {
    /// Bytes of the string's value, `${` and `}` with them.
    pub range: Range<usize>,
    /// The source of its value.
    pub given: Placeholder,
    /// Its place in the plan.
    pub at: Span,
}

/// The source of a placeholder's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placeholder {
    /// The value in this column of the pass's row.
    Row(String),
    /// The value that an earlier step of the pass has extracted under this name.
    Var(String),
    /// A value that is generated for the pass.
    Generated(Generated),
}

/// The place of some bytes of a string, or of the whole string when it is written with escapes.
pub(super) fn inside(text: &Text, at: Span, start: usize, end: usize) -> Span {
    match text.literal {
        Some(first) => Span { start: first + start, end: first + end, ..at },
        None => at,
    }
}
