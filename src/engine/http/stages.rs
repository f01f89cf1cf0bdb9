//! Follows the schedule of one worker: starts and stops users, and releases arrivals.

use super::super::load::Load;
use super::super::wire::WorkerReport;
use super::super::worker::SlotId;
use super::{HttpHost, HttpWorker};
use crate::record::{CellKey, Transition};
use crate::schedule::{ScheduleCursor, ScheduledEvent, Shape};
use std::collections::VecDeque;

/// How many events of the schedule are released before the loop looks at connections again.
const BATCH: usize = 64;

/// How many users of an unpaced ramp may be connecting at once: more only fill the target's accept
/// queue.
const CONNECTING_MAX: u64 = 256;

/// How many users of an unpaced ramp may be connecting or waiting for their first response at once:
/// the accept queue of a slow target usually holds 4,096, and silently drops the rest.
const UNSETTLED_MAX: u64 = 1_024;

/// The stage in progress.
struct CurrentStage {
    stage: u16,
    base_ns: u64,
    unpaced: bool,
    is_reported: bool,
    cursor: ScheduleCursor,
}

/// The state of the schedule for one worker.
#[derive(Default)]
pub(super) struct HttpStages {
    current: Option<CurrentStage>,
    next: u16,
    /// Users of an unpaced ramp that were started or stopped and are still awaited.
    pub(super) unsettled: u64,
    /// Users of it that have connected, and until when their first response is awaited.
    pub(super) first_responses: VecDeque<(u64, SlotId)>,
    /// Users that were started and not stopped, in the order of their numbers, with their slots.
    pub(super) users: Vec<(u64, u32)>,
    /// When the coordinator has ended the scenario early.
    ordered_end_ns: Option<u64>,
    /// In the drain: when it ends at the latest.
    drained_ns: Option<u64>,
    /// The phase in which the loop last was.
    phase: Option<CellKey>,
}

impl HttpStages {
    pub(super) fn end_at(&mut self, at_ns: u64) {
        self.ordered_end_ns = Some(at_ns);
    }

    /// Whether the drain has begun.
    pub(super) fn is_draining(&self) -> bool {
        self.drained_ns.is_some()
    }

    /// When the last hold ends, by plan or by command; a command also counts before the start.
    fn end_ns(&self, load: &Load) -> Option<u64> {
        let planned = load.timeline.at(Transition::Drain);
        [planned, self.ordered_end_ns].into_iter().flatten().min()
    }

    /// When the next event of the schedule or the next transition is due.
    pub(super) fn next_ns(&self, load: &Load) -> Option<u64> {
        if self.drained_ns.is_some() {
            return self.drained_ns;
        }
        // The rest of an unpaced ramp waits for users that connect, not for a time.
        let current = self.current.as_ref().filter(|current| !current.unpaced);
        let due = current.and_then(|current| Some(current.base_ns + current.cursor.peek()?.1));
        let ramping =
            self.current.as_ref().is_some_and(|current| current.unpaced && !current.is_reported);
        let first = self.first_responses.front().map(|(at, _)| *at);
        let mark = load.timeline.at(Transition::Ramp(self.next)).filter(|_| !ramping);
        [due, first, mark, self.end_ns(load)].into_iter().flatten().min()
    }

    /// The next stage with arrivals instead of users.
    fn next_open_stage(&self, load: &Load) -> u16 {
        let segments = (0..).zip(&load.schedule.segments);
        let mut open = segments.filter(|(_, entry)| matches!(entry.shape, Shape::Rate { .. }));
        open.find(|(stage, _)| *stage >= self.next).map_or(u16::MAX, |(stage, _)| stage)
    }
}

impl<H: HttpHost> HttpWorker<H> {
    /// Records the gauges of a phase that has ended, before anything of the next one happens;
    /// returns the current phase.
    pub(super) fn pass_marks(&mut self, now: u64) -> CellKey {
        let key = self.recorder.phase_at(now);
        if let Some(ended) = self.stages.phase.replace(key).filter(|phase| *phase != key) {
            self.recorder.phase_ended(ended);
        }
        key
    }

    /// Releases what is due, at most a batch; true if there is more.
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

    /// Begins the next stage once its time has come.
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
        self.begin_fixed_work(stage, now);
        true
    }

    fn start(&mut self, due: ScheduledEvent, at_ns: u64, unpaced: bool) {
        // Earlier events of the same batch took time.
        let now = self.host.now_ns();
        match due {
            ScheduledEvent::UserStart(number) => {
                let gone_by = self.stages.next_open_stage(&self.load);
                let slot = self.start_user(number, (!unpaced).then_some(at_ns), gone_by, now);
                self.stages.users.push((number, slot));
                self.next_request(slot, now);
            }
            ScheduledEvent::UserStop(number) => {
                // The highest number leaves first; it came last.
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

    /// Begins the drain once its time has come: requests in progress have until their time-out.
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

    /// Whether nothing is in progress any more, or the time for it is over.
    pub(super) fn is_drained(&self, now: u64) -> bool {
        self.stages.drained_ns.is_some_and(|end| self.slots.is_empty() || now >= end)
    }
}
