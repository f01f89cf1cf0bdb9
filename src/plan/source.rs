//! A plan's text, and the overrides of the command line.

use serde::{Deserialize, Serialize};

/// A plan's text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's name, for messages.
    pub name: String,
    /// The text.
    pub text: String,
}

/// The overrides of the command line, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// `--set KEY=VALUE`.
    pub set: Vec<String>,
    /// `--scale PERCENT`.
    pub scale: Option<String>,
    /// `--target NAME=ADDRESS`.
    pub target: Vec<String>,
    /// `--only SCENARIO`.
    pub only: Vec<String>,
    /// `--baseline DIR`. Never skipped: hosts get it in a format without names of fields.
    #[serde(default)]
    pub baseline: Option<String>,
}
