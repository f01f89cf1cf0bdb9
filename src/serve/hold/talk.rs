//! The server's side of the protocols of held connections.

use super::tally::ServedEnd;
use crate::workload::hold::byte_pattern::BytePattern;
use std::fmt::Debug;

/// The effect of received bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The handshake of the conversation is done, or refused.
    pub(super) shaken: bool,
    /// How many messages must be replied to.
    pub(super) replies: u32,
    /// The conversation is over: the client has ended it, or this side does.
    pub(super) end: Option<ServedEnd>,
}

/// A protocol of held connections, from the server's side.
pub(super) trait Talk: Debug {
    /// The state of each connection.
    type State: Copy + Default + Debug;

    /// Whether a handshake comes before the first message.
    const SHAKES_HANDS: bool;

    /// Handles bytes of a client; appends to `out` what must be sent at once.
    fn receive(
        &mut self,
        slot: u32,
        state: &mut Self::State,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Heard;

    /// The bytes of a message on the wire.
    fn frame(&self, message: &[u8]) -> Vec<u8>;

    /// The heartbeat to send instead of the message.
    fn beat(&self) -> Option<Vec<u8>>;

    /// The closing message to send before this side ends a connection.
    fn goodbye(&self) -> Vec<u8>;

    /// A connection is gone.
    fn forget(&mut self, slot: u32);

    /// Counters that only this protocol has.
    fn counts(&self) -> Vec<(&'static str, u64)>;
}

/// Messages without framing.
#[derive(Debug)]
pub(super) struct Raw {
    reply_to: Option<BytePattern>,
}

impl Raw {
    pub(super) fn new(reply_to: Option<&[u8]>) -> Self {
        Self { reply_to: reply_to.map(BytePattern::new) }
    }
}

impl Talk for Raw {
    /// Bytes of the awaited message received so far.
    type State = u16;

    const SHAKES_HANDS: bool = false;

    fn receive(
        &mut self,
        _slot: u32,
        matched: &mut u16,
        bytes: &[u8],
        _out: &mut Vec<u8>,
    ) -> Heard {
        let replies = self.reply_to.as_ref().map_or(0, |pattern| pattern.count(matched, bytes));
        Heard { replies, ..Heard::default() }
    }

    fn frame(&self, message: &[u8]) -> Vec<u8> {
        message.to_vec()
    }

    fn beat(&self) -> Option<Vec<u8>> {
        None
    }

    fn goodbye(&self) -> Vec<u8> {
        Vec::new()
    }

    fn forget(&mut self, _slot: u32) {}

    fn counts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}
