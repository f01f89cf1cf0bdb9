//! Turns a run's order into what each worker is told to do.

use super::super::rows::RowSource;
use super::super::targets::peers_of;
use super::super::wire::{Assignment, VERSION};
use super::RunOrder;
use crate::plan::Scenario;
use crate::schedule::Partition;

/// What one worker of a scenario does.
pub(super) fn assignment(
    order: &RunOrder,
    scenario: usize,
    share: Partition,
    rows: RowSource,
) -> Assignment {
    let Scenario { target, protocol, .. } = &order.plan.scenarios[scenario];
    let target = *target;
    let peers = order.peers[target].clone();
    let tls = peers.map(|peers| peers_of(peers, order.plan.targets.get(target), protocol));
    Assignment {
        version: VERSION,
        plan_name: order.source.name.clone(),
        plan_text: order.source.text.clone(),
        overrides: order.overrides.clone(),
        scenario: narrow(scenario),
        partition: share,
        addresses: order.targets[target].addresses.clone(),
        origins: order.targets[target].origins.clone(),
        sources: order.sources[scenario].clone(),
        ports: order.plan.generator.port_range,
        tls,
        files: order.files.get(scenario).cloned().unwrap_or_default(),
        rows,
    }
}

/// The number of a scenario as messages have it.
pub(super) fn narrow(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
