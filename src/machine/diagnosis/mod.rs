//! Turns failures, the kernel's counters and the limits into root causes: what ran out, on
//! which side, and how to fix it.
//!
//! **Invariant:** pure; the same evidence always gives the same diagnoses.
//! **Invariant:** every failure has exactly one root cause, so the counts add up.

mod root_cause;
mod scenario;

pub use scenario::{NetworkPath, diagnose_scenario};

use super::{Deltas, MachineLimits, grouped};
use crate::plan::{Heartbeat, Protocol};
use crate::record::{Cause, Diagnosis, Failure, FailureStage, Origin, RootCause, Side};
use crate::units::Time;
use nix::errno::Errno;
use root_cause::without_unknown_route;
use std::collections::BTreeSet;

/// The evidence about failed connections.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// Connections that there should have been at the peak.
    pub wanted: u64,
    /// Connections that were open at the peak.
    pub reached: u64,
    /// Connections that were opened.
    pub opened: u64,
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
    pub limits: &'a MachineLimits,
    /// The way that connections took, for people: `127.0.0.1 -> 127.0.0.1:8000`.
    pub route: &'a str,
    /// Whether the target runs on this machine, so that the kernel's counters are its counters too.
    pub target_here: bool,
    /// The time-outs of the plan.
    pub protocol: Option<&'a Protocol>,
    /// Whether it is a Unix socket: there are no packets, and nothing that could lose them.
    pub over_unix: bool,
}

/// The root causes of the failures, the most frequent first. Empty when nothing failed.
pub fn diagnose(evidence: &Evidence<'_>) -> Vec<Diagnosis> {
    let mut counts: Vec<(RootCause, u64, bool)> = Vec::new();
    let mut add = |root_cause: RootCause, count: u64, kept_out: bool| match counts
        .iter_mut()
        .find(|(known, ..)| *known == root_cause)
    {
        Some((_, sum, any)) => (*sum, *any) = (*sum + count, *any || kept_out),
        None => counts.push((root_cause, count, kept_out)),
    };
    for (cause, count) in evidence.failures.iter().filter(|(_, count)| *count > 0) {
        let opening = matches!(cause.at, FailureStage::Connect | FailureStage::Tls);
        add(evidence.root_cause(*cause), *count, opening);
    }
    if evidence.killed > 0 {
        add(evidence.kill_cause(), evidence.killed, true);
    }
    counts.sort_by_key(|(root_cause, count, _)| (std::cmp::Reverse(*count), *root_cause));
    let diagnosis = |(cause, count, kept_out): &_| evidence.diagnosis(*cause, *count, *kept_out);
    counts.iter().map(diagnosis).collect()
}

/// Deaths at one age, within a second, are an idle timeout when they are at least so many and at
/// least half of all.
const SPIKE_FEWEST: u64 = 10;

/// No idle timeout is as short as this: seconds.
const SPIKE_YOUNGEST: u64 = 2;

