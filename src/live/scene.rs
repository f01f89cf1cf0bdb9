//! Turns the events of a run into what there is to see of it at any moment.
//!
//! **Invariant:** no clock; whoever asks says what time it is on the run's clock.

use crate::engine::{Event, Resolved};
use crate::plan::{
    Level, Metric, Part, Plan, Protocol, RateMetric, RatioMetric, Scenario, Stat, TimeMetric,
};
use crate::record::{
    Cause, Cell, CellKey, Counter, Entry, Gauge, Gauges, Mark, Measure, Origin, Recording,
    ScenarioSecond, Second, Span, WorkerFacts, measure,
};
use crate::schedule::{Pace, Schedule, Segment, Shape, Timeline};
use crate::verdict::{Finding, Verdict};

/// Nanoseconds in a second.
pub(super) const SECOND_NS: u64 = 1_000_000_000;

/// A run as far as it is known.
#[derive(Debug)]
pub(super) struct Scene {
    /// What is carried out.
    pub(super) plan: Plan,
    /// Where the results go.
    pub(super) folder: String,
    /// Where the targets are; empty before the start.
    pub(super) targets: Vec<Resolved>,
    /// Workers that were started, by scenario; empty before the start.
    pub(super) workers: Vec<u32>,
    /// All facts so far.
    pub(super) recording: Recording,
    /// The last second, by scenario.
    pub(super) latest: Vec<Latest>,
    /// How the thresholds stand.
    pub(super) findings: Vec<Finding>,
    /// Why the run is being stopped, once it is.
    pub(super) stopping: Option<String>,
    /// What came out, once that is known.
    pub(super) verdict: Option<Verdict>,
    schedule: Schedule,
    timelines: Vec<Timeline>,
    /// Stages whose end has been told, by scenario.
    told: Vec<usize>,
}

/// The last second of one scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct Latest {
    /// Its number; `None` before the first.
    pub(super) second: Option<u32>,
    /// All that happened in it.
    pub(super) cell: Cell,
    /// The levels at its end.
    pub(super) gauges: Gauges,
    /// The workers together; the lag is that of this second.
    pub(super) workers: WorkerFacts,
    /// How many workers spoke.
    pub(super) reporting: u32,
    /// Part of a processor that a worker used on average; `None` while it cannot be told.
    pub(super) cpu: Option<f64>,
}

/// Where a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has not started; when it will, where that is known.
    Waiting(Option<u64>),
    /// In a part of a stage.
    In(CellKey),
    /// At its end.
    Ended,
}

/// How far a part of a stage has come by the plan's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Course {
    /// How much of the whole stage is behind, 0 to 1.
    pub(super) fraction: f64,
    /// Time since the part began.
    pub(super) elapsed_ns: u64,
    /// The part's length by the plan; `None` where only the run can tell.
    pub(super) length_ns: Option<u64>,
    /// Until the scenario's planned end; `None` where only the run can tell.
    pub(super) left_ns: Option<u64>,
}

impl Scene {
    pub(super) fn new(plan: &Plan, folder: String) -> Self {
        let schedule = Schedule::new(plan);
        let timelines = schedule.timelines();
        let scenarios = plan.scenarios.len();
        Self {
            plan: plan.clone(),
            folder,
            targets: Vec::new(),
            workers: Vec::new(),
            recording: Recording::new(scenarios),
            latest: vec![Latest::default(); scenarios],
            findings: Vec::new(),
            stopping: None,
            verdict: None,
            schedule,
            timelines,
            told: vec![0; scenarios],
        }
    }

    /// Takes in the next event.
    pub(super) fn see(&mut self, event: &Event) {
        match event {
            Event::Started { targets, workers, .. } => {
                self.targets.clone_from(targets);
                self.workers.clone_from(workers);
            }
            Event::Recorded(entry) => self.record(entry),
            Event::FirstFailure { .. } => {}
            Event::Judged(findings) => self.findings.clone_from(findings),
            Event::Stopping { why } => self.stopping = Some(why.clone()),
            Event::Finished { verdict, .. } => {
                self.findings.clone_from(&verdict.findings);
                self.verdict = Some(verdict.clone());
            }
        }
    }

