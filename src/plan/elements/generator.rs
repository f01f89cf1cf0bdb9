//! How this machine makes the load, and the limits that it is held to.

use super::host_parts::{hosts, weights};
use super::validity_limits::{RawLimits, ValidityLimits};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, OneOrMany, Read, leaf_schema, table, words};
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::units::Count;
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// How this machine makes the load; every part has a default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Worker processes for each scenario; `None` lets planrun choose.
    pub workers: Option<u32>,
    /// Addresses to connect from; empty leaves the choice to planrun (loopback) or the kernel.
    pub source_addresses: Vec<SourceRange>,
    /// The use of these addresses.
    pub source_use: SourceUse,
    /// First and last source port; `None` keeps the system's range.
    pub port_range: Option<(u16, u16)>,
    /// Hosts that make the load; `None`: the machine that it is started on, or as many as the
    /// command line says.
    pub hosts: Option<u16>,
    /// The part of each host over the sum of all; empty: equal parts.
    pub weights: Vec<u32>,
    /// How the run reacts to a lost worker; the verdict is INVALID either way.
    pub on_worker_loss: OnWorkerLoss,
    /// How a run on several hosts that loses one continues; it is INVALID in any case.
    pub on_host_loss: OnHostLoss,
    /// How a run that can only end INVALID continues.
    pub on_invalid: OnInvalid,
    /// Limits of rules of validity in place of planrun's own.
    pub limits: ValidityLimits,
}

/// What happens to a run that can only end INVALID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnInvalid {
    /// It ends ten seconds later, with its reports: waiting longer could not change the verdict.
    #[default]
    Stop,
    /// It continues to the end of the plan.
    Continue,
}

/// The purpose of the plan's source addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SourceUse {
    /// Connections are spread over all of them: a balancer that goes by the source sees as many
    /// clients.
    #[default]
    Spread,
    /// For ports alone: the next address is used once the ports of the one before it get scarce.
    Reserve,
}

/// A range of consecutive addresses of one family, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRange {
    /// The first address to connect from.
    pub first: IpAddr,
    /// The last address to connect from; not below `first`, of the same family.
    pub last: IpAddr,
}

impl SourceRange {
    /// Whether both have an address in common.
    fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for SourceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return self.first.fmt(f);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Generator {
    /// The first of the plan's source addresses that can reach `destination`: one of its family.
    pub fn first_source_to(&self, destination: IpAddr) -> Option<IpAddr> {
        let mut firsts = self.source_addresses.iter().map(|range| range.first);
        firsts.find(|source| source.is_ipv4() == destination.is_ipv4())
    }
}

/// What happens when a worker process dies or stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnWorkerLoss {
    /// The other workers go on to the end of the plan.
    #[default]
    Continue,
    /// The run ends at once, with its reports.
    Stop,
}

/// The reaction to the loss of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnHostLoss {
    /// The other hosts go on to the end of the plan.
    #[default]
    Invalid,
    /// The run ends at once, with its reports.
    Stop,
}

words! {
    /// How source addresses are used.
    SourceUseWord {
        /// Connections are spread over all of them.
        Spread = "spread",
        /// The next address is used once the ports of the one before it get scarce.
        Reserve = "reserve",
    }
}

words! {
    /// How the run reacts to a lost worker.
    LossWord {
        /// The other workers continue.
        Continue = "continue",
        /// The run stops, and reports are written.
        Stop = "stop",
    }
}

words! {
    /// The reaction to a lost host.
    HostLossWord {
        /// The other hosts continue; the run is INVALID.
        Invalid = "invalid",
        /// The run stops, and reports are written; it is INVALID.
        Stop = "stop",
    }
}

words! {
    /// What happens to a run that can only end INVALID.
    InvalidWord {
        /// It stops, and reports are written.
        Stop = "stop",
        /// It continues to the end of the plan.
        Continue = "continue",
    }
}

/// A number, or `auto`.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) enum Workers {
    Auto,
    Number(Count),
}

impl Read for Workers {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text.value == "auto" => Some(Self::Auto),
            Value::Text(text) if !text.value.starts_with(|c: char| c.is_ascii_digit()) => {
                errors
                    .add(node.at, format!("expected a number or `auto`, found `{}`", text.shown))
                    .help("write `\"auto\"`, or how many: `4`");
                None
            }
            _ => Count::read(node, errors).map(Self::Number),
        }
    }
}

