//! Processor time and patience: whether the ramp, the heartbeats and the timeouts can be kept.

use super::{Amount, Facts, Requirement, RequirementStatus, Resource};
use crate::catalogue::Gauge;
use crate::machine::destinations::{Destination, destinations};
use crate::machine::figures::whole;
use crate::machine::grouped;
use crate::plan::{Close, Level, OnFull, Scenario, Stage, most_in_flight};
use crate::units::Time;

/// Microseconds to open a connection and get its first message, both ends on one machine: measured
/// on a small virtual machine.
const OPEN_BOTH_ENDS_US: f64 = 29.0;

/// The part of it that the connecting end takes.
const CONNECTING_PART: f64 = 14.0 / 29.0;

/// Microseconds of a TLS handshake for the end that connects and for the one that accepts: measured
/// in the same place.
const HANDSHAKE_US: (f64, f64) = (350.0, 260.0);

/// Connections beyond which each costs about twice as much: caches and tables are cold.
const COLD_FROM: u64 = 500_000;

/// Microseconds for a heartbeat, both ends and one.
const HEARTBEAT_BOTH_ENDS_US: f64 = 8.3;
const HEARTBEAT_ONE_END_US: f64 = 3.0;

/// The part of all cores that a ramp may take, and the part that heartbeats may take.
const RAMP_PART: f64 = 0.7;
const HEARTBEAT_PART: f64 = 0.5;

/// One lost SYN is sent again after a second.
const SYN_RETRY_SECONDS: f64 = 1.0;

/// The shortest silence that a common load balancer takes for death: Azure's, 4 minutes; AWS's is
/// 350 s.
const IDLE_SECONDS: f64 = 240.0;

/// How long the end that closes first keeps a connection in `TIME_WAIT`, and after which time a new
/// one may take its port where that is allowed (`net.ipv4.tcp_tw_reuse`).
const TIME_WAIT_SECONDS: f64 = 60.0;
const REUSED_AFTER_SECONDS: f64 = 1.0;

pub(super) fn rows(facts: &Facts<'_>) -> Vec<Requirement> {
    vec![
        ramp(facts),
        heartbeats(facts),
        connect_timeout(facts),
        silence(facts),
        time_wait(facts),
        ports_at_rest(facts),
        time_wait_left(facts),
        in_flight(facts),
    ]
}

/// How much of the work for each connection is done on this machine.
fn here(facts: &Facts<'_>) -> f64 {
    facts.needs.served_here() as f64 / facts.connections().max(1) as f64
}

fn cold(facts: &Facts<'_>) -> f64 {
    if facts.connections() > COLD_FROM { 2.0 } else { 1.0 }
}

/// The cost of handshakes, averaged over all connections.
fn handshake_us(facts: &Facts<'_>) -> f64 {
    let secured = facts.needs.scenarios.iter().filter(|scenario| scenario.secured);
    let all = secured.map(|scenario| {
        scenario.connections as f64 * HANDSHAKE_US.0 + scenario.served_here as f64 * HANDSHAKE_US.1
    });
    all.sum::<f64>() / facts.connections().max(1) as f64
}

fn ramp(facts: &Facts<'_>) -> Requirement {
    let both_ends = facts.probes.open_us.unwrap_or(OPEN_BOTH_ENDS_US);
    let part = CONNECTING_PART + (1.0 - CONNECTING_PART) * here(facts);
    let each_us = both_ends * part * cold(facts) + handshake_us(facts);
    let most = RAMP_PART * facts.cores() as f64 * 1e6 / each_us;
    let how = if facts.probes.open_us.is_some() { "measured" } else { "usual" };
    let seconds = facts.connections() as f64 / most;
    if facts.limits.cpus.is_none() {
        let needed = facts.needs.opening().per_second().map(whole);
        let needed = needed.map_or(Amount::text("no pace"), Amount::PerSecond);
        return Requirement::new(
            Resource::RampCpu,
            needed,
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        );
    }
    let have = Amount::PerSecond(whole(most));
    match facts.needs.opening().per_second() {
        None => Requirement::new(
            Resource::RampCpu,
            Amount::text("no pace"),
            have,
            RequirementStatus::Ok,
        )
        .note(format!("{how}: {each_us:.0} us for each; all are open after about {seconds:.0} s")),
        Some(rate) => {
            let fitness =
                if rate <= most { RequirementStatus::Ok } else { RequirementStatus::Warn };
            Requirement::new(Resource::RampCpu, Amount::PerSecond(whole(rate)), have, fitness)
                .note(format!(
                    "{how}: {each_us:.0} us for each, on {:.0} % of the cores",
                    RAMP_PART * 100.0
                ))
                .fix(format!("spawn_rate = \"{}/s\"", whole(most / 100.0) * 100))
        }
    }
}

