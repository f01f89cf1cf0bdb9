//! Turns the facts of each stage into what there is to see of it; a stage is looked at again only
//! when something has happened in it.

use super::super::view::{CauseCount, ScenarioOutline, StageMarks, StageView};
use super::last_second::{add_cause, count_causes, time_of};
use crate::catalogue::ProtocolRow;
use crate::plan::Phase;
use crate::record::{Cell, CellKey, Counters, Recording, ScenarioRecording, Transition};
use crate::schedule::{Segment, Shape, StageTimes};
use crate::units::narrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stages of one scenario.
#[derive(Debug)]
pub(super) struct ScenarioStages(Vec<Arc<StageView>>);

impl ScenarioStages {
    pub(super) fn new(count: usize) -> Self {
        Self(vec![Arc::default(); count])
    }

    pub(super) fn views(&self) -> &[Arc<StageView>] {
        &self.0
    }

    /// Looks at one stage again.
    pub(super) fn look(&mut self, stage: usize, of: &ScenarioOutline, run: &Recording, at: usize) {
        if let Some(view) = self.0.get_mut(stage) {
            *view = Arc::new(stage_view(stage, of, run, at));
        }
    }

    /// Looks at all of them again.
    pub(super) fn look_at_all(&mut self, of: &ScenarioOutline, run: &Recording, scenario: usize) {
        (0..self.0.len()).for_each(|stage| self.look(stage, of, run, scenario));
    }

    /// All that was counted in the scenario so far, and why attempts failed, the most frequent
    /// cause first.
    pub(super) fn sum(&self) -> (Counters, Vec<CauseCount>) {
        let (mut counters, mut causes) = (Counters::default(), Vec::new());
        for stage in &self.0 {
            counters.merge(&stage.counters);
            stage.causes.iter().for_each(|one| add_cause(&mut causes, *one));
        }
        causes.sort_by_key(|one| (std::cmp::Reverse(one.count), one.cause));
        (counters, causes)
    }
}

fn stage_view(stage: usize, of: &ScenarioOutline, run: &Recording, scenario: usize) -> StageView {
    let facts = &run.scenarios[scenario];
    let number = narrow(stage);
    let mut view = StageView {
        ramp_ns: facts.at(Transition::Ramp(number)),
        hold_ns: facts.at(Transition::Hold(number)),
        ..StageView::default()
    };
    let next = facts.at(Transition::Ramp(number.saturating_add(1)));
    view.end_ns = next
        .or(facts.at(Transition::Drain))
        .or(facts.at(Transition::End))
        .or(run.stopped.as_ref().map(|(_, at_ns)| *at_ns))
        .filter(|_| view.ramp_ns.is_some());
    for (_, cell) in cells(facts, number) {
        view.counters.merge(&cell.counters);
        count_causes(&mut view.causes, cell);
    }
    view.under_way = under_way(&view.counters, of.protocol);
    view.rate = stage_rate(facts, number, of.protocol);
    let cell = facts.cells.get(&CellKey { stage: number, phase: of.protocol.main_phase });
    view.time = cell.and_then(|cell| time_of(&cell.times, of.protocol));
    view
}

fn cells(facts: &ScenarioRecording, stage: u16) -> impl Iterator<Item = (&CellKey, &Cell)> {
    let key = |phase| CellKey { stage, phase };
    facts.cells.range(key(Phase::Ramp)..=key(Phase::Drain))
}

/// When the stages of a scenario are planned to come.
pub(super) fn marks(timeline: &StageTimes, segments: &[Segment]) -> Arc<[StageMarks]> {
    let known: BTreeMap<u32, u64> =
        timeline.marks().into_iter().map(|(mark, at)| (mark.order(), at)).collect();
    let at = |mark: Transition| known.get(&mark.order()).copied();
    let mark = |(stage, segment): (u16, &Segment)| {
        let (from, to) = match segment.shape {
            Shape::Users { from, to, .. } => (from as f64, to as f64),
            Shape::Rate { from, to, .. } => (from, to),
        };
        let next = at(Transition::Ramp(stage.saturating_add(1)));
        let (ramp_ns, hold_ns) = (at(Transition::Ramp(stage)), at(Transition::Hold(stage)));
        let end_ns = next.or(at(Transition::Drain)).filter(|_| ramp_ns.is_some());
        StageMarks { ramp_ns, hold_ns, end_ns, from, to }
    };
    (0..).zip(segments).map(mark).collect()
}

/// Attempts of which nobody knows yet how they end: requests, or connections that are being opened.
fn under_way(counters: &Counters, protocol: &ProtocolRow) -> u64 {
    let decided = protocol.decided.iter().map(|one| counters.get(*one)).sum();
    counters.get(protocol.started()).saturating_sub(decided)
}

/// Attempts a second: connections in the ramp, or requests in the hold.
fn stage_rate(facts: &ScenarioRecording, stage: u16, protocol: &ProtocolRow) -> Option<f64> {
    let hold = facts.at(Transition::Hold(stage))?;
    let phase = protocol.main_phase;
    let (from, to) = if phase == Phase::Ramp {
        (facts.at(Transition::Ramp(stage))?, hold)
    } else {
        let next = facts.at(Transition::Ramp(stage.saturating_add(1)));
        (hold, next.or(facts.at(Transition::Drain))?)
    };
    let counters = facts.cells.get(&CellKey { stage, phase })?.counters;
    (to > from).then(|| counters.get(protocol.started()) as f64 * 1e9 / (to - from) as f64)
}
