//! Ports, addresses, queues and tables of the network stack.

use super::{Amount, Facts, Requirement, RequirementStatus, Resource};
use crate::machine::destinations::{Destination, destinations};
use crate::machine::figures::whole;
use crate::machine::grouped;
use crate::plan::SourceRange;

/// The part of a port range above which the search for a free port gets slow.
const SLOW_SHARE: f64 = 0.35;

/// Connections opened in one go before their packets are let through.
const BATCH: u64 = 64;

/// A backlog that bursts on loopback do not overflow.
const BACKLOG_FOR_BURSTS: u64 = 10_000;

/// The most packets of one connection that wait in it at once.
const PACKETS_OF_ONE: u64 = 4;

/// How long a server may be away from its queue without losing connections.
const SERVER_PAUSE_SECONDS: f64 = 0.5;

/// Connections opened per second if the plan sets no pace: the rate of one core with both ends.
const UNPACED_PER_SECOND: f64 = 34_000.0;

pub(super) fn rows(facts: &Facts<'_>) -> Vec<Requirement> {
    vec![
        source_ports(facts),
        source_addresses(facts),
        conntrack(facts),
        accept_queue(facts),
        netdev_backlog(facts),
        syncookies(facts),
    ]
}

fn source_ports(facts: &Facts<'_>) -> Requirement {
    let Some(range) = &facts.limits.ports else {
        let needed = Amount::Number(facts.connections());
        return Requirement::new(
            Resource::SourcePorts,
            needed,
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        );
    };
    let asked = facts.plan.generator.port_range;
    let ports = range.usable(asked);
    let all = destinations(facts.plan, facts.limits);
    let tuple = |one: &Destination| one.connections.div_ceil(one.sources.count());
    let Some(worst) = all.iter().max_by_key(|one| tuple(one)) else {
        return Requirement::new(
            Resource::SourcePorts,
            Amount::Number(0),
            Amount::Number(ports),
            RequirementStatus::Ok,
        );
    };
    let needed = tuple(worst);
    let share = needed as f64 / ports.max(1) as f64;
    let services = asked
        .map_or(0, |(first, last)| (first..=last).filter(|port| range.is_listening(*port)).count());
    let fitness = match share {
        share if share > 1.0 => RequirementStatus::Fail,
        // Ports that are bound by hand are not searched for, but those of services are tried in
        // vain.
        share if asked.is_none() && share > SLOW_SHARE => RequirementStatus::Warn,
        _ if services > 0 => RequirementStatus::Warn,
        _ => RequirementStatus::Ok,
    };
    let easy = whole(ports as f64 * SLOW_SHARE).max(1);
    let sources = worst.connections.div_ceil(easy);
    let automatic = facts.plan.generator.source_addresses.is_empty() && worst.sources.count() > 1;
    let of_services = match services {
        0 => String::new(),
        services => format!("; {services} of the range are ports of services"),
    };
    let row = Requirement::new(Resource::SourcePorts, Amount::Number(needed), Amount::Number(ports), fitness)
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

fn source_addresses(facts: &Facts<'_>) -> Requirement {
    let wrong: Vec<String> = facts
        .probes
        .not_bindable
        .iter()
        .map(|(address, why)| format!("{address} ({why})"))
        .collect();
    let needed = facts.probes.bound + facts.probes.not_bindable.len() as u64;
    if needed == 0 {
        let note = "the kernel chooses";
        return Requirement::new(
            Resource::SourceAddresses,
            Amount::Number(0),
            Amount::Number(0),
            RequirementStatus::Ok,
        )
        .note(note);
    }
    let fitness = if wrong.is_empty() { RequirementStatus::Ok } else { RequirementStatus::Fail };
    let mut row = Requirement::new(
        Resource::SourceAddresses,
        Amount::Number(needed),
        Amount::Number(facts.probes.bound),
        fitness,
    );
    for (address, _) in facts.probes.not_bindable.iter().take(3) {
        let length = if address.is_ipv4() { 32 } else { 128 };
        row = row.fix(format!(
            "ip addr add {address}/{length} dev lo    # or the device that routes it"
        ));
    }
    if wrong.is_empty() {
        of_no_use(facts, row)
    } else {
        let shown = wrong.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        row.note(format!("cannot be bound: {shown}"))
    }
}

/// Warns of source addresses whose family no target has. Names are not resolved here: a plan with
/// one may reach both.
fn of_no_use(facts: &Facts<'_>, mut row: Requirement) -> Requirement {
    let all = destinations(facts.plan, facts.limits);
    let reached = |range: &&SourceRange| {
        let same = |to: &Destination| to.address.is_ipv4() == range.first.is_ipv4();
        all.iter().any(|to| to.address.is_unspecified() || same(to))
    };
    let unused: Vec<String> = facts
        .plan
        .generator
        .source_addresses
        .iter()
        .filter(|range| !reached(range))
        .map(SourceRange::to_string)
        .collect();
    if unused.is_empty() {
        return row;
    }
    row.status = RequirementStatus::Warn;
    row.note(format!(
        "not used, as no target has an address of the same family: {}",
        unused.join(", ")
    ))
}

fn conntrack(facts: &Facts<'_>) -> Requirement {
    let needed = facts.connections();
    let row = |have, fitness| {
        Requirement::new(Resource::Conntrack, Amount::Number(needed), have, fitness)
    };
    let (table, live) = match (facts.limits.conntrack, facts.probes.conntrack_live) {
        (None, _) => return row(Amount::text("none"), RequirementStatus::Ok),
        (Some(_), Some(false)) => {
            return row(Amount::text("not tracking"), RequirementStatus::Ok)
                .note("probed: connections leave no entry in its table");
        }
        (Some(table), live) => (table, live),
    };
    let have = table.max.saturating_sub(table.count);
    if live.is_none() {
        return row(Amount::Number(have), RequirementStatus::NotAvailable)
            .note("could not be probed: whether connections are tracked is not known");
    }
    // Entries of connections that are gone linger, so a tenth more is better.
    let tight = needed + needed / 10 > have;
    let crowded = tight || table.buckets.is_some_and(|buckets| buckets < table.max / 4);
    let fitness = match (needed <= have, crowded) {
        (false, _) => RequirementStatus::Fail,
        (true, true) => RequirementStatus::Warn,
        (true, false) => RequirementStatus::Ok,
    };
    let most = (needed + needed / 10 + table.count).max(table.max);
    row(Amount::Number(have), fitness)
        .note("probed: connections are tracked")
        .fix(format!("sysctl -w net.netfilter.nf_conntrack_max={most}"))
        .fix(format!("echo {} > /sys/module/nf_conntrack/parameters/hashsize", most / 4))
        .reach(Some(have))
}

fn accept_queue(facts: &Facts<'_>) -> Requirement {
    let rate = facts.needs.opening().per_second().unwrap_or(UNPACED_PER_SECOND);
    // With several server processes, each has its own queue.
    let queues: u64 = facts.servers.iter().map(|count| u64::from(*count)).sum();
    let burst = whole(rate * SERVER_PAUSE_SECONDS).min(facts.connections());
    let needed = Amount::Number(burst.div_ceil(queues.max(1)));
    if facts.needs.served_here() == 0 {
        return Requirement::new(
            Resource::AcceptQueue,
            needed,
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        )
        .note("the target is not on this machine; look at its net.core.somaxconn and its backlog");
    }
    let have = facts.limits.somaxconn;
    let burst = burst.div_ceil(queues.max(1));
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if burst <= have => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Warn,
    };
    Requirement::new(Resource::AcceptQueue, needed, Amount::number(have), fitness)
        .note("what half a second of openings fills while the server is away; its own backlog counts too")
        .fix(format!("sysctl -w net.core.somaxconn={}", burst.next_power_of_two()))
}

