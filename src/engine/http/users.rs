//! Turns virtual users into requests with think times between them, and arrivals into requests on
//! connections that are kept.

use super::slots::State;
use super::{Host, Place, Requests};
use crate::plan::Phase;
use crate::record::{ConnectionEnd, FailureStage, Origin};
use crate::workload::http::{Fault, Moved};

const MS: u64 = 1_000_000;

/// A user waits so long after a connection that did not come about, whatever its think time, and
/// twice as long after each further one, up to the longest wait: a target that refuses everything
/// is not asked faster than it can be told apart from a busy loop.
const FIRST_WAIT_NS: u64 = 10 * MS;
const LONGEST_WAIT_NS: u64 = 1_000 * MS;

/// A user waits so long after the generator itself failed: it is out of something, and others have
/// to give that back first.
const LOCAL_WAIT_NS: u64 = 100 * MS;

/// So long does an unpaced ramp wait for a user's first answer before it counts it as there.
const FIRST_ANSWER_NS: u64 = 200 * MS;

/// What the next request of the same slot has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Go,
    /// It failed.
    Failed,
    /// No connection came about.
    Unconnected,
    /// The generator itself failed.
    Local,
}

impl After {
    /// What follows a fault that ends a pass.
    pub(super) fn of(fault: &Fault) -> Self {
        match (fault.cause.failure.origin(), fault.cause.at) {
            (Origin::Local, _) => Self::Local,
            (_, FailureStage::Connect | FailureStage::Tls) => Self::Unconnected,
            _ => Self::Failed,
        }
    }
}

impl<H: Host> Requests<H> {
    /// Lets a user in. `due_ns`: when it was to come; `None` in an unpaced ramp, where nothing is
    /// late. `gone_by`: the stage that has no users any more; what begins in it is an arrival's.
    pub(super) fn admit(
        &mut self,
        number: u64,
        due_ns: Option<u64>,
        gone_by: u16,
        now: u64,
    ) -> u32 {
        let slot = self.slots.take(number, true, self.choices.of(number));
        self.slots.get(slot).gone_by = gone_by;
        self.book.levels.users += 1;
        match due_ns {
            Some(due_ns) => self.book.lag(self.book.phase_at(due_ns), now.saturating_sub(due_ns)),
            None => self.unsettle(slot),
        }
        slot
    }

    /// Tells a user to go: at once when it rests, after its request otherwise.
    pub(super) fn dismiss(&mut self, slot: u32, unpaced: bool) {
        let one = self.slots.get(slot);
        if one.state == State::Free || !one.is_user {
            return;
        }
        one.leaving = true;
        let rests = one.state == State::Resting;
        if unpaced {
            self.unsettle(slot);
        }
        if rests {
            self.let_go(slot, ConnectionEnd::Planned);
        }
    }

    fn unsettle(&mut self, slot: u32) {
        self.slots.get(slot).settling += 1;
        self.stages.unsettled += 1;
    }

    /// A user of an unpaced ramp is connected: it is there once its first answer has come, or after
    /// a moment. What was not accepted yet looks connected, too.
    pub(super) fn await_first_answer(&mut self, slot: u32, now: u64) {
        let one = self.slots.get(slot);
        if one.settling > 0 {
            let place = Place { slot, turn: one.turn };
            self.stages.firsts.push_back((now.saturating_add(FIRST_ANSWER_NS), place));
        }
    }

    /// No longer waits for first answers that take their time.
    pub(super) fn end_first_waits(&mut self, now: u64) {
        while let Some((_, place)) = self.stages.firsts.pop_front_if(|(at, _)| *at <= now) {
            if self.slots.at(place).is_some() {
                self.settle(place.slot);
            }
        }
    }

    /// A user has come, or has failed to, or has gone.
    pub(super) fn settle(&mut self, slot: u32) {
        let one = self.slots.get(slot);
        // One that was dismissed meanwhile is waited for until it has gone.
        let left = u8::from(one.leaving && one.state != State::Free && one.settling > 0);
        let settled = u64::from(one.settling - left);
        one.settling = left;
        self.stages.unsettled -= settled;
    }

    /// A user's next request, or its end.
    pub(super) fn next_request(&mut self, slot: u32, now: u64) {
        // Not only once a turn of the loop: those who go at the end of a phase were there up to it.
        let phase = self.pass_marks(now);
        let one = self.slots.get(slot);
        if one.leaving || phase.phase == Phase::Drain || phase.stage >= one.gone_by {
            self.let_go(slot, ConnectionEnd::Planned);
            return;
        }
        if one.step == 0 {
            if self.passes.is_short_of_rows() {
                self.await_row(slot);
                return;
            }
            let number = one.number;
            self.passes.begin(one, number);
            self.ask_for_rows();
        }
        let one = self.slots.get(slot);
        let request = if self.passes.in_steps {
            usize::from(one.step)
        } else {
            self.choices.request(&mut one.rng)
        };
        let attempt = self.book.start(None, u32::try_from(request).unwrap_or(0), now);
        self.carry(slot, attempt, now);
    }

