//! Turns one attempt into a connection, a request and an answer, and books what came of it.

use super::recorder::Attempt;
use super::slots::State;
use super::users::After;
use super::{Host, Place, Ready, Requests, Room, anew};
use crate::plan::TimeMetric;
use crate::record::{ConnectionEnd, Counter, Failure, Origin};
use crate::workload::http::{Answer, Fault, Limits, Secured, Step, Unseen};

/// Who finds no room where it goes asks again after half of the time that it has waited, but within
/// these bounds.
const KNOCK_NS: (u64, u64) = (1_000_000, 50_000_000);

impl<H: Host> Requests<H> {
    /// Carries out one request.
    pub(super) fn carry(&mut self, slot: u32, attempt: Attempt, now: u64) {
        let one = self.slots.get(slot);
        (one.attempt, one.sent_away) = (attempt, None);
        if let Some(session) = &mut one.session {
            session.begin_request();
        }
        self.resume(slot, now);
    }

    pub(super) fn connect(&mut self, slot: u32, now: u64) {
        let one = self.slots.get(slot);
        one.turn = one.turn.wrapping_add(1);
        (one.since_ns, one.served) = (now, 0);
        let joined = self.host.join(Place { slot, turn: one.turn }, one.number, now);
        if let Some(lane) = joined {
            // Whoever opened it opened it earlier.
            (one.lane, one.open_ns) = (Some(lane), now);
            self.await_first_answer(slot, now);
            self.send(slot, now);
            return;
        }
        one.state = State::Opening;
        let (key, number, place) = (one.attempt.key, one.number, Place { slot, turn: one.turn });
        self.book.cell(key).count(Counter::ConnectAttempts);
        self.book.levels.connecting += 1;
        match self.host.begin(place, number) {
            Ok(lane) => {
                let one = self.slots.get(slot);
                one.lane = Some(lane);
                self.arm(slot);
            }
            Err(fault) => self.connected(slot, Err(fault), now),
        }
    }

    /// A connection is open, or will never be.
    fn connected(&mut self, slot: u32, result: Result<(), Fault>, now: u64) {
        self.book.levels.connecting -= 1;
        let one = self.slots.get(slot);
        let (attempt, took) = (one.attempt, now.saturating_sub(one.since_ns));
        // Booked as it is below; until then the slot is nobody's.
        one.state = State::Asking;
        let Err(fault) = result else {
            self.await_first_answer(slot, now);
            let cell = self.book.cell(attempt.key);
            cell.count(Counter::ConnectOk);
            cell.time(TimeMetric::ConnectTime, took);
            self.book.levels.open += 1;
            self.send(slot, now);
            return;
        };
        self.settle(slot);
        let fault = self.told(slot, fault, now);
        let after = After::of(&fault);
        let local = after == After::Local;
        let cell = self.book.cell(attempt.key);
        cell.count(if local { Counter::ConnectFailedLocal } else { Counter::ConnectFailed });
        if let Some(lane) = self.slots.get(slot).lane.take() {
            self.host.leave(lane);
        }
        let mut ending = attempt.ending(now);
        ending.fault = Some(fault);
        self.book.end(&attempt, ending);
        self.go_on(slot, after, now);
    }

    pub(super) fn send(&mut self, slot: u32, now: u64) {
        let one = self.slots.get(slot);
        let Some(lane) = &mut one.lane else { return };
        match self.host.room(lane, one.attempt.begun_ns, now) {
            Room::Now => {}
            Room::Later => {
                if one.state != State::Waiting {
                    (one.state, one.since_ns) = (State::Waiting, now);
                }
                self.arm(slot);
                return;
            }
            Room::Never => {
                self.move_on(slot, now);
                return;
            }
        }
        one.state = State::Asking;
        let request = one.attempt.request;
        let place = Place { slot, turn: one.turn };
        one.since_ns = now;
        let sent = match &mut one.session {
            None => self.host.send(lane, request),
            Some(session) => match self.host.send_for(lane, request, session, now) {
                Ok(sent) => sent,
                Err(fault) => {
                    self.fail_unsent(slot, fault, now);
                    return;
                }
            },
        };
        one.attempt.sent_ns.get_or_insert(now);
        if !sent {
            self.again.push(place);
        }
        self.arm(slot);
    }

    /// A request that could not be written.
    pub(super) fn fail_unsent(&mut self, slot: u32, fault: Fault, now: u64) {
        let fault = self.told(slot, fault, now);
        let attempt = self.slots.get(slot).attempt;
        let mut ending = attempt.ending(now);
        let after = After::of(&fault);
        ending.fault = Some(fault);
        self.book.end(&attempt, ending);
        self.settle(slot);
        self.go_on(slot, after, now);
    }

