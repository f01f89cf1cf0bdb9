//! The root causes of failures: their names, on which side they lie, and what happened; and the
//! diagnosis that names one.

use super::HostId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a root cause lies.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// This machine, as the one that makes the load.
    Generator,
    /// Between the two.
    Network,
    /// The target under test.
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
        /// Root causes of failed connections and requests.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
        )]
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

            /// A description; `ROUTE` is replaced by the path of the connections.
            pub(crate) fn description(self) -> &'static str {
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
    /// A process was killed.
    Killed = "killed", Generator, "a process was killed, and not for lack of memory";
    /// Rows of data that are used once.
    DataRows = "data_rows", Generator, "all rows of the data were used";
    /// A value that has no place where the plan puts it.
    DataValue = "data_value", Generator, "a value of the data or of an earlier answer is missing, or cannot be sent where the plan puts it";
    /// A rule forbids it, or swallows packets.
    Firewall = "firewall", Network, "something on ROUTE forbids connections or swallows their packets";
    /// No way there.
    Unreachable = "unreachable", Network, "there is no network route on ROUTE";
    /// The way was lost.
    PathLost = "path_lost", Network, "ROUTE stopped acknowledging on open connections";
    /// Something forgets silent connections.
    IdleTimeout = "idle_timeout", Network, "connections on ROUTE died at the same age: an idle timeout there or on the way";
    /// Nothing listens on the port.
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
    /// The target ended connections during the messages that open a conversation.
    OpeningRejected = "opening_rejected", Target, "connections on ROUTE were closed or reset during their opening";
    /// The messages that open a conversation were not answered in time.
    OpeningSilent = "opening_silent", Target, "the target left openings on ROUTE unanswered";
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
    /// A forward proxy that opens no tunnel, or wants credentials.
    ProxyRefused = "proxy_refused", Network, "the forward proxy on ROUTE did not lead to the target: it refused, closed, or did not answer";
    /// Handshakes that began and did not end.
    TlsStalled = "tls_stalled", Target, "the target on ROUTE took connections and did not finish their TLS handshakes";
    /// None of these.
    Unknown = "unknown", Network, "of an error that is none of the known ones, on ROUTE";
}

/// A root cause, and its effect in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The machine whose limits and counters it rests on.
    #[serde(default, skip_serializing_if = "HostId::is_coordinator")]
    pub host: HostId,
    /// The root cause.
    pub root_cause: RootCause,
    /// The side that it is on.
    pub side: Side,
    /// Failures that it explains.
    pub count: u64,
    /// The cause in words.
    pub because: String,
    /// The whole in words: `stopped at 28,232 of 50,000 connections because ...`.
    pub sentence: String,
    /// The fix: a command to paste if there is one.
    pub fix: String,
}