fn heartbeats(facts: &Facts<'_>) -> Requirement {
    let rate = facts.needs.heartbeats_per_second();
    let each = HEARTBEAT_ONE_END_US + (HEARTBEAT_BOTH_ENDS_US - HEARTBEAT_ONE_END_US) * here(facts);
    let each = each * cold(facts);
    let (needed, have) = (rate * each / 1e6, HEARTBEAT_PART * facts.cores() as f64);
    if facts.limits.cpus.is_none() {
        let needed = Amount::Cores(needed);
        return Requirement::new(
            Resource::HeartbeatCpu,
            needed,
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        );
    }
    let fitness = if needed <= have { RequirementStatus::Ok } else { RequirementStatus::Warn };
    // The period of heartbeats, in seconds, at which they use exactly their share.
    let shortest = facts.connections() as f64 * each / 1e6 / have;
    Requirement::new(Resource::HeartbeatCpu, Amount::Cores(needed), Amount::Cores(have), fitness)
        .note(format!("{} heartbeats/s", grouped(whole(rate.ceil()))))
        .fix(format!("every = \"{}s\"", whole(shortest.ceil()).max(1)))
}

fn connect_timeout(facts: &Facts<'_>) -> Requirement {
    let needs = facts.needs.over_tcp();
    let shortest = needs.scenarios.iter().map(|needs| needs.connect_timeout).min();
    let Some(Time(shortest)) = shortest else {
        let (needed, have) = (Amount::text("none"), Amount::text("none"));
        return Requirement::new(Resource::ConnectTimeout, needed, have, RequirementStatus::Ok);
    };
    let seconds = shortest.as_secs_f64();
    let fitness = if seconds >= 1.5 * SYN_RETRY_SECONDS {
        RequirementStatus::Ok
    } else {
        RequirementStatus::Warn
    };
    Requirement::new(
        Resource::ConnectTimeout,
        Amount::Seconds(3.0 * SYN_RETRY_SECONDS),
        Amount::Seconds(seconds),
        fitness,
    )
    .note("one lost packet of a connection that opens costs a second")
    .fix("connect_timeout = \"3s\"")
}

/// Whether something on the way may take a held connection for dead between two heartbeats.
fn silence(facts: &Facts<'_>) -> Requirement {
    let scenarios = facts.plan.scenarios.iter().zip(&facts.needs.scenarios);
    let far = scenarios.filter(|(_, needs)| {
        needs.protocol.level == Gauge::Open && needs.served_here < needs.connections
    });
    let longest = far
        .map(|(scenario, needs)| {
            let held: f64 = scenario.stages.iter().map(|stage| stage.hold.0.as_secs_f64()).sum();
            needs.heartbeat_every.map_or(held, |every| every.0.as_secs_f64().min(held))
        })
        .fold(0.0, f64::max);
    let fitness =
        if longest < IDLE_SECONDS { RequirementStatus::Ok } else { RequirementStatus::Warn };
    Requirement::new(
        Resource::IdleTime,
        Amount::Seconds(longest),
        Amount::text(format!("< {IDLE_SECONDS} s")),
        fitness,
    )
    .note("load balancers and firewalls forget silent connections: after 240 s, 350 s, or as set")
    .fix("heartbeat = { from = \"server\", every = \"60s\" }")
}

/// The end that closes first by FIN keeps a connection in `TIME_WAIT` for a minute.
fn time_wait(facts: &Facts<'_>) -> Requirement {
    let scenarios = facts.plan.scenarios.iter().zip(&facts.needs.scenarios);
    let closed: u64 = scenarios
        .filter(|(scenario, needs)| scenario.protocol.close() == Close::Fin && needs.over_tcp)
        .map(|(_, needs)| needs.connections)
        .sum();
    let have = facts.limits.time_wait_max;
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if closed <= have => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Warn,
    };
    Requirement::new(Resource::TimeWait, Amount::Number(closed), Amount::number(have), fitness)
        .note("only after the run; what is too many is dropped at once, with a line in the kernel's log")
        .fix("close = \"rst\"")
        .fix(format!("sysctl -w net.ipv4.tcp_max_tw_buckets={closed}"))
}

