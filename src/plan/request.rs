//! What one request of a scenario is: what is sent, what its answer must be, what is taken from it.

use super::{Comparison, ThinkTime};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;

/// One kind of request, or one step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Request {
    /// Its name in reports; unique in its scenario.
    pub name: String,
    /// An HTTP method.
    pub method: String,
    /// Path and query; `None` takes the path of the target's URL.
    pub path: Option<Template>,
    /// Its part among all requests, against the other weights; at least 1.
    pub weight: u32,
    /// Sent with it, names in lower case.
    pub headers: Vec<(String, Template)>,
    /// Sent with it; empty sends none.
    pub body: Body,
    /// What the answer must be; without a check of the status every status from 200 to 399 is taken. At most 64.
    pub checks: Vec<Check>,
    /// Values of the answer for later steps.
    pub extract: Vec<Extract>,
    /// The pause behind it; `None` takes the scenario's.
    pub think_time: Option<ThinkTime>,
    /// Whether it is sent again when it met the close of an idle connection.
    pub retry: Retry,
}

/// What becomes of a request when the server closes the connection, which was idle before, without a byte of an answer: it may or may
/// not have been processed. One that was certainly not processed is always sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Retry {
    /// It is sent again when its method is idempotent (RFC 9110, 9.2.2).
    #[default]
    Idempotent,
    /// It is sent again, whatever its method.
    Always,
    /// It fails.
    Never,
}

/// Where something stands in the plan's text, in bytes; `None` for what the command line says.
pub type TextRange = Option<Range<usize>>;

/// A text of which parts are filled in for each sending.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Template {
    /// One after the other.
    pub pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// Filled in.
    Fill {
        /// With what.
        given: Placeholder,
        /// How it is written there.
        encoding: Encoding,
        /// Where it stands.
        spot: TextRange,
    },
    /// In a path: `?`, or `&` where what stands before it has a query already.
    Separator,
}

/// What a part is filled in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placeholder {
    /// The value in this column of the pass's row.
    Row(String),
    /// The value that an earlier step of the pass has extracted under this name.
    Var(String),
}

/// How a value is written where it is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// As the beginning of a request target, query included: as it is, but for what cannot be sent. A URL of the target is taken, too.
    Target,
    /// Percent-encoded, `/` apart.
    Path,
    /// Percent-encoded.
    Query,
    /// As the inside of a JSON string.
    Json,
}

impl Template {
    /// The text, when nothing is to be filled in.
    pub fn fixed(&self) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Fill { .. } | Piece::Separator => None,
        };
        self.pieces.iter().map(text).collect()
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds another template.
    pub fn append(&mut self, other: Self) {
        for piece in other.pieces {
            match piece {
                Piece::Text(text) => self.push(&text),
                other => self.pieces.push(other),
            }
        }
    }

    /// What is filled in, and where it stands.
    pub fn givens(&self) -> impl Iterator<Item = (&Placeholder, &TextRange)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) | Piece::Separator => None,
            Piece::Fill { given, spot, .. } => Some((given, spot)),
        })
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        let mut template = Self::default();
        template.push(text);
        template
    }
}

/// What is sent behind the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// This text; empty is none.
    Text(Template),
    /// The content of a file.
    File {
        /// Seen from the folder of the plan.
        path: PathBuf,
        /// Where the plan names it.
        spot: TextRange,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(Template::default())
    }
}

/// One thing that an answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Index into `Http::checks`: the name under which it is counted.
    pub name: u16,
    /// Whether the plan named it: then it is counted, fails its request, and the pass goes on.
    pub is_named: bool,
    /// What is looked at.
    pub what: Assertion,
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Assertion {
    /// The status is one of these.
    Status(Vec<u16>),
    /// The body is this.
    Body(String),
    /// The body contains this; not empty.
    Contains(String),
    /// The body is JSON and has this value at this place (RFC 6901).
    Json {
        /// The place.
        pointer: String,
        /// The value, in JSON.
        value: String,
    },
    /// A header has this value; without `;` in it, what stands before the first `;` is compared.
    Header {
        /// In lower case.
        name: String,
        /// The value.
        value: String,
    },
    /// The body's size as it was sent, in bytes.
    Size(Comparison, u64),
    /// From sending to the last byte it took less than this.
    Time(Time),
}

/// A value of an answer that later steps use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// Its name in `${var.NAME}`.
    pub name: String,
    /// Where it is.
    pub from: ExtractFrom,
}

/// Where a value of an answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExtractFrom {
    /// At this place of a JSON body (RFC 6901).
    Json(String),
    /// In this header, its name in lower case.
    Header(String),
    /// Where this regular expression matches in the body.
    Regex(String),
}

/// Rows of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Seen from the folder of the plan.
    pub file: PathBuf,
    /// Which row a pass takes.
    pub order: RowOrder,
    /// What stands between two values of a CSV file; one byte of ASCII.
    pub separator: u8,
    /// Where the plan names the file.
    pub spot: TextRange,
}

/// Which row a pass takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowOrder {
    /// Pass `p` of user `u` takes row `u + p × the most users`, arrival `i` row `i`; behind the last row the first again.
    Sequential,
    /// Any, by the plan's seed and the number of the user or the arrival.
    Random,
    /// No row twice in the whole run, in whatever scenario; no pass goes without while a row is left.
    Unique,
}
