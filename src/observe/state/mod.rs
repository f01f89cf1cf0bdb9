//! Turns the events of a run into what there is to see of it at any moment.
//!
//! **Invariant:** no clock, and no second fold: what adds up over the run is read from the
//! coordinator's own recording.

mod hosts;
mod last_second;
mod stages;

use super::view::{
    HostView, LogMessage, MonitorView, PhaseView, Progression, RunOutline, ScenarioView,
    StageMarks, Stopped, Stopping, View,
};
use crate::catalogue::{Metric, RatioMetric};
use crate::engine::Event;
use crate::machine::ResourceCost;
use crate::plan::{Phase, Plan};
use crate::record::{
    Cell, CellKey, Counter, Counters, Entry, Gauges, Measure, MeasuredSpan, MonitorReading,
    Recording, Second, Transition, measure,
};
use crate::schedule::{Schedule, Shape, SpawnPace, StageTimes};
use crate::units::SECOND_NS;
use crate::verdict::{Finding, Health, Judgement};
use last_second::{LastSecond, all_workers};
use stages::ScenarioStages;
use std::collections::VecDeque;
use std::sync::Arc;

/// How long after a stage's end its attempts in progress are waited for, before its result is
/// told.
const PATIENCE_NS: u64 = 5 * SECOND_NS;

/// Messages of the log that are kept.
const MESSAGES: usize = 200;

/// A run as far as it is known.
#[derive(Debug)]
pub(super) struct RunState {
    plan: Plan,
    schedule: Schedule,
    outline: Arc<RunOutline>,
    /// When each scenario passes its marks, as far as that is known.
    timelines: Vec<StageTimes>,
    latest: Vec<LastSecond>,
    stages: Vec<ScenarioStages>,
    /// Stages whose end was already announced, by scenario.
    told: Vec<usize>,
    /// When stages are planned to come, by scenario.
    marks: Vec<Arc<[StageMarks]>>,
    /// The run's clock according to the latest event.
    now_ns: u64,
    recorded_ns: u64,
    views: Arc<[ScenarioView]>,
    findings: Arc<[Finding]>,
    health: Arc<[Health]>,
    hosts: Arc<[HostView]>,
    monitors: Arc<[MonitorView]>,
    stopping: Option<Stopping>,
    stopped: Option<Stopped>,
    judgement: Option<Arc<Judgement>>,
    log: VecDeque<LogMessage>,
    messages: Arc<[LogMessage]>,
}

impl RunState {
    pub(super) fn new(plan: &Plan, folder: String) -> Self {
        let schedule = Schedule::new(plan);
        let scenarios = &plan.scenarios;
        let timelines = schedule.timelines();
        let marks = (0..)
            .zip(&timelines)
            .map(|(index, timeline)| stages::marks(timeline, &schedule.scenario(index).segments));
        let mut state = Self {
            marks: marks.collect(),
            plan: plan.clone(),
            outline: Arc::new(RunOutline::new(plan, &schedule, folder)),
            timelines,
            schedule,
            latest: vec![LastSecond::default(); scenarios.len()],
            stages: scenarios.iter().map(|one| ScenarioStages::new(one.stages.len())).collect(),
            told: vec![0; scenarios.len()],
            now_ns: 0,
            recorded_ns: 0,
            views: Arc::default(),
            findings: Arc::default(),
            health: Arc::default(),
            hosts: Arc::default(),
            monitors: plan.monitors.iter().map(|_| MonitorView::default()).collect(),
            stopping: None,
            stopped: None,
            judgement: None,
            log: VecDeque::new(),
            messages: Arc::default(),
        };
        state.look(&Recording::new(scenarios.len()));
        state
    }

    /// Says where the live page is.
    pub(super) fn set_page(&mut self, url: &str) {
        Arc::make_mut(&mut self.outline).page = Some(url.to_owned());
    }

