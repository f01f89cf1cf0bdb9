//! Turns frames of a server into messages, heartbeats, replies and the end of a conversation.

use super::super::{ConnectionId, ConversationError, ConversationEvent, Received, shown};
use super::frame::{FrameHeader, Opcode};
use super::payload::{PayloadError, PayloadMatcher};
use super::{HeartbeatFrame, Violation, WebSocketClient, WebSocketState, close_of};
use crate::record::Failure;
use crate::units::visible;

/// The result of reading a piece of the input.
#[derive(Debug, Default)]
struct ReadStep {
    used: usize,
    messages: u32,
    heartbeats: u32,
    /// The last message of the opening has come.
    is_opened: bool,
}

impl WebSocketClient {
    /// Whether messages of the opening are still awaited.
    fn is_opening(&self, state: WebSocketState) -> bool {
        state.step() < self.opening.len()
    }

    /// The expectation of the current message; `None`: any.
    fn expected(&self, state: WebSocketState) -> Option<&PayloadMatcher> {
        match self.opening.get(state.step()) {
            Some(expect) => expect.as_ref(),
            None => self.expect.as_ref(),
        }
    }

    /// A payload that is wrong at this place of a piece that begins at byte `from`.
    fn wrong(
        &self,
        state: WebSocketState,
        payload: &[u8],
        at: usize,
        from: usize,
    ) -> ConversationError {
        let came = shown(&payload[at..]);
        let detail = format!("{}{came} at byte {} of a message", self.step(state), from + at);
        ConversationError { failure: Failure::WrongData, code: 0, detail }
    }

    /// A message that ends too early, or without what must be in it.
    fn too_short(&self, state: WebSocketState, expect: &PayloadMatcher) -> ConversationError {
        let (step, seen) = (self.step(state), state.seen());
        let detail = match expect {
            PayloadMatcher::Exact(bytes) => {
                format!("{step}a message of {seen} bytes, expected {}", bytes.len())
            }
            PayloadMatcher::Varying(_) => {
                format!("{step}a message of {seen} bytes, expected {}", expect.words())
            }
        };
        ConversationError { failure: Failure::WrongData, code: 0, detail }
    }

    /// The step of the opening, where a sentence about it begins.
    fn step(&self, state: WebSocketState) -> String {
        if self.is_opening(state) {
            format!(": step {} of the opening got ", state.step() + 1)
        } else {
            ": ".to_owned()
        }
    }

