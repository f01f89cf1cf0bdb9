//! Why a file cannot be imported: where, what was expected, and the way out.

use std::fmt::{self, Display, Formatter};

/// Where in the file the problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImportPlace {
    /// Everywhere, or nowhere in particular.
    Whole,
    /// A line, from 1.
    Line(usize),
    /// A line and a column, from 1.
    LineColumn(usize, usize),
    /// A JSON Pointer (RFC 6901).
    Pointer(String),
}

impl Display for ImportPlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::LineColumn(line, column) => write!(f, ", line {line}, column {column}"),
            Self::Pointer(pointer) if pointer.is_empty() => Ok(()),
            Self::Pointer(pointer) => write!(f, ", at {pointer}"),
        }
    }
}

/// Why a file cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct ImportError {
    /// Where.
    pub place: ImportPlace,
    /// What was expected, and what was found.
    pub message: String,
    /// The way out.
    pub help: String,
}

impl ImportError {
    pub(super) fn new(
        place: ImportPlace,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { place, message: message.into(), help: help.into() }
    }

    /// At a line, from 1.
    pub(super) fn at_line(
        line: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::new(ImportPlace::Line(line), message, help)
    }

    /// At a JSON Pointer.
    pub(super) fn at(pointer: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ImportPlace::Pointer(pointer.to_owned()), message, help)
    }

    /// Of a text that is not JSON.
    pub(super) fn of_json(error: &serde_json::Error, help: impl Into<String>) -> Self {
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or_default();
        let place = ImportPlace::LineColumn(error.line(), error.column());
        Self::new(place, format!("expected JSON: {message}"), help)
    }
}
