//! Ports, addresses, queues and tables of the network stack.

use super::{Check, Facts, Figure, Fitness, Row};
use crate::machine::destinations::{Destination, destinations};
use crate::machine::figures::whole;
use crate::machine::grouped;

/// The part of a port range above which the search for a free port gets slow.
const SLOW_SHARE: f64 = 0.35;

/// Connections opened in one go before their packets are let through.
const BATCH: u64 = 64;

/// A backlog that bursts on loopback do not overflow.
const BACKLOG_FOR_BURSTS: u64 = 10_000;

/// Packets of one connection that wait in it at once.
const PACKETS_OF_ONE: u64 = 4;

/// How long a server may be away from its queue without losing connections.
const SERVER_PAUSE_SECONDS: f64 = 0.5;

/// Openings a second when the plan sets no pace: what one core does with both ends.
const UNPACED_PER_SECOND: f64 = 34_000.0;

pub(super) fn rows(facts: &Facts<'_>) -> Vec<Row> {
    vec![
        source_ports(facts),
        source_addresses(facts),
        conntrack(facts),
        accept_queue(facts),
        netdev_backlog(facts),
        syncookies(facts),
    ]
}

fn source_ports(facts: &Facts<'_>) -> Row {
    let Some(range) = &facts.limits.ports else {
        let needed = Figure::Number(facts.connections());
        return Row::new(Check::SourcePorts, needed, Figure::Unknown, Fitness::NotAvailable);
    };
    let asked = facts.plan.generator.port_range;
    let ports = range.usable(asked);
    let all = destinations(facts.plan, facts.limits);
    let tuple = |one: &Destination| one.connections.div_ceil(one.sources.count());
    let Some(worst) = all.iter().max_by_key(|one| tuple(one)) else {
        return Row::new(Check::SourcePorts, Figure::Number(0), Figure::Number(ports), Fitness::Ok);
    };
    let needed = tuple(worst);
    let share = needed as f64 / ports.max(1) as f64;
    let services = asked
        .map_or(0, |(first, last)| (first..=last).filter(|port| range.is_listening(*port)).count());
    let fitness = match share {
        share if share > 1.0 => Fitness::Fail,
        // Ports that are bound by hand are not searched for, but those of services are tried in vain.
        share if asked.is_none() && share > SLOW_SHARE => Fitness::Warn,
        _ if services > 0 => Fitness::Warn,
        _ => Fitness::Ok,
    };
    let easy = whole(ports as f64 * SLOW_SHARE).max(1);
    let sources = worst.connections.div_ceil(easy);
    let automatic = facts.plan.generator.source_addresses.is_empty() && worst.sources.count() > 1;
    let of_services = match services {
        0 => String::new(),
        services => format!("; {services} of the range are ports of services"),
    };
    let row = Row::new(Check::SourcePorts, Figure::Number(needed), Figure::Number(ports), fitness)
        .note(format!(
            "{} connections to {} from {} source{}{of_services}",
            grouped(worst.connections),
            worst.words,
            grouped(worst.sources.count()),
            if worst.sources.count() == 1 { "" } else { "s" },
        ))
        .fix(match asked {
            Some(_) => "[generator] port_range = \"1024-65535\"    # or leave it out".to_owned(),
            None => "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"".to_owned(),
        })
        .fix(format!(
            "[generator] source_addresses = [...]    # {sources} addresses; each with: ip addr add ADDRESS/32 dev DEVICE"
        ));
    // Loopback takes as many sources as it needs, so its ports set no bound.
    if automatic { row } else { row.reach(Some(facts.reach(needed, ports))) }
}

fn source_addresses(facts: &Facts<'_>) -> Row {
    let wrong: Vec<String> = facts
        .probes
        .not_bindable
        .iter()
        .map(|(address, why)| format!("{address} ({why})"))
        .collect();
    let needed = facts.probes.bound + facts.probes.not_bindable.len() as u64;
    if needed == 0 {
        let note = "the kernel chooses";
        return Row::new(Check::SourceAddresses, Figure::Number(0), Figure::Number(0), Fitness::Ok)
            .note(note);
    }
    let fitness = if wrong.is_empty() { Fitness::Ok } else { Fitness::Fail };
    let mut row = Row::new(
        Check::SourceAddresses,
        Figure::Number(needed),
        Figure::Number(facts.probes.bound),
        fitness,
    );
    for (address, _) in facts.probes.not_bindable.iter().take(3) {
        let length = if address.is_ipv4() { 32 } else { 128 };
        row = row.fix(format!(
            "ip addr add {address}/{length} dev lo    # or the device that routes it"
        ));
    }
    if wrong.is_empty() {
        row
    } else {
        let shown = wrong.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        row.note(format!("cannot be bound: {shown}"))
    }
}