    /// Takes an arrival, or drops it when there is no room.
    pub(super) fn arrive(&mut self, number: u64, due_ns: u64, now: u64) {
        self.closing = false;
        if self.busy >= self.room {
            self.book.drop_due(due_ns, self.choices.of_arrival(number));
            return;
        }
        if self.passes.is_short_of_rows() {
            self.let_arrival_wait(number, due_ns);
            return;
        }
        self.busy += 1;
        let mut rng = self.choices.of(number);
        let request = self.choices.first(&mut rng);
        let slot = self.idle_slot().unwrap_or_else(|| {
            let (index, of) = (self.load.partition.index, self.load.partition.of);
            let nth = self.numbers.take();
            self.slots.take(nth * u64::from(of) + u64::from(index), false, rng.clone())
        });
        let one = self.slots.get(slot);
        one.rng = rng;
        self.passes.begin(one, number);
        self.ask_for_rows();
        let attempt = self.book.start(Some(due_ns), u32::try_from(request).unwrap_or(0), now);
        self.carry(slot, attempt, now);
    }

    fn idle_slot(&mut self) -> Option<u32> {
        while let Some(place) = self.idle.pop() {
            if self.slots.at(place).is_some_and(|one| one.state == State::Idle) {
                return Some(place.slot);
            }
        }
        None
    }

    /// Ends the idle connections now, and the others after their request.
    pub(super) fn close_idle(&mut self) {
        self.closing = true;
        while let Some(slot) = self.idle_slot() {
            self.let_go(slot, ConnectionEnd::Planned);
        }
    }

    /// A request has ended.
    pub(super) fn go_on(&mut self, slot: u32, after: After, now: u64) {
        let one = self.slots.get(slot);
        one.state = State::Idle;
        if !one.is_user {
            if !self.goes_on_with_pass(slot, after, now) {
                self.end_arrival(slot);
            }
            return;
        }
        let mut pause = self.pause_after(slot, after);
        let one = self.slots.get(slot);
        match after {
            After::Go | After::Failed => one.failures = 0,
            After::Local => pause = pause.max(LOCAL_WAIT_NS),
            After::Unconnected => {
                pause = pause.max((FIRST_WAIT_NS << one.failures).min(LONGEST_WAIT_NS));
                one.failures = (one.failures + 1).min(7);
            }
        }
        if pause == 0 || one.leaving {
            self.next_request(slot, now);
        } else {
            self.rest(slot, now.saturating_add(pause));
        }
    }

    /// Lets a slot wait.
    pub(super) fn rest(&mut self, slot: u32, until_ns: u64) {
        let one = self.slots.get(slot);
        one.state = State::Resting;
        one.rest_ns = until_ns;
        self.rests.set(until_ns, slot);
    }

    /// An arrival has done what it came for: its connection waits for another one.
    pub(super) fn end_arrival(&mut self, slot: u32) {
        self.busy -= 1;
        let one = self.slots.get(slot);
        one.state = State::Idle;
        one.session = None;
        if self.closing || one.lane.is_none() {
            self.let_go(slot, ConnectionEnd::Planned);
        } else {
            self.idle.push(Place { slot, turn: one.turn });
        }
    }

    /// Wakes those whose wait is over.
    pub(super) fn end_rests(&mut self, now: u64) {
        while let Some((at, slot)) = self.rests.ring(now) {
            let one = self.slots.get(slot);
            if one.state == State::Resting && one.rest_ns == at {
                let is_user = one.is_user;
                let now = self.host.now_ns();
                if is_user { self.next_request(slot, now) } else { self.next_step(slot, now) }
            }
        }
    }

    /// Lets a slot's user or connection go, whatever it does; `why` its connection ends.
    pub(super) fn let_go(&mut self, slot: u32, why: ConnectionEnd) {
        let one = self.slots.get(slot);
        match one.state {
            State::Free if one.settling == 0 && !one.is_user => return,
            _ if one.is_connecting() => self.book.levels.connecting -= 1,
            _ => {}
        }
        let one = self.slots.get(slot);
        if one.has_request() {
            let attempt = one.attempt;
            let asked = one.lane.as_ref().filter(|_| one.state == State::Asking);
            let moved = asked.map_or_else(Moved::default, |lane| self.host.moved(lane));
            self.book.leave(&attempt, moved);
        }
        let one = self.slots.get(slot);
        if !one.is_connecting() {
            self.hang_up(slot, why);
        } else if let Some(lane) = one.lane.take() {
            self.host.leave(lane);
        }
        let one = self.slots.get(slot);
        if std::mem::take(&mut one.is_user) {
            self.book.levels.users -= 1;
        } else {
            self.numbers.give_back(one.number / u64::from(self.load.partition.of));
        }
        one.state = State::Free;
        self.settle(slot);
        self.slots.give_back(slot);
    }
}
