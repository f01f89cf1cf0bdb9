//! Turns what clients of a held connection send into what the server must do about it.

use super::pattern::BytePattern;
use super::tally::ServedEnd;
use std::fmt::Debug;

/// What received bytes ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The handshake of the conversation is done, or refused.
    pub(super) shaken: bool,
    /// How many messages must be replied to.
    pub(super) replies: u32,
    /// The conversation is over: the client has ended it, or this side does.
    pub(super) end: Option<ServedEnd>,
}

/// What is spoken on held connections, seen from the server.
pub(super) trait Talk: Debug {
    /// What is kept of each connection.
    type State: Copy + Default + Debug;

    /// Whether a handshake comes before the first message.
    const SHAKES_HANDS: bool;

    /// Takes in bytes of a client; what must be sent at once is appended to `out`.
    fn receive(
        &mut self,
        slot: u32,
        state: &mut Self::State,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Heard;

    /// What a message is on the wire.
    fn frame(&self, message: &[u8]) -> Vec<u8>;

    /// What is sent as a heartbeat in place of the message.
    fn beat(&self) -> Option<Vec<u8>>;

    /// What is said before this side ends a connection.
    fn goodbye(&self) -> Vec<u8>;

    /// A connection is gone.
    fn forget(&mut self, slot: u32);

    /// Counters of its own.
    fn counts(&self) -> Vec<(&'static str, u64)>;
}

/// Messages without framing.
#[derive(Debug)]
pub(super) struct Raw {
    reply_to: Option<BytePattern>,
}

impl Raw {
    pub(super) fn new(reply_to: Option<&str>) -> Self {
        Self { reply_to: reply_to.map(BytePattern::new) }
    }
}

impl Talk for Raw {
    /// Bytes of the awaited message that have come so far.
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
