//! Messages that are sent every so often and not replied to.

use crate::plan::elements::hold::message::{Message, RawMessage, message};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, table, time};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A message that is sent every so often and not replied to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendEvery {
    /// The period, from the opening of each connection; not zero.
    pub every: Time,
    /// The message; never empty.
    pub send: Message,
}

const EVERY: Time = Time(Duration::from_secs(20));

table! {
    /// A message that is sent every so often and not replied to.
    #[schemars(rename = "SendEvery")]
    RawSendEvery, "`send_every`", write "a table: `{ every = \"20s\", send = \"…\" }`", in "`send_every = { … }` of a scenario",
    must {
        /// How often, from the opening of each connection.
        every: Time = "every = \"20s\"",
        /// What is sent: text, in which `${user}` is the user's number, bytes as
        /// `{ hex = "c000" }`, or a list of them, one behind the other.
        send: RawMessage = "send = \"…\"",
    }
    may {}
}

pub(super) fn send_every(field: &Field<RawSendEvery>, errors: &mut Errors) -> Option<SendEvery> {
    let raw = field.value()?;
    let every = time(&raw.every, "every", EVERY, errors);
    Some(SendEvery { every, send: message(&raw.send, errors)? })
}
