//! Runs virtual users, with think times between requests, and arrivals on connections that are
//! kept.

use super::super::worker::SlotId;
use super::fixed_work::Share;
use super::slots::{HttpSlotState, NO_STAGE};
use super::{HttpHost, HttpWorker};
use crate::plan::Phase;
use crate::record::{ConnectionEnd, FailureStage, Origin};
use crate::units::narrow;
use crate::workload::http::{RequestError, Transferred};

const MS: u64 = 1_000_000;

/// The pause after a connection that failed to open, whatever the think time: it doubles with each
/// failure in a row up to the longest, so that a target that refuses everything is not flooded.
const FIRST_WAIT_NS: u64 = 10 * MS;
const LONGEST_WAIT_NS: u64 = 1_000 * MS;

/// The pause after a failure of the generator itself: it lacks some resource that others must free
/// first.
const LOCAL_WAIT_NS: u64 = 100 * MS;

/// How long an unpaced ramp waits for a user's first response before it counts the user as started.
const FIRST_ANSWER_NS: u64 = 200 * MS;

/// How a slot proceeds after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuation {
    /// With the next step.
    Proceed,
    /// The attempt failed.
    Failed,
    /// No connection opened.
    NotConnected,
    /// The generator itself failed.
    Local,
}

impl Continuation {
    /// How to proceed after an error that ends an iteration.
    pub(super) fn of(error: &RequestError) -> Self {
        match (error.cause.failure.origin(), error.cause.at) {
            (Origin::Local, _) => Self::Local,
            (_, FailureStage::Connect | FailureStage::Tls) => Self::NotConnected,
            _ => Self::Failed,
        }
    }
}

impl<H: HttpHost> HttpWorker<H> {
    /// Starts a user. `due_ns`: when it was due; `None` in an unpaced ramp, where nothing is late.
    /// `gone_by`: the next stage without users, whose requests belong to arrivals.
    pub(super) fn start_user(
        &mut self,
        number: u64,
        due_ns: Option<u64>,
        gone_by: u16,
        now: u64,
    ) -> u32 {
        let slot = self.slots.take(number, true, self.mix.rng(number));
        self.slots.get(slot).removed_in_stage = gone_by;
        self.recorder.live.users += 1;
        match due_ns {
            Some(due_ns) => {
                self.recorder.lag(self.recorder.phase_at(due_ns), now.saturating_sub(due_ns));
            }
            None => self.unsettle(slot),
        }
        slot
    }

    /// Stops a user: at once if it is thinking, after its request otherwise.
    pub(super) fn stop_user(&mut self, slot: u32, unpaced: bool) {
        let entry = self.slots.get(slot);
        if entry.state == HttpSlotState::Free || !entry.is_user {
            return;
        }
        entry.leaving = true;
        let rests = entry.state == HttpSlotState::Thinking;
        if unpaced {
            self.unsettle(slot);
        }
        if rests {
            self.free_slot(slot, ConnectionEnd::Planned);
        }
    }

    fn unsettle(&mut self, slot: u32) {
        self.slots.get(slot).awaited_by_ramp += 1;
        self.stages.unsettled += 1;
    }

    /// In an unpaced ramp a user counts as started once its first response arrives, or after
    /// `FIRST_ANSWER_NS`: a connection still in the accept queue already looks open to us.
    pub(super) fn await_first_answer(&mut self, slot: u32, now: u64) {
        let entry = self.slots.get(slot);
        if entry.awaited_by_ramp > 0 {
            let id = SlotId { slot, generation: entry.generation };
            self.stages.first_responses.push_back((now.saturating_add(FIRST_ANSWER_NS), id));
        }
    }

    /// Stops waiting for first responses that are overdue.
    pub(super) fn settle_overdue(&mut self, now: u64) {
        while let Some((_, id)) = self.stages.first_responses.pop_front_if(|(at, _)| *at <= now) {
            if self.slots.current(id).is_some() {
                self.settle(id.slot);
            }
        }
    }

    /// A user that an unpaced ramp waited for has started, failed or left.
    pub(super) fn settle(&mut self, slot: u32) {
        let entry = self.slots.get(slot);
        // One that was stopped meanwhile is awaited until it has left.
        let left = u8::from(
            entry.leaving && entry.state != HttpSlotState::Free && entry.awaited_by_ramp > 0,
        );
        let settled = u64::from(entry.awaited_by_ramp - left);
        entry.awaited_by_ramp = left;
        self.stages.unsettled -= settled;
    }

    /// Begins a user's next request, or ends the user.
    pub(super) fn next_request(&mut self, slot: u32, now: u64) {
        // For each user, not only once for all: those that leave at the end of a phase were there
        // until it ended.
        let phase = self.pass_marks(now);
        let entry = self.slots.get(slot);
        if entry.leaving || phase.phase == Phase::Drain || phase.stage >= entry.removed_in_stage {
            self.free_slot(slot, ConnectionEnd::Planned);
            return;
        }
        if entry.step == 0 {
            if self.iterations.is_short_of_rows() {
                self.await_row(slot);
                return;
            }
            let mut of_stage = None;
            if self.fixed.is_any() {
                match self.take_iteration(slot, now) {
                    Share::Begins(number) => of_stage = number,
                    Share::Waits => return,
                }
            }
            let entry = self.slots.get(slot);
            let number = entry.number;
            self.iterations.begin(entry, number, of_stage);
            self.ask_for_rows();
        }
        let entry = self.slots.get(slot);
        let request = if self.iterations.in_steps {
            usize::from(entry.step)
        } else {
            self.mix.request(&mut entry.rng)
        };
        let attempt = self.recorder.start(None, narrow(request).into(), now);
        self.begin_attempt(slot, attempt, now);
    }