/// Short-lived connections also need ports for those in `TIME_WAIT`.
fn ports_at_rest(facts: &Facts<'_>) -> Requirement {
    let seconds = |one: &Destination| {
        let reused = match facts.limits.time_wait_reuse {
            Some(1) => true,
            // The kernel's default.
            Some(2) | None => one.address.is_loopback(),
            Some(_) => false,
        };
        if reused { REUSED_AFTER_SECONDS } else { TIME_WAIT_SECONDS }
    };
    let run = facts.needs.shortest_run.0.as_secs_f64();
    let needed = |one: &Destination| {
        let resting = whole((one.closed_per_second * seconds(one).min(run)).ceil());
        (one.connections + resting).div_ceil(one.sources.count())
    };
    let all = destinations(facts.plan, facts.limits);
    let closing = all.iter().filter(|one| one.closed_per_second > 0.0);
    let ports = facts.limits.ports.as_ref();
    let ports = ports.map(|ports| ports.usable(facts.plan.generator.port_range));
    let Some(worst) = closing.max_by_key(|one| needed(one)) else {
        let none = Amount::text("none are closed");
        let fitness = ports.map_or(RequirementStatus::NotAvailable, |_| RequirementStatus::Ok);
        return Requirement::new(Resource::PortsAtRest, none, Amount::number(ports), fitness);
    };
    let needed = needed(worst);
    let fitness = match ports {
        None => RequirementStatus::NotAvailable,
        Some(ports) if needed <= ports => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Warn,
    };
    Requirement::new(Resource::PortsAtRest, Amount::Number(needed), Amount::number(ports), fitness)
        .note(format!(
            "up to {:.0} connections/s to {} are closed here, each keeps its port for {:.0} s",
            worst.closed_per_second,
            worst.words,
            seconds(worst),
        ))
        .fix("sysctl -w net.ipv4.tcp_tw_reuse=1    # ports are free again after a second")
        .fix("[generator] source_addresses = [...]")
}

/// Ports in `TIME_WAIT` from before are not free for the same destination.
fn time_wait_left(facts: &Facts<'_>) -> Requirement {
    let ports = facts.limits.ports.as_ref().map(|ports| ports.usable(None));
    let (Some(left), Some(ports)) = (facts.limits.time_wait, ports) else {
        let unknown = Amount::number(facts.limits.time_wait);
        return Requirement::new(
            Resource::TimeWaitLeft,
            Amount::text("few"),
            unknown,
            RequirementStatus::NotAvailable,
        );
    };
    let most = ports / 5;
    let fitness = if left <= most { RequirementStatus::Ok } else { RequirementStatus::Warn };
    Requirement::new(
        Resource::TimeWaitLeft,
        Amount::text(format!("<= {}", grouped(most))),
        Amount::Number(left),
        fitness,
    )
    .fix("sleep 60    # they are gone after a minute")
}

/// Whether a slow target can be distinguished from a small cap: where the cap is the larger one,
/// time-outs come first.
fn in_flight(facts: &Facts<'_>) -> Requirement {
    let open = facts.plan.scenarios.iter().filter_map(|scenario| {
        let needed = most_in_flight(&scenario.stages, scenario.protocol.longest_arrival());
        // A cap that is meant may be as small as it likes.
        let counts = needed > 0 && scenario.protocol.on_full() == OnFull::Invalid;
        counts.then_some((needed, scenario))
    });
    let short =
        |(needed, one): &(u64, &Scenario)| needed.saturating_sub(one.protocol.max_in_flight());
    let Some((needed, scenario)) = open.max_by_key(short) else {
        return Requirement::new(
            Resource::InFlight,
            Amount::Number(0),
            Amount::text("no rate"),
            RequirementStatus::Ok,
        );
    };
    let have = scenario.protocol.max_in_flight();
    let fitness = if have < needed { RequirementStatus::Warn } else { RequirementStatus::Ok };
    let row = Requirement::new(
        Resource::InFlight,
        Amount::Number(needed),
        Amount::Number(have),
        fitness,
    )
    .note(format!(
        "the highest rate times the timeout of {}: with a smaller max_in_flight what is dropped is \
                 as well the cap's fault as the target's",
        scenario.protocol.drain_timeout()
    ))
    .fix(format!("max_in_flight = {needed}"));
    match enough(scenario) {
        Some(timeout) => row.fix(format!("timeout = \"{timeout}\"")),
        None => row,
    }
}

/// The longest timeout, in whole steps of 10 ms, with which the cap is large enough.
fn enough(scenario: &Scenario) -> Option<Time> {
    let rate = |stage: &Stage| match stage.level {
        Level::Rate { rate, .. } => rate.value(),
        Level::Users { .. } => 0.0,
    };
    let highest = scenario.stages.iter().map(rate).fold(0.0, f64::max);
    // The average number in flight, m, satisfies m + 6 √m = cap.
    let mean = ((9.0 + scenario.protocol.max_in_flight() as f64).sqrt() - 3.0).powi(2);
    let steps = whole(mean / highest * 100.0);
    (steps > 0).then(|| Time(std::time::Duration::from_millis(steps * 10)))
}
