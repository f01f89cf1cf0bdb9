//! Where a worker is in its scenario: turns the schedule into users that come and go, and arrivals
//! that are released.

use super::super::load::Load;
use super::super::wire::WorkerReport;
use super::super::worker::SlotId;
use super::{HttpHost, HttpWorker};
use crate::record::{CellKey, Transition};
use crate::schedule::{ScheduleCursor, ScheduledEvent, Shape};
use std::collections::VecDeque;

/// What is released before requests under way get a turn.
const BATCH: usize = 64;

/// Users of an unpaced ramp that may be connecting at once: more only fill the target's accept
/// queue.
const CONNECTING_MAX: u64 = 256;

/// Users of an unpaced ramp that may be connecting or waiting for their first answer at once: a
/// target that accepts slowly has a queue of usually 4,096, and forgets what overflows it without a
/// word.
const UNSETTLED_MAX: u64 = 1_024;

/// The stage that is being made.
struct CurrentStage {
    stage: u16,
    base_ns: u64,
    unpaced: bool,
    is_reported: bool,
    cursor: ScheduleCursor,
}

/// The state of the schedule for one worker.
#[derive(Default)]
pub(super) struct Stages {
    current: Option<CurrentStage>,
    next: u16,
    /// What an unpaced ramp has begun and not yet brought to its end.
    pub(super) unsettled: u64,
    /// Its users that are connected and wait for their first answer, and how long that is waited
    /// for.
    pub(super) first_responses: VecDeque<(u64, SlotId)>,
    /// Those who have come and were not told to leave, in the order of their numbers, with their
    /// slots.
    pub(super) users: Vec<(u64, u32)>,
    /// An early end that was ordered.
    ordered_end_ns: Option<u64>,
    /// Once the drain has begun: when it ends at the latest.
    drained_ns: Option<u64>,
    /// The phase that was current when the loop last looked.
    phase: Option<CellKey>,
}

impl Stages {
    pub(super) fn end_at(&mut self, at_ns: u64) {
        self.ordered_end_ns = Some(at_ns);
    }

    /// Whether the drain has begun.
    pub(super) fn is_draining(&self) -> bool {
        self.drained_ns.is_some()
    }

    /// When the last hold ends, or was told to; the ordered end also counts where the scenario has
    /// not begun.
    fn end_ns(&self, load: &Load) -> Option<u64> {
        let planned = load.timeline.at(Transition::Drain);
        [planned, self.ordered_end_ns].into_iter().flatten().min()
    }

    /// When something falls due, or a mark is passed.
    pub(super) fn next_ns(&self, load: &Load) -> Option<u64> {
        if self.drained_ns.is_some() {
            return self.drained_ns;
        }
        // What is left of an unpaced ramp waits for those who connect, not for its time.
        let current = self.current.as_ref().filter(|current| !current.unpaced);
        let due = current.and_then(|current| Some(current.base_ns + current.cursor.peek()?.1));
        let ramping =
            self.current.as_ref().is_some_and(|current| current.unpaced && !current.is_reported);
        let first = self.first_responses.front().map(|(at, _)| *at);
        let mark = load.timeline.at(Transition::Ramp(self.next)).filter(|_| !ramping);
        [due, first, mark, self.end_ns(load)].into_iter().flatten().min()
    }

    /// The next stage that has arrivals in place of users.
    fn next_open_stage(&self, load: &Load) -> u16 {
        let segments = (0..).zip(&load.schedule.segments);
        let mut open = segments.filter(|(_, entry)| matches!(entry.shape, Shape::Rate { .. }));
        open.find(|(stage, _)| *stage >= self.next).map_or(u16::MAX, |(stage, _)| stage)
    }
}

impl<H: HttpHost> HttpWorker<H> {
    /// Notes the levels of a phase that has ended, before anything is done that belongs to the
    /// next; the phase that is current.
    pub(super) fn pass_marks(&mut self, now: u64) -> CellKey {
        let key = self.recorder.phase_at(now);
        if let Some(ended) = self.stages.phase.replace(key).filter(|phase| *phase != key) {
            self.recorder.phase_ended(ended);
        }
        key
    }