leaf_schema!(
    Workers,
    "Workers",
    json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1 }] })
);

table! {
    /// How this machine makes the load.
    #[schemars(rename = "Generator")]
    RawGenerator, "`generator`", in "`[generator]`",
    must {}
    may {
        /// Worker processes for each scenario: a number, or `auto`.
        workers: Workers,
        /// Addresses to connect from: single ones, ranges `a-b`, CIDR. Connections are spread over
        /// all of them.
        source_addresses: OneOrMany<Text>,
        /// How `source_addresses` are used. Default: `spread`.
        source_use: SourceUseWord,
        /// First and last source port: `1024-65535`.
        port_range: Text,
        /// Make the load on this many hosts, on each of which `planrun agent` runs. Default: on the
        /// machine that planrun is started on.
        hosts: Count,
        /// The part of the load that each host gets, over the sum of all. Default: equal parts.
        weights: OneOrMany<Count>,
        /// How the run reacts to a lost worker; it is INVALID either way. Default: `continue`.
        on_worker_loss: LossWord,
        /// What a lost host does to a run on several hosts, which is INVALID either way. Default:
        /// `invalid`.
        on_host_loss: HostLossWord,
        /// What happens ten seconds after a run can only end INVALID. Default: `stop`.
        on_invalid: InvalidWord,
        /// Limits of the generator beyond which a run is INVALID, instead of planrun's own.
        limits: RawLimits,
    }
}

/// The most worker processes.
const MOST_WORKERS: u64 = 1_024;

pub(in crate::plan) fn generator(field: &Field<RawGenerator>, errors: &mut Errors) -> Generator {
    let Some(raw) = field.value() else { return Generator::default() };
    let hosts = hosts(&raw.hosts, errors);
    Generator {
        weights: weights(&raw.weights, (&raw.hosts, hosts), errors),
        hosts,
        workers: workers(&raw.workers, errors),
        source_addresses: source_addresses(&raw.source_addresses, errors),
        source_use: source_use(raw, errors),
        port_range: raw.port_range.given().and_then(|given| port_range(given, errors)),
        on_worker_loss: match raw.on_worker_loss.value() {
            Some(LossWord::Stop) => OnWorkerLoss::Stop,
            Some(LossWord::Continue) | None => OnWorkerLoss::Continue,
        },
        on_host_loss: match raw.on_host_loss.value() {
            Some(HostLossWord::Stop) => OnHostLoss::Stop,
            Some(HostLossWord::Invalid) | None => OnHostLoss::Invalid,
        },
        on_invalid: match raw.on_invalid.value() {
            Some(InvalidWord::Continue) => OnInvalid::Continue,
            Some(InvalidWord::Stop) | None => OnInvalid::Stop,
        },
        limits: raw.limits.value().map(RawLimits::given).unwrap_or_default(),
    }
}

fn workers(field: &Field<Workers>, errors: &mut Errors) -> Option<u32> {
    let given = field.given()?;
    let Workers::Number(number) = given.value else { return None };
    match u32::try_from(number.0) {
        Ok(workers) if (1..=MOST_WORKERS).contains(&number.0) => Some(workers),
        _ => {
            errors
                .add(given.at, format!("expected 1 to {MOST_WORKERS}"))
                .help("write `\"auto\"` to leave it to planrun");
            None
        }
    }
}

fn port_range(given: &At<Text>, errors: &mut Errors) -> Option<(u16, u16)> {
    let ends = given.value.value.split_once('-').and_then(|(first, last)| {
        Some((first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?))
    });
    match ends {
        Some((first, last)) if first > 0 && first <= last => return Some((first, last)),
        Some((0, _)) => errors.add(given.at, "expected a port from 1 to 65535, found 0"),
        Some(_) => errors.add(given.at, "this range is reversed"),
        None => errors.add(given.at, "expected a range of ports"),
    }
    .help("write the first and the last port: `\"1024-65535\"`");
    None
}

