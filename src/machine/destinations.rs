//! Turns a plan into its destinations: how many connections each gets, and from which sources.
//!
//! **Invariant:** names are not resolved here: a name counts as one address that is not loopback,
//! but for `localhost`.

use super::{MachineLimits, Requirements, Sources, servers};
use crate::plan::{Endpoint, HostPort, HttpUrl, Plan, Site, Target, fixed_addresses};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// One destination of a plan, all scenarios together.
pub(super) struct Destination {
    /// For people.
    pub(super) words: String,
    /// `UNSPECIFIED`: not known.
    pub(super) address: IpAddr,
    /// Connections at the peak.
    pub(super) connections: u64,
    /// How many of them this side closes by FIN in each second of the run.
    pub(super) closed_per_second: f64,
    /// Their source addresses.
    pub(super) sources: Sources,
}

/// Every destination of `plan`.
pub(super) fn destinations(plan: &Plan, limits: &MachineLimits) -> Vec<Destination> {
    let mut all: BTreeMap<(String, IpAddr), (u64, f64)> = BTreeMap::new();
    for (scenario, needs) in plan.scenarios.iter().zip(&Requirements::of(plan).scenarios) {
        let target = plan.target(scenario);
        let hosts: Vec<(String, IpAddr)> = match &target.endpoint {
            Endpoint::Hosts(hosts) => known(target, hosts.iter().map(Some)),
            Endpoint::Urls(_) if target.proxy.is_some() => {
                known(target, target.proxy.iter().map(|proxy| Some(&proxy.address)))
            }
            Endpoint::Urls(urls) => known(target, urls.iter().map(host)),
            Endpoint::Builtin(_) => (0..servers(scenario.target, plan, limits))
                .map(|server| {
                    let words = format!("process {} of built-in {}", server + 1, target.name);
                    (words, Ipv4Addr::LOCALHOST.into())
                })
                .collect(),
        };
        let all_of_them = needs.destinations.unwrap_or(hosts.len() as u64);
        let each = needs.connections.div_ceil(all_of_them.max(1));
        let closed = needs.closed_per_second / all_of_them.max(1) as f64;
        for destination in hosts {
            let (connections, closed_per_second) = all.entry(destination).or_default();
            (*connections, *closed_per_second) = (*connections + each, *closed_per_second + closed);
        }
    }
    let asked = plan.generator.port_range;
    let ports = limits.ports.as_ref().map_or(u64::from(u16::MAX), |ports| ports.usable(asked));
    all.into_iter()
        .map(|((words, address), (connections, closed_per_second))| {
            let sources = Sources::of(address, connections, ports, &plan.generator);
            Destination { words, address, connections, closed_per_second, sources }
        })
        .collect()
}

/// Where a URL needs ports from: a Unix socket needs none.
fn host(url: &HttpUrl) -> Option<&HostPort> {
    match &url.site {
        Site::Host(host) => Some(host),
        Site::Socket(_) => None,
    }
}

/// Addresses in the plan's own words, so that nothing from the environment is shown.
fn known<'a>(
    target: &Target,
    hosts: impl Iterator<Item = Option<&'a HostPort>>,
) -> Vec<(String, IpAddr)> {
    hosts
        .enumerate()
        .filter_map(|(place, host)| {
            let words = target.shown.get(place).unwrap_or(&target.name);
            Some((words.clone(), host?))
        })
        .flat_map(|(words, host)| {
            if let Some(fixed) = fixed_addresses(&target.resolve, host) {
                return fixed.iter().map(|ip| (words.clone(), *ip)).collect();
            }
            let address = match host.host.parse() {
                Ok(address) => address,
                Err(_) if host.host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
                Err(_) => Ipv4Addr::UNSPECIFIED.into(),
            };
            vec![(words, address)]
        })
        .collect()
}
