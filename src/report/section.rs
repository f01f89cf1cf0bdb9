//! Turns a scenario's facts into sections that reports have a row for: the whole, each stage, each
//! phase of a stage.

use crate::catalogue::{Samples, Whose};
use crate::plan::{Metric, Phase, Protocol, Stat, TimeMetric};
use crate::record::{
    Cell, CellKey, Counter, Gauges, Measure, MeasuredSpan, Recording, ScenarioRecording,
    SparseTimes, measure,
};
use crate::store::SavedRun;
use crate::units::SECOND_NS;
use crate::units::narrow;
use std::borrow::Cow;

/// The facts of some stages and phases, and when they were.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    /// Which words mean what.
    pub protocol: &'a Protocol,
    /// The merged facts.
    pub cell: Cow<'a, Cell>,
    /// The levels at the end of the last phase that is in it, a drain apart.
    pub gauges: Gauges,
    /// One of several requests: its times, which the cell does not have.
    pub times: Option<&'a SparseTimes>,
    /// When it began and ended, on the run's clock; a drain is not in the time. `None` if it never
    /// began.
    pub time: Option<(u64, u64)>,
}

impl Section<'_> {
    /// The same for one request: index into `Protocol::requests`.
    pub(super) fn of_request(&self, request: u16) -> Section<'_> {
        let Self { protocol, time, .. } = *self;
        let gauges = Gauges::default();
        if !protocol.tells_requests_apart() {
            let cell = Cow::Borrowed(&*self.cell);
            return Section { protocol, cell, gauges, times: None, time };
        }
        let cell = self.cell.of_request(Some(request), false);
        let times = self.cell.requests.get(&request).map(|tally| &tally.times);
        Section { protocol, cell, gauges, times, time }
    }

    /// The value of a metric, and how much it rests on.
    pub(super) fn measure(&self, metric: Metric) -> Option<Measure> {
        if let (Metric::Time(time, stat), Some(times)) = (metric, self.times) {
            let (value, samples) = (times.stat(time, stat)?, times.count(time));
            return Some(Measure { value, samples, ratio: None });
        }
        let length_ns = self.time.map_or(0, |(start, end)| end - start);
        let span = MeasuredSpan {
            protocol: self.protocol,
            cell: &self.cell,
            gauges: &self.gauges,
            length_ns,
        };
        measure(metric, &span)
    }

    /// How many samples a distribution has. That of storms is kept by event: of these the one that
    /// dropped least.
    pub(super) fn samples(&self, time: TimeMetric) -> u64 {
        let storms = || self.cell.storms.values().map(|storm| storm.dropped).min().unwrap_or(0);
        match (self.times, time.row().samples) {
            (Some(times), _) => times.count(time),
            (None, Samples::Events) => storms(),
            (None, _) => self.cell.times.count(time),
        }
    }

    /// http: whose times a distribution has. Recordings of versions that did not tell successes and
    /// failures apart have more samples than successes.
    pub(super) fn whose(&self, time: TimeMetric) -> Option<&'static str> {
        let all = || self.samples(time) > self.cell.counters.get(Counter::Ok);
        match time.row().whose {
            Whose::All => None,
            Whose::Successes if all() => Some("all responses"),
            Whose::Successes => Some("successes"),
            Whose::FailedResponses => Some("responses that failed"),
        }
    }

    /// A figure of a distribution in nanoseconds; `None` without samples, and where it is beyond
    /// every sample.
    pub(super) fn stat(&self, time: TimeMetric, stat: Stat) -> Option<f64> {
        let measure = self.measure(Metric::Time(time, stat))?;
        Some(measure.value).filter(|value| value.is_finite())
    }
}

/// When the recording ends, on the run's clock.
pub(super) fn end_of(recording: &Recording) -> u64 {
    let seconds = u64::from(recording.seconds) * SECOND_NS;
    recording.stopped.as_ref().map_or(seconds, |(_, at_ns)| *at_ns)
}

/// One scenario of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScenarioFacts<'a> {
    protocol: &'a Protocol,
    stages: u16,
    facts: &'a ScenarioRecording,
    end_ns: u64,
}

impl<'a> ScenarioFacts<'a> {
    /// The scenario with this index in the plan.
    pub(super) fn new(run: &'a SavedRun, index: usize) -> Self {
        let scenario = &run.plan.scenarios[index];
        Self {
            protocol: &scenario.protocol,
            stages: narrow(scenario.stages.len()),
            facts: &run.recording.scenarios[index],
            end_ns: u64::from(run.recording.seconds) * SECOND_NS,
        }
    }

    /// All of it.
    pub(super) fn whole(&self) -> Section<'a> {
        let last = self.stages.saturating_sub(1);
        let gauges = (0..=last).rev().find_map(|stage| self.level(stage)).unwrap_or_default();
        self.merged(|_| true, gauges)
    }

    /// All phases of one stage; the drain belongs to the last.
    pub(super) fn stage(&self, stage: u16) -> Section<'a> {
        self.merged(|key| key.stage == stage, self.level(stage).unwrap_or_default())
    }

    /// The phases of one stage of which there is anything to tell.
    pub(super) fn phases(&self, stage: u16) -> Vec<(Phase, Section<'a>)> {
        let phase = |phase: Phase| {
            let key = CellKey { stage, phase };
            let cell = self.facts.cells.get(&key);
            let time = self.time(key);
            if time.is_none() && cell.is_none_or(Cell::is_empty) {
                return None;
            }
            let cell = cell.map_or_else(|| Cow::Owned(Cell::default()), Cow::Borrowed);
            let gauges = self.facts.gauges_at.get(&key).copied().unwrap_or_default();
            Some((phase, Section { protocol: self.protocol, cell, gauges, times: None, time }))
        };
        [Phase::Ramp, Phase::Hold, Phase::Drain].into_iter().filter_map(phase).collect()
    }

    fn merged(&self, within: impl Fn(&CellKey) -> bool, gauges: Gauges) -> Section<'a> {
        let mut cells =
            self.facts.cells.iter().filter(|(key, _)| within(key)).map(|(_, cell)| cell);
        let mut merged = cells.next().map_or_else(|| Cow::Owned(Cell::default()), Cow::Borrowed);
        for cell in cells {
            merged.to_mut().merge(cell);
        }
        let keys = (0..self.stages).flat_map(|stage| {
            [CellKey { stage, phase: Phase::Ramp }, CellKey { stage, phase: Phase::Hold }]
        });
        let times = keys.filter(within).filter_map(|key| self.time(key));
        let time = times.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
        Section { protocol: self.protocol, cell: merged, gauges, times: None, time }
    }

    /// The levels at the end of a stage.
    fn level(&self, stage: u16) -> Option<Gauges> {
        [Phase::Hold, Phase::Ramp]
            .into_iter()
            .find_map(|phase| self.facts.gauges_at.get(&CellKey { stage, phase }).copied())
    }

    /// From the phase's own mark to the next mark that was reached.
    fn time(&self, key: CellKey) -> Option<(u64, u64)> {
        let is_drained = key.phase != Phase::Drain || key.stage + 1 == self.stages;
        self.facts.transitions.phase_time(key, self.end_ns).filter(|_| is_drained)
    }
}
