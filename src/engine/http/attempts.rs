//! Turns one attempt into a connection, a request and a response, and records its outcome.

use super::super::worker::{Ready, SlotId};
use super::recorder::{Attempt, AttemptEnd};
use super::slots::HttpSlotState;
use super::users::Continuation;
use super::{Capacity, HttpHost, HttpWorker, ready_again};
use crate::plan::TimeMetric;
use crate::record::{ConnectionEnd, Counter, Failure, Origin};
use crate::workload::http::{
    Deadlines, ExchangeStep, Handshake, RequestError, RequestOutcome, RetrySafety,
};

/// Bounds of the pause before a connect that found no room (EAGAIN of a Unix socket) is tried
/// again: half of the time that it has waited.
const CONNECT_RETRY_NS: (u64, u64) = (1_000_000, 50_000_000);

impl<H: HttpHost> HttpWorker<H> {
    /// Begins one attempt: sends its request, on a new connection if the slot has none.
    pub(super) fn begin_attempt(&mut self, slot: u32, attempt: Attempt, now: u64) {
        let entry = self.slots.get(slot);
        (entry.attempt, entry.rejection) = (attempt, None);
        if let Some(session) = &mut entry.session {
            session.begin_request();
        }
        self.send_or_connect(slot, now);
    }

    pub(super) fn connect(&mut self, slot: u32, now: u64) {
        let entry = self.slots.get(slot);
        entry.generation = entry.generation.wrapping_add(1);
        (entry.since_ns, entry.served) = (now, 0);
        let joined =
            self.host.join(SlotId { slot, generation: entry.generation }, entry.number, now);
        if let Some(connection) = joined {
            // The slot that opened it did so earlier.
            (entry.connection, entry.opened_ns) = (Some(connection), now);
            self.await_first_answer(slot, now);
            self.send(slot, now);
            return;
        }
        entry.state = HttpSlotState::Connecting;
        let (key, number, id) =
            (entry.attempt.key, entry.number, SlotId { slot, generation: entry.generation });
        self.recorder.cell(key).count(Counter::ConnectAttempts);
        self.recorder.live.connecting += 1;
        match self.host.connect(id, number) {
            Ok(connection) => {
                let entry = self.slots.get(slot);
                entry.connection = Some(connection);
                self.set_timer(slot);
            }
            Err(error) => self.connected(slot, Err(error), now),
        }
    }

    /// A connection has opened, or never will.
    fn connected(&mut self, slot: u32, result: Result<(), RequestError>, now: u64) {
        self.recorder.live.connecting -= 1;
        let entry = self.slots.get(slot);
        let (attempt, took) = (entry.attempt, now.saturating_sub(entry.since_ns));
        // The attempt is recorded below; until then no timer may act on the slot.
        entry.state = HttpSlotState::InFlight;
        let Err(error) = result else {
            self.await_first_answer(slot, now);
            let cell = self.recorder.cell(attempt.key);
            cell.count(Counter::ConnectOk);
            cell.time(TimeMetric::ConnectTime, took);
            self.recorder.live.open += 1;
            self.count_opened(slot, attempt.key, took);
            self.send(slot, now);
            return;
        };
        self.settle(slot);
        let error = self.final_error(slot, error, now);
        let after = Continuation::of(&error);
        let local = after == Continuation::Local;
        let cell = self.recorder.cell(attempt.key);
        cell.count(if local { Counter::ConnectFailedLocal } else { Counter::ConnectFailed });
        self.count_refused(slot, attempt.key, local);
        if let Some(connection) = self.slots.get(slot).connection.take() {
            self.host.leave(connection);
        }
        let mut ending = attempt.end(now);
        ending.error = Some(error);
        self.end_attempt(&attempt, ending);
        self.after_attempt(slot, after, now);
    }

