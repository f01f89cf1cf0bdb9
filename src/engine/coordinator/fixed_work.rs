//! Ends stages whose work is done, and counts what they were to do.

use super::Run;
use super::workers::WorkerState;
use crate::engine::rows::lasts_until_data;
use crate::plan::{FixedWork, Phase};
use crate::record::{CellKey, Counter, StageTransition, Transition};
use crate::units::narrow;
use std::collections::{BTreeMap, BTreeSet};

/// The workers that have done their part of a stage: by scenario and stage.
#[derive(Debug, Default)]
pub(super) struct FixedWorkProgress {
    done: BTreeMap<(u16, u16), BTreeSet<usize>>,
}

impl FixedWorkProgress {
    /// A worker has done its part.
    pub(super) fn add(&mut self, scenario: u16, stage: u16, worker: usize) {
        self.done.entry((scenario, stage)).or_default().insert(worker);
    }
}

impl Run<'_, '_> {
    /// Ends each stage all of whose workers have done their part, once its users are all there.
    pub(super) fn end_stages_that_are_done(&mut self) {
        if self.fixed_work.done.is_empty() {
            return;
        }
        let now_ns = self.clock.now_ns();
        for (scenario, stage) in self.fixed_work.done.keys().copied().collect::<Vec<_>>() {
            let done = &self.fixed_work.done[&(scenario, stage)];
            let mut working = self.workers.handles.iter().enumerate().filter(|(_, handle)| {
                handle.scenario == scenario && handle.state == WorkerState::Working
            });
            let is_done = working.all(|(worker, _)| done.contains(&worker));
            if is_done && self.progress.holds(scenario, stage, now_ns) {
                self.fixed_work.done.remove(&(scenario, stage));
                let announcements = self.progress.end_stage(scenario, stage, now_ns);
                self.announce(announcements);
                self.pass_transitions(now_ns);
            }
        }
    }

    /// Counts the iterations that a stage is to have, when it begins.
    pub(super) fn plan_iterations(&mut self, passed: &StageTransition) {
        let Transition::Ramp(stage) = passed.transition else { return };
        let scenario = &self.spec.manifest.plan.scenarios[usize::from(passed.scenario)];
        if let Some(FixedWork::Iterations(count)) = scenario.stages[usize::from(stage)].work {
            self.count_planned(passed.scenario, stage, count);
        }
    }

    /// Counts the rows that were left when all who took from a file had ended: iterations that a
    /// stage which lasts until the data is used up did not have.
    pub(super) fn plan_rows_left(&mut self, scenario: u16) {
        let Some((left, sharing)) = self.row_pools.rows_left(usize::from(scenario)) else { return };
        let plan = &self.spec.manifest.plan;
        let until = sharing.iter().find(|index| lasts_until_data(&plan.scenarios[**index]));
        if let Some(index) = until.copied().filter(|_| left > 0) {
            let stage = narrow(plan.scenarios[index].stages.len() - 1);
            self.count_planned(narrow(index), stage, left);
        }
    }

    fn count_planned(&mut self, scenario: u16, stage: u16, count: u64) {
        let key = CellKey { stage, phase: Phase::Ramp };
        self.aggregator.count(scenario, key, Counter::IterationsPlanned, count);
    }
}