    /// Takes in the next event. `facts`: all that has been recorded, this event included.
    pub(super) fn see(&mut self, event: &Event, facts: &Recording) {
        match event {
            Event::Started { targets, workers, warnings, .. } => {
                let outline = Arc::make_mut(&mut self.outline);
                outline.targets.clone_from(targets);
                outline.workers.clone_from(workers);
                outline.warnings.clone_from(warnings);
            }
            Event::Recorded(entry) => self.record(entry, facts),
            Event::FirstFailure { .. } | Event::Diagnosed { .. } => {}
            Event::Judged { findings, health } => {
                self.findings = findings.as_slice().into();
                self.health = health.as_slice().into();
            }
            Event::Stopping { reason, at_once } => {
                self.stopping = Some(Stopping { reason: reason.clone(), at_once: *at_once });
            }
            Event::Finished { verdict, .. } => {
                self.findings = verdict.findings.as_slice().into();
                self.health = verdict.health.as_slice().into();
                self.judgement = Some(Arc::new(verdict.clone()));
            }
        }
    }

    fn record(&mut self, entry: &Entry, facts: &Recording) {
        match entry {
            Entry::Second(second) => self.take(second, facts),
            Entry::Transition(boundary) => {
                let scenario = usize::from(boundary.scenario);
                if let Some(timeline) = self.timelines.get_mut(scenario) {
                    timeline.learn(boundary.transition, boundary.at_ns);
                    let segments = &self.schedule.scenario(scenario).segments;
                    self.marks[scenario] = stages::marks(timeline, segments);
                    self.stages[scenario].look_at_all(
                        &self.outline.scenarios[scenario],
                        facts,
                        scenario,
                    );
                }
            }
            Entry::Stopped { reason, at_ns } => {
                self.stopped = Some(Stopped { reason: reason.clone(), at_ns: *at_ns });
                for (scenario, of) in self.outline.scenarios.iter().enumerate() {
                    self.stages[scenario].look_at_all(of, facts, scenario);
                }
            }
            Entry::Baseline(_)
            | Entry::StartSkew { .. }
            | Entry::WorkerLost { .. }
            | Entry::Diagnosed { .. }
            | Entry::LookedUp(_) => {}
            Entry::Monitored(reading) => return self.read(reading, facts),
        }
        self.look(facts);
    }

    /// Copies what a monitor read.
    fn read(&mut self, reading: &MonitorReading, facts: &Recording) {
        let failed = facts.monitors.get(&reading.monitor).map_or(0, |one| one.failed);
        let (at_ns, values) = (Some(reading.at_ns), reading.values.clone());
        let monitors = Arc::make_mut(&mut self.monitors);
        if let Some(monitor) = monitors.get_mut(usize::from(reading.monitor)) {
            *monitor = MonitorView { at_ns, values, failed };
        }
    }

    fn take(&mut self, second: &Second, facts: &Recording) {
        self.recorded_ns = u64::from(facts.seconds) * SECOND_NS;
        self.hosts = hosts::hosts(&self.plan, &facts.hosts).into();
        for (index, in_second) in &second.scenarios {
            let index = usize::from(*index);
            let Some(latest) = self.latest.get_mut(index) else { continue };
            let of = &self.outline.scenarios[index];
            latest.take(second.second, in_second, of.protocol);
            let mut stages: Vec<u16> = in_second.cells.iter().map(|(key, _)| key.stage).collect();
            stages.dedup();
            for stage in stages {
                self.stages[index].look(usize::from(stage), of, facts, index);
            }
        }
    }

    /// Looks at every scenario again.
    fn look(&mut self, facts: &Recording) {
        let scenarios = 0..self.plan.scenarios.len();
        self.views = scenarios.map(|index| self.scenario(index, facts)).collect();
    }

    /// The run's clock moves on; it never goes back.
    pub(super) fn pass(&mut self, at_ns: u64) {
        self.now_ns = self.now_ns.max(at_ns);
    }