    /// Takes in the next frame, or as much of it as there is.
    fn piece(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<ReadStep, ConversationError> {
        if state.is_in_frame() {
            return self.take_payload(id, state, bytes, out);
        }
        if state.is_partial() {
            return self.rest(id, state, bytes, out);
        }
        match header(bytes)? {
            Some(header) if !header.opcode.is_control() => {
                let mut piece = self.begin_frame(id, state, &header, out)?;
                piece.used = header.size;
                Ok(piece)
            }
            Some(header) if header.total() <= bytes.len() as u64 => {
                let (head, rest) = bytes.split_at(header.size);
                let payload = &rest[..usize::try_from(header.length).unwrap_or(0)];
                let heartbeats = self.control(id, state, (header.opcode, payload), out)?;
                Ok(ReadStep { used: head.len() + payload.len(), heartbeats, ..ReadStep::default() })
            }
            _ => {
                self.keep(id.slot, state, bytes.to_vec());
                Ok(ReadStep { used: bytes.len(), ..ReadStep::default() })
            }
        }
    }

    /// Goes on with a frame of which a part has been kept.
    fn rest(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<ReadStep, ConversationError> {
        let mut held = self.partial.remove(&id.slot).unwrap_or_default();
        state.set_partial(false);
        let mut used = 0;
        loop {
            let header = header(&held)?;
            let needed = match header {
                None => 1,
                Some(header) if header.opcode.is_control() => {
                    usize::try_from(header.total()).unwrap_or(0) - held.len()
                }
                Some(_) => 0,
            };
            if let Some(header) = header.filter(|_| needed == 0) {
                let mut piece = if header.opcode.is_control() {
                    let frame = (header.opcode, &held[header.size..]);
                    let heartbeats = self.control(id, state, frame, out)?;
                    ReadStep { heartbeats, ..ReadStep::default() }
                } else {
                    self.begin_frame(id, state, &header, out)?
                };
                piece.used = used;
                return Ok(piece);
            }
            if used == bytes.len() {
                self.keep(id.slot, state, held);
                return Ok(ReadStep { used, ..ReadStep::default() });
            }
            let more = needed.min(bytes.len() - used);
            held.extend_from_slice(&bytes[used..used + more]);
            used += more;
        }
    }

    /// Begins a frame of a message.
    fn begin_frame(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        header: &FrameHeader,
        out: &mut Vec<u8>,
    ) -> Result<ReadStep, ConversationError> {
        match header.opcode {
            Opcode::Continuation if !state.is_in_message() => {
                return Err(violated(Violation::Continuation));
            }
            Opcode::Text | Opcode::Binary if state.is_in_message() => {
                return Err(violated(Violation::Unfinished));
            }
            Opcode::Text | Opcode::Binary => state.begin_message(header.opcode == Opcode::Text),
            _ => {}
        }
        let length = header.length.saturating_add(u64::from(state.seen()));
        let limit = self.settings.max_message;
        match u32::try_from(header.length) {
            Ok(left) if length <= u64::from(limit) => state.begin_frame(left, header.is_final),
            _ => return Err(violated(Violation::TooLong { length, limit })),
        }
        if header.length == 0 { self.end_of_frame(id, state, out) } else { Ok(ReadStep::default()) }
    }

    /// Takes in payload of a message.
    fn take_payload(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<ReadStep, ConversationError> {
        let length = bytes.len().min(state.left() as usize);
        let payload = &bytes[..length];
        match self.expected(*state) {
            Some(expect) => {
                let from = state.seen() as usize;
                expect.take(state, payload).map_err(|error| match error {
                    PayloadError::Wrong(at) => self.wrong(*state, payload, at, from),
                    PayloadError::Violation(violation) => violated(violation),
                })?;
            }
            None if !state.is_text() => {}
            None => state.check_text(payload).map_err(violated)?,
        }
        state.pass(length);
        let mut piece = if state.is_in_frame() {
            ReadStep::default()
        } else {
            self.end_of_frame(id, state, out)?
        };
        piece.used = length;
        Ok(piece)
    }

    fn end_of_frame(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        out: &mut Vec<u8>,
    ) -> Result<ReadStep, ConversationError> {
        if !state.is_last_frame() {
            return Ok(ReadStep::default());
        }
        if let Some(expect) = self.expected(*state)
            && !expect.ends(*state)
        {
            return Err(self.too_short(*state, expect));
        }
        if !state.end_message() {
            return Err(violated(Violation::Utf8));
        }
        if self.is_opening(*state) {
            state.set_step(state.step() + 1);
            return Ok(ReadStep {
                is_opened: self.go_on(id.slot, state, out),
                ..ReadStep::default()
            });
        }
        let beats = matches!(
            self.settings.heartbeat,
            HeartbeatFrame::Messages | HeartbeatFrame::Reply { .. }
        );
        Ok(ReadStep { messages: 1, heartbeats: u32::from(beats), ..ReadStep::default() })
    }

    /// Takes in a control frame; heartbeats that it is.
    fn control(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        (opcode, payload): (Opcode, &[u8]),
        out: &mut Vec<u8>,
    ) -> Result<u32, ConversationError> {
        match opcode {
            Opcode::Ping => {
                self.frame(Opcode::Pong, payload, out);
                let beats = self.settings.heartbeat == HeartbeatFrame::Pings;
                Ok(u32::from(beats && !self.is_opening(*state)))
            }
            Opcode::Pong => {
                let is_ours = self.settings.heartbeat == HeartbeatFrame::Pong
                    && payload == self.ping_payload(id);
                Ok(u32::from(is_ours))
            }
            _ => {
                let (code, reason) = close_of(payload).map_err(violated)?;
                // The peer's code is sent back, unless this side has closed already.
                if !state.is_closing() {
                    let echo = payload.get(..2).unwrap_or_default().to_vec();
                    self.frame(Opcode::Close, &echo, out);
                }
                let said = if reason.is_empty() {
                    String::new()
                } else {
                    format!(": the server said `{}`", visible(&reason))
                };
                let code = i32::from(code);
                Err(ConversationError { failure: Failure::CloseFrame, code, detail: said })
            }
        }
    }

    /// Takes in frames until something ends the conversation.
    pub(super) fn frames(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Received {
        let (mut used, mut messages, mut heartbeats) = (0, 0, 0);
        while used < bytes.len() {
            let before = (*state, out.len());
            match self.piece(id, state, &bytes[used..], out) {
                Ok(piece) => {
                    used += piece.used;
                    messages += piece.messages;
                    heartbeats += piece.heartbeats;
                    if piece.is_opened {
                        return Received { used, event: ConversationEvent::Opened };
                    }
                }
                // Earlier data counts first; this frame is parsed again.
                Err(_) if messages + heartbeats > 0 => {
                    *state = before.0;
                    out.truncate(before.1);
                    break;
                }
                Err(error) => {
                    return Received {
                        used: bytes.len(),
                        event: ConversationEvent::Failed(Box::new(error)),
                    };
                }
            }
        }
        Received { used, event: ConversationEvent::Messages { messages, heartbeats } }
    }
}

/// The header of a server's frame.
fn header(bytes: &[u8]) -> Result<Option<FrameHeader>, ConversationError> {
    let is_masked = bytes.get(1).is_some_and(|second| second & 0x80 != 0);
    match FrameHeader::read(bytes) {
        // The length may arrive later than the bit: the error must not depend on that.
        Ok(_) | Err(Violation::Length(_)) if is_masked => Err(violated(Violation::Masked)),
        other => other.map_err(violated),
    }
}

fn violated(violation: Violation) -> ConversationError {
    let detail = format!(": {violation}");
    ConversationError { failure: violation.failure(), code: 0, detail }
}
