//! The view of a run at one moment, as data: the terminal, lines, JSON and the page draw from this
//! and from nothing else.
//!
//! **Invariant:** no clock and no fold; a view is a copy of figures, and what changes between two
//! seconds (how far a phase has come) is a function of the view and the time.

mod host;
mod outline;
mod progression;

pub(super) use host::{HostState, HostView};
pub(super) use outline::{RunOutline, ScenarioOutline, StageLevel};
pub(super) use progression::{PhaseView, Progression};

use crate::catalogue::{RateMetric, TimeMetric};
use crate::machine::ResourceCost;
use crate::record::{Cause, Counters, Diagnosis, Gauges, Measure, StopReason};
use crate::verdict::{Finding, Health, Judgement, RuleStatus, ThresholdState, Verdict};
use serde::Serialize;
use std::sync::Arc;

/// A run as far as it is known.
#[derive(Debug, Clone, Serialize)]
pub(super) struct View {
    /// The run's clock according to the latest event; never goes back.
    pub(super) now_ns: u64,
    /// The run's clock at the end of the last second.
    pub(super) recorded_ns: u64,
    /// The constant part.
    #[serde(skip)]
    pub(super) outline: Arc<RunOutline>,
    /// By index into `Plan::scenarios`.
    pub(super) scenarios: Arc<[ScenarioView]>,
    /// How the thresholds stand.
    pub(super) thresholds: Arc<[Finding]>,
    /// How the rules of validity stand.
    pub(super) health: Arc<[Health]>,
    /// All workers together.
    pub(super) generator: GeneratorView,
    /// The hosts of a run on several, the worst first.
    pub(super) hosts: Arc<[HostView]>,
    /// The last values that monitors read.
    pub(super) monitors: Arc<[MonitorView]>,
    /// Why the run is being stopped, once it is.
    pub(super) stopping: Option<Stopping>,
    /// Why no load is made any more, and since when, once that is so.
    pub(super) stopped: Option<Stopped>,
    /// The verdict if the run ended regularly now; `None` if nothing has been judged yet.
    pub(super) verdict: Option<Verdict>,
    /// The verdict, once known.
    pub(super) judgement: Option<Arc<Judgement>>,
    /// The events so far, the latest last; a bounded number.
    pub(super) log: Arc<[LogMessage]>,
}

/// The last reading of one monitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct MonitorView {
    /// When it was, on the run's clock; `None` before the first.
    pub(super) at_ns: Option<u64>,
    /// By index into `Monitor::metrics`; none where that reading had none.
    pub(super) values: Vec<Option<f64>>,
    /// How often reading failed so far.
    pub(super) failed: u64,
}

/// Why a run is being stopped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Stopping {
    pub(super) reason: StopReason,
    /// Whether attempts in progress are not waited for.
    pub(super) at_once: bool,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Stopped {
    pub(super) reason: StopReason,
    pub(super) at_ns: u64,
}

/// One thing that happened, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LogMessage {
    pub(super) at_ns: u64,
    /// Its topic: `stage`, `failure`, `threshold`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// One scenario. Ratios and causes are of the whole run so far; rates and times of its last second.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ScenarioView {
    pub(super) progression: Progression,
    /// Its last second's number; `None` before the first.
    pub(super) second: Option<u32>,
    /// The levels at its end.
    pub(super) gauges: Gauges,
    /// Users, or arrivals a second, that the plan asked for at its end.
    pub(super) planned_level: f64,
    /// Attempts in it: connections tried or requests started.
    pub(super) rate: f64,
    /// Which of them.
    #[serde(serialize_with = "name_of_rate")]
    pub(super) rate_metric: RateMetric,
    /// Attempts a second that the plan asked for in its middle; `None` where it leaves that to the
    /// machine.
    pub(super) planned_rate: Option<f64>,
    /// All that was counted in it.
    pub(super) counted: Counters,
    /// Why attempts failed in it.
    pub(super) failed: Vec<CauseCount>,
    /// The time that matters most now, of its last second.
    pub(super) time: Option<TimeView>,
    /// How many of its samples fell into each band, the lowest first; bands without any are left
    /// out.
    pub(super) bands: Vec<BandCount>,
    /// Of the held connections so far, the part that was not lost; `None` without any.
    pub(super) survival: Option<f64>,
    /// All that was counted so far.
    pub(super) counters: Counters,
    /// The failures so far, of all attempts.
    pub(super) failure_ratio: Option<Measure>,
    /// Why attempts failed so far, the most frequent first.
    pub(super) causes: Vec<CauseCount>,
    /// Root causes of the failures so far, the most frequent first.
    pub(super) diagnoses: Vec<Diagnosis>,
    /// The cost of a held connection so far.
    pub(super) cost: Option<ResourceCost>,
    /// The workers of the scenario.
    pub(super) workers: GeneratorView,
    /// By index into `Scenario::stages`.
    pub(super) stages: Vec<Arc<StageView>>,
    /// When its stages are planned to be reached and to end, as far as that is known.
    pub(super) marks: Arc<[StageMarks]>,
}