    pub(super) fn send(&mut self, slot: u32, now: u64) {
        let entry = self.slots.get(slot);
        let Some(connection) = &mut entry.connection else { return };
        match self.host.capacity(connection, entry.attempt.begun_ns, now) {
            Capacity::Now => {}
            Capacity::Later => {
                if entry.state != HttpSlotState::AwaitingStream {
                    (entry.state, entry.since_ns) = (HttpSlotState::AwaitingStream, now);
                }
                self.set_timer(slot);
                return;
            }
            Capacity::Never => {
                self.leave_connection(slot, now);
                return;
            }
        }
        entry.state = HttpSlotState::InFlight;
        let request = entry.attempt.request;
        let id = SlotId { slot, generation: entry.generation };
        entry.since_ns = now;
        let sent = match &mut entry.session {
            None => self.host.send(connection, request),
            Some(session) => match self.host.send_with_session(connection, request, session, now) {
                Ok(sent) => sent,
                Err(error) => {
                    self.fail_unsent(slot, error, now);
                    return;
                }
            },
        };
        entry.attempt.is_sent_at(now);
        if !sent {
            self.ready_again.push(id);
        }
        self.set_timer(slot);
    }

    /// Fails a request that could not be written.
    pub(super) fn fail_unsent(&mut self, slot: u32, error: RequestError, now: u64) {
        let error = self.final_error(slot, error, now);
        let attempt = self.slots.get(slot).attempt;
        let mut ending = attempt.end(now);
        let after = Continuation::of(&error);
        ending.error = Some(error);
        self.end_attempt(&attempt, ending);
        self.settle(slot);
        self.after_attempt(slot, after, now);
    }

    /// Records the end of an attempt.
    fn end_attempt(&mut self, attempt: &Attempt, ending: AttemptEnd) {
        self.host.attempt_ended(attempt.request, ending.error.as_ref(), ending.failed_checks);
        self.recorder.end(attempt, ending);
    }

    /// Handles an event of a connection.
    pub(super) fn react_to(&mut self, event: Ready, now: u64) {
        let slot = event.id.slot;
        let Some(entry) = self.slots.current(event.id) else { return };
        let Some(connection) = &mut entry.connection else { return };
        match entry.state {
            HttpSlotState::Connecting if event.writable || event.closed => self.open(event, now),
            HttpSlotState::Securing => self.secure(slot, event, now),
            HttpSlotState::AwaitingStream => self.send(slot, now),
            HttpSlotState::InFlight => match self.host.advance(connection, event.closed, now) {
                ExchangeStep::Wait => {}
                ExchangeStep::Again => self.ready_again.push(event.id),
                ExchangeStep::Ended(answer) => self.response_ended(slot, answer, now),
            },
            HttpSlotState::Thinking | HttpSlotState::Idle | HttpSlotState::AwaitingResend => {
                self.host.idle_event(connection);
                let gone = !self.host.takes_a_request(connection);
                if gone && entry.state == HttpSlotState::Idle {
                    self.free_slot(slot, ConnectionEnd::Idle);
                } else if gone {
                    self.end_connection(slot, ConnectionEnd::Idle);
                }
            }
            HttpSlotState::Connecting | HttpSlotState::RetryingConnect | HttpSlotState::Free => {}
        }
    }

    /// Finds out whether a connection has opened.
    fn open(&mut self, event: Ready, now: u64) {
        let slot = event.id.slot;
        let entry = self.slots.get(slot);
        let Some(connection) = &mut entry.connection else { return };
        match self.host.open(connection, entry.number) {
            Ok(true) => {
                (entry.state, entry.opened_ns) = (HttpSlotState::Securing, now);
                self.secure(slot, event, now);
            }
            Ok(false) => {
                let pause = (now.saturating_sub(entry.since_ns) / 2)
                    .clamp(CONNECT_RETRY_NS.0, CONNECT_RETRY_NS.1);
                (entry.state, entry.wake_ns) =
                    (HttpSlotState::RetryingConnect, now.saturating_add(pause));
                self.set_timer(slot);
            }
            Err(error) => self.connected(slot, Err(error), now),
        }
    }