    /// Starts an arrival, or drops it if `max_in_flight` is reached.
    pub(super) fn arrive(&mut self, number: u64, due_ns: u64, now: u64) {
        self.close_after_use = false;
        if self.in_flight >= self.max_in_flight {
            self.recorder.drop_due(due_ns, self.mix.of_arrival(number));
            return;
        }
        if self.iterations.is_short_of_rows() {
            self.let_arrival_wait(number, due_ns);
            return;
        }
        self.in_flight += 1;
        let mut rng = self.mix.rng(number);
        let request = self.mix.first(&mut rng);
        let slot = self.idle_slot().unwrap_or_else(|| {
            let number = self.load.partition.nth_owned(self.numbers.take(), 1);
            self.slots.take(number, false, rng.clone())
        });
        let entry = self.slots.get(slot);
        entry.rng = rng;
        self.iterations.begin(entry, number, None);
        self.ask_for_rows();
        let attempt = self.recorder.start(Some(due_ns), narrow(request).into(), now);
        self.begin_attempt(slot, attempt, now);
    }

    fn idle_slot(&mut self) -> Option<u32> {
        while let Some(id) = self.idle.pop() {
            if self.slots.current(id).is_some_and(|entry| entry.state == HttpSlotState::Idle) {
                return Some(id.slot);
            }
        }
        None
    }

    /// Closes idle connections now, and the others after their requests.
    pub(super) fn close_idle_connections(&mut self) {
        self.close_after_use = true;
        while let Some(slot) = self.idle_slot() {
            self.free_slot(slot, ConnectionEnd::Planned);
        }
    }

    /// Decides what a slot does after an attempt.
    pub(super) fn after_attempt(&mut self, slot: u32, after: Continuation, now: u64) {
        let entry = self.slots.get(slot);
        entry.state = HttpSlotState::Idle;
        if !entry.is_user {
            if !self.continues_iteration(slot, after, now) {
                self.end_arrival(slot);
            }
            return;
        }
        let mut pause = self.pause_after(slot, after);
        let entry = self.slots.get(slot);
        if entry.stage_of_work != NO_STAGE && entry.step == 0 {
            self.end_iteration(slot, true);
        }
        let entry = self.slots.get(slot);
        match after {
            Continuation::Proceed | Continuation::Failed => entry.failures = 0,
            Continuation::Local => pause = pause.max(LOCAL_WAIT_NS),
            Continuation::NotConnected => {
                pause = pause.max((FIRST_WAIT_NS << entry.failures).min(LONGEST_WAIT_NS));
                entry.failures = (entry.failures + 1).min(7);
            }
        }
        if pause == 0 || entry.leaving {
            self.next_request(slot, now);
        } else {
            self.think_until(slot, now.saturating_add(pause));
        }
    }

    /// Lets a slot pause.
    pub(super) fn think_until(&mut self, slot: u32, until_ns: u64) {
        let entry = self.slots.get(slot);
        entry.state = HttpSlotState::Thinking;
        entry.wake_ns = until_ns;
        self.wake_ups.set(until_ns, slot);
    }

    /// Ends the iteration of an arrival; its connection waits for the next one.
    pub(super) fn end_arrival(&mut self, slot: u32) {
        self.in_flight -= 1;
        let entry = self.slots.get(slot);
        entry.state = HttpSlotState::Idle;
        entry.session = None;
        if self.close_after_use || entry.connection.is_none() {
            self.free_slot(slot, ConnectionEnd::Planned);
        } else {
            self.idle.push(SlotId { slot, generation: entry.generation });
        }
    }

    /// Continues slots whose pause is over.
    pub(super) fn wake_thinkers(&mut self, now: u64) {
        while let Some((at, slot)) = self.wake_ups.expired(now) {
            let entry = self.slots.get(slot);
            if entry.state == HttpSlotState::Thinking && entry.wake_ns == at {
                let is_user = entry.is_user;
                let now = self.host.now_ns();
                if is_user { self.next_request(slot, now) } else { self.next_step(slot, now) }
            }
        }
    }

    /// Frees a slot, whatever it is doing; `why` its connection ends.
    pub(super) fn free_slot(&mut self, slot: u32, why: ConnectionEnd) {
        let entry = self.slots.get(slot);
        match entry.state {
            HttpSlotState::Free if entry.awaited_by_ramp == 0 && !entry.is_user => return,
            _ if entry.is_connecting() => self.recorder.live.connecting -= 1,
            _ => {}
        }
        let entry = self.slots.get(slot);
        if entry.has_request() {
            let attempt = entry.attempt;
            let asked =
                entry.connection.as_ref().filter(|_| entry.state == HttpSlotState::InFlight);
            let moved = asked
                .map_or_else(Transferred::default, |connection| self.host.bytes_moved(connection));
            self.recorder.unfinished(&attempt, moved);
        }
        let entry = self.slots.get(slot);
        if !entry.is_connecting() {
            self.end_connection(slot, why);
        } else if let Some(connection) = entry.connection.take() {
            self.host.leave(connection);
        }
        let entry = self.slots.get(slot);
        if std::mem::take(&mut entry.is_user) {
            self.recorder.live.users -= 1;
        } else {
            self.numbers.give_back(self.load.partition.place_of(entry.number, 1));
        }
        entry.state = HttpSlotState::Free;
        self.settle(slot);
        if self.slots.get(slot).stage_of_work != NO_STAGE {
            self.end_iteration(slot, false);
        }
        self.slots.give_back(slot);
    }
}
