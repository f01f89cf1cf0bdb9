//! A regular expression that takes a message byte by byte, so that nothing of it must be kept.

use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The largest table of states, and the most memory to make it: bytes.
const TABLE: usize = 4 << 20;
const MAKING: usize = 32 << 20;

/// A regular expression over bytes: `.` is any byte but a line feed, and a class has no characters
/// beyond ASCII. Equal to another with the same text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StreamPattern {
    text: String,
    states: Arc<dense::DFA<Vec<u32>>>,
    start: StateID,
}

/// The state of an expression after a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternStep {
    /// It may match yet: the state, a number below 2^24 and not zero.
    State(u32),
    /// It has matched before this byte.
    Matched,
    /// Nothing that follows makes it match.
    Hopeless,
}

impl StreamPattern {
    /// Compiles a text.
    ///
    /// # Errors
    /// The syntax error, or that the expression is too large, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        let states = dense::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .configure(
                dense::Config::new()
                    .start_kind(regex_automata::dfa::StartKind::Unanchored)
                    .dfa_size_limit(Some(TABLE))
                    .determinize_size_limit(Some(MAKING)),
            )
            .build(text)
            .map_err(|error| reason(&error))?;
        let start = states.start_state(&start::Config::new()).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), states: Arc::new(states), start })
    }

    /// The text that it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The state before the first byte.
    pub fn start(&self) -> u32 {
        self.start.as_u32()
    }

    /// The state after one more byte.
    pub fn next(&self, state: u32, byte: u8) -> PatternStep {
        let next = self.states.next_state(Self::id(state), byte);
        if self.states.is_match_state(next) {
            PatternStep::Matched
        } else if self.states.is_dead_state(next) {
            PatternStep::Hopeless
        } else {
            PatternStep::State(next.as_u32())
        }
    }

    /// Whether it matches if nothing follows.
    pub fn matches(&self, state: u32) -> bool {
        self.states.is_match_state(self.states.next_eoi_state(Self::id(state)))
    }

    fn id(state: u32) -> StateID {
        StateID::new(state as usize).unwrap_or(StateID::ZERO)
    }
}

/// The error of an expression, on one line.
fn reason(error: &dense::BuildError) -> String {
    if error.is_size_limit_exceeded() {
        return format!("it takes more than {} MiB of states", TABLE >> 20);
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    // The parser draws the expression first; its last line says what is wrong.
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

impl fmt::Debug for StreamPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamPattern").field(&self.text).finish()
    }
}

impl PartialEq for StreamPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for StreamPattern {}

impl From<StreamPattern> for String {
    fn from(pattern: StreamPattern) -> Self {
        pattern.text
    }
}

impl TryFrom<String> for StreamPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a pattern is found in bytes that end there.
    fn is_found(pattern: &StreamPattern, bytes: &[u8]) -> bool {
        let mut state = pattern.start();
        for byte in bytes {
            match pattern.next(state, *byte) {
                PatternStep::State(next) => state = next,
                PatternStep::Matched => return true,
                PatternStep::Hopeless => return false,
            }
        }
        pattern.matches(state)
    }

    #[test]
    fn bytes_are_taken_one_by_one() {
        let pattern = StreamPattern::new(r"^\$\d+\r\n(role:|\xff)").unwrap();
        assert!(is_found(&pattern, b"$412\r\nrole:master"));
        assert!(is_found(&pattern, b"$412\r\n\xff"));
        assert!(!is_found(&pattern, b"$\r\nrole:"));
        assert!(!is_found(&pattern, b"x$412\r\nrole:"));
        assert!(is_found(&StreamPattern::new("").unwrap(), b""));
        assert!(is_found(&StreamPattern::new("ok$").unwrap(), b"ok"));
        assert!(!is_found(&StreamPattern::new("ok$").unwrap(), b"ok "));
        let back: StreamPattern =
            serde_json::from_str(&serde_json::to_string(&pattern).unwrap()).unwrap();
        assert_eq!(back, pattern);
    }

    #[test]
    fn what_is_wrong_is_told_on_one_line() {
        assert_eq!(StreamPattern::new("(a").unwrap_err(), "unclosed group");
        assert_eq!(
            StreamPattern::new(r"(?:a|b){1000}[ab]*a[ab]{20}").unwrap_err(),
            "it takes more than 4 MiB of states"
        );
    }

    proptest! {
        #[test]
        fn what_it_finds_a_regular_expression_finds(pattern in "[ab.]{0,3}(\\|[ab]{1,2}\\$)?", text in "[abc]{0,8}") {
            let found = regex::bytes::Regex::new(&pattern).unwrap().is_match(text.as_bytes());
            prop_assert_eq!(is_found(&StreamPattern::new(&pattern).unwrap(), text.as_bytes()), found);
        }
    }
}