    /// Continues the TLS handshake of a connection; a plain one is done at once.
    pub(super) fn secure(&mut self, slot: u32, event: Ready, now: u64) {
        let entry = self.slots.get(slot);
        let Some(connection) = &mut entry.connection else { return };
        match self.host.secure(connection, entry.number) {
            Ok(Handshake::Pending) => return,
            Ok(Handshake::Tunnelled) => return self.tunnelled(slot, event, now),
            Ok(Handshake::NotNeeded) => self.connected(slot, Ok(()), now),
            Ok(secured) => {
                // Cryptography takes time.
                let now = self.host.now_ns();
                let cell = self.recorder.cell(entry.attempt.key);
                cell.time(TimeMetric::TlsTime, now.saturating_sub(entry.opened_ns));
                if secured == Handshake::Resumed {
                    cell.count(Counter::TlsResumed);
                }
                self.connected(slot, Ok(()), now);
            }
            Err(error) => self.connected(slot, Err(error), self.host.now_ns()),
        }
        // Bytes that came before the request have no event of their own.
        if event.readable || event.closed {
            self.ready_again.push(event.id);
        }
    }

    /// Ends the connection of a slot, or its stream of a shared one.
    pub(super) fn end_connection(&mut self, slot: u32, why: ConnectionEnd) {
        let entry = self.slots.get(slot);
        let Some(connection) = entry.connection.take() else { return };
        let (key, why) = (entry.attempt.key, self.host.end_reason(&connection).unwrap_or(why));
        if self.host.leave(connection) {
            self.recorder.live.open -= 1;
            self.recorder.cell(key).end_connection(why);
        }
    }

    fn response_ended(&mut self, slot: u32, mut answer: RequestOutcome, now: u64) {
        let address = self.counted_address(slot);
        let entry = self.slots.get(slot);
        entry.served += 1;
        // Each time that a request is sent has its own response.
        if answer.sent_bytes > 0 {
            let cell = self.recorder.cell(entry.attempt.key);
            cell.counters.add(Counter::BytesSent, answer.sent_bytes);
        }
        let goes_on = entry
            .connection
            .as_ref()
            .is_some_and(|connection| self.host.takes_a_request(connection));
        let moved = !goes_on && self.has_answered(slot);
        let spent = self.slots.get(slot).spent(self.connection_use, now);
        let ended = if goes_on { spent } else { Some(end_by(&answer, moved)) };
        if let Some(why) = ended {
            self.end_connection(slot, why);
        }
        if self.resends(slot, &mut answer, moved, now) {
            return;
        }
        if answer.first_byte_ns.is_none() {
            answer.error = answer.error.map(|error| self.final_error(slot, error, now));
        }
        let extracted = answer.extracted.take();
        if self.inspect_response(slot, &mut answer, extracted, now) {
            return;
        }
        let attempt = self.slots.get(slot).attempt;
        let after = self.iterations.after(attempt.request, &answer);
        let mut ending = attempt.end(answer.ended_ns);
        ending.first_byte_ns = answer.first_byte_ns;
        ending.status = answer.status;
        ending.body_bytes = answer.body_bytes;
        ending.is_whole = is_whole(&answer);
        ending.exchange = self.failed_exchange(slot, &mut answer);
        ending.error = answer.error.map(|error| self.with_request_named(slot, error));
        ending.failed_checks = answer.failed_checks;
        self.count_broken(attempt.key, address.filter(|_| ending.error.is_some()));
        self.end_attempt(&attempt, ending);
        self.settle(slot);
        self.after_attempt(slot, after, now);
    }

    /// An error whose text names the request that was sent.
    fn with_request_named(&mut self, slot: u32, error: RequestError) -> RequestError {
        let entry = self.slots.get(slot);
        let (number, request, session) =
            (entry.number, entry.attempt.request, entry.session.as_deref());
        let sample = self.host.describe(number, request, session, error.sample);
        RequestError { sample, ..error }
    }

    fn limits(&mut self, slot: u32) -> Deadlines {
        let within = self.limits;
        let entry = self.slots.get(slot);
        Deadlines {
            first_byte_ns: entry.since_ns.saturating_add(within.first_byte),
            whole_ns: entry.attempt.begun_ns.saturating_add(within.total),
        }
    }

    /// The time by which a connection must be open and secured.
    fn connect_deadline(&mut self, slot: u32, limits: Deadlines) -> u64 {
        let since_ns = self.slots.get(slot).since_ns;
        limits.whole_ns.min(since_ns.saturating_add(self.limits.connect))
    }

