//! Turns the number of connections to one destination into the source addresses that they come
//! from.
//!
//! A connection is identified by source address, source port, destination address and destination
//! port, so one source address gives one destination no more connections than there are source
//! ports. The kernel looks for a free port by trial: up to 35 % of the range in use that takes
//! about three probes, and once every even port is gone each connection first walks half the range.
//!
//! Addresses of the plan are spread over: connection `i` to a destination comes from address `i`
//! modulo their number, so that a balancer that hashes the source sees all of them. A reserve
//! (`source_use = "reserve"`, and the addresses that planrun takes on loopback) is for ports alone:
//! the next address is used once the one before it has its share.
//!
//! **Invariant:** connections go to the destinations in turn, and only the index within a
//! destination chooses the source.
//! **Invariant:** of a reserve as few addresses are used as carry the connections. Each pair of
//! source address and port costs kernel memory, and shorter chains are found faster.
//! **Invariant:** pure; a connection's source is a function of its index and does not depend on
//! workers.

use super::figures::whole;
use crate::plan::{Generator, SourceRange, SourceUse};
use crate::units::index;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// The part of the port range that a pair of source and destination may use before the search for
/// ports gets slow.
const EASY_SHARE: f64 = 0.35;

/// The source addresses of the connections to one destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// In order of use; empty leaves the choice to the kernel.
    pub addresses: Vec<IpAddr>,
    /// Connections from one address to this destination before the next address is used; never
    /// zero.
    pub per_tuple: u64,
    /// Connections of other scenarios to the same destination that come before the first of these,
    /// where addresses are spread over.
    before: u64,
}

/// More addresses of a plan are not spread over.
const SPREAD_MOST: u64 = 65_536;

impl Sources {
    /// Sources for `connections` to `destination`, all scenarios that share it together, when a
    /// source has `ports` usable ports. Those of the plan are used as it says; without any,
    /// loopback destinations get addresses of 127.1.0.0/16 as they need them, and for other ones
    /// the kernel chooses.
    pub fn of(destination: IpAddr, connections: u64, ports: u64, plan: &Generator) -> Self {
        let easy = whole(ports as f64 * EASY_SHARE).max(1);
        let wanted = connections.div_ceil(easy).max(1);
        let mut given = given_addresses(&plan.source_addresses, destination).peekable();
        if given.peek().is_some() && plan.source_use == SourceUse::Spread {
            let most = connections.clamp(1, SPREAD_MOST);
            return Self { addresses: given.take(enough(most)).collect(), per_tuple: 1, before: 0 };
        }
        if given.peek().is_some() {
            let addresses: Vec<IpAddr> = given.take(enough(wanted)).collect();
            let even = connections.div_ceil(addresses.len() as u64);
            return Self { per_tuple: even.max(easy), addresses, before: 0 };
        }
        match destination {
            // One address is enough: the kernel's own choice is what a server's access list
            // expects.
            IpAddr::V4(v4) if v4.is_loopback() && wanted > 1 => {
                let addresses: Vec<IpAddr> = loopback_sources(v4).take(enough(wanted)).collect();
                let even = connections.div_ceil(addresses.len() as u64);
                Self { per_tuple: even.max(easy), addresses, before: 0 }
            }
            _ => Self { addresses: Vec::new(), per_tuple: connections.max(1), before: 0 },
        }
    }

    /// The same sources for connections that come when `before` others to the same destination have
    /// their sources already: theirs are used last.
    #[must_use]
    pub fn after(mut self, before: u64) -> Self {
        if self.is_spread() {
            self.before = before;
        } else if !self.addresses.is_empty() {
            let taken = before.div_ceil(self.per_tuple.max(1)) % self.addresses.len() as u64;
            self.addresses.rotate_left(index(taken));
        }
        self
    }

    /// The source of connection number `index` within its destination; `None` leaves it to the
    /// kernel. After the last address the first is used again: connections that are opened anew
    /// find the ports of those that are gone.
    pub fn source_of(&self, index: u64) -> Option<IpAddr> {
        let index = index.wrapping_add(self.before);
        let turn = (index / self.per_tuple.max(1)) % self.count();
        usize::try_from(turn).ok().and_then(|turn| self.addresses.get(turn)).copied()
    }

    /// The place of connection number `index` within its destination among those from its source:
    /// what chooses its port, where ports are chosen. No two that have a source in common have it
    /// in common before all ports are used.
    pub fn place_of(&self, index: u64) -> u64 {
        if self.is_spread() { index.wrapping_add(self.before) / self.count() } else { index }
    }

    /// Whether neighbours come from different addresses.
    fn is_spread(&self) -> bool {
        self.spread_over() > 1
    }

    /// How many addresses neighbours come from in turn; one where they do not.
    pub fn spread_over(&self) -> u64 {
        if self.per_tuple == 1 { self.count() } else { 1 }
    }

    /// How many addresses connections come from, the kernel's own choice included.
    pub fn count(&self) -> u64 {
        self.addresses.len().max(1) as u64
    }
}

fn enough(wanted: u64) -> usize {
    index(wanted)
}

/// 127.1.0.1 and up, without the destination and without the addresses that look like networks and
/// broadcasts.
fn loopback_sources(destination: Ipv4Addr) -> impl Iterator<Item = IpAddr> {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    let last = u32::from(Ipv4Addr::new(127, 1, 255, 254));
    (first..=last)
        .map(Ipv4Addr::from)
        .filter(move |address| *address != destination && !matches!(address.octets()[3], 0 | 255))
        .map(IpAddr::V4)
}

/// The plan's addresses of the destination's family, in the plan's order.
fn given_addresses(
    given: &[SourceRange],
    destination: IpAddr,
) -> impl Iterator<Item = IpAddr> + '_ {
    given.iter().filter(move |range| range.first.is_ipv4() == destination.is_ipv4()).flat_map(
        |range| -> Box<dyn Iterator<Item = IpAddr>> {
            match (range.first, range.last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => Box::new(
                    (u32::from(first)..=u32::from(last)).map(|bits| IpAddr::V4(bits.into())),
                ),
                (IpAddr::V6(first), IpAddr::V6(last)) => Box::new(
                    (u128::from(first)..=u128::from(last)).map(|bits| IpAddr::V6(bits.into())),
                ),
                _ => Box::new(std::iter::empty()),
            }
        },
    )
}
