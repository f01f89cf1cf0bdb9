//! Turns the hosts of a run into JSON.

use super::OrderedMap;
use crate::machine::{HostRequirement, MachineLimits, RunHost};
use crate::plan::Phase;
use crate::record::{Counter, HostDelta, HostId, HostLoad, HostTotals};
use crate::store::SavedRun;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A host that made a part of the load.
#[derive(Serialize, JsonSchema)]
pub(super) struct HostReport<'a> {
    /// Its number: one more than its slot.
    host: HostId,
    /// Its name.
    name: &'a str,
    /// Its part of the load, over the sum of all weights.
    weight: u32,
    /// Worker processes, by scenario.
    workers: OrderedMap<&'a str, u32>,
    /// By how much its clock may be known wrongly.
    clock_error_ns: u64,
    /// What it did of each scenario.
    scenarios: Vec<HostScenarioReport<'a>>,
    /// How its workers were in the worst hold that counts.
    load: HostLoadReport,
    /// The processor time that it withheld over the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<WithheldReport>,
    /// Its limits before the run.
    limits: HostLimitsReport,
    /// What its part asked of it.
    #[serde(skip_serializing_if = "<[HostRequirement]>::is_empty")]
    requirements: &'a [HostRequirement],
}

/// What a host did of a scenario.
#[derive(Serialize, JsonSchema)]
struct HostScenarioReport<'a> {
    scenario: &'a str,
    /// The counters of all stages together, without zeros.
    counters: BTreeMap<&'static str, u64>,
    /// Processor time that its workers used.
    cpu_ns: u64,
    /// Resident memory of its workers at the end.
    rss_bytes: u64,
    /// The latest that one of its workers was for its own loop.
    lag_max_ns: u64,
}

impl<'a> HostScenarioReport<'a> {
    fn new(scenario: &'a str, totals: &HostTotals) -> Self {
        let counters = Counter::ALL.iter().map(|one| (one.name(), totals.counters.get(*one)));
        Self {
            scenario,
            counters: counters.filter(|(_, count)| *count > 0).collect(),
            cpu_ns: totals.workers.cpu_ns,
            rss_bytes: totals.workers.rss_bytes,
            lag_max_ns: totals.workers.lag_max_ns,
        }
    }
}

/// The load of a host's workers and processors; absent values were not measured.
#[derive(Serialize, Default, JsonSchema)]
struct HostLoadReport {
    /// What a worker used of a processor, in the busiest five seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_cpu: Option<f64>,
    /// How long a worker waited for a processor, in the worst five seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_wait: Option<f64>,
    /// What all processes of the run used of all processors, in the busiest five seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    process_cpu: Option<f64>,
    /// The share of the workers' time that was lost to stalls.
    #[serde(skip_serializing_if = "Option::is_none")]
    stalled: Option<f64>,
    /// The longest stall of a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_max_ns: Option<u64>,
    /// Processor time that a hypervisor gave to others, in the worst five seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    steal_burst: Option<f64>,
}

impl HostLoadReport {
    /// Of all holds but warm-ups.
    fn new(run: &SavedRun, host: HostId) -> Self {
        let mut report = Self::default();
        for (scenario, facts) in run.plan.scenarios.iter().zip(&run.recording.scenarios) {
            for (key, load) in &facts.generator_load {
                let stage = scenario.stages.get(usize::from(key.stage));
                let counts = key.phase == Phase::Hold && stage.is_some_and(|one| !one.warmup);
                if let Some(load) = load.of_host(host).filter(|_| counts) {
                    report.add(load);
                }
            }
        }
        report
    }

    fn add(&mut self, load: &HostLoad) {
        let larger = |mine: &mut Option<f64>, value: Option<f64>| {
            *mine = [*mine, value].into_iter().flatten().reduce(f64::max);
        };
        let thousandths = |permille: Option<u32>| permille.map(|one| f64::from(one) / 1_000.0);
        larger(&mut self.worker_cpu, thousandths(load.workers.busy_permille));
        larger(&mut self.cpu_wait, thousandths(load.workers.waiting_permille));
        larger(&mut self.process_cpu, load.run_worst);
        larger(&mut self.stalled, load.workers.stalled_share());
        larger(&mut self.steal_burst, load.steal_worst);
        self.stall_max_ns = self.stall_max_ns.max(load.workers.stall_max_ns);
    }
}

/// The time that a host withheld from a run; unknown values are absent.
#[expect(clippy::struct_field_names, reason = "keys of the report name their unit")]
#[derive(Serialize, JsonSchema)]
struct WithheldReport {
    /// Time of all its processors, at work or idle.
    cpu_ns: u64,
    /// Of it, what a hypervisor gave to others.
    steal_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttled_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_stall_ns: Option<u64>,
    /// How far its wall clock went ahead of its steady one, or fell behind, at most.
    clock_step_ns: i64,
    suspended_ns: u64,
}

impl From<&HostDelta> for WithheldReport {
    fn from(delta: &HostDelta) -> Self {
        Self {
            cpu_ns: delta.cpu_ns,
            steal_ns: delta.steal_ns,
            throttled_ns: delta.throttled_ns,
            memory_stall_ns: delta.memory_stall_ns,
            clock_step_ns: delta.clock_step_ns,
            suspended_ns: delta.suspended_ns,
        }
    }
}

/// The limits of a host; unknown ones are absent.
#[derive(Serialize, JsonSchema)]
struct HostLimitsReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<u32>,
    /// Open files of a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_available_bytes: Option<u64>,
}

impl From<&MachineLimits> for HostLimitsReport {
    fn from(limits: &MachineLimits) -> Self {
        Self {
            cpus: limits.cpus,
            open_files: limits.open_files,
            memory_total_bytes: limits.memory_total,
            memory_available_bytes: limits.memory_available,
        }
    }
}

impl<'a> HostReport<'a> {
    /// Every host, by its number; none where one machine made the load.
    pub(super) fn all(run: &'a SavedRun) -> Vec<Self> {
        let hosts = run.started.as_ref().map_or(&[][..], |started| &started.hosts);
        let report = |one: &'a RunHost| {
            let names = run.plan.scenarios.iter().map(|scenario| scenario.name.as_str());
            Self {
                host: one.host,
                name: &one.name,
                weight: one.weight,
                workers: OrderedMap(names.zip(one.workers.iter().copied()).collect()),
                clock_error_ns: one.clock_error_ns,
                scenarios: scenarios(run, one.host),
                load: HostLoadReport::new(run, one.host),
                withheld: run.recording.host_deltas.get(&one.host).map(WithheldReport::from),
                limits: (&one.limits).into(),
                requirements: &one.requirements,
            }
        };
        hosts.iter().map(report).collect()
    }
}

fn scenarios(run: &SavedRun, host: HostId) -> Vec<HostScenarioReport<'_>> {
    let all = (0..).zip(&run.plan.scenarios);
    let report = all.filter_map(|(index, scenario)| {
        let totals = run.recording.hosts.totals(host, index)?;
        Some(HostScenarioReport::new(&scenario.name, totals))
    });
    report.collect()
}
