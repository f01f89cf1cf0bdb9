//! Turns the connections to each address of a target, and later lookups of names, into JSON.

use super::OrderedMap;
use crate::plan::Stat;
use crate::record::{AddressTally, Cell, Lookup, LookupRecording};
use crate::report::addresses::{STATS, connect_time};
use crate::report::figures::whole;
use crate::units::Address;
use schemars::JsonSchema;
use serde::Serialize;

/// The connections to one address.
#[derive(Serialize, JsonSchema)]
pub(super) struct AddressReport {
    address: Address,
    /// Connections that opened.
    opened: u64,
    /// Connections that did not open, for a reason that is not the generator's own.
    failed: u64,
    /// Failures on open connections: held ones that were lost, requests that failed.
    broken: u64,
    /// Figures of `connect.time`.
    #[serde(rename = "connect.time", skip_serializing_if = "OrderedMap::is_empty")]
    connect_time: OrderedMap<String, u64>,
}

impl AddressReport {
    /// Those of a section.
    pub(super) fn all(cell: &Cell) -> Vec<Self> {
        cell.addresses.iter().map(|(address, tally)| Self::new(address, tally)).collect()
    }

    fn new(address: &Address, tally: &AddressTally) -> Self {
        let figure =
            |stat: Stat| Some((format!("{}_ns", stat.name()), whole(connect_time(tally, stat)?)));
        Self {
            address: address.clone(),
            opened: tally.opened,
            failed: tally.failed,
            broken: tally.broken,
            connect_time: OrderedMap(STATS.into_iter().filter_map(figure).collect()),
        }
    }
}

/// What looking up the names of a target during the run has found.
#[derive(Serialize, JsonSchema)]
pub(super) struct LookupsReport<'a> {
    /// Lookups that changed the addresses.
    changes: u64,
    /// Lookups that failed, each counted where the result differs from that of the one before.
    failures: u64,
    /// The latest lookups with another result than the one before.
    latest: Vec<LookupReport<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct LookupReport<'a> {
    at_ns: u64,
    /// The addresses of new connections from then on.
    addresses: &'a [Address],
    /// Why names, or addresses, could not be used; those from before stayed.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    failures: &'a [String],
}

impl<'a> LookupsReport<'a> {
    pub(super) fn new(recorded: &'a LookupRecording) -> Self {
        let latest = |lookup: &'a Lookup| LookupReport {
            at_ns: lookup.at_ns,
            addresses: &lookup.addresses,
            failures: &lookup.failures,
        };
        Self {
            changes: recorded.changes,
            failures: recorded.failed,
            latest: recorded.latest.iter().map(latest).collect(),
        }
    }
}
