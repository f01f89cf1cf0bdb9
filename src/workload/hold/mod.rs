//! The conversations on held connections: parses bytes of the peer, and makes the bytes to send.
//!
//! A conversation is pure: no clock, no socket. One value serves all connections of a worker; what
//! differs between them is a small state in the connection's own record.
//!
//! **Invariant:** how the bytes of a peer are cut into reads changes nothing but how many results
//! they make.

pub(crate) mod byte_pattern;
pub(crate) mod dialogue;
mod matcher;
pub(crate) mod raw;
pub(crate) mod websocket;
pub(crate) mod writer;

use crate::record::Failure;
use crate::units::{hex, visible};
use std::fmt::Debug;

/// Which connection bytes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    /// Its slot: no two connections of a worker have the same at one time.
    pub slot: u32,
    /// When it began to open: distinguishes it from earlier connections of the slot.
    pub begun_ns: u64,
}

/// The kind of received bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Received {
    /// How many bytes this is about; the rest must be given again, and at least one is used.
    pub used: usize,
    /// Their meaning.
    pub event: ConversationEvent,
}

/// An event of a conversation.
#[derive(Debug, PartialEq)]
pub(crate) enum ConversationEvent {
    /// Messages were completed, and signs of life that count as heartbeats; both may be zero.
    Messages {
        /// Messages that are as expected.
        messages: u32,
        /// Heartbeats, or replies to them.
        heartbeats: u32,
    },
    /// The handshake of the conversation is done; the messages of the opening follow.
    HandshakeDone,
    /// The last message of the opening has come: the connection is open.
    Opened,
    /// What came breaks the protocol or is not what was expected, or the peer has ended the
    /// conversation.
    Failed(Box<ConversationError>),
}

/// Why a conversation cannot go on.
#[derive(Debug, PartialEq)]
pub(crate) struct ConversationError {
    /// The failure that it counts as.
    pub failure: Failure,
    /// A number of the protocol's own, such as a status; zero when there is none.
    pub code: i32,
    /// For people; begins where a sentence about the connection can go on.
    pub detail: String,
}

/// Bytes of a wrong message that are shown.
const SHOWN: usize = 32;

/// The first of some bytes, as text or as the digits that a plan takes.
fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let text = match std::str::from_utf8(cut) {
        Ok(text) => Some(text),
        // A character that the cut has split says nothing about the rest.
        Err(error) if error.error_len().is_none() && bytes.len() > SHOWN => {
            std::str::from_utf8(&cut[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let is_text = |text: &str| !text.chars().any(|c| c.is_control() && !"\r\n\t".contains(c));
    match text.filter(|text| is_text(text)) {
        Some(text) => format!("`{}`", visible(text)),
        None => format!("the bytes `{}`", hex(cut)),
    }
}

/// A protocol of held connections.
pub(crate) trait Conversation {
    /// The state of each connection.
    type State: Copy + Default + Debug;

    /// Whether a handshake comes before everything else, which [`Self::begin`] begins.
    const HAS_OPENING_HANDSHAKE: bool;

    /// Whether [`Self::close`] has something to say, to which the peer replies.
    const HAS_CLOSING_HANDSHAKE: bool;

    /// Appends what opens the conversation with the target's address of this index.
    fn begin(&mut self, id: ConnectionId, address: usize, out: &mut Vec<u8>);

    /// Appends the first messages of the opening; true if none of it is replied to. The connection
    /// is connected, secured, and its handshake done.
    fn begin_opening(
        &mut self,
        _id: ConnectionId,
        _state: &mut Self::State,
        _out: &mut Vec<u8>,
    ) -> bool {
        true
    }

    /// Which reply of the opening is awaited; begins where a sentence about the connection can go
    /// on.
    fn awaited(&self, _state: &Self::State) -> String {
        String::new()
    }

    /// Takes in bytes of the peer; what must be replied to them is appended to `out`.
    fn receive(
        &mut self,
        id: ConnectionId,
        state: &mut Self::State,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Received;

    /// Appends a heartbeat of this side.
    fn send_heartbeat(&mut self, id: ConnectionId, out: &mut Vec<u8>);

    /// Appends the message that this side sends every so often.
    fn send_own(&mut self, _id: ConnectionId, _out: &mut Vec<u8>) {}

    /// Appends the closing handshake of this side, such as a Close frame.
    fn close(&mut self, state: &mut Self::State, out: &mut Vec<u8>);

    /// The connection of `from` continues under another slot.
    fn move_slot(&mut self, from: u32, to: u32, state: &Self::State);

    /// A connection is gone.
    fn remove(&mut self, slot: u32, state: &Self::State);
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn bytes_are_shown_as_a_plan_takes_them() {
        assert_eq!(shown(b"no\r\n"), "`no\\r\\n`");
        assert_eq!(shown(b"\x20\x02\x00\x05"), "the bytes `20020005`");
        assert_eq!(shown(b"\xc0"), "the bytes `c0`");
        let long = format!("{}\u{e4}", "x".repeat(31));
        assert_eq!(shown(long.as_bytes()), format!("`{}`", "x".repeat(31)));
        assert_eq!(shown(b""), "``");
    }
}
