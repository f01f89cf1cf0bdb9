//! Turns the server's options into a form that the loop can use directly: bytes ready to send, and
//! times in milliseconds.

use super::talk::Talk;
use crate::plan::{Faults, TcpHoldServer};
use crate::serve::fault::{any, hits, spoil};
use crate::units::Time;

/// Messages that are due are sent together, up to about this many bytes at once.
const BATCH: usize = 16_384;

/// The longest greeting that is sent together with the end of a handshake.
const GREETING_MAX: usize = 4_096;

/// The server's behaviour on a connection.
#[derive(Debug)]
pub(super) struct Script {
    /// The message, over and over.
    right: Vec<u8>,
    /// The same with every message wrong.
    wrong: Vec<u8>,
    /// Bytes of one message.
    pub(super) length: usize,
    pub(super) greet: bool,
    pub(super) every_ms: Option<u32>,
    /// The heartbeat to send instead of the message.
    pub(super) beat: Option<Vec<u8>>,
    faults: Option<Faults>,
    /// How and when a connection that a fault hits ends.
    pub(super) end: Option<PlannedEnd>,
    /// How long a connection that a fault hits waits before each send.
    pub(super) delay_ms: Option<u32>,
    /// Bytes after which a connection that a fault hits is reset.
    pub(super) reset_after_bytes: Option<u32>,
}

/// How a fault ends a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedEnd {
    /// Counted from the accept.
    pub(super) after_ms: u32,
    /// By RST; or else by FIN.
    pub(super) reset: bool,
}

impl Script {
    /// The options have passed [`crate::serve::check`].
    pub(super) fn new(options: &TcpHoldServer, talk: &impl Talk) -> Self {
        let message = talk.frame(&options.message);
        let copies = (BATCH / message.len()).max(1);
        let faults = &options.faults;
        let reset =
            faults.reset_after.map(|time| PlannedEnd { after_ms: millis(time), reset: true });
        let close =
            faults.close_after.map(|time| PlannedEnd { after_ms: millis(time), reset: false });
        Self {
            right: message.repeat(copies),
            wrong: talk.frame(&spoil(&options.message)).repeat(copies),
            length: message.len(),
            greet: options.greet,
            every_ms: options.every.map(millis),
            beat: talk.beat(),
            faults: any(faults).then(|| faults.clone()),
            end: reset.into_iter().chain(close).min_by_key(|end| end.after_ms),
            delay_ms: faults.delay.map(millis),
            reset_after_bytes: faults
                .reset_after_bytes
                .map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)),
        }
    }

    /// Whether faults hit the connection.
    pub(super) fn hits(&self, number: u32) -> bool {
        self.faults
            .as_ref()
            .is_some_and(|faults| hits(faults.seed, u64::from(number), faults.share))
    }

    /// Whether the connection is never sent a byte.
    pub(super) fn silent(&self, number: u32) -> bool {
        self.faults.as_ref().is_some_and(|faults| faults.silence) && self.hits(number)
    }

    /// Whether the greeting can go out with what is sent before it: no fault delays or counts it,
    /// and an empty socket has room for it.
    pub(super) fn greets_at_once(&self, number: u32) -> bool {
        let changed = self.delay_ms.is_some() || self.reset_after_bytes.is_some();
        let fits = self.length <= GREETING_MAX;
        self.greet && fits && !self.silent(number) && !(changed && self.hits(number))
    }

    /// One message for the connection.
    pub(super) fn message(&self, number: u32) -> &[u8] {
        &self.messages(number)[..self.length]
    }

    /// Messages for the connection, one behind the other.
    pub(super) fn messages(&self, number: u32) -> &[u8] {
        let wrong = self.faults.as_ref().is_some_and(|faults| faults.wrong_data);
        if wrong && self.hits(number) { &self.wrong } else { &self.right }
    }
}

/// Whole milliseconds, rounded up: nothing happens too early.
fn millis(time: Time) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}