/// When a stage is planned to begin, to reach its level and to end; as it happened where it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct StageMarks {
    pub(super) ramp_ns: Option<u64>,
    pub(super) hold_ns: Option<u64>,
    pub(super) end_ns: Option<u64>,
    /// The level before it: users, or arrivals a second.
    pub(super) from: f64,
    /// Its level.
    pub(super) to: f64,
}

/// One stage of a scenario so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct StageView {
    /// When its ramp began, on the run's clock.
    pub(super) ramp_ns: Option<u64>,
    /// When its level was reached.
    pub(super) hold_ns: Option<u64>,
    /// When it ended.
    pub(super) end_ns: Option<u64>,
    /// All that was counted.
    pub(super) counters: Counters,
    /// Why attempts failed, in the order of their first failures.
    pub(super) causes: Vec<CauseCount>,
    /// Attempts of which nobody knows yet how they end.
    pub(super) under_way: u64,
    /// Attempts a second, once it is over: connections in the ramp, or requests in the hold.
    pub(super) rate: Option<f64>,
    /// The time that matters most: of connections in the ramp, of requests in the hold.
    pub(super) time: Option<TimeView>,
}

/// How often attempts failed for one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct CauseCount {
    #[serde(flatten)]
    pub(super) cause: Cause,
    pub(super) count: u64,
}

/// Samples of a band of times: its number, and how many. A band begins at a microsecond times the
/// square root of two to the power of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct BandCount(pub(super) u8, pub(super) u64);

/// Percentiles of a metric, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct TimeView {
    #[serde(serialize_with = "name_of_time")]
    pub(super) metric: TimeMetric,
    pub(super) samples: u64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// Workers, processors, memory and lateness in the last second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct GeneratorView {
    /// Workers that reported.
    pub(super) reporting: u32,
    /// Workers that were at work, silent ones included.
    pub(super) at_work: u32,
    /// Share of a processor that a worker used on average; `None` while it is not known.
    pub(super) cpu_ratio: Option<f64>,
    /// Their resident memory.
    pub(super) rss_bytes: u64,
    /// The latest start, against the schedule.
    pub(super) lag_max_ns: u64,
    /// Workers that were lost so far.
    pub(super) lost: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn name_of_rate<S: serde::Serializer>(metric: &RateMetric, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(metric.name())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn name_of_time<S: serde::Serializer>(metric: &TimeMetric, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(metric)
}

impl View {
    /// Whether the run's clock has started.
    pub(super) fn started(&self) -> bool {
        self.outline.started()
    }

    /// A scenario's outline, its state, and its index.
    pub(super) fn scenario(&self, index: usize) -> (&ScenarioOutline, &ScenarioView) {
        (&self.outline.scenarios[index], &self.scenarios[index])
    }

    /// The reasons of the verdict if the run ended regularly now: violated rules and broken
    /// thresholds decide; `None` where nothing has been judged yet.
    pub(super) fn verdict_so_far(&self) -> Option<Verdict> {
        if let Some(judgement) = &self.judgement {
            return Some(judgement.verdict);
        }
        if self.health.iter().any(|one| one.state == RuleStatus::Violated) {
            return Some(Verdict::Invalid);
        }
        if self.thresholds.iter().any(|one| one.state.is_broken()) {
            return Some(Verdict::Fail);
        }
        let held = |one: &Finding| one.state == ThresholdState::Held;
        (!self.thresholds.is_empty() && self.thresholds.iter().all(held)).then_some(Verdict::Pass)
    }

    /// Failures of the generator itself so far, of all scenarios.
    pub(super) fn local_failures(&self) -> u64 {
        let causes = self.scenarios.iter().flat_map(|scenario| &scenario.causes);
        let local = causes.filter(|one| one.cause.failure.origin() == crate::record::Origin::Local);
        local.map(|one| one.count).sum()
    }
}
