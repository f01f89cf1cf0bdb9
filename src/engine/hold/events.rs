//! Handles events of connections, and deadlines that pass without one.

use super::super::worker::Ready;
use super::slots::ConnectionState;
use super::{ConnectionId, HoldHost, HoldWorker, held};
use crate::plan::{Heartbeat, Phase, TimeMetric};
use crate::record::{Cause, Counter, Failure, FailureStage};
use crate::units::SECOND_NS;
use crate::workload::hold::Conversation;
use crate::workload::tls;
use std::io::{Error, ErrorKind};

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// Handles one event.
    pub(super) fn react_to(&mut self, event: Ready, now: u64) {
        let slot = event.id.slot;
        if slot >= self.slots.len() {
            return self.read_goodbye(slot);
        }
        // Handshakes of other connections took time since the events were taken.
        let now = if self.secured { self.host.now_ns() } else { now };
        if self.slots.get(slot).state == ConnectionState::Connecting {
            if event.failed {
                let error =
                    self.slots.get(slot).socket.as_ref().and_then(|socket| self.host.error(socket));
                let cause = error
                    .map_or(Cause::new(Failure::Reset, FailureStage::Connect), |error| {
                        Cause::from_io(&error, FailureStage::Connect)
                    });
                return self.failed_to_open(slot, cause, now);
            }
            if !event.writable {
                return;
            }
            if self.load.proxy_protocol.is_some() && !self.introduce(slot, now) {
                return;
            }
            if self.secured {
                let connection = self.slots.get(slot);
                connection.state = ConnectionState::Securing;
                connection.heard_ns = now;
            } else {
                self.begin(slot, now);
            }
        }
        if self.slots.get(slot).state == ConnectionState::Securing {
            self.secure(slot, now);
        }
        match self.slots.get(slot).state {
            // With TLS, data may have come together with the handshake, and writes may have waited
            // for room.
            ConnectionState::Open if event.readable || event.closed || self.secured => {
                self.read(slot, event.closed, held(Failure::ClosedByServer), now);
            }
            state @ (ConnectionState::Handshaking | ConnectionState::Opening)
                if event.readable || event.closed || self.secured =>
            {
                let end = Cause::new(Failure::ClosedByServer, state.failure_stage());
                self.read(slot, event.closed, end, now);
            }
            ConnectionState::Closing if event.readable => self.discard(slot),
            ConnectionState::Free
            | ConnectionState::Connecting
            | ConnectionState::Securing
            | ConnectionState::Handshaking
            | ConnectionState::Opening
            | ConnectionState::Open
            | ConnectionState::Closing => {}
        }
    }

    /// Sends the header of an open connection; false if that ended it.
    fn introduce(&mut self, slot: u32, now: u64) -> bool {
        let user = self.slots.user(slot);
        let Some(socket) = self.slots.get(slot).socket.as_ref() else { return false };
        let Err(error) = self.host.introduce(socket, user) else { return true };
        let cause = Cause::from_io(&error, FailureStage::Connect);
        self.abandon_connecting(slot, cause, now, || reason(&error));
        false
    }

    /// Handles a connection that failed before it was seen open. Only an open connection can be
    /// reset: it opened and was lost before this loop looked.
    fn failed_to_open(&mut self, slot: u32, cause: Cause, now: u64) {
        if cause.failure != Failure::Reset {
            self.abandon_connecting(slot, cause, now, String::new);
        } else if self.secured {
            self.abandon_connecting(
                slot,
                Cause { at: FailureStage::Tls, ..cause },
                now,
                String::new,
            );
        } else if C::HAS_OPENING_HANDSHAKE {
            self.abandon_connecting(
                slot,
                Cause { at: FailureStage::Handshake, ..cause },
                now,
                String::new,
            );
        } else {
            self.begin(slot, now);
            self.read(slot, true, Cause { at: FailureStage::Hold, ..cause }, now);
        }
    }

    /// Continues the TLS handshake of a connection.
    fn secure(&mut self, slot: u32, now: u64) {
        let user = self.slots.user(slot);
        let connection = self.slots.get(slot);
        let since = connection.heard_ns;
        let Some(socket) = connection.socket.as_ref() else { return };
        match self.host.secure(socket, user) {
            Ok(false) => {}
            Ok(true) => {
                let now = self.host.now_ns();
                let key = connection.key();
                self.recorder.cell(key).time(TimeMetric::TlsTime, now - since);
                self.begin(slot, now);
            }
            Err(error) => {
                self.abandon_connecting(slot, tls::cause(&error, FailureStage::Tls), now, || {
                    reason(&error)
                });
            }
        }
    }

    /// Empties a socket before it is closed: unread data would turn its FIN into a reset.
    pub(super) fn discard(&mut self, slot: u32) {
        let Some(socket) = self.slots.get(slot).socket.as_ref() else { return };
        while self
            .host
            .receive(socket, &mut self.buffer)
            .is_ok_and(|length| length == self.buffer.len() || (self.secured && length > 0))
        {
        }
    }

    pub(super) fn opened(&mut self, slot: u32, now: u64) {
        self.no_longer_missing(slot, now);
        self.leave_connecting(slot);
        let connection = self.slots.get(slot);
        connection.open(now);
        let (key, took) = (connection.key(), now - connection.begun_ns);
        self.time.advance(now, self.open);
        self.open += 1;
        let cell = self.recorder.cell(key);
        cell.count(Counter::ConnectOk);
        cell.time(TimeMetric::ConnectTime, took);
        self.count_connect(slot, key, Some(took));
        if self.stages.now().phase == Phase::Hold {
            self.recorder.cell(self.stages.now()).count(Counter::HoldEntered);
        }
        if self.settings.greeting.is_some() {
            self.awaiting_greeting.push(slot, now);
        }
        if matches!(self.settings.heartbeat, Some(Heartbeat::Client { .. })) {
            self.next_heartbeat.push(slot, now);
        }
        if self.settings.send_every.is_some() {
            self.next_own.push(slot, now);
        }
        self.connection_opened(slot, now);
    }

    /// Ends everything whose deadline has passed, and sends the heartbeats that are due.
    pub(super) fn expire_deadlines(&mut self, now: u64) {
        let before = |time: crate::units::Time| now.checked_sub(time.as_nanos());
        // An opening has a time of its own.
        let opening =
            |state: ConnectionState| state.is_opening() && state != ConnectionState::Opening;
        self.opening.forget(|slot, since| {
            let connection = self.slots.get(slot);
            !opening(connection.state) || connection.begun_ns != since
        });
        if let Some(until) = before(self.settings.connect_timeout) {
            while let Some((slot, since)) = self.opening.pop(until) {
                let connection = self.slots.get(slot);
                if !opening(connection.state) || connection.begun_ns != since {
                    continue;
                }
                let cause = Cause::new(Failure::ConnectTimeout, connection.state.failure_stage());
                self.abandon_connecting(slot, cause, now, String::new);
            }
        }
        self.expire_openings(now);
        self.send_own_messages(now);
        if let Some(until) = self.settings.greeting.and_then(before) {
            while let Some((slot, since)) = self.awaiting_greeting.pop(until) {
                let connection = self.slots.get(slot);
                if connection.state == ConnectionState::Open
                    && connection.begun_ns <= since
                    && !connection.verified
                {
                    self.connection_lost(slot, held(Failure::GreetingMissed), now, String::new);
                }
            }
        }
        match self.settings.heartbeat.clone() {
            Some(Heartbeat::Server { every, grace }) if now >= self.sweep_ns => {
                let allowed = every.as_nanos() + grace.as_nanos();
                self.sweep(allowed, now);
                self.sweep_ns = now + (allowed / 8).clamp(10_000_000, SECOND_NS);
            }
            Some(Heartbeat::Server { .. }) | None => {}
            Some(Heartbeat::Client { every, timeout, .. }) => {
                if let Some(until) = before(timeout) {
                    self.expire_replies(until, now);
                }
                if let Some(until) = before(every) {
                    self.beat(until, now);
                }
            }
        }
    }

    /// Ends every connection whose server has been silent for longer than allowed.
    fn sweep(&mut self, allowed_ns: u64, now: u64) {
        for slot in 0..self.slots.len() {
            let connection = self.slots.get(slot);
            if connection.state == ConnectionState::Open
                && now.saturating_sub(connection.heard_ns) > allowed_ns
            {
                let silent = (now - connection.heard_ns) as f64 / SECOND_NS as f64;
                self.recorder.cell(self.stages.now()).count(Counter::HeartbeatMissed);
                self.connection_lost(slot, held(Failure::HeartbeatMissed), now, || {
                    format!(", silent for {silent:.1} s")
                });
            }
        }
    }

    fn expire_replies(&mut self, until: u64, now: u64) {
        while let Some((slot, since)) = self.awaiting_reply.pop(until) {
            let connection = self.slots.get(slot);
            if connection.state == ConnectionState::Open && connection.asked_ns == since {
                self.recorder.cell(self.stages.now()).count(Counter::HeartbeatMissed);
                self.connection_lost(slot, held(Failure::HeartbeatMissed), now, || {
                    ", no reply".to_owned()
                });
            }
        }
    }

    /// Sends every heartbeat that is due. The next one is due a period after this one was due, not
    /// after it was sent.
    pub(super) fn beat(&mut self, until: u64, now: u64) {
        let Some(Heartbeat::Client { every, .. }) = &self.settings.heartbeat else { return };
        let every = every.as_nanos();
        while let Some((slot, since)) = self.next_heartbeat.pop(until) {
            let connection = self.slots.get(slot);
            if connection.state != ConnectionState::Open || connection.begun_ns > since {
                continue;
            }
            let Some(socket) = connection.socket.as_ref() else { continue };
            self.outgoing.clear();
            let id = ConnectionId { slot, begun_ns: connection.begun_ns };
            self.conversation.send_heartbeat(id, &mut self.outgoing);
            let (length, sent) = (self.outgoing.len(), self.host.send(socket, &self.outgoing));
            self.outgoing.clear();
            // Even if it was not sent as a whole.
            let taken = *sent.as_ref().unwrap_or(&0) as u64;
            self.recorder.cell(self.stages.now()).counters.add(Counter::BytesSent, taken);
            match sent {
                Ok(sent) if sent == length => {
                    connection.asked_ns = now;
                    self.awaiting_reply.push(slot, now);
                    self.next_heartbeat.push(slot, since + every);
                    self.recorder.cell(self.stages.now()).count(Counter::HeartbeatSent);
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    let cause = tls::cause(&error, FailureStage::Hold);
                    self.connection_lost(slot, cause, now, || reason(&error));
                }
                // The peer has stopped reading: earlier data fills every buffer.
                Ok(_) | Err(_) => {
                    self.recorder.cell(self.stages.now()).count(Counter::HeartbeatMissed);
                    self.connection_lost(slot, held(Failure::HeartbeatMissed), now, || {
                        ", the peer does not read".to_owned()
                    });
                }
            }
        }
    }
}

/// TLS's message about the end of a connection; the cause has the kernel's.
pub(super) fn reason(error: &Error) -> String {
    error.get_ref().map_or_else(String::new, |why| format!(": {why}"))
}
