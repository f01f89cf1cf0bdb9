//! Turns bytes of a held TCP connection into messages: right ones, or the place where they are
//! wrong.
//!
//! **Invariant:** no buffer: a message may come in any number of pieces, and only a position is
//! kept between them.

use super::{ConnectionId, Conversation, Event, Fault, Received};
use crate::plan::{Heartbeat, HoldSettings};
use crate::record::Failure;

/// Bytes of a wrong message that are shown.
const SHOWN: usize = 32;

/// Messages without framing.
#[derive(Debug)]
pub(crate) struct Raw {
    /// Every message must be exactly this; `None`: each read is a message.
    expect: Option<Vec<u8>>,
    beat: Vec<u8>,
}

impl Raw {
    /// What a plan says of its connections.
    pub(crate) fn new(settings: &HoldSettings) -> Self {
        let beat = match &settings.heartbeat {
            Some(Heartbeat::Client { send, .. }) => send.clone().into_bytes(),
            Some(Heartbeat::Server { .. }) | None => Vec::new(),
        };
        Self { expect: settings.expect.clone().map(String::into_bytes), beat }
    }
}

impl Conversation for Raw {
    /// Bytes of a message that have come so far.
    type State = u32;

    const SHAKES_HANDS: bool = false;
    const SAYS_GOODBYE: bool = false;

    fn begin(&mut self, _id: ConnectionId, _address: usize, _out: &mut Vec<u8>) {}

    fn receive(
        &mut self,
        _id: ConnectionId,
        matched: &mut u32,
        bytes: &[u8],
        _out: &mut Vec<u8>,
    ) -> Received {
        let event = match hear(self.expect.as_deref(), matched, bytes) {
            Heard::Messages(messages) => Event::Messages { messages, heartbeats: messages },
            Heard::Wrong(at) => Event::Failed(Box::new(wrong(bytes, at))),
        };
        Received { used: bytes.len(), event }
    }

    fn beat(&mut self, _id: ConnectionId, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.beat);
    }

    fn close(&mut self, _matched: &mut u32, _out: &mut Vec<u8>) {}

    fn rename(&mut self, _from: u32, _to: u32, _matched: &u32) {}

    fn forget(&mut self, _slot: u32, _matched: &u32) {}
}

fn wrong(bytes: &[u8], at: usize) -> Fault {
    let from = at.min(bytes.len());
    let shown = String::from_utf8_lossy(&bytes[from..bytes.len().min(from + SHOWN)]);
    let detail = format!(": `{}` at byte {from} of a read", shown.escape_debug());
    Fault { failure: Failure::WrongData, code: 0, detail }
}

/// What bytes were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// All right so far: so many messages were completed.
    Messages(u32),
    /// The byte at this place of what was read is not the expected one.
    Wrong(usize),
}

/// Compares `bytes` with repetitions of `expect`, of which `matched` bytes came before. Without
/// `expect` each read is a message.
fn hear(expect: Option<&[u8]>, matched: &mut u32, bytes: &[u8]) -> Heard {
    let Some(expect) = expect else { return Heard::Messages(1) };
    // The usual read is one whole message.
    if *matched == 0 && bytes == expect {
        return Heard::Messages(1);
    }
    let mut messages = 0;
    let mut at = *matched as usize;
    let mut rest = bytes;
    while !rest.is_empty() {
        let take = rest.len().min(expect.len() - at);
        if rest[..take] != expect[at..at + take] {
            let same =
                rest.iter().zip(&expect[at..]).take_while(|(came, wanted)| came == wanted).count();
            return Heard::Wrong(bytes.len() - rest.len() + same);
        }
        at += take;
        rest = &rest[take..];
        if at == expect.len() {
            messages += 1;
            at = 0;
        }
    }
    *matched = u32::try_from(at).unwrap_or(u32::MAX);
    Heard::Messages(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrong_bytes_are_found_where_they_are() {
        let mut matched = 0;
        assert_eq!(hear(Some(b"okay"), &mut matched, b"okayok"), Heard::Messages(1));
        assert_eq!(matched, 2);
        assert_eq!(hear(Some(b"okay"), &mut matched, b"ayokAy"), Heard::Wrong(4));
        assert_eq!(hear(Some(b"ok"), &mut 0, b"no"), Heard::Wrong(0));
    }

    #[test]
    fn without_an_expectation_each_read_is_a_message() {
        assert_eq!(hear(None, &mut 0, b"anything"), Heard::Messages(1));
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
                match hear(Some(message.as_bytes()), &mut matched, now) {
                    Heard::Messages(more) => heard += more,
                    Heard::Wrong(at) => prop_assert!(false, "wrong at {at}"),
                }
                rest = later;
            }
            prop_assert_eq!(heard, times);
            prop_assert_eq!(matched, 0);
        }
    }
}
