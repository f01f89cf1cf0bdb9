//! Turns the hosts of a run into JSON.

use super::OrderedMap;
use crate::machine::{MachineLimits, RunHost};
use crate::record::{HostDelta, HostId};
use crate::store::SavedRun;
use schemars::JsonSchema;
use serde::Serialize;

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
    /// The processor time that it withheld over the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<WithheldReport>,
    /// Its limits before the run.
    limits: HostLimitsReport,
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
                withheld: run.recording.host_deltas.get(&one.host).map(WithheldReport::from),
                limits: (&one.limits).into(),
            }
        };
        hosts.iter().map(report).collect()
    }
}
