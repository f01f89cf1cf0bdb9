//! Turns bytes of a WebSocket (RFC 6455, client's side) into messages, heartbeats, replies and its
//! end.
//!
//! **Invariant:** a connection that waits for nothing owns no buffer: only a head or control frame
//! that has come in part is kept, beside the records. Payloads are compared, or checked for UTF-8,
//! as they come.

pub(crate) mod frame;
mod handshake;
mod payload;
mod reading;
mod state;
#[cfg(test)]
mod tests;
mod violation;

pub(crate) use handshake::accept_for;
pub(crate) use state::WebSocketState;
pub(crate) use violation::Violation;

use super::writer::MessageWriter;
use super::{ConnectionId, Conversation, ConversationError, ConversationEvent, Received};
use crate::plan::{Expect, Message, OpeningStep, Secrets};
use crate::record::Failure;
use frame::Opcode;
use handshake::UpgradeRequest;
use payload::PayloadMatcher;
use std::collections::HashMap;

/// The settings of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `Host` and path of the handshake's request, by index of the target's address; at least one.
    pub places: Vec<(String, String)>,
    /// More headers of that request.
    pub headers: Vec<(String, String)>,
    /// The subprotocols to offer, of which the server must choose one; empty: none.
    pub protocols: Vec<String>,
    /// Messages that are sent and awaited after the handshake.
    pub opening: Vec<OpeningStep>,
    /// Every message must be this; `None` takes any.
    pub expect: Option<Expect>,
    /// The message that is sent every so often.
    pub own: Option<Message>,
    /// Whether messages of this side are binary.
    pub is_binary: bool,
    /// The message that counts as a heartbeat, and the one sent as such.
    pub heartbeat: HeartbeatFrame,
    /// The longest message that is taken, in bytes; below 2^31.
    pub max_message: u32,
    /// Values that must not be shown in any output.
    pub secrets: Secrets,
    /// Chooses keys and masks.
    pub seed: u64,
}

impl Settings {
    /// The type of this side's messages.
    fn opcode(&self) -> Opcode {
        if self.is_binary { Opcode::Binary } else { Opcode::Text }
    }
}

/// The frames that count as heartbeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeartbeatFrame {
    /// Messages of the server.
    Messages,
    /// Pings of the server.
    Pings,
    /// This side sends a ping: its pong.
    Pong,
    /// This side sends a message: the next one of the server.
    Reply {
        /// The message to send.
        payload: Message,
    },
}

/// The client's side of all WebSockets of a worker.
#[derive(Debug)]
pub(crate) struct WebSocketClient {
    requests: Vec<UpgradeRequest>,
    /// The expectations of the opening's messages, and of all others.
    opening: Vec<Option<PayloadMatcher>>,
    expect: Option<PayloadMatcher>,
    settings: Settings,
    writer: MessageWriter,
    /// The payload that is about to be sent.
    payload: Vec<u8>,
    masks: fastrand::Rng,
    /// By slot, what has come of a head or control frame that is not complete.
    partial: HashMap<u32, Vec<u8>>,
}

impl WebSocketClient {
    /// The side of a client.
    pub(crate) fn new(settings: Settings) -> Self {
        let Settings { places, protocols, headers, .. } = &settings;
        let requests =
            places.iter().map(|(host, path)| UpgradeRequest::new(host, path, protocols, headers));
        Self {
            requests: requests.collect(),
            opening: settings
                .opening
                .iter()
                .map(|step| step.expect.as_ref().map(PayloadMatcher::new))
                .collect(),
            expect: settings.expect.as_ref().map(PayloadMatcher::new),
            masks: fastrand::Rng::with_seed(settings.seed),
            settings,
            writer: MessageWriter::default(),
            payload: Vec::new(),
            partial: HashMap::new(),
        }
    }

    /// The same with messages of these users.
    pub(crate) fn of_users(self, writer: MessageWriter) -> Self {
        Self { writer, ..self }
    }

    /// Two numbers that look like chance and belong to one connection, so that nothing of them must
    /// be kept.
    fn nonce(&self, id: ConnectionId) -> [u8; 16] {
        let mut rng = fastrand::Rng::with_seed(
            self.settings.seed ^ id.begun_ns.rotate_left(20) ^ (u64::from(id.slot) << 40),
        );
        rng.u128(..).to_be_bytes()
    }

    /// The payload of this connection's pings.
    fn ping_payload(&self, id: ConnectionId) -> [u8; 4] {
        let [a, b, c, d, ..] = self.nonce(id);
        [a, b, c, d]
    }

    fn frame(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let mask = self.masks.u32(..).to_be_bytes();
        frame::write(out, opcode, Some(mask), payload);
    }

    /// Takes in the head of the server's response to the handshake.
    fn shake_hands(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        bytes: &[u8],
    ) -> Result<Received, ConversationError> {
        let mut head = Vec::new();
        if state.is_partial() {
            head = self.partial.remove(&id.slot).unwrap_or_default();
            state.set_partial(false);
        }
        let before = head.len();
        let key = handshake::key_of(self.nonce(id));
        // The usual response comes in one read.
        let whole = if before == 0 {
            handshake::read(bytes, &key, &self.settings.protocols)?
        } else {
            head.extend_from_slice(bytes);
            handshake::read(&head, &key, &self.settings.protocols)?
        };
        let Some(length) = whole else {
            if before == 0 {
                head.extend_from_slice(bytes);
            }
            self.keep(id.slot, state, head);
            let event = ConversationEvent::Messages { messages: 0, heartbeats: 0 };
            return Ok(Received { used: bytes.len(), event });
        };
        state.open();
        Ok(Received { used: length - before, event: ConversationEvent::HandshakeDone })
    }

