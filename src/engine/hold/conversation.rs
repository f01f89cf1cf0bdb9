//! Exchanges bytes with peers: messages, heartbeats, replies and ends.

use super::events::reason;
use super::slots::ConnectionState;
use super::{ConnectionId, HoldHost, HoldWorker};
use crate::plan::{Heartbeat, TimeMetric};
use crate::record::{Cause, Counter, Failure, FailureStage};
use crate::workload::hold::{Conversation, ConversationError, ConversationEvent};
use crate::workload::tls;
use std::io::ErrorKind;

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// Begins the conversation on a connection that is open and, with TLS, secured.
    pub(super) fn begin(&mut self, slot: u32, now: u64) {
        if !C::HAS_OPENING_HANDSHAKE {
            self.begin_opening(slot, now);
            return;
        }
        let address = self.load.like(self.load.address(self.slots.user(slot)));
        let connection = self.slots.get(slot);
        let id = ConnectionId { slot, begun_ns: connection.begun_ns };
        connection.state = ConnectionState::Handshaking;
        connection.heard_ns = now;
        self.outgoing.clear();
        self.conversation.begin(id, address, &mut self.outgoing);
        self.send(slot, now);
    }

    /// Begins the messages of the opening, if the plan has any; false if that ended the connection.
    fn begin_opening(&mut self, slot: u32, now: u64) -> bool {
        if self.settings.opening.is_none() {
            self.opened(slot, now);
            return true;
        }
        let connection = self.slots.get(slot);
        let id = ConnectionId { slot, begun_ns: connection.begun_ns };
        connection.state = ConnectionState::Opening;
        connection.heard_ns = now;
        self.outgoing.clear();
        let state = &mut connection.conversation;
        let is_done = self.conversation.begin_opening(id, state, &mut self.outgoing);
        self.opening_messages.push(slot, now);
        if !self.outgoing.is_empty() && !self.send(slot, now) {
            return false;
        }
        if is_done {
            self.opening_done(slot, now);
        }
        true
    }

    /// The last message of the opening was sent or has come.
    fn opening_done(&mut self, slot: u32, now: u64) {
        let connection = self.slots.get(slot);
        let took = now.saturating_sub(connection.heard_ns);
        let key = connection.key();
        self.recorder.cell(key).time(TimeMetric::OpeningTime, took);
        self.opened(slot, now);
    }

    /// Ends openings that take too long.
    pub(super) fn expire_openings(&mut self, now: u64) {
        let Some(opening) = &self.settings.opening else { return };
        let timeout = opening.timeout.as_nanos();
        self.opening_messages.forget(|slot, since| {
            let connection = self.slots.get(slot);
            connection.state != ConnectionState::Opening || connection.heard_ns != since
        });
        let Some(until) = now.checked_sub(timeout) else { return };
        while let Some((slot, since)) = self.opening_messages.pop(until) {
            let connection = self.slots.get(slot);
            if connection.state == ConnectionState::Opening && connection.heard_ns == since {
                let awaited = self.conversation.awaited(&connection.conversation);
                let cause = Cause::new(Failure::OpeningTimeout, FailureStage::Opening);
                self.abandon_connecting(slot, cause, now, || awaited);
            }
        }
    }

    /// Sends every own message that is due. The next one is due a period after this one was due.
    pub(super) fn send_own_messages(&mut self, now: u64) {
        let Some(own) = &self.settings.send_every else { return };
        let every = own.every.as_nanos();
        let Some(until) = now.checked_sub(every) else { return };
        while let Some((slot, since)) = self.next_own.pop(until) {
            let connection = self.slots.get(slot);
            if connection.state != ConnectionState::Open || connection.begun_ns > since {
                continue;
            }
            let id = ConnectionId { slot, begun_ns: connection.begun_ns };
            let Some(socket) = connection.socket.as_ref() else { continue };
            self.outgoing.clear();
            self.conversation.send_own(id, &mut self.outgoing);
            let (length, sent) = (self.outgoing.len(), self.host.send(socket, &self.outgoing));
            self.outgoing.clear();
            let taken = *sent.as_ref().unwrap_or(&0);
            let cell = self.recorder.cell(self.stages.now());
            cell.counters.add(Counter::BytesSent, taken as u64);
            match sent {
                Ok(sent) if sent == length => {
                    cell.count(Counter::MessagesSent);
                    self.next_own.push(slot, since + every);
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    let cause = tls::cause(&error, FailureStage::Hold);
                    self.connection_lost(slot, cause, now, || reason(&error));
                }
                Ok(_) | Err(_) => {
                    let cause = Cause::new(Failure::SendBlocked, FailureStage::Hold);
                    self.connection_lost(slot, cause, now, || {
                        format!(": the socket took {taken} of {length} bytes")
                    });
                }
            }
        }
    }

    /// Sends `outgoing` as a whole; false if that ended the connection.
    fn send(&mut self, slot: u32, now: u64) -> bool {
        let connection = self.slots.get(slot);
        let Some(socket) = connection.socket.as_ref() else { return false };
        let at = connection.state.failure_stage();
        let sent = self.host.send(socket, &self.outgoing);
        let taken = *sent.as_ref().unwrap_or(&0);
        self.recorder.cell(self.stages.now()).counters.add(Counter::BytesSent, taken as u64);
        let length = self.outgoing.len();
        self.outgoing.clear();
        match sent {
            Ok(sent) if sent == length => return true,
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                self.break_off(slot, tls::cause(&error, at), now, || reason(&error));
            }
            Ok(_) | Err(_) => {
                let cause = Cause::new(Failure::NoBuffers, at);
                self.break_off(slot, cause, now, || {
                    format!(": the socket took {taken} of {length} bytes")
                });
            }
        }
        false
    }

    /// Reads until nothing is left. A short read has emptied the socket, so only an end that was
    /// announced is worth another one. `end` is the cause if the stream ends.
    pub(super) fn read(&mut self, slot: u32, closed: bool, end: Cause, now: u64) {
        loop {
            let connection = self.slots.get(slot);
            let Some(socket) = connection.socket.as_ref() else { return };
            match self.host.receive(socket, &mut self.buffer) {
                Ok(0) => {
                    let at = connection.state.failure_stage();
                    let cause = in_reply(connection.asked_ns, Cause { at, ..end });
                    return self.break_off(slot, cause, now, String::new);
                }
                Ok(length) => {
                    self.recorder
                        .cell(self.stages.now())
                        .counters
                        .add(Counter::BytesReceived, length as u64);
                    if !self.take_in(slot, length, now)
                        || (length < self.buffer.len() && !closed && !self.secured)
                    {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let at = connection.state.failure_stage();
                    let cause = in_reply(connection.asked_ns, tls::cause(&error, at));
                    return self.break_off(slot, cause, now, || reason(&error));
                }
            }
        }
    }

    /// Handles what was read; false if that ended the connection.
    fn take_in(&mut self, slot: u32, length: usize, now: u64) -> bool {
        let mut from = 0;
        while from < length {
            let connection = self.slots.get(slot);
            let id = ConnectionId { slot, begun_ns: connection.begun_ns };
            let bytes = &self.buffer[from..length];
            let received = self.conversation.receive(
                id,
                &mut connection.conversation,
                bytes,
                &mut self.outgoing,
            );
            from += received.used;
            match received.event {
                ConversationEvent::Messages { messages: 0, heartbeats: 0 } => {}
                ConversationEvent::Messages { messages, heartbeats } => {
                    self.heard(slot, messages, heartbeats, now);
                }
                ConversationEvent::HandshakeDone => {
                    let connection = self.slots.get(slot);
                    let took = now.saturating_sub(connection.heard_ns);
                    let key = connection.key();
                    self.recorder.cell(key).time(TimeMetric::HandshakeTime, took);
                    if !self.begin_opening(slot, now) {
                        return false;
                    }
                }
                ConversationEvent::Opened => self.opening_done(slot, now),
                ConversationEvent::Failed(error) => {
                    self.fail(slot, &error, now);
                    return false;
                }
            }
            if !self.outgoing.is_empty() && !self.send(slot, now) {
                return false;
            }
        }
        true
    }

    /// Ends a conversation that cannot continue; what it says about that is sent if there is room.
    fn fail(&mut self, slot: u32, error: &ConversationError, now: u64) {
        let connection = self.slots.get(slot);
        let at = connection.state.failure_stage();
        if let Some(socket) = connection.socket.as_ref().filter(|_| !self.outgoing.is_empty()) {
            let taken = self.host.send(socket, &self.outgoing).unwrap_or(0);
            self.recorder.cell(self.stages.now()).counters.add(Counter::BytesSent, taken as u64);
        }
        self.outgoing.clear();
        let cause = Cause { failure: error.failure, at, code: error.code };
        self.break_off(slot, cause, now, || error.detail.clone());
    }

    /// Ends an attempt whose connection failed, open or not.
    fn break_off(&mut self, slot: u32, cause: Cause, now: u64, what: impl FnOnce() -> String) {
        if self.slots.get(slot).state == ConnectionState::Open {
            self.connection_lost(slot, cause, now, what);
        } else {
            self.abandon_connecting(slot, cause, now, what);
        }
    }

    /// Records messages as expected, and heartbeats, that came in one read.
    fn heard(&mut self, slot: u32, messages: u32, heartbeats: u32, now: u64) {
        let connection = self.slots.get(slot);
        let (key, begun, before, asked) =
            (connection.key(), connection.begun_ns, connection.heard_ns, connection.asked_ns);
        let first = messages > 0 && !connection.verified;
        connection.verified |= first;
        let mut beats = u64::from(heartbeats);
        if heartbeats > 0 {
            connection.heard_ns = now;
            connection.asked_ns = 0;
        }
        if first {
            self.recorder.cell(key).time(TimeMetric::FirstMessage, now - begun);
            self.recorder.cell(self.stages.now()).count(Counter::Verified);
            // A greeting does not count as a heartbeat.
            beats -= u64::from(self.settings.greeting.is_some()).min(beats);
        }
        let cell = self.recorder.cell(self.stages.now());
        cell.counters.add(Counter::MessagesReceived, u64::from(messages));
        match self.settings.heartbeat {
            _ if heartbeats == 0 => {}
            Some(Heartbeat::Server { .. }) => {
                cell.counters.add(Counter::HeartbeatReceived, beats);
                if !first {
                    cell.time(TimeMetric::HeartbeatGap, now - before);
                }
            }
            Some(Heartbeat::Client { .. }) if asked > 0 => {
                cell.count(Counter::HeartbeatReceived);
                cell.time(TimeMetric::HeartbeatRtt, now.saturating_sub(asked));
            }
            Some(Heartbeat::Client { .. }) | None => {}
        }
    }
}

/// Attributes an end to a heartbeat that awaited its reply: the peer rejected that, rather than the
/// connection's age or silence.
fn in_reply(asked_ns: u64, cause: Cause) -> Cause {
    match cause.failure {
        Failure::ClosedByServer | Failure::Reset if asked_ns > 0 => {
            Cause { at: FailureStage::Heartbeat, ..cause }
        }
        _ => cause,
    }
}