fn netdev_backlog(facts: &Facts<'_>) -> Requirement {
    let needs = facts.needs.over_tcp();
    if needs.scenarios.is_empty() {
        let (needed, have) = (Amount::text("none"), facts.limits.netdev_max_backlog);
        return Requirement::new(
            Resource::NetdevBacklog,
            needed,
            Amount::number(have),
            RequirementStatus::Ok,
        );
    }
    let rate = needs.opening().per_second().unwrap_or(UNPACED_PER_SECOND);
    let few = PACKETS_OF_ONE * BATCH;
    let bursts = rate > 10_000.0 && needs.served_here() > 0;
    let most = if bursts { BACKLOG_FOR_BURSTS } else { few };
    let needed = most.min((PACKETS_OF_ONE * needs.connections()).max(few));
    let have = facts.limits.netdev_max_backlog;
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if needed <= have => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Warn,
    };
    let row = Requirement::new(
        Resource::NetdevBacklog,
        Amount::Number(needed),
        Amount::number(have),
        fitness,
    )
    .fix(format!("sysctl -w net.core.netdev_max_backlog={}", 3 * needed));
    if have.is_none() {
        row.note("the value of the whole machine, which a network namespace does not show")
    } else {
        row.note("a packet too many costs a retransmission: 0.2 s, or 1 s when connecting")
    }
}

fn syncookies(facts: &Facts<'_>) -> Requirement {
    let needed = Amount::text("on");
    match (facts.needs.served_here(), facts.limits.syncookies) {
        (0, _) => Requirement::new(
            Resource::SynCookies,
            needed,
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        )
        .note("the target is not on this machine"),
        (_, None) => Requirement::new(
            Resource::SynCookies,
            needed,
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        ),
        (_, Some(0)) => Requirement::new(
            Resource::SynCookies,
            needed,
            Amount::text("off"),
            RequirementStatus::Warn,
        )
        .note("a full queue drops connections for a second instead of going on")
        .fix("sysctl -w net.ipv4.tcp_syncookies=1"),
        (_, Some(_)) => Requirement::new(
            Resource::SynCookies,
            needed,
            Amount::text("on"),
            RequirementStatus::Ok,
        ),
    }
}
