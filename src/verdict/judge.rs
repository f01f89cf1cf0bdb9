//! Turns entries, one by one, into findings and a verdict. Live, at the end and from saved data
//! alike.

use super::rules::{self, RunFacts};
use super::view::{ThresholdView, state};
use super::window::Windows;
use super::{
    Finding, Health, Judgement, Rule, ThresholdState, Verdict, breaches, health, of_failures,
    shortfall,
};
use crate::catalogue::{MonitorStat, Samples};
use crate::plan::{During, Metric, Phase, Plan, RequestScope, Scenario, Scope, Threshold};
use crate::record::{
    Cell, CellKey, Entry, Gauge, Gauges, Measure, MeasuredSpan, Recording, ScenarioRecording,
    StopReason, Transition, measure,
};
use crate::units::SECOND_NS;
use crate::units::narrow;

/// Follows a run and judges it.
#[derive(Debug, Clone)]
pub struct Judge {
    plan: Plan,
    recording: Recording,
    windows: Vec<Windows>,
}

impl Judge {
    /// A judge of a run that has not begun.
    pub fn new(plan: &Plan) -> Self {
        let mut windows = Vec::new();
        for (scenario, settings) in plan.scenarios.iter().enumerate() {
            for (index, threshold) in settings.thresholds.iter().enumerate() {
                let Some(length) = threshold.window else { continue };
                let places = places_of(threshold, settings);
                windows.extend(places.into_iter().map(|place| {
                    let view = ThresholdView::new(scenario, place, threshold, plan);
                    Windows::new(index, view, length)
                }));
            }
        }
        Self { plan: plan.clone(), recording: Recording::new(plan.scenarios.len()), windows }
    }

    /// Adds the next entry of the run.
    pub fn add(&mut self, entry: &Entry) {
        self.recording.add(entry);
        if let Entry::Second(second) = entry {
            for windows in &mut self.windows {
                windows.add(second, &self.plan, &self.recording);
            }
        }
    }

    /// Adds histograms, or facts by request, that were kept apart from their seconds.
    pub fn add_durations(&mut self, scenario: u16, cells: &[(CellKey, Cell)]) {
        let Some(known) = self.recording.scenarios.get_mut(usize::from(scenario)) else { return };
        for (key, cell) in cells {
            known.cells.entry(*key).or_default().merge(cell);
        }
    }

    /// Treats a run without a recorded end as interrupted: attempts in progress are unfinished.
    pub fn cut_off(&mut self) {
        if self.recording.stopped.is_none() {
            let scenarios = &self.plan.scenarios;
            self.recording.cut_off(|index| scenarios[index].protocol.row().level);
        }
    }

    /// The facts so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The state of every threshold, in the plan's order, while the run may still be in progress.
    pub fn findings(&self) -> Vec<Finding> {
        self.find_all(false)
    }

