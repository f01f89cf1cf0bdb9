//! The messages that open a conversation before a connection counts as open.

use crate::plan::elements::hold::RawHold;
use crate::plan::elements::hold::expect::{Expect, RawExpect, expect};
use crate::plan::elements::hold::message::{Message, RawMessage, message};
use crate::plan::elements::hold::websocket::Spoken;
use crate::plan::error::Errors;
use crate::plan::raw::{RawTable, table, time};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The messages that open a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningMessages {
    /// One after the other; 1 to 100.
    pub steps: Vec<OpeningStep>,
    /// How long all of them may take.
    pub timeout: Time,
}

/// A message of this side, a message of the target, or one and its reply; never neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningStep {
    /// The message to send.
    pub send: Option<Message>,
    /// The message awaited before the next step; `None`: none.
    pub expect: Option<Expect>,
}

const TIMEOUT: Time = Time(Duration::from_secs(10));

/// The most steps.
const MOST: usize = 100;

/// The form of an opening, for help texts.
const EXAMPLE: &str = "`opening = [{ send = \"AUTH secret\\r\\n\", expect = \"+OK\\r\\n\" }]`";

table! {
    /// A message of this side, a message of the target, or one and its reply.
    #[schemars(rename = "OpeningStep")]
    RawOpeningStep, "a step of `opening`", write "a table: `{ send = \"AUTH secret\\r\\n\", expect = \"+OK\\r\\n\" }`", in "`opening = [{ … }]` of a scenario",
    must {}
    may {
        /// What is sent: text, in which `${user}` is the user's number, bytes as
        /// `{ hex = "c000" }`, or a list of them, one behind the other.
        send: RawMessage,
        /// What must come before the next step. Default: nothing is waited for.
        expect: RawExpect,
    }
}

pub(super) fn opening(
    raw: &RawHold,
    spoken: Spoken,
    errors: &mut Errors,
) -> Option<OpeningMessages> {
    if let (Some(at), true) = (raw.opening_timeout.key(), raw.opening.is_absent()) {
        errors
            .add(at, "`opening_timeout` has no effect without `opening`")
            .help(format!("leave it out, or add {EXAMPLE}"));
    }
    let given = raw.opening.given()?;
    if given.value.is_empty() {
        errors
            .add(given.at, "the opening has no steps")
            .help(format!("leave `opening` out, or write {EXAMPLE}"));
    }
    if given.value.len() > MOST {
        errors
            .add(given.at, format!("an opening has at most {MOST} steps"))
            .help("join messages that follow each other without a reply");
    }
    let steps = given.value.iter().map(|step| {
        if step.send.is_absent() && step.expect.is_absent() && !step.is_doubtful() {
            errors
                .add(step.place(), "this step neither sends nor expects anything")
                .help("add `send = \"…\"`, `expect = \"…\"`, or both");
        }
        OpeningStep {
            send: message(&step.send, errors),
            expect: expect(&step.expect, spoken, errors),
        }
    });
    let steps = steps.collect();
    Some(OpeningMessages {
        steps,
        timeout: time(&raw.opening_timeout, "opening_timeout", TIMEOUT, errors),
    })
}