    /// When a slot's state times out; `None` if it never does.
    fn deadline(&mut self, slot: u32) -> Option<u64> {
        let limits = self.limits(slot);
        let entry = self.slots.get(slot);
        match entry.state {
            HttpSlotState::Connecting
            | HttpSlotState::RetryingConnect
            | HttpSlotState::Securing => {
                let knocks = if entry.state == HttpSlotState::RetryingConnect {
                    entry.wake_ns
                } else {
                    u64::MAX
                };
                Some(self.connect_deadline(slot, limits).min(knocks))
            }
            HttpSlotState::AwaitingStream | HttpSlotState::InFlight => {
                entry.connection.as_ref().map(|connection| self.host.deadline(connection, limits))
            }
            HttpSlotState::AwaitingResend => Some(entry.wake_ns),
            HttpSlotState::Free | HttpSlotState::Thinking | HttpSlotState::Idle => None,
        }
    }

    /// Sets a timer for a slot's time-out, unless one expires earlier: a timer that expires too
    /// early costs less than one for each request.
    pub(super) fn set_timer(&mut self, slot: u32) {
        let Some(deadline) = self.deadline(slot) else { return };
        let entry = self.slots.get(slot);
        if deadline < entry.timer_ns {
            entry.timer_ns = deadline;
            self.timeouts.set(deadline, slot);
        }
    }

    /// Times out what is overdue.
    pub(super) fn expire_timers(&mut self, now: u64) {
        while let Some((at, slot)) = self.timeouts.expired(now) {
            let entry = self.slots.get(slot);
            if entry.timer_ns != at {
                continue;
            }
            entry.timer_ns = u64::MAX;
            match self.deadline(slot) {
                Some(deadline) if deadline <= now => self.timer_expired(slot, now),
                _ => self.set_timer(slot),
            }
        }
    }

    fn timer_expired(&mut self, slot: u32, now: u64) {
        let limits = self.limits(slot);
        let open_by = self.connect_deadline(slot, limits);
        let entry = self.slots.get(slot);
        if entry.state == HttpSlotState::RetryingConnect && now < open_by {
            let id = SlotId { slot, generation: entry.generation };
            self.open(ready_again(id), now);
        } else if entry.state == HttpSlotState::AwaitingResend {
            self.send_or_connect(slot, now);
        } else if entry.is_connecting() {
            let (number, securing) = (entry.number, entry.state == HttpSlotState::Securing);
            let Some(connection) = &mut entry.connection else { return };
            let late = self.host.connect_timed_out(connection, number, securing);
            self.connected(slot, Err(late), now);
        } else if entry.state == HttpSlotState::AwaitingStream {
            let number = entry.number;
            let Some(connection) = &mut entry.connection else { return };
            let error = self.host.stream_timed_out(connection, number);
            self.end_connection(slot, ConnectionEnd::Timeout);
            self.fail_unsent(slot, error, now);
        } else if let Some(connection) = &mut entry.connection
            && let Some(answer) = self.host.time_out(connection, limits, now)
        {
            self.response_ended(slot, answer, now);
        }
    }
}

/// Why a connection ended that accepts no request after this response; `served`: it had answered
/// others.
fn end_by(answer: &RequestOutcome, served: bool) -> ConnectionEnd {
    let Some(error) = &answer.error else { return ConnectionEnd::Server };
    let failure = error.cause.failure;
    let cut = matches!(failure, Failure::ClosedByServer | Failure::Reset);
    match failure.origin() {
        _ if failure.is_timeout() => ConnectionEnd::Timeout,
        _ if failure == Failure::ClosedIdle || answer.retry_safety == RetrySafety::Permitted => {
            ConnectionEnd::Idle
        }
        _ if cut && served && answer.first_byte_ns.is_none() => ConnectionEnd::Idle,
        Origin::Application if is_whole(answer) => ConnectionEnd::Server,
        _ => ConnectionEnd::Failed,
    }
}

/// Whether a whole response came: it was checked, or its error can only be seen at its end.
fn is_whole(answer: &RequestOutcome) -> bool {
    let of_answer = |error: &RequestError| error.cause.failure.origin() == Origin::Application;
    answer.failed_checks.is_some() || answer.error.as_ref().is_none_or(of_answer)
}