fn source_addresses(field: &Field<OneOrMany<Text>>, errors: &mut Errors) -> Vec<SourceRange> {
    let Some(given) = field.given() else { return Vec::new() };
    let list = &given.value.0;
    if list.is_empty() {
        errors
            .add(given.at, "the list of addresses is empty")
            .help("leave `source_addresses` out to leave the choice to planrun");
    }
    if let [only] = list.as_slice()
        && only.value.value == "auto"
    {
        return Vec::new();
    }
    let mut ranges: Vec<SourceRange> = Vec::new();
    for address in list {
        match source_range(&address.value.value) {
            Ok(range) => {
                if let Some(before) = ranges.iter().find(|before| before.overlaps(&range)) {
                    errors.add(address.at, format!("this repeats addresses of `{before}`")).help(
                        "list each address once: connections are spread evenly over the list",
                    );
                }
                ranges.push(range);
            }
            Err(message) => {
                errors
                    .add(address.at, message)
                    .help("write an address, a range or a network: `\"127.0.0.2\"`, `\"127.1.0.1-127.1.0.9\"`, `\"127.1.0.0/24\"`");
            }
        }
    }
    ranges
}

fn source_use(raw: &RawGenerator, errors: &mut Errors) -> SourceUse {
    if let Some(at) = raw.source_use.key().filter(|_| raw.source_addresses.is_absent()) {
        errors
            .add(at, "`source_use` needs `source_addresses`")
            .help("add `source_addresses = [\"127.0.0.2-127.0.0.9\"]`, or leave `source_use` out");
    }
    match raw.source_use.value() {
        Some(SourceUseWord::Reserve) => SourceUse::Reserve,
        Some(SourceUseWord::Spread) | None => SourceUse::Spread,
    }
}

fn source_range(text: &str) -> Result<SourceRange, &'static str> {
    let address = |text: &str| text.trim().parse::<IpAddr>();
    let range = if let Some((first, last)) = text.split_once('-') {
        match (address(first), address(last)) {
            (Ok(first), Ok(last)) => SourceRange { first, last },
            _ => return Err("expected a range of addresses"),
        }
    } else if let Some((network, bits)) = text.split_once('/') {
        let bits =
            bits.trim().parse::<u32>().map_err(|_| "expected the number of bits after `/`")?;
        match address(network) {
            Ok(network) => {
                network_range(network, bits).ok_or("expected at most 32 bits, or 128 for IPv6")?
            }
            Err(_) => return Err("expected a network"),
        }
    } else {
        let only = address(text).map_err(|_| "expected an address")?;
        SourceRange { first: only, last: only }
    };
    if range.first.is_ipv4() != range.last.is_ipv4() {
        return Err("one end of this range is IPv4, the other IPv6");
    }
    if range.first > range.last {
        return Err("this range is reversed");
    }
    if range.first.is_unspecified() || range.first.is_multicast() || range.last.is_multicast() {
        return Err("this address cannot be a source address");
    }
    Ok(range)
}

/// The addresses of a network that hosts have: in IPv4 all but the first and the last, unless there
/// are only two.
fn network_range(network: IpAddr, bits: u32) -> Option<SourceRange> {
    match network {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = u32::from(address) & !host;
            let ends = u32::from(bits <= 30);
            (bits <= 32).then(|| SourceRange {
                first: IpAddr::V4((first + ends).into()),
                last: IpAddr::V4(((first | host) - ends).into()),
            })
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = u128::from(address) & !host;
            (bits <= 128).then(|| SourceRange {
                first: IpAddr::V6(first.into()),
                last: IpAddr::V6((first | host).into()),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{HOLD, set};

    #[test]
    fn source_addresses_are_ranges() {
        let sources = |list: &str| {
            let plan = set(HOLD, &[&format!("generator.source_addresses={list}")]);
            let ends = |range: &SourceRange| format!("{}-{}", range.first, range.last);
            plan.generator.source_addresses.iter().map(ends).collect::<Vec<_>>()
        };
        assert_eq!(sources("auto"), [""; 0]);
        assert_eq!(sources("127.0.0.5"), ["127.0.0.5-127.0.0.5"]);
        assert_eq!(sources(r#"["127.1.0.77/24"]"#), ["127.1.0.1-127.1.0.254"]);
        assert_eq!(
            sources(r#"["10.0.0.2/31", "10.0.0.7/32"]"#),
            ["10.0.0.2-10.0.0.3", "10.0.0.7-10.0.0.7"]
        );
        assert_eq!(sources("127.0.0.2 - 127.0.0.9"), ["127.0.0.2-127.0.0.9"]);
        assert_eq!(sources(r#"["fd00::/126"]"#), ["fd00::-fd00::3"]);
        assert_eq!(sources(r#"["127.0.0.2", "::2", "127.0.0.3"]"#).len(), 3);
    }
}