    fn record(&mut self, entry: &Entry) {
        self.recording.add(entry);
        match entry {
            Entry::Second(second) => self.look_at(second),
            Entry::Boundary(boundary) => {
                if let Some(timeline) = self.timelines.get_mut(usize::from(boundary.scenario)) {
                    timeline.learn(boundary.mark, boundary.at_ns);
                }
            }
            Entry::WorkerLost { .. } | Entry::Stopped { .. } => {}
        }
    }

    fn look_at(&mut self, second: &Second) {
        for (index, facts) in &second.scenarios {
            if let Some(latest) = self.latest.get_mut(usize::from(*index)) {
                latest.look_at(second.second, facts);
            }
        }
    }

    /// Whether the run's clock has started.
    pub(super) fn started(&self) -> bool {
        !self.workers.is_empty()
    }

    /// The run's clock at the end of the last second.
    pub(super) fn recorded_ns(&self) -> u64 {
        u64::from(self.recording.seconds) * SECOND_NS
    }

    /// Every scenario with its index.
    pub(super) fn scenarios(&self) -> impl Iterator<Item = (usize, &Scenario)> {
        self.plan.scenarios.iter().enumerate()
    }

    /// The arithmetic of one stage; `None` if the plan has no such stage.
    pub(super) fn segment(&self, scenario: usize, stage: usize) -> Option<&Segment> {
        self.schedule.scenario(scenario).segments.get(stage)
    }

    /// Where a scenario is.
    pub(super) fn place(&self, scenario: usize, now_ns: u64) -> Place {
        let facts = &self.recording.scenarios[scenario];
        if facts.at(Mark::End).is_some() {
            return Place::Ended;
        }
        match facts.part_at(now_ns) {
            Some(key) => Place::In(key),
            None => Place::Waiting(self.timelines[scenario].at(Mark::Ramp(0))),
        }
    }

    /// How far a part has come.
    pub(super) fn course(&self, scenario: usize, key: CellKey, now_ns: u64) -> Course {
        let (facts, timeline) = (&self.recording.scenarios[scenario], &self.timelines[scenario]);
        let next = Mark::Ramp(key.stage + 1);
        let (mark, end) = match key.part {
            Part::Ramp => (Mark::Ramp(key.stage), timeline.at(Mark::Hold(key.stage))),
            Part::Hold => (Mark::Hold(key.stage), timeline.at(next).or(timeline.at(Mark::Drain))),
            Part::Drain => (Mark::Drain, None),
        };
        let began = facts.at(mark).unwrap_or(now_ns);
        let left = timeline.at(Mark::Drain).map(|end| end.saturating_sub(now_ns));
        let length = end.map(|end| end.saturating_sub(began));
        let stage_began = facts.at(Mark::Ramp(key.stage)).unwrap_or(began);
        let stage_end = timeline.at(next).or(timeline.at(Mark::Drain));
        let fraction = match (key.part, stage_end) {
            (Part::Drain, _) => 1.0,
            (_, Some(end)) if end > stage_began => {
                now_ns.saturating_sub(stage_began) as f64 / (end - stage_began) as f64
            }
            (_, Some(_)) => 1.0,
            // Only an unpaced ramp has no planned end: its course is how many are there.
            (_, None) => self.reached(scenario, usize::from(key.stage)),
        };
        Course {
            fraction: fraction.clamp(0.0, 1.0),
            elapsed_ns: now_ns.saturating_sub(began),
            length_ns: length,
            left_ns: left.filter(|_| key.part != Part::Drain),
        }
    }

    fn reached(&self, scenario: usize, stage: usize) -> f64 {
        let Some(Segment { shape: Shape::Users { from, to, .. }, .. }) =
            self.segment(scenario, stage)
        else {
            return 0.0;
        };
        let (level, _) = self.level(scenario);
        level.abs_diff(*from) as f64 / to.abs_diff(*from).max(1) as f64
    }

