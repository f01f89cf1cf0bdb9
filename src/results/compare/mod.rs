//! Turns two sets of runs into what changed between them: whether they can be compared at all, one
//! figure a run, the change with its interval, and a decision against a margin.
//!
//! **Invariant:** requests of several runs are never pooled: what varies is the run.
//! **Invariant:** that no change was seen is never taken for there being none.

mod bootstrap;
mod comparable;
mod figures;
mod page;
mod printed;
mod reproduced;
#[cfg(test)]
mod tests;

pub use bootstrap::{ConfidenceInterval, FEWEST_RUNS};
pub use comparable::{Difference, DifferenceKind};
pub use page::page;
pub use printed::{markdown, write, write_noise};
pub use reproduced::{Reproduction, reproduced, write_reproduction};

use crate::catalogue::{Better, MetricUnit};
use crate::plan::Metric;
use crate::store::{Error, SavedRun};
use bootstrap::interval;
pub(super) use bootstrap::{interval_of_median, median};
pub(super) use comparable::machines;
pub(super) use figures::figures;
use figures::{FigurePlace, RunFigure};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// How much worse a figure may get.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Margin {
    /// Of times and rates: a part of the base.
    pub relative: f64,
    /// Of ratios: the difference, as a ratio of 0 to 1.
    pub points: f64,
}

impl Default for Margin {
    fn default() -> Self {
        Self { relative: 0.05, points: 0.001 }
    }
}

/// The metrics to compare, and the tolerances.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How much worse a figure may get.
    pub margin: Margin,
    /// Metrics in place of those that planrun chooses.
    pub metrics: Vec<Metric>,
    /// Differences that are accepted.
    pub accept: Vec<DifferenceKind>,
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonOutcome {
    /// Worse by more than the margin, by the whole interval.
    Regressed,
    /// Worse by at most the margin, by the whole interval.
    NotRegressed,
    /// Better by more than the margin, by the whole interval.
    Improved,
    /// The interval has both, or there is none.
    Inconclusive,
    /// The runs cannot be compared.
    Incomparable,
}

impl ComparisonOutcome {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::NotRegressed => "not regressed",
            Self::Improved => "improved",
            Self::Inconclusive => "inconclusive",
            Self::Incomparable => "incomparable",
        }
    }
}

/// One figure of both sets.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Change {
    /// Where it was measured.
    pub place: FigurePlace,
    /// The measured values.
    #[serde(serialize_with = "name")]
    #[schemars(with = "String")]
    pub metric: Metric,
    /// The figure of each run of the base.
    pub base: Vec<f64>,
    /// The figure of each new run.
    pub new: Vec<f64>,
    /// Times and rates: new median by base median; ratios: new median less base median. In
    /// JSON null where the base is zero.
    #[schemars(with = "Option<f64>")]
    pub effect: f64,
    /// The interval of the effect; absent with too few runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<ConfidenceInterval>,
    /// The decision.
    pub outcome: ComparisonOutcome,
}

fn name<S: Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(metric)
}

/// A whole comparison.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RunComparison {
    #[schemars(extend("const" = "planrun.compare/1"))]
    schema: &'static str,
    /// The decision over all figures.
    pub outcome: ComparisonOutcome,
    /// Folders of the base.
    pub base: Vec<PathBuf>,
    /// Folders of the new runs.
    pub new: Vec<PathBuf>,
    /// The margin.
    pub margin: Margin,
    /// Why the runs cannot be compared, or what was accepted.
    pub differences: Vec<Difference>,
    /// Each figure.
    pub changes: Vec<Change>,
}

/// Compares two sets of runs; each has at least one.
///
/// # Errors
/// When a file of a folder cannot be read.
pub fn compare(
    base: &[SavedRun],
    new: &[SavedRun],
    options: &Options,
) -> Result<RunComparison, Error> {
    let differences = comparable::differences(base, new, &options.accept);
    let comparable = differences.iter().all(|one| one.accepted);
    let mut changes = changes(base, new, options);
    if !comparable {
        for change in &mut changes {
            change.outcome = ComparisonOutcome::Incomparable;
        }
    }
    let folders = |runs: &[SavedRun]| runs.iter().map(|run| run.folder.clone()).collect();
    Ok(RunComparison {
        schema: "planrun.compare/1",
        outcome: if comparable { overall(&changes) } else { ComparisonOutcome::Incomparable },
        base: folders(base),
        new: folders(new),
        margin: options.margin,
        differences,
        changes,
    })
}