    /// Something has happened on a connection.
    pub(super) fn react(&mut self, event: Ready, now: u64) {
        let slot = event.place.slot;
        let Some(one) = self.slots.at(event.place) else { return };
        let Some(lane) = &mut one.lane else { return };
        match one.state {
            State::Opening if event.writable || event.closed => self.open(event, now),
            State::Securing => self.secure(slot, event, now),
            State::Waiting => self.send(slot, now),
            State::Asking => match self.host.advance(lane, event.closed, now) {
                Step::Wait => {}
                Step::Again => self.again.push(event.place),
                Step::Ended(answer) => self.answered(slot, answer, now),
            },
            State::Resting | State::Idle | State::Pausing => {
                self.host.disturb(lane);
                let gone = !self.host.takes_a_request(lane);
                if gone && one.state == State::Idle {
                    self.let_go(slot, ConnectionEnd::Idle);
                } else if gone {
                    self.hang_up(slot, ConnectionEnd::Idle);
                }
            }
            State::Opening | State::Knocking | State::Free => {}
        }
    }

    /// A connection may be open.
    fn open(&mut self, event: Ready, now: u64) {
        let slot = event.place.slot;
        let one = self.slots.get(slot);
        let Some(lane) = &mut one.lane else { return };
        match self.host.open(lane, one.number) {
            Ok(true) => {
                (one.state, one.open_ns) = (State::Securing, now);
                self.secure(slot, event, now);
            }
            Ok(false) => {
                let pause = (now.saturating_sub(one.since_ns) / 2).clamp(KNOCK_NS.0, KNOCK_NS.1);
                (one.state, one.rest_ns) = (State::Knocking, now.saturating_add(pause));
                self.arm(slot);
            }
            Err(fault) => self.connected(slot, Err(fault), now),
        }
    }

    /// Goes on with what secures a connection; one that needs nothing is done at once.
    fn secure(&mut self, slot: u32, event: Ready, now: u64) {
        let one = self.slots.get(slot);
        let Some(lane) = &mut one.lane else { return };
        match self.host.secure(lane, one.number) {
            Ok(Secured::Waits) => return,
            Ok(Secured::Plain) => self.connected(slot, Ok(()), now),
            Ok(secured) => {
                // Cryptography takes its time.
                let now = self.host.now_ns();
                let cell = self.book.cell(one.attempt.key);
                cell.time(TimeMetric::TlsTime, now.saturating_sub(one.open_ns));
                if secured == Secured::Resumed {
                    cell.count(Counter::TlsResumed);
                }
                self.connected(slot, Ok(()), now);
            }
            Err(fault) => self.connected(slot, Err(fault), self.host.now_ns()),
        }
        // What came before the request is told only now.
        if event.readable || event.closed {
            self.again.push(event.place);
        }
    }

    /// Ends the connection of a slot, or its part in one that is shared.
    pub(super) fn hang_up(&mut self, slot: u32, why: ConnectionEnd) {
        let one = self.slots.get(slot);
        let Some(lane) = one.lane.take() else { return };
        let (key, why) = (one.attempt.key, self.host.ended(&lane).unwrap_or(why));
        if self.host.leave(lane) {
            self.book.levels.open -= 1;
            self.book.cell(key).end_connection(why);
        }
    }

    fn answered(&mut self, slot: u32, mut answer: Answer, now: u64) {
        let one = self.slots.get(slot);
        one.served += 1;
        // Each sending of a request has its own answer.
        if answer.sent_bytes > 0 {
            let cell = self.book.cell(one.attempt.key);
            cell.counters.add(Counter::BytesSent, answer.sent_bytes);
        }
        let goes_on = one.lane.as_ref().is_some_and(|lane| self.host.takes_a_request(lane));
        let moved = !goes_on && self.has_answered(slot);
        let spent = self.slots.get(slot).spent(self.uses, now);
        let ended = if goes_on { spent } else { Some(end_by(&answer, moved)) };
        if let Some(why) = ended {
            self.hang_up(slot, why);
        }
        if self.sends_again(slot, &mut answer, moved, now) {
            return;
        }
        if answer.first_byte_ns.is_none() {
            answer.fault = answer.fault.map(|fault| self.told(slot, fault, now));
        }
        let gains = answer.gains.take();
        if self.absorb(slot, &mut answer, gains, now) {
            return;
        }
        let attempt = self.slots.get(slot).attempt;
        let after = self.passes.after(attempt.request, &answer);
        let mut ending = attempt.ending(answer.ended_ns);
        ending.first_byte_ns = answer.first_byte_ns;
        ending.status = answer.status;
        ending.body_bytes = answer.body_bytes;
        ending.is_whole = is_whole(&answer);
        ending.fault = answer.fault.map(|fault| self.named(slot, fault));
        ending.broken = answer.broken;
        self.book.end(&attempt, ending);
        self.settle(slot);
        self.go_on(slot, after, now);
    }