    /// Connections open, or users at work, and the word for them.
    pub(super) fn level(&self, scenario: usize) -> (u64, Gauge) {
        let gauge = match self.plan.scenarios[scenario].protocol {
            Protocol::TcpHold(_) => Gauge::Open,
            Protocol::Http(_) => Gauge::Users,
        };
        (self.latest[scenario].gauges.get(gauge), gauge)
    }

    /// Attempts a second in the last second: connections tried or requests started.
    pub(super) fn rate(&self, scenario: usize) -> (f64, RateMetric) {
        let metric = match self.plan.scenarios[scenario].protocol {
            Protocol::TcpHold(_) => RateMetric::Connect,
            Protocol::Http(_) => RateMetric::Requests,
        };
        let latest = &self.latest[scenario];
        let counter = match metric {
            RateMetric::Connect => Counter::ConnectAttempts,
            RateMetric::Requests | RateMetric::BytesReceived => Counter::Started,
        };
        (latest.cell.counters.get(counter) as f64, metric)
    }

    /// Attempts a second that the plan asked for in the last second; `None` where it leaves that to the machine.
    pub(super) fn planned_rate(&self, scenario: usize) -> Option<f64> {
        let middle = u64::from(self.latest[scenario].second?) * SECOND_NS + SECOND_NS / 2;
        let key = self.recording.scenarios[scenario].part_at(middle)?;
        if key.part == Part::Drain {
            return None;
        }
        match self.segment(scenario, usize::from(key.stage))?.shape {
            Shape::Rate { .. } => Some(self.timelines[scenario].level_at(middle)),
            Shape::Users { from, to, pace: Pace::Paced(rate) }
                if key.part == Part::Ramp && to > from && self.is_hold(scenario) =>
            {
                Some(rate.value())
            }
            Shape::Users { .. } => None,
        }
    }

    /// Whether a scenario holds connections.
    pub(super) fn is_hold(&self, scenario: usize) -> bool {
        matches!(self.plan.scenarios[scenario].protocol, Protocol::TcpHold(_))
    }

    /// Counters and causes of some cells of a scenario, without their histograms.
    pub(super) fn sum(&self, scenario: usize, of: impl Fn(&CellKey) -> bool) -> Cell {
        let mut sum = Cell::default();
        for (_, cell) in self.recording.scenarios[scenario].cells.iter().filter(|(key, _)| of(key))
        {
            sum.counters.merge(&cell.counters);
            for (cause, tally) in &cell.failures {
                match sum.failures.iter_mut().find(|(known, _)| known == cause) {
                    Some((_, mine)) => mine.merge(tally),
                    None => sum.failures.push((*cause, tally.clone())),
                }
            }
        }
        sum
    }

    /// A metric of counters over the whole scenario so far.
    pub(super) fn so_far(&self, scenario: usize, metric: Metric) -> Option<Measure> {
        let cell = self.sum(scenario, |_| true);
        let span = Span {
            protocol: &self.plan.scenarios[scenario].protocol,
            cell: &cell,
            gauges: &self.latest[scenario].gauges,
            length_ns: self.recorded_ns(),
        };
        measure(metric, &span)
    }

    /// What failed of all so far.
    pub(super) fn failure_ratio(&self, scenario: usize) -> Option<Measure> {
        self.so_far(scenario, Metric::Ratio(RatioMetric::Failure))
    }

    /// What was due and never started.
    pub(super) fn dropped(&self, scenario: usize) -> u64 {
        self.sum(scenario, |_| true).counters.get(Counter::Dropped)
    }

