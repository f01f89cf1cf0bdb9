//! Turns the host into facts: its properties, limits and counters; and computes what a plan needs
//! of it.
//!
//! **Invariant:** a limit that cannot be read is absent, never assumed to be enough.
//! **Invariant:** arithmetic is pure and apart from reading: needs, workers, sources and verdicts
//! are functions of the values read.

mod advice;
mod cost;
mod counters;
mod destinations;
mod diagnosis;
mod environment;
mod figures;
mod host_share;
mod host_stats;
mod limits;
mod preflight;
mod probe;
mod requirements;
mod run_host;
mod scenario_sources;
mod sources;
mod typical;
mod usage;
mod workers;

pub use advice::{Advice, Effect, advice};
pub use cost::{FEWEST_CONNECTIONS, ProcessCost, ResourceCost, cost_bytes};
pub use counters::{Counters, Deltas};
pub use diagnosis::{Evidence, NetworkPath, diagnose, diagnose_scenario};
pub use environment::{Environment, Program};
pub use figures::{bytes, grouped};
pub use host_share::part_of_plan;
pub use host_stats::{CumulativeHostStats, clock_source};
pub use limits::{
    CgroupMemory, Conntrack, HostRoot, MachineLimits, Ports, SocketCost, SocketSlabs,
    raise_open_files,
};
pub use preflight::{
    Amount, Headroom, Requirement, RequirementStatus, Resource, memory_needed, preflight,
};
pub use probe::{Probes, conntrack_live, is_here};
pub use requirements::{FileMemory, Opening, Requirements, ScenarioRequirements};
pub use run_host::{HostRequirement, RunHost};
pub use scenario_sources::{connections_per_target, sources_of_scenarios};
pub use sources::Sources;
pub use typical::{both_ends_here, one_end_here};
pub use usage::{Cost, HostUsage, levels};
pub use workers::{RESERVE, addresses, servers, workers};

#[cfg(test)]
pub(super) mod tests;
