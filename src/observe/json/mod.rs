//! Turns notifications into JSON, an object a line, for programs that watch a run.
//!
//! Nothing is left out: each second has its `progress`, and each change of a threshold its
//! `threshold`. Lines are lost only if nobody reads until 64 MiB are waiting;
//! `{"event":"lost","lines":N}` then takes their place.
//!
//! The first object carries `schema`; within one version keys are added, never changed. Times are
//! whole nanoseconds with `_ns` in the key, ratios 0 to 1 with numerator and denominator; what was
//! not measured is absent.
//!
//! **Invariant:** one object is one line, and no line can steer a terminal.

mod event;
mod figures;
mod second;
mod threshold;

use super::lines::OutputLine;
use super::notification::Notification;
use super::view::View;
use crate::units::is_printable;
use crate::units::schema::written;
use event::ProgressEvent;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// Name and version of the format.
const SCHEMA: &str = "planrun.progress/1";

/// Writes all events as JSON.
#[derive(Debug, Default)]
pub(super) struct JsonFormat;

/// A line of `--progress json`: what happened and when. Keys are added within a version, never
/// changed; what was not measured has no key.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "planrun.progress/1")]
struct ProgressLine<'a> {
    /// The format and its version, in the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("const" = SCHEMA))]
    schema: Option<&'static str>,
    /// The time of the run, in nanoseconds.
    at_ns: u64,
    #[serde(flatten)]
    event: ProgressEvent<'a>,
}

/// The JSON Schema (draft 2020-12) of a line.
pub(super) fn schema() -> Value {
    written::<ProgressLine<'_>>()
}

impl JsonFormat {
    /// The object of a notification.
    pub(super) fn tell(view: &View, now_ns: u64, news: &Notification) -> OutputLine {
        line(now_ns, ProgressEvent::new(view, now_ns, news))
    }

    /// The object that counts the lines lost before it, because nobody read them.
    pub(super) fn lost(now_ns: u64, lines: u64) -> String {
        line(now_ns, ProgressEvent::Lost { lines }).text
    }
}

fn line(at_ns: u64, event: ProgressEvent<'_>) -> OutputLine {
    let schema = matches!(event, ProgressEvent::Started(_)).then_some(SCHEMA);
    let line = ProgressLine { schema, at_ns, event };
    let text = serde_json::to_string(&line).expect("maps with text keys, and no I/O");
    OutputLine { text: harmless(&text), beat: false }
}

/// JSON escapes for characters that JSON permits and terminals interpret. Such characters occur
/// only inside strings.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}
