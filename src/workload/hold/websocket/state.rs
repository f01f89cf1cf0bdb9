//! The state of one WebSocket: its phase, and how much of a message was received.

use super::violation::Violation;
use crate::units::narrow32;

const OPEN: u8 = 1;
/// A part of a head or control frame is kept beside the records.
const PARTIAL: u8 = 1 << 1;
const IN_MESSAGE: u8 = 1 << 2;
const TEXT: u8 = 1 << 3;
/// The message ends with the current frame.
const LAST: u8 = 1 << 4;
/// This side has sent a Close frame.
const CLOSING: u8 = 1 << 5;
/// How many bytes of a character have come, of which the rest has not.
const TAIL: u8 = 6;

/// How many bits the progress of a message's content has.
const CONTENT: u32 = 24;

/// The state of one connection: 16 bytes, 12 more than a raw one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WebSocketState {
    /// Bytes of the current message that have come.
    seen: u32,
    /// Bytes of the current frame that are still to come.
    left: u32,
    /// The beginning of a character.
    tail: [u8; 3],
    flags: u8,
    /// The step of the opening that is awaited, in the highest byte, and how far the content of
    /// the message has come.
    progress: u32,
}

impl WebSocketState {
    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }

    /// Whether the handshake is done.
    pub(super) fn is_open(self) -> bool {
        self.has(OPEN)
    }

    pub(super) fn open(&mut self) {
        self.set(OPEN, true);
    }

    pub(super) fn is_partial(self) -> bool {
        self.has(PARTIAL)
    }

    pub(super) fn set_partial(&mut self, on: bool) {
        self.set(PARTIAL, on);
    }

    pub(super) fn is_closing(self) -> bool {
        self.has(CLOSING)
    }

    pub(super) fn close(&mut self) {
        self.set(CLOSING, true);
    }

    pub(super) fn is_in_message(self) -> bool {
        self.has(IN_MESSAGE)
    }

    pub(super) fn is_text(self) -> bool {
        self.has(TEXT)
    }

    pub(super) fn is_in_frame(self) -> bool {
        self.left > 0
    }

    pub(super) fn is_last_frame(self) -> bool {
        self.has(LAST)
    }

    pub(super) fn seen(self) -> u32 {
        self.seen
    }

    pub(super) fn left(self) -> u32 {
        self.left
    }

    /// The step of the opening whose message is awaited; their number once it is done.
    pub(super) fn step(self) -> usize {
        (self.progress >> CONTENT) as usize
    }

    pub(super) fn set_step(&mut self, step: usize) {
        self.progress = narrow32(step) << CONTENT | self.content();
    }

    /// How far the content of the message has come; zero before its first byte.
    pub(super) fn content(self) -> u32 {
        self.progress & ((1 << CONTENT) - 1)
    }

    pub(super) fn set_content(&mut self, content: u32) {
        debug_assert!(content < 1 << CONTENT, "{content} has {CONTENT} bits");
        self.progress = self.progress >> CONTENT << CONTENT | content;
    }

    pub(super) fn begin_message(&mut self, is_text: bool) {
        self.seen = 0;
        self.set_content(0);
        self.set(IN_MESSAGE, true);
        self.set(TEXT, is_text);
    }

    /// Begins a frame of the message with `left` bytes of payload.
    pub(super) fn begin_frame(&mut self, left: u32, is_last: bool) {
        self.left = left;
        self.set(LAST, is_last);
    }

    /// Consumes `length` bytes of the frame's payload, at most the rest of it.
    pub(super) fn pass(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(self.left).min(self.left);
        self.left -= length;
        self.seen += length;
    }

    /// Ends the message; false where it ends within a character.
    pub(super) fn end_message(&mut self) -> bool {
        let is_whole = self.tail_length() == 0;
        self.seen = 0;
        self.set_tail(&[]);
        self.set(IN_MESSAGE | TEXT | LAST, false);
        is_whole
    }

    fn tail_length(self) -> usize {
        usize::from(self.flags >> TAIL)
    }

    fn set_tail(&mut self, bytes: &[u8]) {
        self.tail[..bytes.len()].copy_from_slice(bytes);
        let length = u8::try_from(bytes.len()).unwrap_or(0);
        self.flags = (self.flags & !(3 << TAIL)) | length << TAIL;
    }

    /// Checks the UTF-8 of text that continues the previous piece.
    pub(super) fn check_text(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        let kept = self.tail_length();
        if kept > 0 {
            // The character that was cut, byte by byte: at most three more.
            let mut character = [0; 4];
            character[..kept].copy_from_slice(&self.tail[..kept]);
            let mut length = kept;
            loop {
                let Some((next, rest)) = bytes.split_first() else {
                    self.set_tail(&character[..length]);
                    return Ok(());
                };
                bytes = rest;
                character[length] = *next;
                length += 1;
                match std::str::from_utf8(&character[..length]) {
                    Ok(_) => break,
                    Err(error) if error.error_len().is_none() && length < 4 => {}
                    Err(_) => return Err(Violation::Utf8),
                }
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => self.set_tail(&[]),
            Err(error) if error.error_len().is_none() => {
                self.set_tail(&bytes[error.valid_up_to()..]);
            }
            Err(_) => return Err(Violation::Utf8),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_state_is_small() {
        assert_eq!(size_of::<WebSocketState>(), 16);
    }

    proptest! {
        /// However it is cut, a text is valid when it is as a whole.
        #[test]
        fn cuts_do_not_make_text_invalid(bytes in prop_oneof![
            "\\PC{0,12}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..8),
        ], cuts in proptest::collection::vec(1..4_usize, 1..20)) {
            let mut state = WebSocketState::default();
            let (mut rest, mut valid) = (bytes.as_slice(), true);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() || !valid {
                    break;
                }
                let (now, later) = rest.split_at(rest.len().min(*cut));
                valid = state.check_text(now).is_ok();
                rest = later;
            }
            prop_assert_eq!(valid && state.end_message(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
