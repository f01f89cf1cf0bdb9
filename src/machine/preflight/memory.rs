//! Memory: the machine's, the control group's, the network stack's; and the tables that connections
//! are kept in.

use super::{Amount, Facts, Requirement, RequirementStatus, Resource};
use crate::machine::figures::whole;
use crate::machine::{Requirements, SocketCost, bytes, grouped};
use crate::plan::HttpVersion;

/// The additional memory of this program for each TLS connection, on the side that connects and on
/// the one that accepts: measured over 5,000 held ones; those of http took 4,200 and 4,600.
const SECURED_BYTES: (f64, f64) = (4_800.0, 3_500.0);

/// The additional memory of this program for each HTTP/2 connection, on both sides: frames of
/// short-lived streams, and tables of headers. Measured over 5,000 with a request in flight on
/// each.
const HTTP2_BYTES: f64 = 38_912.0;

/// The memory of a process before its first connection, the kernel's part included and what all
/// share left out: measured. The memory of the current process is already in use.
const PROCESS_BYTES: f64 = 1.25 * 1024.0 * 1024.0;

/// A margin for unknown usage: with less than this to spare there is a warning.
const SLACK: f64 = 1.05;

/// An unread message holds about this much: the head and the smallest data of a packet.
const UNREAD_BYTES: u64 = 1024;

const PAGE: u64 = 4096;
const GIB: u64 = 1 << 30;

/// The largest hash table of established connections that a namespace can have.
const EHASH_MOST: u64 = 1 << 24;

pub(super) fn rows(facts: &Facts<'_>) -> Vec<Requirement> {
    vec![machine(facts), cgroup(facts), unread(facts), hash_table(facts)]
}

/// Bytes that a plan takes on this machine with `processes` of load and of built-in servers, when a
/// connection costs the kernel `cost`.
pub fn memory_needed(needs: &Requirements, cost: SocketCost, processes: u64) -> u64 {
    let (fixed, connections) = parts(needs, cost, processes, false);
    whole(fixed + connections)
}

/// Bytes of the processes with what they keep of files, and of all connections. `ours` leaves out
/// servers that planrun does not start; what another program keeps for a connection is not known,
/// so ours is taken for it.
fn parts(needs: &Requirements, cost: SocketCost, processes: u64, ours: bool) -> (f64, f64) {
    let connections = needs.scenarios.iter().map(|needs| {
        let (connecting, serving) = needs.protocol.user_bytes;
        let shared = if needs.version == HttpVersion::Http1 { 0.0 } else { HTTP2_BYTES };
        let served = if ours && !needs.is_built_in() { 0 } else { needs.served_here };
        let (connects, accepts) = if needs.secured { SECURED_BYTES } else { (0.0, 0.0) };
        needs.connections as f64 * (cost.connected + shared + connects)
            + needs.users as f64 * connecting as f64
            + served as f64 * (cost.accepted + serving as f64 + shared + accepts)
    });
    let process = PROCESS_BYTES + needs.relocated_bytes as f64;
    (processes as f64 * process + needs.file_bytes as f64, connections.sum())
}

fn row(facts: &Facts<'_>, check: Resource, ours: bool, have: Option<u64>) -> Requirement {
    let cost = if ours { facts.cost_in_group } else { facts.cost };
    let (fixed, each) = parts(&facts.needs, cost, facts.processes(), ours);
    let needed = fixed + each;
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if needed * SLACK <= have as f64 => RequirementStatus::Ok,
        Some(have) if needed <= have as f64 => RequirementStatus::Warn,
        Some(_) => RequirementStatus::Fail,
    };
    let reach = have.map(|have| {
        let left = (have as f64 - fixed).max(0.0);
        whole(facts.connections() as f64 * left / each.max(1.0))
    });
    Requirement::new(check, Amount::Bytes(whole(needed)), Amount::bytes(have), fitness).reach(reach)
}

fn machine(facts: &Facts<'_>) -> Requirement {
    let limits = facts.limits;
    let total = limits.memory_total.unwrap_or(0);
    let reserve = (total / 20).max(GIB.min(total / 8));
    let have = limits.memory_available.map(|available| available.saturating_sub(reserve));
    let row = row(facts, Resource::Memory, false, have);
    let source = if limits.slabs.is_some() { "measured" } else { "usual" };
    let reach = row.headroom.unwrap_or(0);
    row.note(format!(
        "{source} kernel memory: {:.0} B for an end that connects, {:.0} B for one that is accepted; {} stay free",
        facts.cost.connected,
        facts.cost.accepted,
        bytes(reserve)
    ))
    .fix(format!("planrun PLAN.toml --scale {}%", percent(facts, reach)))
}

fn ours(facts: &Facts<'_>) -> u64 {
    let (fixed, connections) = parts(&facts.needs, facts.cost_in_group, facts.processes(), true);
    whole(fixed + connections)
}

fn cgroup(facts: &Facts<'_>) -> Requirement {
    match &facts.limits.cgroup {
        None => Requirement::new(
            Resource::CgroupMemory,
            Amount::Bytes(ours(facts)),
            Amount::text("no limit"),
            RequirementStatus::Ok,
        ),
        Some(group) => {
            let row = row(facts, Resource::CgroupMemory, true, Some(group.left()));
            let limit = ours(facts) + group.used;
            row.note(format!("{} of {} used", bytes(group.used), bytes(group.limit)))
                .fix(format!("echo {limit} > {}", group.file))
        }
    }
}

fn percent(facts: &Facts<'_>, reach: u64) -> u64 {
    reach * 100 / facts.connections().max(1)
}

/// Every connection with one unread message.
fn unread(facts: &Facts<'_>) -> Requirement {
    let needed = facts.needs.sockets() * UNREAD_BYTES;
    let have = facts.limits.tcp_mem.map(|[_, pressure, _]| pressure * PAGE);
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if needed <= have => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Warn,
    };
    let pages = (needed / PAGE).max(1);
    Requirement::new(Resource::TcpMemory, Amount::Bytes(needed), Amount::bytes(have), fitness)
        .note("only if every connection has a message that nobody reads")
        .fix(format!(
            "sysctl -w net.ipv4.tcp_mem=\"{} {} {}\"",
            pages,
            pages + pages / 3,
            2 * pages
        ))
}

fn hash_table(facts: &Facts<'_>) -> Requirement {
    let sockets = facts.needs.sockets();
    // Two in a chain cost nothing that can be measured; eight cost about a tenth of the time to
    // connect.
    let needed = sockets / 2;
    let have = facts.limits.ehash_entries;
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if needed <= have => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Warn,
    };
    let entries = sockets.next_power_of_two().min(EHASH_MOST);
    let chain = have.map_or(0.0, |have| sockets as f64 / have.max(1) as f64);
    Requirement::new(Resource::HashTable, Amount::Number(needed), Amount::number(have), fitness)
        .note(format!("{chain:.1} in a chain with {} sockets", grouped(sockets)))
        .fix(format!(
            "sysctl -w net.ipv4.tcp_child_ehash_entries={entries}; unshare -n sh -c 'ip link set lo up; exec planrun PLAN.toml'"
        ))
}