impl Evidence<'_> {
    #[expect(clippy::too_many_lines, reason = "an arm for each failure")]
    fn root_cause(&self, cause: Cause) -> RootCause {
        match cause.failure {
            Failure::TooManyFiles if cause.code == Errno::ENFILE as i32 => RootCause::SystemFiles,
            Failure::TooManyFiles => RootCause::ProcessFiles,
            Failure::NoSourcePort if self.reached == 0 && !self.limits.ports_rest() => {
                RootCause::SourceAddress
            }
            Failure::NoSourcePort => RootCause::SourcePorts,
            Failure::NoWatches => RootCause::EpollWatches,
            Failure::NoBuffers | Failure::NoMemory => self.memory(),
            Failure::NotPermitted if self.over_unix => RootCause::SocketFile,
            Failure::NotPermitted => RootCause::Firewall,
            Failure::Refused => RootCause::Refused,
            _ if cause.at == FailureStage::Proxy => RootCause::ProxyRefused,
            Failure::ProxyRefused => RootCause::ProxyRefused,
            Failure::ConnectTimeout if cause.at == FailureStage::Tls => RootCause::TlsStalled,
            Failure::Reset | Failure::ClosedByServer if cause.at == FailureStage::Tls => {
                RootCause::TlsFailed
            }
            Failure::ConnectTimeout if cause.at == FailureStage::Handshake => self.unserved(),
            Failure::OpeningTimeout => RootCause::OpeningSilent,
            Failure::Reset | Failure::ClosedByServer if cause.at == FailureStage::Opening => {
                RootCause::OpeningRejected
            }
            Failure::ConnectTimeout if self.over_unix => RootCause::AcceptQueue,
            Failure::ConnectTimeout => self.connect_timeout(),
            Failure::Unreachable => RootCause::Unreachable,
            Failure::GreetingMissed if self.verified == 0 => RootCause::TargetSilent,
            Failure::GreetingMissed => RootCause::TargetFiles,
            Failure::Reset | Failure::ClosedByServer if cause.at == FailureStage::Heartbeat => {
                RootCause::HeartbeatRejected
            }
            Failure::Reset | Failure::ClosedByServer
                if cause.at == FailureStage::Handshake || self.no_response() =>
            {
                RootCause::NoResponse
            }
            Failure::Reset if cause.at == FailureStage::Connect => self.reset_at_accept(),
            // A missed heartbeat is detected by this side's timer, which does not reveal what
            // happened on the path.
            Failure::Reset | Failure::ClosedByServer if self.idle_spike().is_some() => {
                RootCause::IdleTimeout
            }
            Failure::Reset => self.reset(),
            Failure::StreamReset => RootCause::ResetStorm,
            Failure::ClosedByServer | Failure::CloseFrame => RootCause::ClosedEarly,
            Failure::ClosedIdle => RootCause::ClosedIdle,
            Failure::OverLimit => RootCause::AnswerLimits,
            Failure::ClientError => RootCause::Client,
            Failure::HeartbeatMissed => self.heartbeat_missed(),
            Failure::PeerTimeout => RootCause::PathLost,
            Failure::FirstByteTimeout | Failure::RequestTimeout => RootCause::TargetSlow,
            Failure::Status | Failure::HandshakeStatus => root_cause::by_status(cause.code),
            Failure::WrongData
            | Failure::WrongBody
            | Failure::Check
            | Failure::NotExtracted
            | Failure::Redirect => RootCause::WrongAnswer,
            Failure::Tls => RootCause::TlsFailed,
            Failure::BadHttp
            | Failure::BadHandshake
            | Failure::MaskedFrame
            | Failure::ReservedBits
            | Failure::BadOpcode
            | Failure::BadControlFrame
            | Failure::BadFrameLength
            | Failure::UnexpectedContinuation
            | Failure::UnfinishedMessage
            | Failure::InvalidUtf8
            | Failure::BadCloseFrame => RootCause::WrongProtocol,
            Failure::NoRow => RootCause::DataRows,
            Failure::BadValue => RootCause::DataValue,
            Failure::SendBlocked | Failure::OtherErrno => RootCause::Unknown,
        }
    }

    /// Distinguishes who leaves handshakes unanswered: a target that serves nobody, or one that
    /// serves others.
    fn unserved(&self) -> RootCause {
        if self.opened == 0 { RootCause::TargetSilent } else { RootCause::TargetFiles }
    }

    /// Whether requests were sent and nothing came back that is a response.
    fn no_response(&self) -> bool {
        let responded = |failure: Failure| {
            !matches!(failure, Failure::Reset | Failure::ClosedByServer)
                && matches!(failure.origin(), Origin::Application | Origin::Protocol)
        };
        self.protocol.is_some_and(|protocol| protocol.response_timeout().is_some())
            && self.verified == 0
            && !self.failures.iter().any(|(cause, _)| responded(cause.failure))
    }

    /// The late side: a target that replied to these connections before, or one that never served
    /// them, because as many as missed a heartbeat never got a message.
    fn heartbeat_missed(&self) -> RootCause {
        let missed = |cause: &Cause| cause.failure == Failure::HeartbeatMissed;
        let missed: u64 =
            self.failures.iter().filter(|(cause, _)| missed(cause)).map(|(_, count)| count).sum();
        match self.verified {
            0 => RootCause::TargetSilent,
            verified if verified + missed <= self.opened => RootCause::TargetFiles,
            _ => RootCause::TargetLate,
        }
    }

    /// The statuses that a root cause was named by, for people.
    fn statuses(&self, root_cause: RootCause) -> String {
        let of_this = |cause: &&Cause| {
            matches!(cause.failure, Failure::Status | Failure::HandshakeStatus)
                && root_cause::by_status(cause.code) == root_cause
        };
        let codes = self.failures.iter().map(|(cause, _)| cause).filter(of_this);
        let codes: BTreeSet<String> = codes.map(|cause| cause.code.to_string()).collect();
        codes.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Why connecting took too long, according to the kernel's drop counters.
    fn connect_timeout(&self) -> RootCause {
        let rise = |name| self.deltas.rise(name);
        let lost_entries = rise("conntrack.drop") + rise("conntrack.insert_failed");
        if lost_entries > 0 || self.limits.conntrack.is_some_and(root_cause::is_full) {
            return RootCause::Conntrack;
        }
        if self.target_here {
            if rise("TcpExt.ListenOverflows") + rise("TcpExt.TCPReqQFullDrop") > 0 {
                return RootCause::AcceptQueue;
            }
            if self.backlog_lost_them() {
                return RootCause::NetdevBacklog;
            }
            // Nothing in this kernel's queues: something in front of them swallows packets.
            return RootCause::Firewall;
        }
        match (self.backlog_lost_them(), self.reached) {
            (true, _) => RootCause::NetdevBacklog,
            (false, 0) => RootCause::Firewall,
            // Some get through and others only send SYNs again: its queue is full, or the way to it
            // is.
            (false, _) => RootCause::AcceptQueue,
        }
    }

    /// Whether this machine's backlog dropped at least a packet for each connection that timed out:
    /// its counter is of everybody here. One that overflows lets some through.
    fn backlog_lost_them(&self) -> bool {
        let late = |cause: &Cause| cause.failure == Failure::ConnectTimeout;
        let timed_out = self.failures.iter().filter(|(cause, _)| late(cause));
        let dropped = self.deltas.rise("softnet.dropped");
        self.reached > 0 && dropped > 0 && dropped >= timed_out.map(|(_, count)| *count).sum()
    }

    /// A full accept queue resets connections when the target's `tcp_abort_on_overflow` is set.
    fn reset_at_accept(&self) -> RootCause {
        if self.target_here && self.deltas.rise("TcpExt.ListenOverflows") > 0 {
            RootCause::AcceptQueue
        } else {
            RootCause::ResetAtAccept
        }
    }

    fn reset(&self) -> RootCause {
        let young: u64 =
            self.deaths.iter().filter(|(age, _)| *age == 0).map(|(_, count)| *count).sum();
        let all: u64 = self.deaths.iter().map(|(_, count)| *count).sum();
        if all > 0 && young * 2 >= all { self.reset_at_accept() } else { RootCause::ResetStorm }
    }

    fn memory(&self) -> RootCause {
        let rise = |name| self.deltas.rise(name);
        if rise("TcpExt.TCPAbortOnMemory") + rise("TcpExt.TCPMemoryPressures") > 0 {
            RootCause::TcpMemory
        } else if self.cgroup_is_full() {
            RootCause::CgroupMemory
        } else {
            RootCause::Memory
        }
    }

    /// The sender of the signal: the kernel, because the group or the machine ran out of memory, or
    /// a person.
    fn kill_cause(&self) -> RootCause {
        match (self.deltas.rise("vmstat.oom_kill") > 0, self.cgroup_is_full()) {
            (true, true) => RootCause::CgroupMemory,
            (true, false) if self.limits.cgroup.is_some() && !self.memory_is_low() => {
                RootCause::CgroupMemory
            }
            (true, false) => RootCause::Memory,
            (false, _) => RootCause::Killed,
        }
    }

    fn cgroup_is_full(&self) -> bool {
        self.limits.cgroup.as_ref().is_some_and(|group| group.used >= group.limit / 20 * 19)
    }

    fn memory_is_low(&self) -> bool {
        let (available, total) = (self.limits.memory_available, self.limits.memory_total);
        available.zip(total).is_some_and(|(available, total)| available < total / 20)
    }

    /// The age in seconds at which at least half of the deaths are, give or take a second, and how
    /// many.
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

    /// The spike, if connections were silent for as long: what is heard more often than that has no
    /// idle timeout, but an age.
    fn idle_spike(&self) -> Option<(u64, u64)> {
        let spoke_every = self.protocol.and_then(Protocol::heartbeat_every);
        let spoke_every = spoke_every.map(|every| every.0.as_secs());
        self.spike().filter(|(age, _)| spoke_every.is_none_or(|every| every + 1 >= *age))
    }

    /// The message that did not arrive, and the time limit, if the plan sets that.
    fn missed_deadline(&self, root_cause: RootCause) -> Option<String> {
        let route = self.route;
        let protocol = self.protocol?;
        match root_cause {
            RootCause::TargetLate => match protocol.heartbeat()? {
                Heartbeat::Client { timeout, .. } => {
                    Some(format!("heartbeats on {route} got no reply within {timeout}"))
                }
                Heartbeat::Server { every, grace } => {
                    Some(format!("no heartbeat came on {route} within {}", Time(every.0 + grace.0)))
                }
            },
            RootCause::TargetSilent => match (protocol.greeting(), protocol.heartbeat()?) {
                (Some(greeting), _) => {
                    Some(format!("the target sent no greeting within {greeting} on {route}"))
                }
                (None, Heartbeat::Client { timeout, .. }) => Some(format!(
                    "the target never replied to a heartbeat on {route}, {timeout} each"
                )),
                (None, Heartbeat::Server { every, grace }) => Some(format!(
                    "the target never sent anything on {route}, within {}",
                    Time(every.0 + grace.0)
                )),
            },
            // The first byte may have its own time-out.
            RootCause::TargetSlow => {
                let timeout = protocol.response_timeout()?;
                let first = |(cause, _): &(Cause, u64)| cause.failure == Failure::FirstByteTimeout;
                let whole = !self.failures.iter().any(first);
                whole.then(|| {
                    format!("the target gave no whole response within {timeout} on {route}")
                })
            }
            _ => None,
        }
    }

    /// `kept_out`: because of it connections did not open. What only ends open ones does not keep a
    /// level from being reached.
    fn diagnosis(&self, root_cause: RootCause, count: u64, kept_out: bool) -> Diagnosis {
        let side = self.side(root_cause);
        let what = if kept_out && self.reached < self.wanted {
            format!("stopped at {} of {} connections", grouped(self.reached), grouped(self.wanted))
        } else {
            format!("{} failed", grouped(count))
        };
        let because = self
            .missed_deadline(root_cause)
            .unwrap_or_else(|| root_cause.because(self.route, self.spike()))
            .replace("STATUS", &self.statuses(root_cause));
        let because = without_unknown_route(&because);
        // The queue of a target on this machine has been counted, and nothing else keeps a Unix
        // socket waiting.
        let counted = root_cause == RootCause::AcceptQueue && (self.target_here || self.over_unix);
        let because = if counted { because.replace("probably ", "") } else { because };
        let sentence = format!("{what} because {because} ({side})");
        let host = self.limits.host;
        Diagnosis {
            host,
            root_cause,
            side,
            count,
            because,
            sentence,
            fix: root_cause.fix(self.limits),
        }
    }

    /// The side of a root cause. One that may lie anywhere on the path is the target's when both
    /// share a machine.
    fn side(&self, root_cause: RootCause) -> Side {
        match (root_cause, self.target_here) {
            (RootCause::IdleTimeout, true) => Side::Target,
            _ => root_cause.side(),
        }
    }
}

#[cfg(test)]
mod tests;