/// The decision over all figures.
fn overall(changes: &[Change]) -> ComparisonOutcome {
    let any = |outcome| changes.iter().any(|change| change.outcome == outcome);
    if any(ComparisonOutcome::Regressed) {
        ComparisonOutcome::Regressed
    } else if changes.is_empty() || any(ComparisonOutcome::Inconclusive) {
        ComparisonOutcome::Inconclusive
    } else {
        ComparisonOutcome::NotRegressed
    }
}

/// The figures that every run of both sets has.
fn changes(base: &[SavedRun], new: &[SavedRun], options: &Options) -> Vec<Change> {
    let of = |runs: &[SavedRun]| -> Vec<Vec<RunFigure>> {
        runs.iter().map(|run| figures(run, &options.metrics)).collect()
    };
    let (base, new) = (of(base), of(new));
    let Some(first) = base.first() else { return Vec::new() };
    let change = |figure: &RunFigure| {
        let values = |runs: &[Vec<RunFigure>]| -> Option<Vec<f64>> {
            let of = |run: &Vec<RunFigure>| {
                run.iter().find(|one| one.is_same(figure)).map(|one| one.value)
            };
            runs.iter().map(of).collect()
        };
        let (base, new) = (values(&base)?, values(&new)?);
        Some(Change::new(figure, base, new, options.margin))
    };
    first.iter().filter_map(change).collect()
}

/// How the change of a metric is expressed.
fn effect_of(metric: Metric) -> fn(f64, f64) -> f64 {
    match metric.row().unit {
        MetricUnit::Ratio => |base, new| new - base,
        _ => |base, new| match (base, new) {
            #[expect(
                clippy::float_cmp,
                reason = "two equal figures, and two of zero, are the same"
            )]
            (base, new) if base == new => 1.0,
            (base, new) => new / base,
        },
    }
}

impl Change {
    fn new(figure: &RunFigure, base: Vec<f64>, new: Vec<f64>, margin: Margin) -> Self {
        let metric = figure.metric;
        let of = effect_of(metric);
        let effect = of(median(&base), median(&new));
        let interval = interval(&base, &new, of);
        let outcome =
            interval.map_or(ComparisonOutcome::Inconclusive, |one| decide(metric, one, margin));
        Self { place: figure.place.clone(), metric, base, new, effect, interval, outcome }
    }

    /// The smallest change that these runs could have shown, where both sets are the same.
    pub fn smallest_change(&self) -> Option<f64> {
        let interval = self.interval?;
        let [low, high] = worse(self.metric, interval);
        Some(high.max(-low))
    }
}

/// How much worse, at least and at most: a part of the base, or points.
fn worse(metric: Metric, interval: ConfidenceInterval) -> [f64; 2] {
    let none = if metric.row().unit == MetricUnit::Ratio { 0.0 } else { 1.0 };
    let [low, high] = [interval.low - none, interval.high - none];
    match metric.row().better {
        Better::Higher => [-high, -low],
        Better::Lower | Better::Neither => [low, high],
    }
}

fn decide(metric: Metric, interval: ConfidenceInterval, margin: Margin) -> ComparisonOutcome {
    let row = metric.row();
    let margin = if row.unit == MetricUnit::Ratio { margin.points } else { margin.relative };
    let [least, most] = worse(metric, interval);
    // A metric that is neither good nor bad must not change at all.
    let least = if row.better == Better::Neither { least.max(-most) } else { least };
    if least > margin {
        ComparisonOutcome::Regressed
    } else if row.better != Better::Neither && most < -margin {
        ComparisonOutcome::Improved
    } else if most <= margin
        && (row.better != Better::Neither || worse(metric, interval)[0] >= -margin)
    {
        ComparisonOutcome::NotRegressed
    } else {
        ComparisonOutcome::Inconclusive
    }
}
