//! Turns the events of a run into what there is to see of it at any moment.
//!
//! **Invariant:** no clock; whoever asks says what time it is on the run's clock.

use crate::engine::{Event, Resolved};
use crate::plan::{Phase, Plan, Scenario};
use crate::record::{
    Cell, CellKey, Entry, Gauges, Recording, ScenarioSecond, Second, StopReason, Transition,
    WorkerFacts,
};
use crate::schedule::{Schedule, Segment, Shape, Timeline};
use crate::units::SECOND_NS;
use crate::verdict::{Finding, Judgement};

/// How long after a stage's end what is still under way of it is waited for, before its result is
/// told.
const PATIENCE_NS: u64 = 5 * SECOND_NS;

/// A run as far as it is known.
#[derive(Debug)]
pub(super) struct RunState {
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
    pub(super) latest: Vec<LastSecond>,
    /// How the thresholds stand.
    pub(super) findings: Vec<Finding>,
    /// Why the run is being stopped, once it is, and whether at once.
    pub(super) stopping: Option<(StopReason, bool)>,
    /// What came out, once that is known.
    pub(super) verdict: Option<Judgement>,
    schedule: Schedule,
    /// When each scenario passes its marks, as far as that is known.
    pub(super) timelines: Vec<Timeline>,
    /// Stages whose end has been told, by scenario.
    told: Vec<usize>,
}

/// The last second of one scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct LastSecond {
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
    /// How many workers were at work, silent ones included.
    pub(super) at_work: u32,
    /// Share of a processor that a worker used on average since all workers last reported; `None`
    /// while it is not known.
    pub(super) cpu: Option<f64>,
    cpu_basis: Option<CpuBasis>,
}

/// The last second that all workers reported.
#[derive(Debug, Clone, Copy)]
struct CpuBasis {
    second: u32,
    /// Processor time of all workers up to its end.
    cpu_ns: u64,
    at_work: u32,
}

impl CpuBasis {
    /// The share of a processor that each worker used up to `now`.
    fn share(&self, now: &Self) -> Option<f64> {
        let used = now.cpu_ns.checked_sub(self.cpu_ns)? as f64;
        let length_ns = u64::from(now.second.saturating_sub(self.second)) * SECOND_NS;
        (length_ns > 0 && now.at_work == self.at_work)
            .then(|| used / (length_ns as f64 * f64::from(now.at_work)))
    }
}

/// Where a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progression {
    /// It has not started; when it will, where that is known.
    Waiting(Option<u64>),
    /// In a part of a stage.
    In(CellKey),
    /// At its end.
    Ended,
}

/// How far a part of a stage has come by the plan's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StageProgress {
    /// How much of the whole stage is behind, 0 to 1.
    pub(super) fraction: f64,
    /// Time since the phase began.
    pub(super) elapsed_ns: u64,
    /// The phase's length by the plan; `None` where only the run can tell.
    pub(super) length_ns: Option<u64>,
    /// Until the scenario's planned end; `None` where only the run can tell.
    pub(super) left_ns: Option<u64>,
}

impl RunState {
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
            latest: vec![LastSecond::default(); scenarios],
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
            Event::FirstFailure { .. } | Event::Diagnosed { .. } => {}
            Event::Judged(findings) => self.findings.clone_from(findings),
            Event::Stopping { reason, at_once } => {
                self.stopping = Some((reason.clone(), *at_once));
            }
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
            Entry::Transition(boundary) => {
                if let Some(timeline) = self.timelines.get_mut(usize::from(boundary.scenario)) {
                    timeline.learn(boundary.transition, boundary.at_ns);
                }
            }
            Entry::Baseline(_)
            | Entry::WorkerLost { .. }
            | Entry::Diagnosed { .. }
            | Entry::Stopped { .. } => {}
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
    pub(super) fn place(&self, scenario: usize, now_ns: u64) -> Progression {
        let facts = &self.recording.scenarios[scenario];
        if facts.at(Transition::End).is_some() {
            return Progression::Ended;
        }
        match facts.phase_at(now_ns) {
            Some(key) => Progression::In(key),
            None => Progression::Waiting(self.timelines[scenario].at(Transition::Ramp(0))),
        }
    }

