//! A regular expression that is compiled once, and compiled again where it is deserialised.

use ::regex::bytes::Regex;
use serde::{Deserialize, Serialize};

/// A regular expression over bytes. Equal to another with the same text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a text.
    ///
    /// # Errors
    /// The syntax error, or that the expression is too large.
    pub fn new(text: &str) -> Result<Self, ::regex::Error> {
        Regex::new(text).map(Self)
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl TryFrom<String> for Pattern {
    type Error = ::regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_serialised_is_compiled_again() {
        let pattern = Pattern::new(r"id=(\d+)").unwrap();
        let json = serde_json::to_string(&pattern).unwrap();
        assert_eq!(json, r#""id=(\\d+)""#);
        let back: Pattern = serde_json::from_str(&json).unwrap();
        assert_eq!(back, pattern);
        assert!(back.regex().is_match(b"id=7"));
        assert!(serde_json::from_str::<Pattern>("\"(\"").is_err());
    }
}