    fn find_all(&self, is_over: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, scenario) in self.plan.scenarios.iter().enumerate() {
            for (number, threshold) in scenario.thresholds.iter().enumerate() {
                for place in places_of(threshold, scenario) {
                    findings.push(self.find(index, number, place, is_over));
                }
            }
        }
        findings
    }

    fn find(
        &self,
        scenario: usize,
        number: usize,
        place: (Option<usize>, Option<u16>),
        is_over: bool,
    ) -> Finding {
        let threshold = &self.plan.scenarios[scenario].thresholds[number];
        let view = ThresholdView::new(scenario, place, threshold, &self.plan);
        let (measured, window_end) = match threshold.window {
            Some(_) => {
                let windows = self
                    .windows
                    .iter()
                    .find(|windows| windows.threshold == number && windows.view == view);
                windows
                    .and_then(Windows::worst)
                    .map_or((None, None), |(measured, end)| (Some(measured), Some(end)))
            }
            None => (self.measure(threshold.metric, view), None),
        };
        let state = self.state(threshold, &view, measured, is_over);
        let (state, measured) = match self.short_of_a_window(threshold, view, state) {
            Some(whole) => (ThresholdState::Broken, Some(whole)),
            None => (state, measured),
        };
        Finding {
            scenario: narrow(scenario),
            threshold: narrow(number),
            stage: place.0.filter(|_| threshold.scope != Scope::Scenario).map(narrow),
            request: place.1,
            state,
            value: measured.map(|measured| measured.value),
            samples: measured.map_or(0, |measured| measured.samples),
            ratio: measured.and_then(|measured| measured.ratio),
            window_end,
        }
    }

    /// A ratio that the target broke before a window was full, by all that was seen.
    fn short_of_a_window(
        &self,
        threshold: &Threshold,
        view: ThresholdView,
        found: ThresholdState,
    ) -> Option<Measure> {
        let unreached = matches!(found, ThresholdState::Unreached { .. });
        if !unreached || threshold.window.is_none() || !matches!(threshold.metric, Metric::Ratio(_))
        {
            return None;
        }
        let whole = self.measure(threshold.metric, view);
        whole.filter(|_| state(threshold, whole) == ThresholdState::Broken)
    }

    /// The state of a threshold; if samples are missing, it depends on who caused that.
    fn state(
        &self,
        threshold: &Threshold,
        view: &ThresholdView,
        measured: Option<Measure>,
        is_over: bool,
    ) -> ThresholdState {
        let state = state(threshold, measured);
        if matches!(threshold.metric, Metric::Monitor { .. }) {
            // The metrics of an exporter do not depend on the load's samples.
            return state;
        }
        let needed = match state {
            ThresholdState::NoData => threshold.metric.sample_floor(),
            ThresholdState::TooFew { needed } => needed,
            ThresholdState::Broken if threshold.is_default => {
                let (cell, _) = self.facts(threshold.metric, view);
                return shortfall::of_default(&cell);
            }
            ThresholdState::Held | ThresholdState::Broken | ThresholdState::Unreached { .. } => {
                return state;
            }
        };
        let scenario = &self.plan.scenarios[view.scenario];
        let recording = &self.recording.scenarios[view.scenario];
        if is_over && measured.is_some() && threshold.window.is_none() {
            let (cell, _) = self.facts(threshold.metric, view);
            if shortfall::is_surely_broken(threshold, &cell) {
                return ThresholdState::Broken;
            }
        }
        let tried = shortfall::attempts(scenario, recording, view);
        if is_over && of_failures::all_hold(threshold, &self.facts(threshold.metric, view).0, tried)
        {
            return ThresholdState::Held;
        }
        let samples = measured.map_or(0, |measured| measured.samples);
        let of = (samples, needed);
        shortfall::state(threshold, scenario, recording, view, of, is_over)
    }

    /// The facts that a view sees, those of times only where the metric is one, and how long they
    /// cover.
    fn facts(&self, metric: Metric, view: &ThresholdView) -> (Cell, u64) {
        let scenario = &self.plan.scenarios[view.scenario];
        let recording = &self.recording.scenarios[view.scenario];
        let mut cell = Cell::default();
        let mut length_ns = 0;
        let end_ns = u64::from(self.recording.seconds) * SECOND_NS;
        for (stage, _) in scenario.stages.iter().enumerate() {
            let stage = narrow(stage);
            for phase in [Phase::Ramp, Phase::Hold, Phase::Drain] {
                let key = CellKey { stage, phase };
                if view.sees(key, scenario) {
                    let of_times = matches!(metric, Metric::Time(..));
                    let facts = recording.cells.get(&key);
                    match facts.map(|facts| facts.of_request(view.request, of_times)) {
                        Some(facts) if of_times => cell.merge(&facts),
                        Some(facts) => cell.merge_counts(&facts),
                        None => {}
                    }
                    length_ns += recording.transitions.phase_length_ns(key, end_ns);
                }
            }
        }
        (cell, length_ns)
    }

    fn measure(&self, metric: Metric, view: ThresholdView) -> Option<Measure> {
        if let Metric::Monitor { monitor, metric, stat } = metric {
            return self.monitored((monitor, metric), stat, &view);
        }
        let scenario = &self.plan.scenarios[view.scenario];
        let recording = &self.recording.scenarios[view.scenario];
        let (cell, length_ns) = self.facts(metric, &view);
        let gauges = gauges_of(recording, &view, scenario);
        if metric.row().samples == Samples::Level {
            // A level has been measured only once its phase has been reached.
            recording.gauges_at.keys().find(|key| view.sees(**key, scenario))?;
        }
        measure(
            metric,
            &MeasuredSpan { protocol: &scenario.protocol, cell: &cell, gauges: &gauges, length_ns },
        )
    }

    /// A statistic of a monitor's readings in the phases of a view.
    fn monitored(
        &self,
        metric: (u16, u16),
        stat: MonitorStat,
        view: &ThresholdView,
    ) -> Option<Measure> {
        let scenario = &self.plan.scenarios[view.scenario];
        let phases = &self.recording.scenarios[view.scenario].monitors;
        let seen = phases.iter().filter(|(key, _)| view.sees(**key, scenario));
        let tallies = seen.filter_map(|(_, of)| of.get(&metric).copied());
        let whole = tallies.reduce(|mut all, later| {
            all.merge(&later);
            all
        })?;
        let (value, samples) = whole.stat(stat)?;
        Some(Measure { value, samples, ratio: None })
    }

    /// The verdict by now.
    pub fn judgement(&self) -> Judgement {
        let findings = self.find_all(true);
        let facts = self.run_facts(&findings);
        let health = health::of(&facts);
        let aborted = matches!(self.recording.stopped, Some((StopReason::Aborted { .. }, _)));
        let broken = aborted || findings.iter().any(|finding| finding.state.is_broken());
        let mut breaches = breaches::of(&facts, &health);
        if broken {
            // More samples of one metric cannot repair another.
            breaches.retain(|breach| *breach.rule != rules::SAMPLES);
        }
        let word = match (breaches.is_empty(), broken) {
            (false, _) => Verdict::Invalid,
            (true, true) => Verdict::Fail,
            (true, false) => Verdict::Pass,
        };
        Judgement { verdict: word, findings, breaches, health }
    }

    /// How the generator does by the facts so far: every rule of validity that measures something.
    pub fn health(&self, findings: &[Finding]) -> Vec<Health> {
        health::of(&self.run_facts(findings))
    }

    /// The rule that is broken beyond repair by now: the run can only be INVALID.
    pub fn beyond_repair(&self) -> Option<&'static Rule> {
        breaches::beyond_repair(&self.run_facts(&[]))
    }

    /// The facts that validity rules read.
    fn run_facts<'a>(&'a self, findings: &'a [Finding]) -> RunFacts<'a> {
        RunFacts { plan: &self.plan, recording: &self.recording, findings }
    }

    /// The first threshold with `abort` that is broken by these findings, past its grace: scenario
    /// and threshold.
    pub fn abort(&self, findings: &[Finding], now_ns: u64) -> Option<(u16, u16)> {
        let must_end = |finding: &&Finding| {
            let scenario = &self.recording.scenarios[usize::from(finding.scenario)];
            let threshold = &self.plan.scenarios[usize::from(finding.scenario)].thresholds
                [usize::from(finding.threshold)];
            let from = match (threshold.during, finding.stage.unwrap_or(0)) {
                (During::Hold, stage) => {
                    scenario.at(Transition::Hold(stage)).or(scenario.at(Transition::Ramp(stage)))
                }
                (During::Ramp | During::All, stage) => scenario.at(Transition::Ramp(stage)),
            };
            threshold.abort
                && finding.state.is_broken()
                && from.is_some_and(|from| now_ns >= from + threshold.grace.as_nanos())
        };
        findings.iter().find(must_end).map(|finding| (finding.scenario, finding.threshold))
    }
}