    /// A fault whose words name the request that was sent.
    fn named(&mut self, slot: u32, fault: Fault) -> Fault {
        let one = self.slots.get(slot);
        let (number, request, session) = (one.number, one.attempt.request, one.session.as_deref());
        let sample = self.host.words_of(number, request, session, fault.sample);
        Fault { sample, ..fault }
    }

    fn limits(&mut self, slot: u32) -> Limits {
        let within = self.within;
        let one = self.slots.get(slot);
        Limits {
            first_byte_ns: one.since_ns.saturating_add(within.first_byte),
            whole_ns: one.attempt.begun_ns.saturating_add(within.whole),
        }
    }

    /// When a connection has to be open and secured.
    fn open_by(&mut self, slot: u32, limits: Limits) -> u64 {
        let since_ns = self.slots.get(slot).since_ns;
        limits.whole_ns.min(since_ns.saturating_add(self.within.connect))
    }

    /// When a slot is to be looked at, for it may be out of time; `None` when it has all the time.
    fn deadline(&mut self, slot: u32) -> Option<u64> {
        let limits = self.limits(slot);
        let one = self.slots.get(slot);
        match one.state {
            State::Opening | State::Knocking | State::Securing => {
                let knocks = if one.state == State::Knocking { one.rest_ns } else { u64::MAX };
                Some(self.open_by(slot, limits).min(knocks))
            }
            State::Waiting | State::Asking => {
                one.lane.as_ref().map(|lane| self.host.deadline(lane, limits))
            }
            State::Pausing => Some(one.rest_ns),
            State::Free | State::Resting | State::Idle => None,
        }
    }

    /// Sees to it that a slot is looked at when it is out of time. An alarm that rings too early is
    /// cheaper than one for each request.
    pub(super) fn arm(&mut self, slot: u32) {
        let Some(deadline) = self.deadline(slot) else { return };
        let one = self.slots.get(slot);
        if deadline < one.armed_ns {
            one.armed_ns = deadline;
            self.alarms.set(deadline, slot);
        }
    }

    /// Ends what is out of time.
    pub(super) fn find_what_is_late(&mut self, now: u64) {
        while let Some((at, slot)) = self.alarms.ring(now) {
            let one = self.slots.get(slot);
            if one.armed_ns != at {
                continue;
            }
            one.armed_ns = u64::MAX;
            match self.deadline(slot) {
                Some(deadline) if deadline <= now => self.give_up(slot, now),
                _ => self.arm(slot),
            }
        }
    }

    fn give_up(&mut self, slot: u32, now: u64) {
        let limits = self.limits(slot);
        let open_by = self.open_by(slot, limits);
        let one = self.slots.get(slot);
        if one.state == State::Knocking && now < open_by {
            let place = Place { slot, turn: one.turn };
            self.open(anew(place), now);
        } else if one.state == State::Pausing {
            self.resume(slot, now);
        } else if one.is_connecting() {
            let (number, securing) = (one.number, one.state == State::Securing);
            let Some(lane) = &mut one.lane else { return };
            let late = self.host.late(lane, number, securing);
            self.connected(slot, Err(late), now);
        } else if one.state == State::Waiting {
            let number = one.number;
            let Some(lane) = &mut one.lane else { return };
            let fault = self.host.crowded(lane, number);
            self.hang_up(slot, ConnectionEnd::Timeout);
            self.fail_unsent(slot, fault, now);
        } else if let Some(lane) = &mut one.lane
            && let Some(answer) = self.host.give_up(lane, limits, now)
        {
            self.answered(slot, answer, now);
        }
    }
}

/// Why a connection ended that takes no request after this answer; `served`: it had answered
/// others.
fn end_by(answer: &Answer, served: bool) -> ConnectionEnd {
    let Some(fault) = &answer.fault else { return ConnectionEnd::Server };
    let failure = fault.cause.failure;
    let cut = matches!(failure, Failure::ClosedByServer | Failure::Reset);
    match failure.origin() {
        _ if failure.is_timeout() => ConnectionEnd::Timeout,
        _ if failure == Failure::ClosedIdle || answer.unseen == Unseen::Perhaps => {
            ConnectionEnd::Idle
        }
        _ if cut && served && answer.first_byte_ns.is_none() => ConnectionEnd::Idle,
        Origin::Application if is_whole(answer) => ConnectionEnd::Server,
        _ => ConnectionEnd::Failed,
    }
}

/// Whether a whole response came: it was judged, or what was wrong with it could only be seen once
/// it was there.
fn is_whole(answer: &Answer) -> bool {
    let of_answer = |fault: &Fault| fault.cause.failure.origin() == Origin::Application;
    answer.broken.is_some() || answer.fault.as_ref().is_none_or(of_answer)
}
