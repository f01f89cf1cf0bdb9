//! Descriptors, files, watches: what each process and the system can have open.

use super::{Amount, Facts, Requirement, RequirementStatus, Resource};
use crate::machine::workers::largest_worker;
use crate::machine::{RESERVE, grouped};

/// Processes for each core beyond which another one costs more than it gains.
const PROCESSES_PER_CORE: u64 = 16;

/// Bypasses `fs.file-max`.
const CAP_SYS_ADMIN: u32 = 21;

/// Raises the hard limit on open files.
const CAP_SYS_RESOURCE: u32 = 24;

pub(super) fn rows(facts: &Facts<'_>) -> Vec<Requirement> {
    vec![process_files(facts), processes(facts), system_files(facts), epoll_watches(facts)]
}

/// The largest worker or server process against the limit that it will have.
fn process_files(facts: &Facts<'_>) -> Requirement {
    let limits = facts.limits;
    let scenarios = facts.needs.scenarios.iter().zip(&facts.workers);
    let largest_worker = scenarios.map(|(needs, workers)| largest_worker(needs, *workers)).max();
    let of_target = |target: usize| -> u64 {
        let scenarios = facts.plan.scenarios.iter().zip(&facts.needs.scenarios);
        scenarios.filter(|(one, _)| one.target == target).map(|(_, needs)| needs.connections).sum()
    };
    let largest_server = facts.servers.iter().enumerate().filter(|(_, count)| **count > 0);
    let largest_server =
        largest_server.map(|(target, count)| of_target(target).div_ceil(u64::from(*count))).max();
    let needed = RESERVE + largest_worker.unwrap_or(0).max(largest_server.unwrap_or(0));
    let have = limits.open_files.map(|files| files.min(limits.nr_open.unwrap_or(u64::MAX)));
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if have >= needed => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Fail,
    };
    let row = Requirement::new(
        Resource::ProcessFiles,
        Amount::Number(needed),
        Amount::number(have),
        fitness,
    )
    .note(format!("{RESERVE} of them are each process's own"));
    let Some(fixed) = facts.plan.generator.workers.map(u64::from) else { return row };
    let usable = limits.usable_descriptors();
    let row = row.reach(have.map(|_| fixed.max(1) * usable * facts.plan.scenarios.len() as u64));
    let enough = facts.connections().div_ceil(usable.max(1)) + 1;
    row.note(format!("{} workers are enough for all connections", grouped(enough)))
        .fix("[generator] workers = \"auto\"")
        .fix(raise_line(facts, needed))
}

/// The line that gives a process `files` open files.
fn raise_line(facts: &Facts<'_>, files: u64) -> String {
    match facts.limits.has_capability(CAP_SYS_RESOURCE) {
        Some(false) => {
            format!("* hard nofile {files}    # in /etc/security/limits.conf, then log in anew")
        }
        _ => format!("prlimit --pid $$ --nofile={files}:{files}"),
    }
}

fn processes(facts: &Facts<'_>) -> Requirement {
    let workers: u64 = facts.workers.iter().map(|count| u64::from(*count)).sum();
    let (needed, most) = (facts.processes(), PROCESSES_PER_CORE * facts.cores());
    // Both ends here double the number, but no more run at once.
    let most = if workers < needed { 2 * most } else { most };
    let have = match facts.limits.cpus {
        Some(cores) => Amount::text(format!("{most} on {cores} cores")),
        None => Amount::Unknown,
    };
    let fitness = match (facts.limits.cpus, needed <= most) {
        (None, _) => RequirementStatus::NotAvailable,
        (Some(_), true) => RequirementStatus::Ok,
        (Some(_), false) => RequirementStatus::Warn,
    };
    let files = facts.limits.open_files.unwrap_or(1024);
    Requirement::new(Resource::Processes, Amount::Number(needed), have, fitness)
        .note(format!(
            "{} of load, {} of built-in servers",
            grouped(workers),
            grouped(needed - workers)
        ))
        .fix(raise_line(facts, files * 8))
}

fn system_files(facts: &Facts<'_>) -> Requirement {
    let limits = facts.limits;
    let needed = facts.needs.sockets() + facts.processes() * RESERVE;
    let (Some(max), Some(now)) = (limits.file_max, limits.files_now) else {
        return Requirement::new(
            Resource::SystemFiles,
            Amount::Number(needed),
            Amount::Unknown,
            RequirementStatus::NotAvailable,
        );
    };
    let have = max.saturating_sub(now);
    let unbound = limits.has_capability(CAP_SYS_ADMIN) == Some(true);
    let fitness = match (needed <= have, unbound) {
        (true, _) => RequirementStatus::Ok,
        (false, true) => RequirementStatus::Warn,
        (false, false) => RequirementStatus::Fail,
    };
    let row = Requirement::new(
        Resource::SystemFiles,
        Amount::Number(needed),
        Amount::Number(have),
        fitness,
    )
    .fix(format!("sysctl -w fs.file-max={}", needed + now + needed / 10));
    if unbound {
        // The bound still holds for a target that does not run as root.
        let note =
            if fitness == RequirementStatus::Ok { "" } else { "; a server that is not root's is" };
        row.note(format!("processes of root are not bound by it{note}"))
    } else {
        row.reach(Some(facts.reach(needed, have)))
    }
}

fn epoll_watches(facts: &Facts<'_>) -> Requirement {
    let needed = facts.needs.sockets();
    let have = facts.limits.epoll_watches;
    let fitness = match have {
        None => RequirementStatus::NotAvailable,
        Some(have) if needed <= have => RequirementStatus::Ok,
        Some(_) => RequirementStatus::Fail,
    };
    Requirement::new(Resource::EpollWatches, Amount::Number(needed), Amount::number(have), fitness)
        .fix(format!("sysctl -w fs.epoll.max_user_watches={}", needed + needed / 10))
        .reach(have.map(|have| facts.reach(needed, have)))
}
