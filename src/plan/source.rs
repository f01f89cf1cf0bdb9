//! A plan's text, and what the command line changes of it.

use serde::{Deserialize, Serialize};

/// A plan's text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's name, for messages.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What the command line changes of a plan, as it was typed.
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
}
