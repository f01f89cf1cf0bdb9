//! Follows the schedule of one worker: opens and closes the connections that are due.

use super::super::load::Load;
use super::super::wire::WorkerReport;
use super::slots::ConnectionState;
use super::{BATCH, HoldHost, HoldWorker, OPENING_MAX};
use crate::plan::{Close, Phase};
use crate::record::{AttemptOutcome, CellKey, Counter, LifeEnd, Transition};
use crate::schedule::{ScheduleCursor, ScheduledEvent, Shape, SpawnPace, StageTimes};
use crate::units::{narrow, slot};
use crate::workload::hold::Conversation;
use std::collections::VecDeque;

/// A start that is late by less than this counts as on time: the lag that makes a run INVALID is
/// longer at its 99th percentile.
const LAST_MOMENT_NS: u64 = 100_000_000;

/// The state of the schedule for one worker.
pub(super) struct HoldStages {
    timeline: StageTimes,
    count: u16,
    next: Transition,
    now: CellKey,
    ramps: VecDeque<RampInProgress>,
    token: Option<u16>,
    /// In the drain: the next slot to close.
    draining: Option<u32>,
    /// Whether it is this worker's turn to close connections.
    may_close: bool,
    over: bool,
}

/// A ramp in progress.
struct RampInProgress {
    stage: u16,
    base_ns: u64,
    unpaced: bool,
    cursor: ScheduleCursor,
}

impl HoldStages {
    pub(super) fn new(load: &Load) -> Self {
        Self {
            timeline: load.timeline.clone(),
            count: narrow(load.schedule.segments.len()),
            next: Transition::Ramp(0),
            now: CellKey { stage: 0, phase: Phase::Ramp },
            ramps: VecDeque::new(),
            token: None,
            draining: None,
            may_close: false,
            over: false,
        }
    }

    /// The current phase.
    pub(super) fn now(&self) -> CellKey {
        self.now
    }

    /// The phase at a time, however far this worker has come: the same for all workers.
    pub(super) fn phase_at(&self, at_ns: u64) -> CellKey {
        let mut marks = (0..self.count).flat_map(|stage| {
            [(Transition::Ramp(stage), Phase::Ramp), (Transition::Hold(stage), Phase::Hold)]
                .map(|(mark, phase)| (mark, CellKey { stage, phase }))
        });
        let begun =
            |mark: Transition| self.timeline.at(mark).is_some_and(|begun_ns| begun_ns <= at_ns);
        marks.rfind(|(mark, _)| begun(*mark)).map_or(self.now, |(_, key)| key)
    }

    pub(super) fn learn(&mut self, mark: Transition, at_ns: u64) {
        self.timeline.learn(mark, at_ns);
    }

    pub(super) fn grant_ramp(&mut self, stage: u16) {
        self.token = Some(stage);
    }

    pub(super) fn close(&mut self) {
        self.may_close = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the drain has begun.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// When the scenario starts; `None` while unknown.
    pub(super) fn start_ns(&self) -> Option<u64> {
        self.timeline.at(Transition::Ramp(0))
    }

    /// When the next event of the schedule or the next transition is due.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let mark = self.timeline.at(self.next).or_else(|| self.timeline.at(Transition::Drain));
        let due = self.ramps.front().filter(|ramp| !ramp.unpaced);
        let due = due.and_then(|ramp| ramp.cursor.peek().map(|(_, offset)| ramp.base_ns + offset));
        [mark.filter(|_| self.draining.is_none()), due].into_iter().flatten().min()
    }