    /// The run's clock at the end of the last second.
    pub(super) fn recorded_ns(&self) -> u64 {
        self.recorded_ns
    }

    /// Adds to the log, and returns all of it; only the latest messages are kept.
    pub(super) fn log(&mut self, messages: Vec<LogMessage>) -> Arc<[LogMessage]> {
        if !messages.is_empty() {
            self.log.extend(messages);
            self.log.drain(..self.log.len().saturating_sub(MESSAGES));
            self.messages = self.log.iter().cloned().collect();
        }
        Arc::clone(&self.messages)
    }

    /// The current view.
    pub(super) fn view(&self) -> View {
        let mut view = View {
            now_ns: self.now_ns,
            recorded_ns: self.recorded_ns,
            outline: Arc::clone(&self.outline),
            scenarios: Arc::clone(&self.views),
            thresholds: Arc::clone(&self.findings),
            health: Arc::clone(&self.health),
            generator: all_workers(self.views.iter().map(|one| one.workers)),
            hosts: Arc::clone(&self.hosts),
            monitors: Arc::clone(&self.monitors),
            stopping: self.stopping.clone(),
            stopped: self.stopped.clone(),
            verdict: None,
            judgement: self.judgement.clone(),
            log: Arc::clone(&self.messages),
        };
        view.verdict = view.verdict_so_far();
        view
    }

    /// How many stages a scenario has; `None` if the plan has no such scenario.
    pub(super) fn stages(&self, scenario: usize) -> Option<usize> {
        Some(self.outline.scenarios.get(scenario)?.stages.len())
    }

    fn scenario(&self, index: usize, facts: &Recording) -> ScenarioView {
        let (latest, protocol) = (&self.latest[index], self.outline.scenarios[index].protocol);
        let (counters, causes) = self.stages[index].sum();
        let lost =
            facts.lost_workers.iter().filter(|lost| usize::from(lost.scenario) == index).count();
        let end_ns = latest.second.map(|second| (u64::from(second) + 1) * SECOND_NS);
        ScenarioView {
            progression: self.progression(index, facts),
            second: latest.second,
            gauges: latest.gauges,
            planned_level: end_ns.map_or(0.0, |end| self.timelines[index].level_at(end)),
            rate: latest.counters.get(protocol.started()) as f64,
            rate_metric: protocol.rate,
            planned_rate: self.planned_rate(index, facts),
            counted: latest.counters,
            failed: latest.failed.clone(),
            time: latest.time,
            bands: latest.bands.clone(),
            survival: survival(&counters),
            failure_ratio: self.failure_ratio(index, &counters),
            counters,
            causes,
            diagnoses: facts.scenarios[index].diagnoses.clone(),
            cost: ResourceCost::of_scenario(&self.plan, facts, index),
            workers: latest.workers(u32::try_from(lost).unwrap_or(u32::MAX)),
            stages: self.stages[index].views().to_vec(),
            marks: Arc::clone(&self.marks[index]),
        }
    }

    /// Attempts a second that the plan asked for in the last second; `None` where it leaves that to
    /// the machine.
    fn planned_rate(&self, index: usize, facts: &Recording) -> Option<f64> {
        let middle = u64::from(self.latest[index].second?) * SECOND_NS + SECOND_NS / 2;
        let key = facts.scenarios[index].phase_at(middle)?;
        if key.phase == Phase::Drain {
            return None;
        }
        let segments = &self.schedule.scenario(index).segments;
        match segments.get(usize::from(key.stage))?.shape {
            Shape::Rate { .. } => Some(self.timelines[index].level_at(middle)),
            Shape::Users { from, to, pace: SpawnPace::Paced(rate) }
                if key.phase == Phase::Ramp
                    && to > from
                    && self.outline.scenarios[index].protocol.main_phase == Phase::Ramp =>
            {
                Some(rate.value())
            }
            Shape::Users { .. } => None,
        }
    }

