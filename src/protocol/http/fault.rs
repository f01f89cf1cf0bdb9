//! Turns what went wrong in an exchange into a cause of the closed set, with words for one sample.

use super::wire::Seen;
use crate::record::{Cause, Failure, Phase};
use std::error::Error;
use std::fmt::Write as _;
use std::io;

/// Why there is no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is counted as.
    pub cause: Cause,
    /// One example in words.
    pub sample: String,
}

impl Fault {
    pub(super) fn new(failure: Failure, phase: Phase, sample: impl Into<String>) -> Self {
        Self { cause: Cause::new(failure, phase), sample: sample.into() }
    }

    pub(super) fn connect(error: &io::Error) -> Self {
        Self { cause: Cause::from_io(error, Phase::Connect), sample: error.to_string() }
    }

    /// The fault behind a broken exchange. What was seen on the socket says more than the error: of a body that breaks off, hyper only
    /// says that there was an error.
    pub(super) fn exchange(seen: &Seen, error: Option<&hyper::Error>) -> Self {
        let said = error.map_or_else(|| "the connection ended".to_owned(), chain);
        let sample = format!("{said}, after {} bytes", seen.bytes());
        let cause = match (seen.errno(), error) {
            (Some(errno), _) => Cause::from_errno(errno, Phase::Request),
            (None, Some(error)) if error.is_parse() => Cause::new(Failure::BadHttp, Phase::Request),
            (None, Some(error)) if !seen.end() && !error.is_incomplete_message() => {
                Cause::new(Failure::BadHttp, Phase::Request)
            }
            (None, _) => Cause::new(Failure::ClosedByServer, Phase::Request),
        };
        Self { cause, sample }
    }
}

/// An error and those behind it: `error reading a body from connection: Invalid chunk size line`.
fn chain(error: &hyper::Error) -> String {
    let mut words = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        // A String takes all that is written to it.
        let _ = write!(words, ": {error}");
        inner = error.source();
    }
    words
}