    /// Releases what is due, at most a batch of it; true when there is more.
    pub(super) fn release(&mut self, now: u64) -> bool {
        let end = self.stages.end_ns(&self.load);
        for _ in 0..BATCH {
            let (unsettled, connecting) = (self.stages.unsettled, self.recorder.live.connecting);
            let Some(current) = &mut self.stages.current else {
                if !self.begin_next(now) {
                    return false;
                }
                continue;
            };
            if let Some((due, offset)) = current.cursor.peek() {
                let at = current.base_ns + offset;
                let full =
                    current.unpaced && (connecting >= CONNECTING_MAX || unsettled >= UNSETTLED_MAX);
                if at > now || end.is_some_and(|end| at >= end) || full {
                    return false;
                }
                current.cursor.advance();
                let unpaced = current.unpaced;
                self.start(due, at, unpaced);
            } else if current.unpaced && !current.is_reported {
                if unsettled > 0 {
                    return false;
                }
                current.is_reported = true;
                let stage = current.stage;
                self.host.report(WorkerReport::RampReached { stage });
            } else if !self.begin_next(now) {
                return false;
            }
        }
        true
    }

    /// Goes on to the next stage once its time has come.
    fn begin_next(&mut self, now: u64) -> bool {
        let stage = self.stages.next;
        let Some(segment) = self.load.schedule.segments.get(usize::from(stage)) else {
            return false;
        };
        let Some(base_ns) = self.load.timeline.at(Transition::Ramp(stage)).filter(|at| *at <= now)
        else {
            return false;
        };
        let unpaced = segment.ramp_ns().is_none();
        match segment.shape {
            Shape::Rate { .. } => self.stop_all_users(),
            Shape::Users { .. } => self.close_idle_connections(),
        }
        let walk = self.load.schedule.cursor(usize::from(stage), self.load.partition);
        self.stages.current =
            Some(CurrentStage { stage, base_ns, unpaced, is_reported: false, cursor: walk });
        self.stages.next += 1;
        true
    }

    fn start(&mut self, due: ScheduledEvent, at_ns: u64, unpaced: bool) {
        // What was released before it in the same batch took its time.
        let now = self.host.now_ns();
        match due {
            ScheduledEvent::UserStart(number) => {
                let gone_by = self.stages.next_open_stage(&self.load);
                let slot = self.start_user(number, (!unpaced).then_some(at_ns), gone_by, now);
                self.stages.users.push((number, slot));
                self.next_request(slot, now);
            }
            ScheduledEvent::UserStop(number) => {
                // The highest number goes first, and was the last to come.
                while let Some((_, slot)) = self.stages.users.pop_if(|(last, _)| *last >= number) {
                    self.stop_user(slot, unpaced);
                }
            }
            ScheduledEvent::Arrival(number) => self.arrive(number, at_ns, now),
        }
    }

    pub(super) fn stop_all_users(&mut self) {
        for (_, slot) in std::mem::take(&mut self.stages.users) {
            self.stop_user(slot, false);
        }
    }

    /// Begins the drain once its time has come: what is under way has as long as a request may
    /// take.
    pub(super) fn begin_drain(&mut self, now: u64) {
        let Some(end) = self.stages.end_ns(&self.load).filter(|end| *end <= now) else { return };
        let undone = self.stages.current.as_ref().and_then(|current| {
            let due = current.base_ns + current.cursor.peek()?.1;
            (due < end && !current.unpaced).then_some(due)
        });
        if self.stages.drained_ns.is_none() && undone.is_none() {
            self.stop_all_users();
            self.close_idle_connections();
            self.end_thinking_arrivals();
            self.drop_what_waits_for_rows();
            self.stages.drained_ns = Some(end.saturating_add(self.limits.total));
        }
    }

    /// Whether nothing is under way any more, or has no more time.
    pub(super) fn is_drained(&self, now: u64) -> bool {
        self.stages.drained_ns.is_some_and(|end| self.slots.is_empty() || now >= end)
    }
}