    /// The failures so far, of all attempts.
    fn failure_ratio(&self, index: usize, counters: &Counters) -> Option<Measure> {
        let span = MeasuredSpan {
            protocol: &self.plan.scenarios[index].protocol,
            cell: &Cell { counters: *counters, ..Cell::default() },
            gauges: &Gauges::default(),
            length_ns: self.recorded_ns,
        };
        measure(Metric::Ratio(RatioMetric::Failure), &span)
    }

    fn progression(&self, index: usize, facts: &Recording) -> Progression {
        let recorded = &facts.scenarios[index];
        if recorded.at(Transition::End).is_some() {
            return Progression::Ended;
        }
        match recorded.phase_at(u64::MAX) {
            Some(key) => Progression::Running(self.phase(index, key, facts)),
            None => {
                Progression::Waiting { starts_ns: self.timelines[index].at(Transition::Ramp(0)) }
            }
        }
    }

    fn phase(&self, index: usize, key: CellKey, facts: &Recording) -> PhaseView {
        let (recorded, timeline) = (&facts.scenarios[index], &self.timelines[index]);
        let drains_ns = timeline.at(Transition::Drain);
        let stage_ends_ns =
            timeline.at(Transition::Ramp(key.stage.saturating_add(1))).or(drains_ns);
        let (mark, ends_ns) = match key.phase {
            Phase::Ramp => (Transition::Ramp(key.stage), timeline.at(Transition::Hold(key.stage))),
            Phase::Hold => (Transition::Hold(key.stage), stage_ends_ns),
            Phase::Drain => (Transition::Drain, None),
        };
        let began_ns = recorded.at(mark).unwrap_or(self.now_ns);
        PhaseView {
            stage: key.stage,
            phase: key.phase,
            began_ns,
            ends_ns,
            stage_began_ns: recorded.at(Transition::Ramp(key.stage)).unwrap_or(began_ns),
            stage_ends_ns,
            drains_ns,
            reached: self.reached(index, usize::from(key.stage)),
        }
    }

    /// How much of the way to a stage's level of users is behind.
    fn reached(&self, index: usize, stage: usize) -> f64 {
        let segment = self.schedule.scenario(index).segments.get(stage);
        let Some(Shape::Users { from, to, .. }) = segment.map(|segment| segment.shape) else {
            return 0.0;
        };
        let level = self.latest[index].gauges.get(self.outline.scenarios[index].protocol.level);
        level.abs_diff(from) as f64 / to.abs_diff(from).max(1) as f64
    }

    /// Stages that have ended and whose facts are complete, each returned once: scenario and stage.
    /// Attempts that take too long to end are not waited for.
    pub(super) fn ended_stages(&mut self, facts: &Recording) -> Vec<(usize, usize)> {
        let mut ended = Vec::new();
        for scenario in 0..self.told.len() {
            while self.has_ended(scenario, self.told[scenario], facts) {
                ended.push((scenario, self.told[scenario]));
                self.told[scenario] += 1;
            }
        }
        ended
    }

    fn has_ended(&self, scenario: usize, stage: usize, facts: &Recording) -> bool {
        let stages = self.stages[scenario].views();
        let Some(view) = stages.get(stage).filter(|view| view.ramp_ns.is_some()) else {
            return false;
        };
        if self.judgement.is_some() {
            return true;
        }
        let next = stages.get(stage + 1).and_then(|next| next.ramp_ns);
        let end = next.or(facts.scenarios[scenario].at(Transition::End));
        end.is_some_and(|end| {
            let recorded = self.recorded_ns;
            recorded >= end && (view.under_way == 0 || recorded >= end + PATIENCE_NS)
        })
    }
}

/// The part of held connections that was not lost.
fn survival(counters: &Counters) -> Option<f64> {
    let held = counters.get(Counter::HoldEntered);
    (held > 0).then(|| 1.0 - counters.get(Counter::Lost) as f64 / held as f64)
}
