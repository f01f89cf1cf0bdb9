//! Turns a run's order into what each worker is told to do.

use super::super::rows::RowSource;
use super::super::wire::{Assignment, VERSION};
use super::RunOrder;
use crate::plan::{Protocol, Scenario, Version};
use crate::protocol::http::ALPN;
use crate::schedule::Share;

/// What one worker of a scenario does.
pub(super) fn assignment(
    order: &RunOrder,
    scenario: usize,
    share: Share,
    rows: RowSource,
) -> Assignment {
    let Scenario { target, protocol, .. } = &order.plan.scenarios[scenario];
    let target = *target;
    let mut tls = order.peers[target].clone();
    if let (Some(peers), Protocol::Http(http)) = (&mut tls, protocol)
        && http.version != Version::Http1
    {
        ALPN.clone_into(&mut peers.speaks);
    }
    Assignment {
        version: VERSION,
        plan_name: order.source.name.clone(),
        plan_text: order.source.text.clone(),
        overrides: order.overrides.clone(),
        scenario: narrow(scenario),
        share,
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