    /// How far a phase has come.
    pub(super) fn course(&self, scenario: usize, key: CellKey, now_ns: u64) -> StageProgress {
        let (facts, timeline) = (&self.recording.scenarios[scenario], &self.timelines[scenario]);
        let next = Transition::Ramp(key.stage.saturating_add(1));
        let (mark, end) = match key.phase {
            Phase::Ramp => (Transition::Ramp(key.stage), timeline.at(Transition::Hold(key.stage))),
            Phase::Hold => {
                (Transition::Hold(key.stage), timeline.at(next).or(timeline.at(Transition::Drain)))
            }
            Phase::Drain => (Transition::Drain, None),
        };
        let began = facts.at(mark).unwrap_or(now_ns);
        let left = timeline.at(Transition::Drain).map(|end| end.saturating_sub(now_ns));
        let length = end.map(|end| end.saturating_sub(began));
        let stage_began = facts.at(Transition::Ramp(key.stage)).unwrap_or(began);
        let stage_end = timeline.at(next).or(timeline.at(Transition::Drain));
        let fraction = match (key.phase, stage_end) {
            (Phase::Drain, _) => 1.0,
            (_, Some(end)) if end > stage_began => {
                now_ns.saturating_sub(stage_began) as f64 / (end - stage_began) as f64
            }
            (_, Some(_)) => 1.0,
            // Only an unpaced ramp has no planned end: its course is how many are there.
            (_, None) => self.reached(scenario, usize::from(key.stage)),
        };
        StageProgress {
            fraction: fraction.clamp(0.0, 1.0),
            elapsed_ns: now_ns.saturating_sub(began),
            length_ns: length,
            left_ns: left.filter(|_| key.phase != Phase::Drain),
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

    /// Stages that have ended and whose facts are all there, each told once: scenario and stage.
    /// What is long in ending is not waited for.
    pub(super) fn ended_stages(&mut self) -> Vec<(usize, usize)> {
        let mut ended = Vec::new();
        for scenario in 0..self.told.len() {
            while self.has_ended(scenario, self.told[scenario]) {
                ended.push((scenario, self.told[scenario]));
                self.told[scenario] += 1;
            }
        }
        ended
    }

    fn has_ended(&self, scenario: usize, stage: usize) -> bool {
        let facts = &self.recording.scenarios[scenario];
        let began = |stage: usize| facts.at(Transition::Ramp(u16::try_from(stage).ok()?));
        if stage >= self.plan.scenarios[scenario].stages.len() || began(stage).is_none() {
            return false;
        }
        if self.verdict.is_some() {
            return true;
        }
        let Some(end) = began(stage + 1).or(facts.at(Transition::End)) else { return false };
        let recorded = self.recorded_ns();
        recorded >= end && (self.under_way(scenario, stage) == 0 || recorded >= end + PATIENCE_NS)
    }
}

impl LastSecond {
    fn look_at(&mut self, second: u32, facts: &ScenarioSecond) {
        let at_work = facts.at_work.max(facts.reporting);
        // What a silent worker uses is known once it speaks again, and is of all the time since.
        if at_work > 0 && facts.reporting == at_work {
            let basis = CpuBasis { second, cpu_ns: facts.workers.cpu_ns, at_work };
            self.cpu = self.cpu_basis.replace(basis).and_then(|before| before.share(&basis));
        } else {
            self.cpu = None;
        }
        self.second = Some(second);
        self.cell = Cell::default();
        for (_, cell) in &facts.cells {
            self.cell.merge(cell);
        }
        self.reporting = facts.reporting;
        self.at_work = at_work;
        if facts.reporting > 0 {
            self.gauges = facts.gauges;
            self.workers = facts.workers;
        }
    }
}