    /// The next transition, if its time has come; an early drain skips those behind it.
    fn pass(&mut self, now: u64) -> Option<(Transition, u64)> {
        if self.draining.is_some() {
            return None;
        }
        let drain = self.timeline.at(Transition::Drain).filter(|at| *at <= now);
        let (mark, at) = match self.timeline.at(self.next).filter(|at| *at <= now) {
            Some(at) => (self.next, at),
            None => (Transition::Drain, drain?),
        };
        self.next = match mark {
            Transition::Ramp(stage) => Transition::Hold(stage),
            Transition::Hold(stage) if stage + 1 < self.count => Transition::Ramp(stage + 1),
            Transition::Hold(_) | Transition::Drain | Transition::End => Transition::Drain,
        };
        Some((mark, at))
    }
}

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// Makes every transition whose time has come.
    pub(super) fn pass_marks(&mut self, now: u64) {
        while let Some((mark, at)) = self.stages.pass(now) {
            if mark != Transition::Ramp(0) {
                self.recorder.phase_ended(self.stages.now, self.gauges());
            }
            self.record_time(at);
            match mark {
                Transition::Ramp(stage) => {
                    self.stages.now = CellKey { stage, phase: Phase::Ramp };
                    let cursor = self.load.schedule.cursor(usize::from(stage), self.load.partition);
                    let shape = self.load.schedule.segments[usize::from(stage)].shape;
                    let unpaced = matches!(shape, Shape::Users { from, to, pace: SpawnPace::Unpaced } if from != to);
                    self.stages.ramps.push_back(RampInProgress {
                        stage,
                        base_ns: at,
                        unpaced,
                        cursor,
                    });
                }
                Transition::Hold(stage) => {
                    self.stages.now = CellKey { stage, phase: Phase::Hold };
                    self.recorder
                        .cell(self.stages.now)
                        .counters
                        .add(Counter::HoldEntered, self.open);
                }
                Transition::Drain | Transition::End => {
                    self.drop_undone(at);
                    self.time.closed = true;
                    self.stages.now.phase = Phase::Drain;
                    self.end_all_attempts(now);
                    self.stages.draining = Some(0);
                }
            }
        }
    }

    /// Drops what was due before the drain and could not be started. What fell due just before an
    /// early end is not late: the loop heard of the end before it read the clock again.
    fn drop_undone(&mut self, drain_ns: u64) {
        for mut ramp in std::mem::take(&mut self.stages.ramps) {
            let key = CellKey { stage: ramp.stage, phase: Phase::Ramp };
            while let Some((due, offset)) = ramp
                .cursor
                .peek()
                .filter(|(_, offset)| ramp.base_ns + offset + LAST_MOMENT_NS < drain_ns)
            {
                // An unpaced ramp that is stopped was not late: its rest was never due.
                if matches!(due, ScheduledEvent::UserStart(_)) && !ramp.unpaced {
                    let cell = self.recorder.cell(key);
                    cell.count(Counter::Due);
                    cell.count(Counter::Dropped);
                    self.recorder.lag(drain_ns - ramp.base_ns - offset);
                }
                ramp.cursor.advance();
            }
        }
    }

    /// Opens and closes what is due, at most a batch; true if there is more.
    pub(super) fn advance_schedule(&mut self, now: u64) -> bool {
        if let Some(slot) = self.stages.draining {
            return self.drain(slot);
        }
        for _ in 0..BATCH {
            let Some(ramp) = self.stages.ramps.front() else { return false };
            let (stage, base_ns, unpaced) = (ramp.stage, ramp.base_ns, ramp.unpaced);
            if unpaced && self.stages.token != Some(stage) && ramp.cursor.peek().is_some() {
                return false;
            }
            let Some((due, offset)) = ramp.cursor.peek() else {
                if unpaced && self.ramping > 0 {
                    return false;
                }
                self.stages.ramps.pop_front();
                if unpaced {
                    self.host.report(WorkerReport::RampReached { stage });
                }
                continue;
            };
            if base_ns + offset > now || (unpaced && self.ramping >= OPENING_MAX) {
                return false;
            }
            if let Some(ramp) = self.stages.ramps.front_mut() {
                ramp.cursor.advance();
            }
            match due {
                ScheduledEvent::UserStart(user) => {
                    let key = CellKey { stage, phase: Phase::Ramp };
                    self.begin_attempt(user, key, (!unpaced).then_some(base_ns + offset), false);
                }
                ScheduledEvent::UserStop(user) => {
                    let slot = self.slots.slot(user);
                    self.stop_user(slot, now);
                }
                // Only users hold connections.
                ScheduledEvent::Arrival(_) => {}
            }
        }
        true
    }

    /// Ends every attempt as planned, all at the same time. Sockets are closed when it is this
    /// worker's turn: all workers at once would only compete for the cores.
    fn end_all_attempts(&mut self, now: u64) {
        for slot in 0..self.slots.len() {
            match self.slots.get(slot).state {
                ConnectionState::Open => {
                    let connection = self.slots.get(slot);
                    connection.state = ConnectionState::Closing;
                    let (key, life) = (connection.key(), connection.life(LifeEnd::Censored, now));
                    self.recorder.cell(self.stages.now()).count(Counter::Closed);
                    let cell = self.recorder.cell(key);
                    cell.survival.record(&life);
                    cell.end(AttemptOutcome::Ok, now, String::new);
                }
                ConnectionState::Connecting
                | ConnectionState::Securing
                | ConnectionState::Handshaking
                | ConnectionState::Opening => {
                    self.stop_user(slot, now);
                }
                ConnectionState::Free | ConnectionState::Closing => {}
            }
            self.stop_reconnecting(slot);
        }
    }

    /// Closes the next connections; true if there are more.
    fn drain(&mut self, from: u32) -> bool {
        let end = from.saturating_add(slot(4 * BATCH)).min(self.slots.len());
        if self.open > 0 && !self.stages.may_close {
            return false;
        }
        if self.closing.is_full() {
            return false;
        }
        for slot in from..end {
            if self.settings.close == Close::Fin && !C::HAS_CLOSING_HANDSHAKE {
                self.discard(slot);
            }
            if let Some((socket, conversation)) = self.slots.get(slot).end() {
                self.open -= 1;
                self.begin_closing(slot, socket, conversation, self.settings.close);
            }
        }
        self.stages.draining = Some(end);
        let all = end == self.slots.len();
        self.stages.over = all && self.closing.is_empty();
        !all
    }
}
