//! Turns a scenario and the limit on open files into a number of processes, for the load and for
//! built-in servers.
//!
//! **Invariant:** pure; the same plan on the same limits always gets the same number.

use super::{MachineLimits, Requirements, ScenarioRequirements};
use crate::plan::{Endpoint, Plan, Scenario};
use crate::schedule::{Partition, user_block};

/// Descriptors that every process keeps for itself: standard streams, pipes, epoll, journal, logs.
pub const RESERVE: u64 = 64;

/// The assumed limit if it cannot be read: the kernel's own default for a soft limit.
const OPEN_FILES_UNREAD: u64 = 1024;

impl MachineLimits {
    /// Connections that one process can have open.
    pub fn usable_descriptors(&self) -> u64 {
        let limit = self.open_files.unwrap_or(OPEN_FILES_UNREAD);
        limit.min(self.nr_open.unwrap_or(u64::MAX)).saturating_sub(RESERVE)
    }

    fn cores(&self) -> u64 {
        u64::from(self.cpus.unwrap_or(1).max(1))
    }
}

/// The number of worker processes for one scenario of `plan`: as `[generator]` sets it, otherwise
/// as many as the descriptors and the load ask for.
pub fn workers(scenario: &Scenario, plan: &Plan, limits: &MachineLimits) -> u32 {
    if let Some(workers) = plan.generator.workers {
        return workers.max(1);
    }
    let needs = ScenarioRequirements::of(scenario, plan);
    let block = user_block(needs.protocol, needs.connections);
    let usable = limits.usable_descriptors().max(1);
    let at_least = worth(&needs, limits);
    // More workers than blocks would leave some without work; one block each is all that dividing
    // can do.
    let blocks = needs.users.div_ceil(block).max(1);
    let mut workers = needs.connections.div_ceil(usable).max(at_least).clamp(1, blocks);
    while workers < blocks && largest_share(needs.connections, block, workers) > usable {
        workers += 1;
    }
    count(workers)
}

/// Addresses that each scenario connects to: the ports of a built-in target's processes, and what
/// names resolve to where that is known (`resolved`, by target); else a name counts as one.
pub fn addresses(plan: &Plan, limits: &MachineLimits, resolved: &[u64]) -> Vec<u64> {
    let known = |scenario: &Scenario, written: usize| {
        resolved.get(scenario.target).map_or(written as u64, |all| (written as u64).max(*all))
    };
    let of = |scenario: &Scenario| match &plan.target(scenario).endpoint {
        Endpoint::Builtin(_) => u64::from(servers(scenario.target, plan, limits)),
        Endpoint::Hosts(hosts) => known(scenario, hosts.len()),
        Endpoint::Urls(urls) => known(scenario, urls.len()),
    };
    plan.scenarios.iter().map(of).collect()
}

/// Processes of the built-in server of one target (index into `Plan::targets`), each with a port of
/// its own that is connected to in turn.
pub fn servers(target: usize, plan: &Plan, limits: &MachineLimits) -> u32 {
    let needs = Requirements::of(plan);
    let loading = plan.scenarios.iter().zip(&needs.scenarios);
    let loading = loading.filter(|(scenario, _)| scenario.target == target);
    let connections: u64 = loading.map(|(_, needs)| needs.connections).sum();
    count(server_processes(connections, limits.usable_descriptors()))
}

/// As the servers themselves count: one when all connections fit, and else with a margin (5 %, or
/// six standard deviations of a random choice if that is more), because connections do not spread
/// evenly.
fn server_processes(connections: u64, usable: u64) -> u64 {
    let each = usable.max(1);
    if connections <= each {
        return 1;
    }
    let margin = (each / 20).max(6 * each.isqrt()).min(each / 2);
    connections.div_ceil(each - margin)
}

/// The most connections that any of `workers` processes of this scenario owns.
pub(super) fn largest_worker(needs: &ScenarioRequirements, workers: u32) -> u64 {
    largest_share(
        needs.connections,
        user_block(needs.protocol, needs.connections),
        u64::from(workers.max(1)),
    )
}

fn largest_share(connections: u64, block: u64, of: u64) -> u64 {
    Partition::equal(0, count(of)).part_of(connections, block)
}

/// Processes that the load is worth, descriptors apart: never more than there are cores.
fn worth(needs: &ScenarioRequirements, limits: &MachineLimits) -> u64 {
    let busy = needs.users >= 64 || needs.arrivals_per_second >= 1000.0;
    match needs.protocol.users_per_process {
        Some(users) => limits.cores().min(needs.connections.div_ceil(users)).max(1),
        None if busy => limits.cores(),
        None => 1,
    }
}

fn count(processes: u64) -> u32 {
    u32::try_from(processes).unwrap_or(u32::MAX)
}
