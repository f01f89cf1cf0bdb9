//! Turns the addresses found for a plan's targets into where each scenario connects from.

use super::{MachineLimits, Requirements, Sources};
use crate::plan::Plan;
use crate::units::Address;

/// Connections that each target gets at the peak, by index into `Plan::targets`.
pub fn connections_per_target(plan: &Plan) -> Vec<u64> {
    let mut connections = vec![0; plan.targets.len()];
    for (scenario, needed) in plan.scenarios.iter().zip(&Requirements::of(plan).scenarios) {
        connections[scenario.target] += needed.connections;
    }
    connections
}

/// The source addresses of each scenario, by index into `Plan::scenarios`. `addresses`: those of
/// each target.
pub fn sources_of_scenarios(
    plan: &Plan,
    addresses: &[&[Address]],
    limits: &MachineLimits,
) -> Vec<Sources> {
    debug_assert_eq!(addresses.len(), plan.targets.len(), "addresses of each target");
    let connections = connections_per_target(plan);
    let asked = plan.generator.port_range;
    let ports = limits.ports.as_ref().map_or(u64::from(u16::MAX), |ports| ports.usable(asked));
    let sources_to = |target: usize| {
        let each = connections[target].div_ceil(addresses[target].len().max(1) as u64);
        let first = addresses[target].first()?.tcp()?;
        Some(Sources::of(first.ip(), each, ports, &plan.generator))
    };
    // Scenarios that share a target begin with different sources.
    let mut before = vec![0; plan.targets.len()];
    let required = Requirements::of(plan);
    let sources = plan.scenarios.iter().zip(&required.scenarios).map(|(scenario, required)| {
        let target = scenario.target;
        let sources = sources_to(target).unwrap_or_default().after(before[target]);
        before[target] += required.connections.div_ceil(addresses[target].len().max(1) as u64);
        sources
    });
    sources.collect()
}
