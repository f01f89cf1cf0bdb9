//! Turns failures, the kernel's counters and the limits into named culprits: what ran out, on whose side, and what to do.
//!
//! **Invariant:** pure; the same evidence always names the same culprits.
//! **Invariant:** every failure is blamed on exactly one culprit, so the counts add up.

mod root_cause;
mod scenario;

pub use root_cause::{Culprit, Side};
pub use scenario::{Way, causes};

use super::{Conntrack, Deltas, Limits, grouped};
use crate::plan::{Heartbeat, Protocol};
use crate::record::{Cause, Failure, FailureStage};
use crate::units::Time;
use nix::errno::Errno;
use serde::Serialize;

/// What is known when connections have failed.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// Connections that there should have been at the peak.
    pub wanted: u64,
    /// Connections that were open at the peak.
    pub reached: u64,
    /// Connections that got at least one right message, or requests that ended well.
    pub verified: u64,
    /// How often what failed.
    pub failures: &'a [(Cause, u64)],
    /// Connections lost while they were held, by their age in whole seconds.
    pub deaths: &'a [(u64, u64)],
    /// Workers or servers that died by SIGKILL.
    pub killed: u64,
    /// How the kernel's counters changed meanwhile.
    pub deltas: &'a Deltas,
    /// The limits, read while it was so.
    pub limits: &'a Limits,
    /// The way that connections took, for people: `127.0.0.1 -> 127.0.0.1:8000`.
    pub route: &'a str,
    /// Whether the target runs on this machine, so that the kernel's counters are its counters too.
    pub target_here: bool,
    /// What the plan waits for, and how long.
    pub protocol: Option<&'a Protocol>,
    /// Whether it is a Unix socket: there are no packets on the way, and nothing that could lose them.
    pub over_unix: bool,
}

/// One culprit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// What it is.
    pub culprit: Culprit,
    /// Whose side it is on.
    pub side: Side,
    /// Failures that are blamed on it.
    pub count: u64,
    /// What happened, in words.
    #[serde(skip)]
    pub because: String,
    /// The whole in words: `stopped at 28,232 of 50,000 connections because ...`.
    pub sentence: String,
    /// What to do about it: a line to paste where there is one.
    pub fix: String,
}

/// The culprits behind the failures, the one with most failures first. Empty when nothing failed.
pub fn blame(evidence: &Evidence<'_>) -> Vec<Blame> {
    let mut counts: Vec<(Culprit, u64, bool)> = Vec::new();
    let mut add = |culprit: Culprit, count: u64, kept_out: bool| match counts
        .iter_mut()
        .find(|(known, ..)| *known == culprit)
    {
        Some((_, sum, any)) => (*sum, *any) = (*sum + count, *any || kept_out),
        None => counts.push((culprit, count, kept_out)),
    };
    for (cause, count) in evidence.failures.iter().filter(|(_, count)| *count > 0) {
        let opening = matches!(cause.at, FailureStage::Connect | FailureStage::Tls);
        add(evidence.culprit(*cause), *count, opening);
    }
    if evidence.killed > 0 {
        add(evidence.killer(), evidence.killed, true);
    }
    counts.sort_by_key(|(culprit, count, _)| (std::cmp::Reverse(*count), *culprit));
    let accuse = |(culprit, count, kept_out): &_| evidence.accuse(*culprit, *count, *kept_out);
    counts.iter().map(accuse).collect()
}

/// Deaths at one age, within a second, are an idle timeout when they are at least so many and at least half of all.
const SPIKE_FEWEST: u64 = 10;

/// No idle timeout is as short as this: seconds.
const SPIKE_YOUNGEST: u64 = 2;

