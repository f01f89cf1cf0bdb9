//! Turns what was said on a held connection into messages: frames of a WebSocket, or bytes.

use super::super::hold::Said;
use crate::workload::hold::websocket::frame::{FrameHeader, Opcode, apply};

/// Something that one side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldMessage {
    /// When its last byte came or went, on the connection's clock: nanoseconds.
    pub at_ns: u64,
    /// Whether it came from the target.
    pub is_received: bool,
    /// Its kind.
    pub kind: MessageKind,
    /// Its bytes; of a frame its payload, unmasked.
    pub bytes: Vec<u8>,
}

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Bytes without frames, as they were read or written.
    Bytes,
    /// A head of HTTP: the handshake of a WebSocket.
    Head,
    /// A frame of a WebSocket, by its name.
    Frame(&'static str),
}

/// The messages of both sides.
pub(in crate::engine) fn messages(said: &[Said], is_websocket: bool) -> Vec<HoldMessage> {
    let mut sides = [FrameReader::default(), FrameReader::default()];
    let mut messages = Vec::new();
    for Said { at_ns, is_received, bytes } in said {
        let mut add = |kind, bytes| {
            let (at_ns, is_received) = (*at_ns, *is_received);
            messages.push(HoldMessage { at_ns, is_received, kind, bytes });
        };
        if is_websocket {
            sides[usize::from(*is_received)].take(bytes, &mut add);
        } else {
            add(MessageKind::Bytes, bytes.clone());
        }
    }
    // Bytes that are not a whole frame are shown as they are.
    let last = said.last().map_or(0, |last| last.at_ns);
    for (is_received, side) in [false, true].into_iter().zip(sides) {
        if !side.rest.is_empty() {
            let (kind, bytes) = (MessageKind::Bytes, side.rest);
            messages.push(HoldMessage { at_ns: last, is_received, kind, bytes });
        }
    }
    messages
}

/// Bytes of one direction of a WebSocket that are not a whole frame yet.
#[derive(Default)]
struct FrameReader {
    rest: Vec<u8>,
    is_open: bool,
    is_broken: bool,
}

impl FrameReader {
    fn take(&mut self, bytes: &[u8], add: &mut impl FnMut(MessageKind, Vec<u8>)) {
        self.rest.extend_from_slice(bytes);
        if !self.is_open {
            let end = self.rest.windows(4).position(|four| four == b"\r\n\r\n");
            let Some(end) = end else { return };
            add(MessageKind::Head, self.rest.drain(..end + 4).collect());
            self.is_open = true;
        }
        while !self.is_broken {
            let header = match FrameHeader::read(&self.rest) {
                Ok(Some(header)) => header,
                Ok(None) => return,
                Err(_) => break,
            };
            let Ok(total) = usize::try_from(header.total()) else { break };
            if self.rest.len() < total {
                return;
            }
            let mut payload: Vec<u8> = self.rest.drain(..total).skip(header.size).collect();
            if let Some(mask) = header.mask {
                apply(mask, &mut payload);
            }
            add(MessageKind::Frame(name(header.opcode)), payload);
        }
        self.is_broken = true;
    }
}

fn name(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::Continuation => "continuation",
        Opcode::Text => "text",
        Opcode::Binary => "binary",
        Opcode::Close => "close",
        Opcode::Ping => "ping",
        Opcode::Pong => "pong",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::hold::websocket::frame::write;

    fn said(is_received: bool, bytes: &[u8]) -> Said {
        Said { at_ns: 7, is_received, bytes: bytes.to_vec() }
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_split() {
        let mut sent = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        write(&mut sent, Opcode::Text, Some([1, 2, 3, 4]), b"hello");
        write(&mut sent, Opcode::Ping, Some([5, 6, 7, 8]), b"");
        for cut in 0..sent.len() {
            let (left, right) = sent.split_at(cut);
            let found = messages(&[said(false, left), said(false, right)], true);
            let found: Vec<_> = found.iter().map(|one| (one.kind, one.bytes.as_slice())).collect();
            assert_eq!(
                found,
                [
                    (MessageKind::Head, &b"GET / HTTP/1.1\r\n\r\n"[..]),
                    (MessageKind::Frame("text"), b"hello"),
                    (MessageKind::Frame("ping"), b""),
                ],
                "{cut}"
            );
        }
    }

    #[test]
    fn what_is_no_frame_is_shown_as_it_came() {
        let found = messages(&[said(true, b"HTTP/1.1 101 X\r\n\r\n\xff\xff")], true);
        assert_eq!(found[1].kind, MessageKind::Bytes);
        assert_eq!(found[1].bytes, b"\xff\xff");
        let found = messages(&[said(true, b"ok"), said(false, b"ok")], false);
        assert_eq!(found.len(), 2);
        assert!(found[0].is_received && !found[1].is_received);
    }
}
