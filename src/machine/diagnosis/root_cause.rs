//! The root causes of failures: names, sides, descriptions, fixes.

use crate::machine::{Limits, grouped};
use serde::Serialize;
use std::fmt;

/// Where a root cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// This machine, as the one that makes the load.
    Generator,
    /// Between the two.
    Network,
    /// What is tested.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Generator => "generator",
            Self::Network => "network",
            Self::Target => "target",
        })
    }
}

macro_rules! root_causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $side:ident, $words:literal;)*) => {
        /// What can make connections and requests fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum RootCause { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl RootCause {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Where it is.
            pub fn side(self) -> Side {
                match self { $(Self::$variant => Side::$side,)* }
            }

            fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

root_causes! {
    /// The limit on open files of a worker.
    ProcessFiles = "process_files", Generator, "a worker ran out of file descriptors on ROUTE";
    /// The system's table of open files.
    SystemFiles = "system_files", Generator, "the system ran out of open files";
    /// No free source port.
    SourcePorts = "source_ports", Generator, "the source ports of ROUTE ran out";
    /// A source address that is not this machine's.
    SourceAddress = "source_address", Generator, "the source address of ROUTE is not one of this machine";
    /// Epoll's limit for a user.
    EpollWatches = "epoll_watches", Generator, "this user's epoll watches ran out";
    /// The machine's memory.
    Memory = "memory", Generator, "this machine ran out of memory";
    /// The control group's memory.
    CgroupMemory = "cgroup_memory", Generator, "the control group ran out of memory";
    /// The network stack's memory.
    TcpMemory = "tcp_memory", Generator, "the memory for unread TCP data ran out";
    /// The plan's limits on answers.
    AnswerLimits = "answer_limits", Generator, "answers on ROUTE were larger than this plan takes";
    /// This side's own HTTP/2.
    Client = "client", Generator, "this side's own HTTP/2 gave up on ROUTE";
    /// The queue in front of the processors.
    NetdevBacklog = "netdev_backlog", Generator, "this machine's network backlog overflowed and packets were lost on ROUTE";
    /// The table of connection tracking.
    Conntrack = "conntrack", Generator, "the connection tracking table is full on ROUTE";
    /// The file of a Unix socket.
    SocketFile = "socket_file", Generator, "this user may not write to the socket on ROUTE";
    /// Somebody killed a process.
    Killed = "killed", Generator, "a process was killed, and not for lack of memory";
    /// Rows of data that are used once.
    DataRows = "data_rows", Generator, "all rows of the data were used";
    /// A value that has no place where the plan puts it.
    DataValue = "data_value", Generator, "a value of the data or of an earlier answer is missing, or cannot be sent where the plan puts it";
    /// A rule forbids it, or swallows packets.
    Firewall = "firewall", Network, "something on ROUTE forbids connections or swallows their packets";
    /// No way there.
    Unreachable = "unreachable", Network, "there is no way on ROUTE";
    /// The way was lost.
    PathLost = "path_lost", Network, "ROUTE stopped acknowledging on open connections";
    /// Something forgets silent connections.
    IdleTimeout = "idle_timeout", Network, "connections on ROUTE died at the same age: an idle timeout there or on the way";
    /// Nobody listens.
    Refused = "refused", Target, "nothing listens on ROUTE, or it refuses";
    /// The target's queue of accepted connections.
    AcceptQueue = "accept_queue", Target, "the target's accept queue probably overflowed on ROUTE";
    /// Reset as soon as accepted.
    ResetAtAccept = "reset_at_accept", Target, "the target reset connections as it accepted them on ROUTE";
    /// Reset later.
    ResetStorm = "reset_storm", Target, "the target reset open connections, or streams on them, on ROUTE";
    /// Open, but never served: others are.
    TargetFiles = "target_files", Target, "the target left connections unserved in its queue on ROUTE while it served others: it is probably out of its own descriptors or workers";
    /// Open, but never served: none is.
    TargetSilent = "target_silent", Target, "the target served no connection on ROUTE";
    /// Closed early.
    ClosedEarly = "closed_early", Target, "the target closed connections on ROUTE that were in use";
    /// Closed while idle, as requests were on their way.
    ClosedIdle = "closed_idle", Target, "the target closed idle connections on ROUTE as requests were sent on them";
    /// Closed or reset when a heartbeat was sent.
    HeartbeatRejected = "heartbeat_rejected", Target, "connections on ROUTE were closed or reset instead of a reply to a heartbeat";
    /// Closed or reset before any response was complete.
    NoResponse = "no_response", Target, "the target closed connections on ROUTE before any response was complete";
    /// A proxy whose own server does not respond.
    Upstream = "upstream", Target, "the target on ROUTE is a proxy that got no response from its own server: status STATUS";
    /// Requests turned away.
    TurnedAway = "turned_away", Target, "the target on ROUTE turned requests away with status STATUS";
    /// No access.
    AccessDenied = "access_denied", Target, "the target on ROUTE denied access with status STATUS";
    /// Heartbeats that did not come.
    TargetLate = "target_late", Target, "the target's heartbeats on ROUTE did not come in time";
    /// Answers that did not come.
    TargetSlow = "target_slow", Target, "the target's answers on ROUTE did not come in time";
    /// Answers that are not the expected ones.
    WrongAnswer = "wrong_answer", Target, "the target's answers on ROUTE were not the expected ones";
    /// Not the protocol.
    WrongProtocol = "wrong_protocol", Target, "the target on ROUTE does not speak the protocol";
    /// A certificate that is not trusted, or no TLS at all.
    TlsFailed = "tls_failed", Target, "TLS with the target on ROUTE failed: its certificate is not trusted, or it speaks something else";
    /// Handshakes that began and did not end.
    TlsStalled = "tls_stalled", Target, "the target on ROUTE took connections and did not finish their TLS handshakes";
    /// None of these.
    Unknown = "unknown", Network, "of an error that is none of the known ones, on ROUTE";
}

impl RootCause {
    /// What happened on `route`, with the age of a spike of deaths where that is it.
    pub(super) fn because(self, route: &str, spike: Option<(u64, u64)>) -> String {
        let words = self.words().replace("ROUTE", route);
        match (self, spike) {
            (Self::ClosedEarly | Self::ResetStorm, Some((age, _))) => {
                format!("{words}, most of them at the age of {age} ± 1 s")
            }
            (Self::IdleTimeout, Some((age, count))) => format!("{} {words}", grouped(count))
                .replace("at the same age", &format!("at {age} ± 1 s")),
            _ => words,
        }
    }

    /// What to do about it on this machine.
    pub(super) fn fix(self, limits: &Limits) -> String {
        let twice = |now: Option<u64>, least: u64| now.map_or(least, |now| (now * 2).max(least));
        match self {
            Self::ProcessFiles => {
                format!("[generator] workers = \"auto\", or prlimit --pid $$ --nofile={0}:{0}", twice(limits.open_files, 65_536))
            }
            Self::SystemFiles => format!("sysctl -w fs.file-max={}", twice(limits.file_max, 4_000_000)),
            Self::SourcePorts if limits.ports_rest() => {
                "sysctl -w net.ipv4.tcp_tw_reuse=1 where closed connections keep them (TIME_WAIT), or more [generator] source_addresses".to_owned()
            }
            Self::SourcePorts => {
                "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\", or more [generator] source_addresses, or more target addresses".to_owned()
            }
            Self::SourceAddress => "ip addr add ADDRESS/32 dev DEVICE, or correct [generator] source_addresses".to_owned(),
            Self::EpollWatches => {
                format!("sysctl -w fs.epoll.max_user_watches={}", twice(limits.epoll_watches, 4_000_000))
            }
            Self::Memory => "planrun doctor PLAN.toml says how many connections fit; --scale runs with fewer".to_owned(),
            Self::CgroupMemory => match &limits.cgroup {
                Some(group) => format!("echo {} > {}", group.limit * 2, group.file),
                None => "raise the control group's memory limit".to_owned(),
            },
            Self::TcpMemory => match limits.tcp_mem {
                Some([low, pressure, high]) => {
                    format!("sysctl -w net.ipv4.tcp_mem=\"{} {} {}\"", low * 2, pressure * 2, high * 2)
                }
                None => "raise net.ipv4.tcp_mem outside of the network namespace".to_owned(),
            },
            Self::NetdevBacklog => {
                format!("sysctl -w net.core.netdev_max_backlog={}", twice(limits.netdev_max_backlog, 30_000))
            }
            Self::Conntrack => {
                let max = limits.conntrack.map(|table| table.max);
                format!("sysctl -w net.netfilter.nf_conntrack_max={}, or do not track these connections", twice(max, 262_144))
            }
            Self::AcceptQueue => {
                format!("on the target: a longer listen backlog and sysctl -w net.core.somaxconn={}; or a slower spawn_rate", twice(limits.somaxconn, 16_384))
            }
            other => other.fix_elsewhere().to_owned(),
        }
    }

    /// What to do where this machine's limits do not matter.
    fn fix_elsewhere(self) -> &'static str {
        match self {
            Self::SocketFile => {
                "let this user write to the socket's file and enter its folders, or run as one who may"
            }
            Self::Killed => "look for who sent the signal: a supervisor, a time limit, a person",
            Self::Firewall => {
                "nft list ruleset, here and on the way: let these connections through"
            }
            Self::Unreachable => "ip route get ADDRESS: correct the address or the routes",
            Self::DataRows => {
                "add rows to the data file, lower the load or shorten the stages; or `order = \"sequential\"`, which uses rows again"
            }
            Self::DataValue => {
                "the sample in failures.csv names the request and the value: correct the data, or the place in the plan"
            }
            Self::PathLost => "look for packet loss or a host that went away",
            Self::IdleTimeout => "heartbeats more often than that, or a longer idle timeout there",
            Self::Refused => "start the target, or correct its address",
            Self::ResetAtAccept | Self::ResetStorm => {
                "look into the target's own log and limits on connections"
            }
            Self::TargetFiles => {
                "raise the target's limit on open files (prlimit --pid PID --nofile=...) or its number of workers"
            }
            Self::TargetSilent => {
                "check that the target accepts connections and sends what the plan expects (`greeting`, `heartbeat`)"
            }
            Self::ClosedEarly => "look for the target's limit on connections or on their life",
            Self::HeartbeatRejected => {
                "check that the target understands `send`, its log says; if it replied to earlier heartbeats, send them more often than connections may be idle there or on the way"
            }
            Self::NoResponse => {
                "check that the target speaks HTTP on this port; its log says why it closed, the sample in failures.csv how far it came"
            }
            Self::Upstream => {
                "look at the server behind the target: whether it runs, and its timeouts"
            }
            Self::TurnedAway => {
                "look into the target's limits (rate, connections, servers that are up), or lower the load"
            }
            Self::AccessDenied => {
                "set `auth` or the headers in the plan, or let this client in there"
            }
            Self::AnswerLimits => {
                "raise the key of limits in the scenario that the sample in failures.csv names"
            }
            Self::ClosedIdle => {
                "a longer keep-alive timeout on the target, connection.max_age below it, or retry = \"always\" on the request"
            }
            Self::TargetLate | Self::TargetSlow => {
                "the target is too slow at this load: that is a finding"
            }
            Self::WrongAnswer => {
                "look at the sample in failures.csv: the target, or expect in the plan"
            }
            Self::TlsFailed => {
                "the sample in failures.csv has the reason: ca and server_name of the target's tls in the plan, or its certificate"
            }
            Self::TlsStalled => {
                "see whether the target's processors are busy with handshakes, or lower spawn_rate"
            }
            Self::WrongProtocol => "see that the plan's protocol and address are the target's",
            _ => "look at the sample in failures.csv",
        }
    }
}
