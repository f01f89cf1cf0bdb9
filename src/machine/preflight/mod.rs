//! Turns a plan, the machine's limits and a few probes into rows: needed, have, verdict, and the
//! line that fixes it.
//!
//! **Invariant:** pure; probes are taken elsewhere and handed in.
//! **Invariant:** what could not be read is "not available", never ok, and refuses no run.

mod memory;
mod network;
mod pace;
mod processes;
mod requirement;

pub use memory::memory_needed;
pub use requirement::{Amount, Headroom, Requirement, RequirementStatus, Resource};

use super::{MachineLimits, Probes, Requirements, SocketCost, addresses, servers, workers};
use crate::plan::{Endpoint, Plan};

/// Every check of this machine against `plan`, in the order of [`Resource`].
pub fn preflight(plan: &Plan, limits: &MachineLimits, probes: &Probes) -> Vec<Requirement> {
    let facts = Facts::new(plan, limits, probes);
    let mut rows = processes::rows(&facts);
    rows.extend(network::rows(&facts));
    rows.extend(memory::rows(&facts));
    rows.extend(pace::rows(&facts));
    for row in &mut rows {
        row.host = limits.host;
    }
    rows.sort_by_key(|row| row.resource);
    rows
}

/// The facts that every check reads.
struct Facts<'a> {
    plan: &'a Plan,
    needs: Requirements,
    limits: &'a MachineLimits,
    probes: &'a Probes,
    /// Worker processes of each scenario.
    workers: Vec<u32>,
    /// Server processes of each target; zero for those that are not built in.
    servers: Vec<u32>,
    /// Kernel memory of each end of a connection.
    cost: SocketCost,
    /// The part charged to a memory control group.
    cost_in_group: SocketCost,
}

impl<'a> Facts<'a> {
    fn new(plan: &'a Plan, limits: &'a MachineLimits, probes: &'a Probes) -> Self {
        let built_in = |target: usize| {
            let endpoint = &plan.targets[target].endpoint;
            let loaded = plan.scenarios.iter().any(|scenario| scenario.target == target);
            matches!(endpoint, Endpoint::Builtin(_)) && loaded
        };
        let server_processes =
            |target| if built_in(target) { servers(target, plan, limits) } else { 0 };
        let workers: Vec<u32> =
            plan.scenarios.iter().map(|one| workers(one, plan, limits)).collect();
        Self {
            plan,
            needs: Requirements::of(plan)
                .with_files(&probes.files, &workers, &addresses(plan, limits, &probes.resolved))
                .with_relocated(probes.relocated),
            limits,
            probes,
            workers,
            servers: (0..plan.targets.len()).map(server_processes).collect(),
            cost: limits.slabs.map_or_else(SocketCost::default, |slabs| slabs.cost()),
            cost_in_group: limits
                .slabs
                .map_or_else(SocketCost::default_in_group, |slabs| slabs.cost_in_group()),
        }
    }

    fn connections(&self) -> u64 {
        self.needs.connections()
    }

    fn processes(&self) -> u64 {
        self.workers.iter().chain(&self.servers).map(|count| u64::from(*count)).sum()
    }

    fn cores(&self) -> u64 {
        u64::from(self.limits.cpus.unwrap_or(1).max(1))
    }

    /// How many connections of the plan are possible with `have`, if `needed` suffices for all of
    /// them.
    fn reach(&self, needed: u64, have: u64) -> u64 {
        let exact = u128::from(self.connections()) * u128::from(have) / u128::from(needed.max(1));
        u64::try_from(exact).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
