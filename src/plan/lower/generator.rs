//! How this machine makes the load.

use crate::plan::error::Errors;
use crate::plan::raw::{
    At, Field, InvalidWord, LossWord, OneOrMany, RawGenerator, RawLimits, SourceUseWord, Workers,
};
use crate::plan::text::Text;
use crate::plan::{Generator, OnInvalid, OnWorkerLoss, OwnLimits, SourceRange, SourceUse};
use crate::units::Ratio;
use std::net::IpAddr;

/// At most so many worker processes.
const MOST_WORKERS: u64 = 1_024;

pub(super) fn generator(field: &Field<RawGenerator>, errors: &mut Errors) -> Generator {
    let Some(raw) = field.value() else { return Generator::default() };
    Generator {
        workers: workers(&raw.workers, errors),
        source_addresses: source_addresses(&raw.source_addresses, errors),
        source_use: source_use(raw, errors),
        port_range: raw.port_range.given().and_then(|given| port_range(given, errors)),
        on_worker_loss: match raw.on_worker_loss.value() {
            Some(LossWord::Stop) => OnWorkerLoss::Stop,
            Some(LossWord::Continue) | None => OnWorkerLoss::Continue,
        },
        on_invalid: match raw.on_invalid.value() {
            Some(InvalidWord::Continue) => OnInvalid::Continue,
            Some(InvalidWord::Stop) | None => OnInvalid::Stop,
        },
        limits: limits(&raw.limits),
    }
}

fn limits(field: &Field<RawLimits>) -> OwnLimits {
    let Some(raw) = field.value() else { return OwnLimits::default() };
    let share = |field: &Field<Ratio>| field.value().copied();
    OwnLimits {
        schedule_lag: raw.schedule_lag.value().copied(),
        dropped: share(&raw.dropped),
        local_failures: share(&raw.local_failures),
        stalled: share(&raw.stalled),
        worker_cpu: share(&raw.worker_cpu),
        steal: share(&raw.steal),
    }
}

fn workers(field: &Field<Workers>, errors: &mut Errors) -> Option<u32> {
    let given = field.given()?;
    let Workers::Number(number) = given.value else { return None };
    match u32::try_from(number.0) {
        Ok(workers) if (1..=MOST_WORKERS).contains(&number.0) => Some(workers),
        _ => {
            errors
                .add(given.at, format!("the number of workers is from 1 to {MOST_WORKERS}"))
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
        Some((0, _)) => errors.add(given.at, "port 0 is no port"),
        Some(_) => errors.add(given.at, "the first port is higher than the last"),
        None => errors.add(given.at, "this is no range of ports"),
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
    list.iter()
        .filter_map(|address| match source_range(&address.value.value) {
            Ok(range) => Some(range),
            Err(message) => {
                errors
                    .add(address.at, message)
                    .help("write an address, a range or a network: `\"127.0.0.2\"`, `\"127.1.0.1-127.1.0.9\"`, `\"127.1.0.0/24\"`");
                None
            }
        })
        .collect()
}

fn source_use(raw: &RawGenerator, errors: &mut Errors) -> SourceUse {
    if let Some(at) = raw.source_use.key().filter(|_| raw.source_addresses.is_absent()) {
        errors
            .add(at, "there are no source addresses to use")
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
            _ => return Err("this is no range of addresses"),
        }
    } else if let Some((network, bits)) = text.split_once('/') {
        let bits = bits
            .trim()
            .parse::<u32>()
            .map_err(|_| "this is no network: behind `/` stands the number of its bits")?;
        match address(network) {
            Ok(network) => network_range(network, bits)
                .ok_or("a network has at most 32 bits, or 128 with IPv6")?,
            Err(_) => return Err("this is no network"),
        }
    } else {
        let only = address(text).map_err(|_| "this is no address")?;
        SourceRange { first: only, last: only }
    };
    if range.first.is_ipv4() != range.last.is_ipv4() {
        return Err("one end of this range is IPv4, the other IPv6");
    }
    if range.first > range.last {
        return Err("the first address of this range is behind the last");
    }
    if range.first.is_unspecified() || range.first.is_multicast() || range.last.is_multicast() {
        return Err("nothing can be sent from here");
    }
    Ok(range)
}

/// The addresses of a network that hosts have: in IPv4 all but the first and the last, unless there are only two.
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
