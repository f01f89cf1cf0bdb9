//! Turns the cost of held connections, and the root causes of failures, into JSON.

use crate::machine::{ProcessCost, ResourceCost};
use crate::record::{Diagnosis, HostId, RootCause, Side};
use crate::report::causes::causes;
use crate::store::SavedRun;
use schemars::JsonSchema;
use serde::Serialize;

/// What held connections cost. Memory and processor time of the generator, of a built-in target and
/// of the kernel are apart.
#[derive(Serialize, JsonSchema)]
pub(super) struct CostReport {
    connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    both_ends_here: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_bytes_per_connection: Option<f64>,
    generator: AccountReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<AccountReport>,
}

#[derive(Serialize, JsonSchema)]
struct AccountReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<u32>,
    rss_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_rss_bytes_per_process: Option<u64>,
    /// Without the fixed part.
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_bytes_per_connection: Option<f64>,
    /// Including the fixed part.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_rss_bytes_per_connection: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds_per_thousand_connections: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds_per_heartbeat: Option<f64>,
}

impl CostReport {
    /// Of one scenario that holds connections.
    pub(super) fn of_scenario(run: &SavedRun, index: usize) -> Option<Self> {
        let cost = ResourceCost::of_scenario(&run.plan, &run.recording, index)?;
        let workers = run.started.as_ref().and_then(|started| started.workers.get(index).copied());
        let way = run.started.as_ref().and_then(|started| started.paths.get(index));
        Some(Self::new(&cost, workers, way.map(|way| way.both_ends_here)))
    }

    /// Of all scenarios together.
    pub(super) fn of_run(run: &SavedRun) -> Option<Self> {
        let cost = ResourceCost::of_run(&run.plan, &run.recording)?;
        let ways =
            run.started.as_ref().map(|started| &started.paths).filter(|ways| !ways.is_empty());
        let here = ways.map(|ways| ways.iter().all(|way| way.both_ends_here));
        Some(Self::new(
            &cost,
            run.started.as_ref().map(|started| started.workers.iter().sum()),
            here,
        ))
    }

    fn new(cost: &ResourceCost, workers: Option<u32>, both_ends_here: Option<bool>) -> Self {
        let account = |account: &ProcessCost, processes: Option<u32>| AccountReport {
            processes,
            rss_bytes: account.rss_bytes,
            fixed_rss_bytes: account.fixed_bytes,
            fixed_rss_bytes_per_process: account
                .fixed_bytes
                .zip(processes.filter(|processes| *processes > 0))
                .map(|(bytes, processes)| bytes / u64::from(processes)),
            rss_bytes_per_connection: account.cost.rss_per_connection.map(tenths),
            total_rss_bytes_per_connection: account.rss_share(cost.connections).map(tenths),
            cpu_seconds_per_thousand_connections: account
                .cost
                .cpu_per_thousand_connections
                .map(nanoseconds),
            cpu_seconds_per_heartbeat: account.cost.cpu_per_heartbeat.map(nanoseconds),
        };
        Self {
            connections: cost.connections,
            both_ends_here,
            kernel_bytes_per_connection: cost.kernel_per_connection.map(tenths),
            generator: account(&cost.generator, workers),
            target: cost.target.as_ref().map(|target| account(target, None)),
        }
    }
}

fn tenths(bytes: f64) -> f64 {
    (bytes * 10.0).round() / 10.0
}

/// Seconds to the nanosecond.
fn nanoseconds(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e9
}

/// A root cause, and the scenario whose connections it prevented.
#[derive(Serialize, JsonSchema)]
pub(super) struct CauseReport<'a> {
    scenario: &'a str,
    #[serde(skip_serializing_if = "HostId::is_coordinator")]
    host: HostId,
    root_cause: RootCause,
    side: Side,
    count: u64,
    sentence: String,
    fix: String,
}

impl<'a> CauseReport<'a> {
    /// The root causes of every scenario, in the plan's order.
    pub(super) fn all(run: &'a SavedRun) -> Vec<Self> {
        let of = |(index, scenario): (usize, &'a crate::plan::Scenario)| {
            let diagnoses = causes(run, index).into_iter();
            diagnoses.map(move |diagnosis| Self::new(&scenario.name, diagnosis))
        };
        run.plan.scenarios.iter().enumerate().flat_map(of).collect()
    }

    fn new(scenario: &'a str, diagnosis: Diagnosis) -> Self {
        let Diagnosis { host, root_cause, side, count, sentence, fix, .. } = diagnosis;
        Self { scenario, host, root_cause, side, count, sentence, fix }
    }
}