    /// Why things failed so far, the most frequent first.
    pub(super) fn causes(&self, scenario: usize) -> Vec<(Cause, u64)> {
        let sum = self.sum(scenario, |_| true);
        let mut causes: Vec<(Cause, u64)> =
            sum.failures.iter().map(|(cause, tally)| (*cause, tally.count)).collect();
        causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), *cause));
        causes
    }

    /// The time that matters most now, of the last second: metric, median and 99th percentile in nanoseconds.
    pub(super) fn main_time(&self, scenario: usize) -> Option<(TimeMetric, f64, f64)> {
        let open = |stage: &crate::plan::Stage| matches!(stage.level, Level::Rate { .. });
        let of = &self.plan.scenarios[scenario];
        let wanted: &[TimeMetric] = match of.protocol {
            Protocol::TcpHold(_) => {
                &[TimeMetric::ConnectTime, TimeMetric::HeartbeatRtt, TimeMetric::HeartbeatGap]
            }
            Protocol::Http(_) if of.stages.iter().any(open) => {
                &[TimeMetric::ResponseTime, TimeMetric::ServiceTime]
            }
            Protocol::Http(_) => &[TimeMetric::ServiceTime],
        };
        let times = &self.latest[scenario].cell.times;
        wanted.iter().find_map(|metric| {
            Some((*metric, times.stat(*metric, Stat::P50)?, times.stat(*metric, Stat::P99)?))
        })
    }

    /// Stages that have ended and whose facts are all there, each told once: scenario and stage.
    pub(super) fn ended_stages(&mut self) -> Vec<(usize, usize)> {
        let (recorded, over) = (self.recorded_ns(), self.verdict.is_some());
        let mut ended = Vec::new();
        for (index, facts) in self.recording.scenarios.iter().enumerate() {
            let count = self.plan.scenarios[index].stages.len();
            let began = |stage: usize| {
                u16::try_from(stage).ok().and_then(|stage| facts.at(Mark::Ramp(stage)))
            };
            while self.told[index] < count && began(self.told[index]).is_some() {
                let end = began(self.told[index] + 1).or(facts.at(Mark::End));
                if !over && end.is_none_or(|end| end > recorded) {
                    break;
                }
                ended.push((index, self.told[index]));
                self.told[index] += 1;
            }
        }
        ended
    }

    /// Workers, processors, memory and lateness of all scenarios together in the last second.
    pub(super) fn generator(&self) -> Latest {
        let mut all = Latest::default();
        let (mut busy, mut known) = (0.0, 0);
        for latest in &self.latest {
            all.workers.merge(&latest.workers);
            all.reporting += latest.reporting;
            if let Some(cpu) = latest.cpu {
                busy += cpu * f64::from(latest.reporting);
                known += latest.reporting;
            }
        }
        all.cpu = (known > 0).then(|| busy / f64::from(known));
        all
    }

    /// Failures of the generator itself so far, of all scenarios.
    pub(super) fn local_failures(&self) -> u64 {
        let local = |(cause, count): &(Cause, u64)| {
            (cause.failure.origin() == Origin::Local).then_some(*count)
        };
        (0..self.plan.scenarios.len())
            .map(|scenario| self.causes(scenario).iter().filter_map(local).sum::<u64>())
            .sum()
    }

    /// Requests under way.
    pub(super) fn in_flight(&self, scenario: usize) -> u64 {
        self.latest[scenario].gauges.get(Gauge::InFlight)
    }
}

impl Latest {
    fn look_at(&mut self, second: u32, facts: &ScenarioSecond) {
        let used = facts.workers.cpu_ns.checked_sub(self.workers.cpu_ns);
        let length = u64::from(second.saturating_sub(self.second.unwrap_or(second))) * SECOND_NS;
        let same = facts.reporting == self.reporting && facts.reporting > 0 && length > 0;
        self.cpu = used
            .filter(|_| same)
            .map(|used| used as f64 / (length as f64 * f64::from(facts.reporting)));
        self.second = Some(second);
        self.cell = Cell::default();
        for (_, cell) in &facts.cells {
            self.cell.merge(cell);
        }
        self.reporting = facts.reporting;
        if facts.reporting > 0 {
            self.gauges = facts.gauges;
            self.workers = facts.workers;
        }
    }
}
