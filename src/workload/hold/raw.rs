//! Turns bytes of a held TCP connection into messages: right ones, or the place where they are
//! wrong.
//!
//! **Invariant:** no buffer: a message may come in any number of pieces, and only a position is
//! kept between them.

use super::{ConnectionId, Conversation, ConversationError, ConversationEvent, Received, shown};
use crate::plan::{Expect, Heartbeat, HoldSettings};
use crate::record::Failure;
use crate::units::narrow32;

/// Messages without framing.
#[derive(Debug)]
pub(crate) struct RawTcp {
    /// Every message must be exactly this; `None`: each read is a message.
    expect: Option<Vec<u8>>,
    beat: Vec<u8>,
}

impl RawTcp {
    /// The settings of its connections.
    pub(crate) fn new(settings: &HoldSettings) -> Self {
        let beat = match &settings.heartbeat {
            Some(Heartbeat::Client { send, .. }) => send.fixed().unwrap_or_default().to_vec(),
            Some(Heartbeat::Server { .. }) | None => Vec::new(),
        };
        let expect = match &settings.expect {
            Some(Expect::Exact(bytes)) => Some(bytes.clone()),
            Some(Expect::Varying { .. }) | None => None,
        };
        Self { expect, beat }
    }
}

impl Conversation for RawTcp {
    /// Bytes of a message that have come so far.
    type State = u32;

    const HAS_OPENING_HANDSHAKE: bool = false;
    const HAS_CLOSING_HANDSHAKE: bool = false;

    fn begin(&mut self, _id: ConnectionId, _address: usize, _out: &mut Vec<u8>) {}

    fn receive(
        &mut self,
        _id: ConnectionId,
        matched: &mut u32,
        bytes: &[u8],
        _out: &mut Vec<u8>,
    ) -> Received {
        let event = match compare(self.expect.as_deref(), matched, bytes) {
            Match::Messages(messages) => {
                ConversationEvent::Messages { messages, heartbeats: messages }
            }
            Match::Wrong(at) => ConversationEvent::Failed(Box::new(wrong(bytes, at))),
        };
        Received { used: bytes.len(), event }
    }

    fn send_heartbeat(&mut self, _id: ConnectionId, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.beat);
    }

    fn close(&mut self, _matched: &mut u32, _out: &mut Vec<u8>) {}

    fn move_slot(&mut self, _from: u32, _to: u32, _matched: &u32) {}

    fn remove(&mut self, _slot: u32, _matched: &u32) {}
}

fn wrong(bytes: &[u8], at: usize) -> ConversationError {
    let from = at.min(bytes.len());
    let detail = format!(": {} at byte {from} of a read", shown(&bytes[from..]));
    ConversationError { failure: Failure::WrongData, code: 0, detail }
}

/// The kind of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    /// As expected so far; this many messages were completed.
    Messages(u32),
    /// The byte at this place of what was read is not the expected one.
    Wrong(usize),
}

/// Compares `bytes` with repetitions of `expect`, of which `matched` bytes came before. Without
/// `expect` each read is a message.
fn compare(expect: Option<&[u8]>, matched: &mut u32, bytes: &[u8]) -> Match {
    let Some(expect) = expect else { return Match::Messages(1) };
    // The usual read is one whole message.
    if *matched == 0 && bytes == expect {
        return Match::Messages(1);
    }
    let mut messages = 0;
    let mut at = *matched as usize;
    let mut rest = bytes;
    while !rest.is_empty() {
        let take = rest.len().min(expect.len() - at);
        if rest[..take] != expect[at..at + take] {
            let same =
                rest.iter().zip(&expect[at..]).take_while(|(came, wanted)| came == wanted).count();
            return Match::Wrong(bytes.len() - rest.len() + same);
        }
        at += take;
        rest = &rest[take..];
        if at == expect.len() {
            messages += 1;
            at = 0;
        }
    }
    *matched = narrow32(at);
    Match::Messages(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrong_bytes_are_found_where_they_are() {
        let mut matched = 0;
        assert_eq!(compare(Some(b"okay"), &mut matched, b"okayok"), Match::Messages(1));
        assert_eq!(matched, 2);
        assert_eq!(compare(Some(b"okay"), &mut matched, b"ayokAy"), Match::Wrong(4));
        assert_eq!(compare(Some(b"ok"), &mut 0, b"no"), Match::Wrong(0));
    }

    #[test]
    fn without_an_expectation_each_read_is_a_message() {
        assert_eq!(compare(None, &mut 0, b"anything"), Match::Messages(1));
    }

    proptest! {
        #[test]
        fn messages_survive_any_split(message in "[a-c]{1,5}", times in 1_u32..6, cuts in proptest::collection::vec(1_usize..9, 1..20)) {
            let bytes = message.repeat(times as usize).into_bytes();
            let (mut matched, mut heard, mut rest) = (0, 0, bytes.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at(rest.len().min(*cut));
                match compare(Some(message.as_bytes()), &mut matched, now) {
                    Match::Messages(more) => heard += more,
                    Match::Wrong(at) => prop_assert!(false, "wrong at {at}"),
                }
                rest = later;
            }
            prop_assert_eq!(heard, times);
            prop_assert_eq!(matched, 0);
        }
    }
}
