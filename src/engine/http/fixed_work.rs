//! Lets the users of a stage share its iterations, or the rows of its data, until none is left.
//!
//! A number of iterations is granted in blocks, as rows that are used once are: a worker whose
//! users are quick gets more. A user that finds none left waits for the next stage. When all have
//! begun and those of this worker have ended, the coordinator is told: it ends the stage.

use super::super::rows::{RowStock, Supply, Taken};
use super::super::wire::{WorkerCommand, WorkerReport};
use super::super::worker::SlotId;
use super::slots::{HttpSlotState, NO_STAGE, Slot};
use super::waiting_for_rows::UNTIL_GRANTED;
use super::{HttpHost, HttpWorker};
use crate::plan::{FixedWork, Phase, Stage};
use crate::record::{CellKey, Counter};
use std::collections::VecDeque;

/// The fixed work of one stage.
#[derive(Debug)]
struct StageWork {
    stage: u16,
    work: FixedWork,
    /// Numbers of iterations that this worker may begin.
    stock: RowStock,
    /// Iterations that have begun and not ended.
    in_progress: u64,
    is_reported: bool,
}

/// The fixed work of all stages of a scenario.
#[derive(Debug, Default)]
pub(super) struct FixedStages {
    all: Vec<StageWork>,
    /// That of the current stage: an index into `all`.
    current: Option<usize>,
    /// Users that wait for an iteration.
    waiting: VecDeque<SlotId>,
}

impl FixedStages {
    /// `blocks`: the first one of each stage with a number of iterations.
    pub(super) fn new(stages: &[Stage], blocks: &[(u64, u64)]) -> Self {
        let mut blocks = blocks.iter().copied();
        let fixed = (0..).zip(stages).filter_map(|(stage, of)| Some((stage, of.work?)));
        let all = fixed.map(|(stage, work)| {
            let block = match work {
                FixedWork::Iterations(_) => blocks.next(),
                FixedWork::Data => None,
            };
            let stock = RowStock::of_block(block.unwrap_or_default());
            StageWork { stage, work, stock, in_progress: 0, is_reported: false }
        });
        Self { all: all.collect(), ..Self::default() }
    }

    /// Whether the current stage has fixed work.
    pub(super) fn is_any(&self) -> bool {
        self.current.is_some()
    }

    fn at(&self, stage: u16) -> Option<usize> {
        self.all.iter().position(|one| one.stage == stage)
    }

    /// A second has ended.
    pub(super) fn second_ended(&mut self) {
        if let Some(current) = self.current {
            self.all[current].stock.second_ended();
        }
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// How a user goes on that would begin an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// It begins one; its number, if iterations have numbers.
    Begins(Option<u64>),
    /// It waits.
    Waits,
}

impl<H: HttpHost> HttpWorker<H> {
    /// The stage that has begun has this work, or none.
    pub(super) fn begin_fixed_work(&mut self, stage: u16, now: u64) {
        self.fixed.current = self.fixed.at(stage);
        for id in std::mem::take(&mut self.fixed.waiting) {
            self.resume(id, now);
        }
        if let Some(current) = self.fixed.current {
            self.report_if_done(current);
        }
    }

    /// Takes an iteration of the current stage for a user, or lets it wait.
    pub(super) fn take_iteration(&mut self, slot: u32, now: u64) -> Share {
        let Some(current) = self.fixed.current else { return Share::Begins(None) };
        let work = &mut self.fixed.all[current];
        let taken = match work.work {
            FixedWork::Iterations(_) => match work.stock.take() {
                Taken::Row(number) => Some(Some(number)),
                Taken::Later | Taken::Out => None,
            },
            FixedWork::Data => (!self.iterations.stock.is_out()).then_some(None),
        };
        let Some(number) = taken else {
            self.wait_for_iteration(slot);
            self.ask_for_iterations(current);
            return Share::Waits;
        };
        work.in_progress += 1;
        let entry = self.slots.get(slot);
        entry.stage_of_work = work.stage;
        if work.work == FixedWork::Data {
            let key = self.recorder.phase_at(now);
            self.recorder.cell(key).count(Counter::IterationsPlanned);
        } else {
            self.ask_for_iterations(current);
        }
        Share::Begins(number)
    }

    fn wait_for_iteration(&mut self, slot: u32) {
        let entry = self.slots.get(slot);
        (entry.state, entry.wake_ns) = (HttpSlotState::Thinking, UNTIL_GRANTED);
        let id = SlotId { slot, generation: entry.generation };
        self.fixed.waiting.push_back(id);
        // The ramp does not wait for it.
        self.settle(slot);
    }

    fn ask_for_iterations(&mut self, of: usize) {
        let waits = !self.fixed.waiting.is_empty();
        let work = &mut self.fixed.all[of];
        if matches!(work.work, FixedWork::Iterations(_))
            && let Some(waits) = work.stock.wants(waits)
        {
            let of = Supply::Iterations { stage: work.stage };
            self.host.report(WorkerReport::Want { of, waits });
        }
    }

    /// Obeys what the coordinator says about the iterations of a stage.
    pub(super) fn take_iterations(&mut self, stage: u16, order: &WorkerCommand, ending: bool) {
        let Some(of) = self.fixed.at(stage) else { return };
        let is_current = self.fixed.current == Some(of);
        let is_past = self.fixed.current.is_some_and(|current| of < current);
        if let Some(blocks) = self.fixed.all[of].stock.obey(order, ending || is_past) {
            let of = Supply::Iterations { stage };
            self.host.report(WorkerReport::Returned { of, blocks });
        }
        while is_current
            && !self.fixed.all[of].stock.is_empty()
            && let Some(id) = self.fixed.waiting.pop_front()
        {
            let now = self.host.now_ns();
            self.resume(id, now);
        }
        if is_current {
            self.ask_for_iterations(of);
        }
        self.report_if_done(of);
    }

    fn resume(&mut self, id: SlotId, now: u64) {
        let waits = |entry: &mut Slot<_>| {
            entry.state == HttpSlotState::Thinking && entry.wake_ns == UNTIL_GRANTED
        };
        if self.slots.current(id).is_some_and(waits) {
            self.next_request(id.slot, now);
        }
    }

    /// An iteration of fixed work has ended; `completed`: after its last request.
    pub(super) fn end_iteration(&mut self, slot: u32, completed: bool) {
        let entry = self.slots.get(slot);
        let stage = std::mem::replace(&mut entry.stage_of_work, NO_STAGE);
        let last = entry.attempt.key;
        let Some(of) = self.fixed.at(stage) else { return };
        self.fixed.all[of].in_progress -= 1;
        if completed {
            // One that began before the end of its stage belongs to that stage.
            let late = CellKey { stage, phase: Phase::Hold };
            let key = if last.stage == stage { last } else { late };
            self.recorder.cell(key).count(Counter::Iterations);
        }
        self.report_if_done(of);
    }

    /// No row of data is left.
    pub(super) fn rows_ran_out(&mut self) {
        if let Some(current) = self.fixed.current {
            self.report_if_done(current);
        }
    }

    fn report_if_done(&mut self, of: usize) {
        let work = &mut self.fixed.all[of];
        let is_out = match work.work {
            FixedWork::Iterations(_) => work.stock.is_out(),
            FixedWork::Data => self.iterations.stock.is_out(),
        };
        if is_out && work.in_progress == 0 && !std::mem::replace(&mut work.is_reported, true) {
            let stage = work.stage;
            self.host.report(WorkerReport::WorkDone { stage });
        }
    }
}