fn conntrack(facts: &Facts<'_>) -> Row {
    let needed = facts.connections();
    let row = |have, fitness| Row::new(Check::Conntrack, Figure::Number(needed), have, fitness);
    let (table, live) = match (facts.limits.conntrack, facts.probes.conntrack_live) {
        (None, _) => return row(Figure::text("none"), Fitness::Ok),
        (Some(_), Some(false)) => {
            return row(Figure::text("not tracking"), Fitness::Ok)
                .note("probed: connections leave no entry in its table");
        }
        (Some(table), live) => (table, live),
    };
    let have = table.max.saturating_sub(table.count);
    if live.is_none() {
        return row(Figure::Number(have), Fitness::NotAvailable)
            .note("could not be probed: whether connections are tracked is not known");
    }
    // Entries of connections that are gone linger, so a tenth more is better.
    let tight = needed + needed / 10 > have;
    let crowded = tight || table.buckets.is_some_and(|buckets| buckets < table.max / 4);
    let fitness = match (needed <= have, crowded) {
        (false, _) => Fitness::Fail,
        (true, true) => Fitness::Warn,
        (true, false) => Fitness::Ok,
    };
    let most = (needed + needed / 10 + table.count).max(table.max);
    row(Figure::Number(have), fitness)
        .note("probed: connections are tracked")
        .fix(format!("sysctl -w net.netfilter.nf_conntrack_max={most}"))
        .fix(format!("echo {} > /sys/module/nf_conntrack/parameters/hashsize", most / 4))
        .reach(Some(have))
}

fn accept_queue(facts: &Facts<'_>) -> Row {
    let rate = facts.needs.opening().per_second().unwrap_or(UNPACED_PER_SECOND);
    // With several server processes each has a queue of its own.
    let queues: u64 = facts.servers.iter().map(|count| u64::from(*count)).sum();
    let burst = whole(rate * SERVER_PAUSE_SECONDS).min(facts.connections());
    let needed = Figure::Number(burst.div_ceil(queues.max(1)));
    if facts.needs.served_here() == 0 {
        return Row::new(Check::AcceptQueue, needed, Figure::Unknown, Fitness::NotAvailable).note(
            "the target is not on this machine; look at its net.core.somaxconn and its backlog",
        );
    }
    let have = facts.limits.somaxconn;
    let burst = burst.div_ceil(queues.max(1));
    let fitness = match have {
        None => Fitness::NotAvailable,
        Some(have) if burst <= have => Fitness::Ok,
        Some(_) => Fitness::Warn,
    };
    Row::new(Check::AcceptQueue, needed, Figure::number(have), fitness)
        .note("what half a second of openings fills while the server is away; its own backlog counts too")
        .fix(format!("sysctl -w net.core.somaxconn={}", burst.next_power_of_two()))
}

fn netdev_backlog(facts: &Facts<'_>) -> Row {
    let needs = facts.needs.over_tcp();
    if needs.scenarios.is_empty() {
        let (needed, have) = (Figure::text("none"), facts.limits.netdev_max_backlog);
        return Row::new(Check::NetdevBacklog, needed, Figure::number(have), Fitness::Ok);
    }
    let rate = needs.opening().per_second().unwrap_or(UNPACED_PER_SECOND);
    let few = PACKETS_OF_ONE * BATCH;
    let bursts = rate > 10_000.0 && needs.served_here() > 0;
    let most = if bursts { BACKLOG_FOR_BURSTS } else { few };
    let needed = most.min((PACKETS_OF_ONE * needs.connections()).max(few));
    let have = facts.limits.netdev_max_backlog;
    let fitness = match have {
        None => Fitness::NotAvailable,
        Some(have) if needed <= have => Fitness::Ok,
        Some(_) => Fitness::Warn,
    };
    let row = Row::new(Check::NetdevBacklog, Figure::Number(needed), Figure::number(have), fitness)
        .fix(format!("sysctl -w net.core.netdev_max_backlog={}", 3 * needed));
    if have.is_none() {
        row.note("the value of the whole machine, which a network namespace does not show")
    } else {
        row.note("a packet too many costs a retransmission: 0.2 s, or 1 s when connecting")
    }
}

fn syncookies(facts: &Facts<'_>) -> Row {
    let needed = Figure::text("on");
    match (facts.needs.served_here(), facts.limits.syncookies) {
        (0, _) => Row::new(Check::SynCookies, needed, Figure::Unknown, Fitness::NotAvailable)
            .note("the target is not on this machine"),
        (_, None) => Row::new(Check::SynCookies, needed, Figure::Unknown, Fitness::NotAvailable),
        (_, Some(0)) => Row::new(Check::SynCookies, needed, Figure::text("off"), Fitness::Warn)
            .note("a full queue drops connections for a second instead of going on")
            .fix("sysctl -w net.ipv4.tcp_syncookies=1"),
        (_, Some(_)) => Row::new(Check::SynCookies, needed, Figure::text("on"), Fitness::Ok),
    }
}