/// The stages and requests in which a threshold is evaluated, one by one; `None` is all of them as
/// one.
fn places_of(
    threshold: &Threshold,
    scenario: &Scenario,
) -> impl Iterator<Item = (Option<usize>, Option<u16>)> {
    let all = scenario.protocol.requests();
    let requests = match threshold.requests {
        RequestScope::One(at) => vec![Some(at)],
        RequestScope::Each if !all.is_empty() => (0..).zip(all).map(|(at, _)| Some(at)).collect(),
        _ => vec![None],
    };
    let stages = stages_of(threshold, scenario).into_iter();
    stages.flat_map(move |stage| requests.clone().into_iter().map(move |request| (stage, request)))
}

fn stages_of(threshold: &Threshold, scenario: &Scenario) -> Vec<Option<usize>> {
    match threshold.scope {
        Scope::Scenario => vec![None],
        Scope::Stage(stage) => vec![Some(stage)],
        Scope::EachStage => {
            let measured = scenario.stages.iter().enumerate().filter(|(_, stage)| !stage.warmup);
            measured.map(|(index, _)| Some(index)).collect()
        }
    }
}

/// The levels at the end of the last phase that a view sees.
fn gauges_of(recording: &ScenarioRecording, view: &ThresholdView, scenario: &Scenario) -> Gauges {
    let seen = recording.gauges_at.iter().rfind(|(key, _)| view.sees(**key, scenario));
    seen.map_or_else(Gauges::default, |(_, gauges)| {
        let mut levels = Gauges::default();
        levels.set(Gauge::Open, gauges.get(Gauge::Open));
        levels
    })
}