impl Evidence<'_> {
    fn culprit(&self, cause: Cause) -> Culprit {
        match cause.failure {
            Failure::TooManyFiles if cause.code == Errno::ENFILE as i32 => Culprit::SystemFiles,
            Failure::TooManyFiles => Culprit::ProcessFiles,
            Failure::NoSourcePort if self.reached == 0 && !self.limits.ports_rest() => {
                Culprit::SourceAddress
            }
            Failure::NoSourcePort => Culprit::SourcePorts,
            Failure::NoWatches => Culprit::EpollWatches,
            Failure::NoBuffers | Failure::NoMemory => self.memory(),
            Failure::NotPermitted if self.over_unix => Culprit::SocketFile,
            Failure::NotPermitted => Culprit::Firewall,
            Failure::Refused => Culprit::Refused,
            Failure::ConnectTimeout if cause.at == FailureStage::Tls => Culprit::TlsStalled,
            Failure::Reset | Failure::ClosedByServer if cause.at == FailureStage::Tls => {
                Culprit::TlsFailed
            }
            Failure::ConnectTimeout if self.over_unix => Culprit::AcceptQueue,
            Failure::ConnectTimeout => self.connect_timeout(),
            Failure::Unreachable => Culprit::Unreachable,
            Failure::GreetingMissed if self.verified == 0 => Culprit::TargetSilent,
            Failure::GreetingMissed => Culprit::TargetFiles,
            Failure::Reset if cause.at == FailureStage::Connect => self.reset_at_accept(),
            // A heartbeat that did not come is known by this side's own timer, which says nothing of what is on the way.
            Failure::Reset | Failure::ClosedByServer if self.idle_spike().is_some() => {
                Culprit::IdleTimeout
            }
            Failure::Reset => self.reset(),
            Failure::StreamReset => Culprit::ResetStorm,
            Failure::ClosedByServer => Culprit::ClosedEarly,
            Failure::ClosedIdle => Culprit::ClosedIdle,
            Failure::OverLimit => Culprit::AnswerLimits,
            Failure::ClientError => Culprit::Client,
            Failure::HeartbeatMissed => Culprit::TargetLate,
            Failure::PeerTimeout => Culprit::PathLost,
            Failure::FirstByteTimeout | Failure::RequestTimeout => Culprit::TargetSlow,
            Failure::WrongData
            | Failure::WrongBody
            | Failure::Status
            | Failure::Check
            | Failure::NotExtracted
            | Failure::Redirect => Culprit::WrongAnswer,
            Failure::Tls => Culprit::TlsFailed,
            Failure::BadHttp => Culprit::WrongProtocol,
            Failure::NoRow => Culprit::DataRows,
            Failure::BadValue => Culprit::DataValue,
            Failure::OtherErrno => Culprit::Unknown,
        }
    }

    /// Why connecting took too long, by what the kernel dropped meanwhile.
    fn connect_timeout(&self) -> Culprit {
        let rise = |name| self.deltas.rise(name);
        let lost_entries = rise("conntrack.drop") + rise("conntrack.insert_failed");
        if lost_entries > 0 || self.limits.conntrack.is_some_and(is_full) {
            return Culprit::Conntrack;
        }
        if self.target_here {
            if rise("TcpExt.ListenOverflows") + rise("TcpExt.TCPReqQFullDrop") > 0 {
                return Culprit::AcceptQueue;
            }
            if self.backlog_lost_them() {
                return Culprit::NetdevBacklog;
            }
            // Nothing in this kernel's queues: something in front of them swallows packets.
            return Culprit::Firewall;
        }
        match (self.backlog_lost_them(), self.reached) {
            (true, _) => Culprit::NetdevBacklog,
            (false, 0) => Culprit::Firewall,
            // Some get through and others only send SYNs again: its queue is full, or the way to it is.
            (false, _) => Culprit::AcceptQueue,
        }
    }

    /// Whether this machine's backlog dropped at least a packet for each connection that timed out: its counter is of everybody here. One
    /// that overflows lets some through.
    fn backlog_lost_them(&self) -> bool {
        let late = |cause: &Cause| cause.failure == Failure::ConnectTimeout;
        let timed_out = self.failures.iter().filter(|(cause, _)| late(cause));
        let dropped = self.deltas.rise("softnet.dropped");
        self.reached > 0 && dropped > 0 && dropped >= timed_out.map(|(_, count)| *count).sum()
    }

    /// A full accept queue resets connections when the target's `tcp_abort_on_overflow` is set.
    fn reset_at_accept(&self) -> Culprit {
        if self.target_here && self.deltas.rise("TcpExt.ListenOverflows") > 0 {
            Culprit::AcceptQueue
        } else {
            Culprit::ResetAtAccept
        }
    }

    fn reset(&self) -> Culprit {
        let young: u64 =
            self.deaths.iter().filter(|(age, _)| *age == 0).map(|(_, count)| *count).sum();
        let all: u64 = self.deaths.iter().map(|(_, count)| *count).sum();
        if all > 0 && young * 2 >= all { self.reset_at_accept() } else { Culprit::ResetStorm }
    }

    fn memory(&self) -> Culprit {
        let rise = |name| self.deltas.rise(name);
        if rise("TcpExt.TCPAbortOnMemory") + rise("TcpExt.TCPMemoryPressures") > 0 {
            Culprit::TcpMemory
        } else if self.cgroup_is_full() {
            Culprit::CgroupMemory
        } else {
            Culprit::Memory
        }
    }

    /// Who kills: the kernel, out of the group's memory or the machine's, or a person.
    fn killer(&self) -> Culprit {
        match (self.deltas.rise("vmstat.oom_kill") > 0, self.cgroup_is_full()) {
            (true, true) => Culprit::CgroupMemory,
            (true, false) if self.limits.cgroup.is_some() && !self.memory_is_low() => {
                Culprit::CgroupMemory
            }
            (true, false) => Culprit::Memory,
            (false, _) => Culprit::Killed,
        }
    }

    fn cgroup_is_full(&self) -> bool {
        self.limits.cgroup.as_ref().is_some_and(|group| group.used >= group.limit / 20 * 19)
    }

    fn memory_is_low(&self) -> bool {
        let (available, total) = (self.limits.memory_available, self.limits.memory_total);
        available.zip(total).is_some_and(|(available, total)| available < total / 20)
    }

    /// The age in seconds at which at least half of the deaths are, give or take a second, and how many.
    fn spike(&self) -> Option<(u64, u64)> {
        let near = |age: u64| -> u64 {
            self.deaths.iter().filter(|(one, _)| one.abs_diff(age) <= 1).map(|(_, n)| *n).sum()
        };
        let all: u64 = self.deaths.iter().map(|(_, count)| *count).sum();
        let ages = self.deaths.iter().filter(|(age, _)| *age >= SPIKE_YOUNGEST);
        let (age, _) = ages.max_by_key(|(age, count)| (near(*age), *count))?;
        let count = near(*age);
        (count >= SPIKE_FEWEST && count * 2 >= all).then_some((*age, count))
    }

    /// The spike, if connections were silent for as long: what is heard more often than that has no idle timeout, but an age.
    fn idle_spike(&self) -> Option<(u64, u64)> {
        let spoke_every = match self.protocol {
            Some(Protocol::TcpHold(hold)) => {
                hold.heartbeat.as_ref().map(|heartbeat| match heartbeat {
                    Heartbeat::Server { every, .. } | Heartbeat::Client { every, .. } => {
                        every.0.as_secs()
                    }
                })
            }
            _ => None,
        };
        self.spike().filter(|(age, _)| spoke_every.is_none_or(|every| every + 1 >= *age))
    }

    /// What did not come and within which time, where the plan says that.
    fn waited_in_vain(&self, culprit: Culprit) -> Option<String> {
        let route = self.route;
        match (culprit, self.protocol?) {
            (Culprit::TargetLate, Protocol::TcpHold(hold)) => match hold.heartbeat.as_ref()? {
                Heartbeat::Client { timeout, .. } => {
                    Some(format!("heartbeats on {route} got no reply within {timeout}"))
                }
                Heartbeat::Server { every, grace } => {
                    Some(format!("no heartbeat came on {route} within {}", Time(every.0 + grace.0)))
                }
            },
            (Culprit::TargetSilent, Protocol::TcpHold(hold)) => {
                let greeting = hold.greeting?;
                Some(format!("the target sent no greeting within {greeting} on {route}"))
            }
            // A first byte may have a time of its own.
            (Culprit::TargetSlow, Protocol::Http(http)) => {
                let first = |(cause, _): &(Cause, u64)| cause.failure == Failure::FirstByteTimeout;
                let whole = !self.failures.iter().any(first);
                whole.then(|| {
                    format!("the target gave no whole response within {} on {route}", http.timeout)
                })
            }
            _ => None,
        }
    }

    /// `kept_out`: because of it connections did not open. What only ends open ones does not keep a level from being reached.
    fn accuse(&self, culprit: Culprit, count: u64, kept_out: bool) -> Blame {
        let side = self.side(culprit);
        let what = if kept_out && self.reached < self.wanted {
            format!("stopped at {} of {} connections", grouped(self.reached), grouped(self.wanted))
        } else {
            format!("{} failed", grouped(count))
        };
        let because = self
            .waited_in_vain(culprit)
            .unwrap_or_else(|| culprit.because(self.route, self.spike()));
        // The queue of a target on this machine has been counted, and nothing else keeps a Unix socket waiting.
        let counted = culprit == Culprit::AcceptQueue && (self.target_here || self.over_unix);
        let because = if counted { because.replace("probably ", "") } else { because };
        let sentence = format!("{what} because {because} ({side})");
        Blame { culprit, side, count, because, sentence, fix: culprit.fix(self.limits) }
    }

    /// Whose side a culprit is on. What may be anywhere between is the target's where the two share a machine.
    fn side(&self, culprit: Culprit) -> Side {
        match (culprit, self.target_here) {
            (Culprit::IdleTimeout, true) => Side::Target,
            _ => culprit.side(),
        }
    }
}

/// A table that drops what it has no room for.
fn is_full(table: Conntrack) -> bool {
    table.max > 0 && table.count >= table.max / 20 * 19
}

#[cfg(test)]
mod tests;
