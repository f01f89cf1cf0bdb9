//! Turns a plan and the facts of its run into PASS, FAIL or INVALID.
//!
//! **Invariant:** pure; the same code judges live, at the end, and again from saved data.
//! **Invariant:** a threshold without data never passes.
//!
//! `shortfall` has a table of who caused missing samples.

mod accounting;
mod breaches;
mod capacity_search;
mod health;
mod judge;
mod of_failures;
pub mod rules;
mod shortfall;
mod unlimited;
mod view;
mod window;

use crate::plan::{Metric, Plan, RatioMetric};
use crate::record::{Cell, Gauges, MeasuredSpan, Recording, measure};
pub use capacity_search::{CapacitySearch, SearchOutcome, SearchStep};
pub use health::{Health, RuleStatus};
pub use judge::Judge;
pub use rules::{Rule, RuleUnit};
use serde::Serialize;
use std::fmt;
pub use unlimited::{UnlimitedFailures, unlimited_failures};

/// The verdict of a run, with its findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The one word.
    pub verdict: Verdict,
    /// A finding for each threshold, or for each of its stages.
    pub findings: Vec<Finding>,
    /// Why the run proves nothing; empty unless INVALID.
    pub breaches: Vec<Breach>,
    /// Every rule of validity that measures something, whether it was broken or not.
    pub health: Vec<Health>,
}

/// PASS, FAIL or INVALID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every threshold held.
    Pass,
    /// A threshold is broken.
    Fail,
    /// The run proves nothing about the target.
    Invalid,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Invalid => "INVALID",
        })
    }
}

/// The result of one threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Index into `Scenario::thresholds`.
    pub threshold: u16,
    /// The stage in which it was evaluated, if it is evaluated by stage: index into
    /// `Scenario::stages`.
    pub stage: Option<u16>,
    /// The request for which it was evaluated, if it is evaluated by request: index into
    /// `Http::requests`.
    pub request: Option<u16>,
    /// How it stands.
    pub state: ThresholdState,
    /// The value that decided: with a window the worst one. Absent when nothing was measured.
    pub value: Option<f64>,
    /// Samples behind the value.
    pub samples: u64,
    /// Numerator and denominator of a ratio.
    pub ratio: Option<(u64, u64)>,
    /// With a window: the second at which the deciding window ended.
    pub window_end: Option<u32>,
}

/// Of the scenarios without thresholds, or with too few requests for the default one, in which more
/// attempts failed than went well, the worst: its index, and the part that failed. No verdict is
/// about it.
pub fn unjudged_failures(
    plan: &Plan,
    recording: &Recording,
    findings: &[Finding],
) -> Option<(usize, f64)> {
    let scenarios = plan.scenarios.iter().zip(&recording.scenarios).enumerate();
    let is_judged = |index: usize| {
        let own = findings.iter().filter(|finding| usize::from(finding.scenario) == index);
        own.filter(|finding| !matches!(finding.state, ThresholdState::TooFew { .. })).count() > 0
    };
    let failing = scenarios.filter(|(index, _)| !is_judged(*index));
    let failing = failing.filter_map(|(index, (scenario, facts))| {
        let (mut cell, gauges) = (Cell::default(), Gauges::default());
        facts.cells.values().for_each(|phase| cell.merge_counts(phase));
        let span = MeasuredSpan {
            protocol: &scenario.protocol,
            cell: &cell,
            gauges: &gauges,
            length_ns: 0,
        };
        let failed = measure(Metric::Ratio(RatioMetric::Failure), &span)?;
        (failed.value > 0.5).then_some((index, failed.value))
    });
    failing.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// How a threshold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdState {
    /// It holds.
    Held,
    /// It is broken.
    Broken,
    /// Nothing was measured.
    NoData,
    /// Nothing, or too little, was measured because the target failed.
    Unreached {
        /// How many samples it takes.
        needed: u64,
        /// How many attempts failed by the target.
        failed: u64,
    },
    /// Too few samples for the figure that is asked for.
    TooFew {
        /// How many it takes.
        needed: u64,
    },
}

impl ThresholdState {
    /// Every word that [`Self::name`] gives, for the schemas of reports.
    pub const NAMES: [&'static str; 5] =
        ["held", "broken", "no_data", "unreached", "too_few_samples"];

    /// The word in reports and in the lines of `--progress json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::NoData => "no_data",
            Self::Unreached { .. } => "unreached",
            Self::TooFew { .. } => "too_few_samples",
        }
    }

    /// Whether the target caused it.
    pub fn is_broken(self) -> bool {
        matches!(self, Self::Broken | Self::Unreached { .. })
    }
}

/// A rule of validity that the run broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Which.
    pub rule: &'static Rule,
    /// By how much, in words: `schedule_lag p99 was 180 ms in stage 2; at most 100 ms`.
    pub detail: String,
}

#[cfg(test)]
mod tests;