    /// Sends messages of the opening up to the next one that is replied to; true if there is none.
    fn go_on(&mut self, slot: u32, state: &mut WebSocketState, out: &mut Vec<u8>) -> bool {
        while let Some(step) = self.settings.opening.get(state.step()) {
            if let Some(payload) = &step.send {
                let mask = self.masks.u32(..).to_be_bytes();
                self.payload.clear();
                self.writer.write(payload, slot, &mut self.payload);
                frame::write(out, self.settings.opcode(), Some(mask), &self.payload);
            }
            if step.expect.is_some() {
                return false;
            }
            state.set_step(state.step() + 1);
        }
        true
    }

    fn keep(&mut self, slot: u32, state: &mut WebSocketState, bytes: Vec<u8>) {
        self.partial.insert(slot, bytes);
        state.set_partial(true);
    }
}

impl Conversation for WebSocketClient {
    type State = WebSocketState;

    const HAS_OPENING_HANDSHAKE: bool = true;
    const HAS_CLOSING_HANDSHAKE: bool = true;

    fn begin(&mut self, id: ConnectionId, address: usize, out: &mut Vec<u8>) {
        let key = handshake::key_of(self.nonce(id));
        if let Some(request) = self.requests.get(address).or(self.requests.first()) {
            request.write(&key, out);
        }
    }

    fn begin_opening(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        out: &mut Vec<u8>,
    ) -> bool {
        self.go_on(id.slot, state, out)
    }

    fn awaited(&self, state: &WebSocketState) -> String {
        let Some(Some(expect)) = self.opening.get(state.step()) else { return String::new() };
        let (step, expected) = (state.step() + 1, expect.words());
        let came = if state.is_in_message() { "a part of it" } else { "nothing" };
        let detail = format!(": step {step} of the opening expected {expected}, {came} came");
        self.settings.secrets.hide(&detail, false)
    }

    fn receive(
        &mut self,
        id: ConnectionId,
        state: &mut WebSocketState,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Received {
        let mut received = if state.is_open() {
            self.frames(id, state, bytes, out)
        } else {
            self.shake_hands(id, state, bytes).unwrap_or_else(|error| Received {
                used: bytes.len(),
                event: ConversationEvent::Failed(Box::new(error)),
            })
        };
        // Sends the close code of a violation to the server before the connection ends.
        if let ConversationEvent::Failed(error) = &mut received.event
            && let Some(code) = close_code(error.failure)
            && state.is_open()
            && !state.is_closing()
        {
            self.frame(Opcode::Close, &code.to_be_bytes(), out);
            error.detail.extend(["; closed with ", &code.to_string()]);
        }
        if let ConversationEvent::Failed(error) = &mut received.event {
            error.detail = self.settings.secrets.hide(&error.detail, false);
        }
        received
    }

    fn send_heartbeat(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        let mask = self.masks.u32(..).to_be_bytes();
        match &self.settings.heartbeat {
            HeartbeatFrame::Messages | HeartbeatFrame::Pings => {}
            HeartbeatFrame::Pong => {
                let payload = self.ping_payload(id);
                frame::write(out, Opcode::Ping, Some(mask), &payload);
            }
            HeartbeatFrame::Reply { payload } => {
                self.payload.clear();
                self.writer.write(payload, id.slot, &mut self.payload);
                frame::write(out, self.settings.opcode(), Some(mask), &self.payload);
            }
        }
    }

    fn send_own(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        let Some(own) = &self.settings.own else { return };
        let mask = self.masks.u32(..).to_be_bytes();
        self.payload.clear();
        self.writer.write(own, id.slot, &mut self.payload);
        frame::write(out, self.settings.opcode(), Some(mask), &self.payload);
    }

    fn close(&mut self, state: &mut WebSocketState, out: &mut Vec<u8>) {
        state.close();
        self.frame(Opcode::Close, &1000_u16.to_be_bytes(), out);
    }

    fn move_slot(&mut self, from: u32, to: u32, state: &WebSocketState) {
        if state.is_partial()
            && let Some(bytes) = self.partial.remove(&from)
        {
            self.partial.insert(to, bytes);
        }
    }

    fn remove(&mut self, slot: u32, state: &WebSocketState) {
        if state.is_partial() {
            self.partial.remove(&slot);
        }
    }
}

/// The code with which this side closes for a failure that it found; `None`: the other side ended
/// it.
fn close_code(failure: Failure) -> Option<u16> {
    match failure {
        Failure::CloseFrame => None,
        Failure::InvalidUtf8 => Some(1007),
        Failure::OverLimit => Some(1009),
        // The application cannot continue with the data received.
        Failure::WrongData => Some(1008),
        _ => Some(1002),
    }
}

/// The code and the reason of a Close frame (RFC 6455, 5.5.1 and 7.4); 1005 stands for none.
pub(crate) fn close_of(payload: &[u8]) -> Result<(u16, String), Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok((1005, String::new()))
        } else {
            Err(Violation::Close(None))
        };
    };
    let code = u16::from_be_bytes(*code);
    // 1004 is reserved; 1005, 1006 and 1015 must not be sent in a frame.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Close(Some(code)));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::Utf8)?;
    Ok((code, reason.to_owned()))
}
