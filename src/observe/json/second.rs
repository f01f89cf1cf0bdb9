//! The figures of a second, in the lines of `--progress json`.

use super::figures::{FailureCause, whole};
use super::threshold::ProgressThreshold;
use crate::machine::ResourceCost;
use crate::observe::view::{CauseCount, HostView, Progression, View};
use crate::plan::Stat;
use crate::record::{Counter, Counters, Gauge};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;
use std::collections::BTreeMap;

/// All scenarios, all thresholds, the workers.
#[derive(Serialize, JsonSchema)]
pub(super) struct SecondReport<'a> {
    scenarios: Vec<ScenarioSecondReport<'a>>,
    thresholds: Vec<ProgressThreshold<'a>>,
    workers: ProgressWorkers,
    /// The hosts of a run on several, the worst first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<ProgressHost<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct ProgressHost<'a> {
    name: &'a str,
    #[schemars(extend("enum" = ["ended", "running", "late", "lost"]))]
    state: &'static str,
    /// Of all its processors, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ratio: Option<f64>,
    lag_max_ns: u64,
    /// Attempts that started in this second.
    started: f64,
    /// Users or connections at its end.
    level: u64,
    /// Of the attempts that have ended so far, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_ratio: Option<f64>,
}

impl<'a> ProgressHost<'a> {
    fn new(host: &'a HostView) -> Self {
        Self {
            name: &host.name,
            state: host.state.word().unwrap_or("running"),
            cpu_ratio: host.cpu_ratio,
            lag_max_ns: host.lag_max_ns,
            started: host.rate,
            level: host.level,
            failure_ratio: host.failure_ratio,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct ProgressWorkers {
    /// How many report.
    reporting: u64,
    /// How many are gone.
    lost: u64,
    rss_bytes: u64,
    lag_max_ns: u64,
    /// Of the busiest one, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ratio: Option<f64>,
}

/// A scenario. Besides these keys it has each of its gauges (`open`, `in_flight` and so on), the
/// rate of its attempts (`requests.rate`), and figures of its main time (`service_time.p99_ns`).
#[derive(Serialize, JsonSchema)]
struct ScenarioSecondReport<'a> {
    scenario: &'a str,
    #[schemars(extend("enum" = ["waiting", "running", "ended"]))]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    #[serde(flatten)]
    progress: Option<PhaseProgress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_rate: Option<f64>,
    #[schemars(with = "BTreeMap<String, u64>")]
    counters: &'a Counters,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_ratio: Option<ProgressRatio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causes: Option<Vec<CountedCause>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<ProgressCost>,
    #[serde(flatten)]
    figures: BTreeMap<String, Number>,
}

#[derive(Serialize, JsonSchema)]
struct PhaseProgress {
    /// How much of the phase has passed, from 0 to 1.
    fraction: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_ns: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct ProgressRatio {
    value: f64,
    numerator: u64,
    denominator: u64,
}

#[derive(Serialize, JsonSchema)]
struct CountedCause {
    #[serde(flatten)]
    cause: FailureCause,
    count: u64,
}

/// The measured cost of connections.
#[derive(Serialize, JsonSchema)]
struct ProgressCost {
    connections: u64,
    #[serde(
        rename = "generator.rss_bytes_per_connection",
        skip_serializing_if = "Option::is_none"
    )]
    generator_rss: Option<f64>,
    #[serde(
        rename = "generator.cpu_seconds_per_thousand_connections",
        skip_serializing_if = "Option::is_none"
    )]
    generator_cpu: Option<f64>,
    #[serde(
        rename = "generator.cpu_seconds_per_heartbeat",
        skip_serializing_if = "Option::is_none"
    )]
    heartbeat_cpu: Option<f64>,
    #[serde(rename = "target.rss_bytes_per_connection", skip_serializing_if = "Option::is_none")]
    target_rss: Option<f64>,
    #[serde(rename = "kernel_bytes_per_connection", skip_serializing_if = "Option::is_none")]
    kernel: Option<f64>,
}

impl<'a> SecondReport<'a> {
    pub(super) fn new(view: &'a View, now_ns: u64) -> Self {
        let generator = &view.generator;
        let scenarios = 0..view.scenarios.len();
        Self {
            scenarios: scenarios
                .map(|index| ScenarioSecondReport::new(view, index, now_ns))
                .collect(),
            thresholds: view
                .thresholds
                .iter()
                .map(|one| ProgressThreshold::new(view, one))
                .collect(),
            workers: ProgressWorkers {
                reporting: u64::from(generator.reporting),
                lost: u64::from(generator.lost),
                rss_bytes: generator.rss_bytes,
                lag_max_ns: generator.lag_max_ns,
                cpu_ratio: generator.cpu_ratio,
            },
            hosts: view.hosts.iter().map(ProgressHost::new).collect(),
        }
    }
}

impl<'a> ScenarioSecondReport<'a> {
    fn new(view: &'a View, index: usize, now_ns: u64) -> Self {
        let (of, now) = view.scenario(index);
        let (state, phase) = match now.progression {
            Progression::Waiting { .. } => ("waiting", None),
            Progression::Ended => ("ended", None),
            Progression::Running(phase) => ("running", Some(phase)),
        };
        let progress = phase.map(|phase| phase.progress(now_ns));
        let stage = phase.and_then(|phase| of.stages.get(usize::from(phase.stage)));
        let so_far = &now.counters;
        let failed = so_far.get(Counter::Failed) + so_far.get(Counter::TimedOut) > 0;
        let counted = |one: &CauseCount| CountedCause { cause: one.cause.into(), count: one.count };
        let mut figures: BTreeMap<String, Number> = Gauge::ALL
            .iter()
            .map(|gauge| (gauge.name().to_owned(), now.gauges.get(*gauge).into()))
            .collect();
        figures.extend(
            Number::from_f64(now.rate).map(|rate| (now.rate_metric.name().to_owned(), rate)),
        );
        if let Some(time) = &now.time {
            for (stat, ns) in [(Stat::P50, time.p50), (Stat::P99, time.p99)] {
                figures.insert(format!("{}.{stat}_ns", time.metric), whole(ns).into());
            }
        }
        Self {
            scenario: &of.name,
            state,
            stage: stage.map(|stage| stage.name.as_str()),
            part: phase.map(|phase| phase.phase.to_string()),
            progress: progress.map(|progress| PhaseProgress {
                fraction: progress.fraction,
                left_ns: progress.left_ns,
            }),
            planned_rate: now.planned_rate,
            counters: so_far,
            failure_ratio: now.failure_ratio.map(|measure| {
                let (numerator, denominator) = measure.ratio.unwrap_or_default();
                ProgressRatio { value: measure.value, numerator, denominator }
            }),
            causes: failed.then(|| now.causes.iter().map(counted).collect()),
            cost: now.cost.as_ref().map(ProgressCost::new),
            figures,
        }
    }
}

impl ProgressCost {
    fn new(cost: &ResourceCost) -> Self {
        let generator = cost.generator.cost;
        Self {
            connections: cost.connections,
            generator_rss: generator.rss_per_connection,
            generator_cpu: generator.cpu_per_thousand_connections,
            heartbeat_cpu: generator.cpu_per_heartbeat,
            target_rss: cost.target.and_then(|target| target.cost.rss_per_connection),
            kernel: cost.kernel_per_connection,
        }
    }
}
