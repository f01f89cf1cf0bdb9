//! Describes each root cause, and its fix on this machine.

use crate::machine::{MachineLimits, grouped};
use crate::record::RootCause;

/// The route of connections of which no address is known.
pub(super) const UNKNOWN_ROUTE: &str = "the path to the target";

/// Words about a route, without it where it is not known: `the target turned requests away`.
pub(super) fn without_unknown_route(words: &str) -> String {
    words.replace(&format!(" on {UNKNOWN_ROUTE}"), "").trim_end_matches(',').to_owned()
}

/// What to do about a forward proxy that refuses.
const PROXY_FIX: &str = "the sample in failures.csv has its answer: correct the name and password in proxy (407), allow the target in the proxy's rules (403), or see why the proxy cannot reach it (502, 504)";

impl RootCause {
    /// The event on `route` in words, with the age of a spike of deaths where that is it.
    pub(super) fn because(self, route: &str, spike: Option<(u64, u64)>) -> String {
        let words = self.description().replace("ROUTE", route);
        match (self, spike) {
            (Self::ClosedEarly | Self::ResetStorm, Some((age, _))) => {
                format!("{words}, most of them at the age of {age} ± 1 s")
            }
            (Self::IdleTimeout, Some((age, count))) => format!("{} {words}", grouped(count))
                .replace("at the same age", &format!("at {age} ± 1 s")),
            _ => words,
        }
    }

    /// The fix on this machine.
    pub(super) fn fix(self, limits: &MachineLimits) -> String {
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
                format!("on the target, raise the listen backlog and sysctl -w net.core.somaxconn={}; or lower spawn_rate", twice(limits.somaxconn, 16_384))
            }
            other => other.fix_elsewhere().to_owned(),
        }
    }

    /// The fix if this machine's limits do not matter.
    fn fix_elsewhere(self) -> &'static str {
        match self {
            Self::SocketFile => {
                "let this user write to the socket's file and enter its directories, or run as a user who may"
            }
            Self::Killed => "find out who sent the signal: a supervisor, a time limit, a person",
            Self::Firewall => "nft list ruleset, here and on the path: allow these connections",
            Self::Unreachable => "ip route get ADDRESS: correct the address or the routes",
            Self::DataRows => {
                "add rows to the data file, lower the load or shorten the stages; or `order = \"sequential\"`, which uses rows again"
            }
            Self::DataValue => {
                "the sample in failures.csv names the request and the value: correct the data, or the place in the plan"
            }
            Self::PathLost => "look for packet loss, or a host that went down",
            Self::IdleTimeout => {
                "send heartbeats more often than that, or raise the idle timeout there"
            }
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
            Self::ClosedEarly => {
                "look for the target's limit on the number or lifetime of connections"
            }
            Self::HeartbeatRejected => {
                "check that the target understands `send`, its log says; if it replied to earlier heartbeats, send them more often than connections may be idle there or on the path"
            }
            Self::OpeningRejected | Self::OpeningSilent => {
                "compare the step of `opening` that the sample in failures.csv names with the target's protocol; its log may say more"
            }
            Self::NoResponse => {
                "check that the target speaks HTTP on this port and permits as many connections; its log says why it closed them, the sample in failures.csv after how many bytes"
            }
            Self::Upstream => {
                "look at the server behind the target: whether it runs, and its timeouts"
            }
            Self::TurnedAway => {
                "look into the target's limits (rate, connections, servers that are up), or lower the load"
            }
            Self::AccessDenied => {
                "set `auth` or the headers in the plan, or allow this client on the target"
            }
            Self::AnswerLimits => {
                "raise the key of limits in the scenario that the sample in failures.csv names"
            }
            Self::ClosedIdle => {
                "raise the keep-alive timeout on the target, set connection.max_age below it, or set retry = \"always\" on the request"
            }
            Self::TargetLate | Self::TargetSlow => {
                "the target is too slow at this load: that is a finding"
            }
            Self::WrongAnswer => {
                "look at the sample in failures.csv: the target, or expect in the plan"
            }
            Self::TlsFailed => {
                "the sample in failures.csv has the reason: correct ca or server_name in the target's tls, replace its certificate, or use an address without TLS"
            }
            Self::ProxyRefused => PROXY_FIX,
            Self::TlsStalled => {
                "see whether the target's processors are busy with handshakes, or lower spawn_rate"
            }
            Self::WrongProtocol => "see that the plan's protocol and address are the target's",
            _ => "look at the sample in failures.csv",
        }
    }
}

/// The meaning of an unexpected status.
pub(super) fn by_status(status: i32) -> RootCause {
    match status {
        401 | 403 | 407 => RootCause::AccessDenied,
        429 | 503 => RootCause::TurnedAway,
        502 | 504 => RootCause::Upstream,
        _ => RootCause::WrongAnswer,
    }
}

/// A kernel table that drops entries when it is full.
pub(super) fn is_full(table: crate::machine::limits::Conntrack) -> bool {
    table.max > 0 && table.count >= table.max / 20 * 19
}
