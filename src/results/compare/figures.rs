//! Turns a run into one figure for each metric, scenario and stage.

use crate::plan::{Metric, Phase, Plan, RatioMetric, Scenario, Stat};
use crate::record::{Cell, CellKey, Gauges, MeasuredSpan, measure};
use crate::store::SavedRun;
use crate::units::{SECOND_NS, narrow};
use schemars::JsonSchema;
use serde::Serialize;

/// Where a figure was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FigurePlace {
    /// The scenario's name.
    pub scenario: String,
    /// The stage's name; all phases of it, or its hold, as thresholds look at the metric.
    pub stage: String,
}

/// One figure of a run.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::results) struct RunFigure {
    pub(in crate::results) place: FigurePlace,
    pub(in crate::results) metric: Metric,
    pub(in crate::results) value: f64,
}

impl RunFigure {
    /// Whether another run's is about the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.metric == other.metric && self.place == other.place
    }
}

/// The figures of a run with enough samples, warm-ups apart; `wanted` in place of those that say
/// most.
pub(in crate::results) fn figures(run: &SavedRun, wanted: &[Metric]) -> Vec<RunFigure> {
    let mut all = Vec::new();
    for (index, scenario) in run.plan.scenarios.iter().enumerate() {
        let metrics = if wanted.is_empty() { chosen(scenario) } else { wanted.to_vec() };
        let kind = scenario.protocol.kind();
        for metric in metrics.into_iter().filter(|metric| metric.is_of(kind)) {
            let stages = scenario.stages.iter().enumerate().filter(|(_, stage)| !stage.warmup);
            for (number, stage) in stages {
                let Some(value) = of_stage(run, &run.plan, (index, number), metric) else {
                    continue;
                };
                let place =
                    FigurePlace { scenario: scenario.name.clone(), stage: stage.name.clone() };
                all.push(RunFigure { place, metric, value });
            }
        }
    }
    all
}

/// The most informative metrics of a scenario, and those of its thresholds.
fn chosen(scenario: &Scenario) -> Vec<Metric> {
    let times = |time| [Stat::P50, Stat::P99].map(|stat| Metric::Time(time, stat));
    let mut metrics = vec![Metric::Ratio(RatioMetric::Failure)];
    let row = scenario.protocol.row();
    metrics.extend(row.compared_rate.map(Metric::Rate));
    metrics.extend([row.attempt_time].into_iter().chain(row.time_from_due).flat_map(times));
    let named = scenario.thresholds.iter().map(|one| one.metric);
    let figures = |one: &Metric| matches!(one, Metric::Time(..) | Metric::Rate(_));
    metrics.extend(named.filter(figures));
    let mut seen: Vec<Metric> = Vec::new();
    metrics.retain(|one| {
        let new = !seen.contains(one);
        seen.push(*one);
        new
    });
    metrics
}

/// The value in one stage: in the phases in which thresholds look at it.
fn of_stage(
    run: &SavedRun,
    plan: &Plan,
    (index, stage): (usize, usize),
    metric: Metric,
) -> Option<f64> {
    let scenario = &plan.scenarios[index];
    let facts = &run.recording.scenarios[index];
    let row = metric.row();
    let kind = scenario.protocol.kind();
    let whole = row.all_phases.has(kind) || row.connections.has(kind);
    let end_ns = u64::from(run.recording.seconds) * SECOND_NS;
    let mut cell = Cell::default();
    let mut length_ns = 0;
    for phase in [Phase::Ramp, Phase::Hold, Phase::Drain] {
        let key = CellKey { stage: narrow(stage), phase };
        if !whole && phase != Phase::Hold {
            continue;
        }
        if let Some(one) = facts.cells.get(&key) {
            cell.merge(one);
        }
        if phase != Phase::Drain {
            length_ns += facts.transitions.phase_length_ns(key, end_ns);
        }
    }
    let key = CellKey { stage: narrow(stage), phase: Phase::Hold };
    let gauges = facts.gauges_at.get(&key).copied().unwrap_or_else(Gauges::default);
    let span =
        MeasuredSpan { protocol: &scenario.protocol, cell: &cell, gauges: &gauges, length_ns };
    let measured = measure(metric, &span).filter(|one| one.samples >= metric.sample_floor())?;
    Some(measured.value)
}
