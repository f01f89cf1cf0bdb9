//! The protocols, and sets of them.

use super::{Counted, Counter, Gauge, Phase, RateMetric, TimeMetric};
use serde::{Serialize, Serializer};
use std::fmt;

/// The row of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolRow {
    /// The word in plans and reports.
    pub name: &'static str,
    /// The noun for an attempt.
    pub attempt: &'static str,
    /// The plural of it.
    pub attempts: &'static str,
    /// Whether an attempt lasts as long as its user stays, through any number of phases: it is good
    /// as long as it is open. Otherwise it ends by itself, and a user makes one after the other.
    pub lasts: bool,
    /// How many attempts are started a second.
    pub rate: RateMetric,
    /// Counts the attempts that are good so far.
    pub good: Counter,
    /// Their names: in charts, and on screen.
    pub good_words: [&'static str; 2],
    /// Counts the attempts of which it is known whether the target takes them.
    pub decided: &'static [Counter],
    /// Counts the attempts that the target has served.
    pub served: Counter,
    /// The protocol inside TLS, by its ALPN name; `None`: nothing is said of it, and no session is
    /// resumed.
    pub alpn: Option<&'static str>,
    /// The memory of this program for each user, in bytes: where it connects, and in a built-in
    /// server.
    pub user_bytes: (u64, u64),
    /// The level that a plan asks for.
    pub level: Gauge,
    /// Its name on screen.
    pub level_word: &'static str,
    /// Its name as the title of a chart.
    pub level_title: &'static str,
    /// The phase whose rate and times are those of a stage: the one in which its attempts are
    /// started.
    pub main_phase: Phase,
    /// The treatment of attempts in progress at a scenario's end.
    pub at_end: AtEnd,
    /// Whether the number of attempts follows from the plan: one for each user.
    pub one_per_user: bool,
    /// The least and the most consecutive users that one worker owns.
    pub users_in_block: (u64, u64),
    /// The number of users from which a scenario is worth another worker process; `None`: it is
    /// worth all cores or one process.
    pub users_per_process: Option<u64>,
    /// The figure of a scenario in a line that several scenarios share.
    pub brief: BriefFigure,
    /// Counts events while no attempt is started.
    pub idle_counter: Option<Counter>,
    /// Count the attempts that were lost, in the headline of a run.
    pub losses: &'static [Counter],
    /// Their name.
    pub loss_word: &'static str,
    /// The rate that comparisons have, if the target decides it.
    pub compared_rate: Option<RateMetric>,
    /// The attempts whose end, or whose opening, is waited for.
    pub pending: Gauge,
    /// The titles of the chart of these two, and of that of attempts per second.
    pub charts: [&'static str; 2],
    /// The most informative distribution of attempts.
    pub attempt_time: TimeMetric,
    /// The same from the time that an arrival was due.
    pub time_from_due: Option<TimeMetric>,
    /// The most informative distributions while no attempt is started.
    pub idle_times: &'static [TimeMetric],
}

/// The treatment of attempts in progress at a scenario's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// It ends them: held connections are closed.
    Close,
    /// It waits for their own ends.
    Wait,
}

/// The figure of a scenario in a line that several scenarios share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BriefFigure {
    /// Its level.
    Level,
    /// Its main time.
    Time,
}

impl Serialize for ProtocolRow {
    /// Its name alone: the rest is the same in every run.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl ProtocolRow {
    /// The distributions that say most of a part of a run, the most telling first.
    pub fn main_times(&self) -> impl Iterator<Item = TimeMetric> + use<> {
        self.attempt_times().chain(self.idle_times.iter().copied())
    }

    /// The distributions of attempts, the most telling first.
    pub fn attempt_times(&self) -> impl Iterator<Item = TimeMetric> + use<> {
        self.time_from_due.into_iter().chain([self.attempt_time])
    }

    /// Counts the attempts that were started.
    pub fn started(&self) -> Counter {
        match self.rate.row().counts {
            Some(Counted::Counter(counter)) => counter,
            Some(Counted::Gauge(_)) | None => Counter::Started,
        }
    }
}

/// The memory of this program for each held connection, on each side.
const HELD_BYTES: (u64, u64) = (64, 64);

/// The memory of this program for each HTTP connection, on the side that connects and on the one
/// that accepts, where hyper has its buffers: measured over 5,000 of them, and a little more.
const HTTP_BYTES: (u64, u64) = (1_536, 17_408);

/// Columns that protocols of held connections have in common.
const HOLD: ProtocolRow = ProtocolRow {
    name: "",
    attempt: "connection",
    attempts: "connections",
    lasts: true,
    rate: RateMetric::Connect,
    good: Counter::ConnectOk,
    good_words: ["opened", "opened"],
    decided: &[Counter::ConnectOk, Counter::ConnectFailed, Counter::ConnectFailedLocal],
    served: Counter::Verified,
    alpn: None,
    user_bytes: HELD_BYTES,
    level: Gauge::Open,
    level_word: "open",
    level_title: "Connections",
    main_phase: Phase::Ramp,
    at_end: AtEnd::Close,
    one_per_user: true,
    users_in_block: (64, 256),
    users_per_process: Some(1024),
    brief: BriefFigure::Level,
    idle_counter: Some(Counter::MessagesReceived),
    losses: &[Counter::Lost],
    loss_word: "lost",
    compared_rate: None,
    pending: Gauge::Connecting,
    charts: ["Connections", "Connections opened a second"],
    attempt_time: TimeMetric::ConnectTime,
    time_from_due: None,
    idle_times: &[TimeMetric::HeartbeatRtt, TimeMetric::HeartbeatGap],
};

/// Columns that protocols of requests have in common.
const REQUEST: ProtocolRow = ProtocolRow {
    name: "",
    attempt: "request",
    attempts: "requests",
    lasts: false,
    rate: RateMetric::Requests,
    good: Counter::Ok,
    good_words: ["succeeded", "ok"],
    decided: &[Counter::Ok, Counter::Failed, Counter::TimedOut, Counter::Unfinished],
    served: Counter::Ok,
    alpn: Some("http/1.1"),
    user_bytes: HTTP_BYTES,
    level: Gauge::Users,
    level_word: "users",
    level_title: "Users",
    main_phase: Phase::Hold,
    at_end: AtEnd::Wait,
    one_per_user: false,
    users_in_block: (1, 1),
    users_per_process: None,
    brief: BriefFigure::Time,
    idle_counter: None,
    losses: &[Counter::Failed, Counter::TimedOut],
    loss_word: "failed",
    compared_rate: Some(RateMetric::Requests),
    pending: Gauge::InFlight,
    charts: ["Users and requests in flight", "Requests a second"],
    attempt_time: TimeMetric::ServiceTime,
    time_from_due: Some(TimeMetric::ResponseTime),
    idle_times: &[],
};

/// Defines the protocols, each with its row.
macro_rules! protocols {
    ($($(#[$doc:meta])* $variant:ident = $row:expr;)*) => {
        /// The protocol of a scenario.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProtocolKind { $($(#[$doc])* $variant,)* }

        impl ProtocolKind {
            /// Every protocol, in the order of documents.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            const ROWS: &'static [ProtocolRow] = &[$($row),*];

            /// Its row.
            pub const fn row(self) -> &'static ProtocolRow {
                &Self::ROWS[self as usize]
            }

            /// The word in plans and reports.
            pub const fn name(self) -> &'static str {
                self.row().name
            }
        }
    };
}

protocols! {
    /// Opens a TCP connection and holds it.
    TcpHold = ProtocolRow { name: "tcp-hold", ..HOLD };
    /// Opens a WebSocket and holds it.
    WsHold = ProtocolRow { name: "ws-hold", ..HOLD };
    /// Sends HTTP requests.
    Http = ProtocolRow { name: "http", ..REQUEST };
}

impl fmt::Display for ProtocolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols(u8);

impl Protocols {
    /// No protocol.
    pub const NONE: Self = Self(0);
    /// Every protocol.
    pub const ALL: Self = Self::those_that_hold(true).or(Self::those_that_hold(false));
    /// The protocols that hold connections.
    pub const HOLDS: Self = Self::those_that_hold(true);
    /// The protocols that send requests.
    pub const REQUESTS: Self = Self::those_that_hold(false);

    /// The protocols of WebSockets.
    pub const WEBSOCKETS: Self = Self(1 << ProtocolKind::WsHold as u8);

    const fn those_that_hold(holds: bool) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < ProtocolKind::ALL.len() {
            if ProtocolKind::ALL[at].row().lasts == holds {
                set |= 1 << ProtocolKind::ALL[at] as u8;
            }
            at += 1;
        }
        Self(set)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set has this protocol.
    pub const fn has(self, protocol: ProtocolKind) -> bool {
        self.0 & (1 << protocol as u8) != 0
    }

    /// Its protocols, in the order of documents.
    pub fn iter(self) -> impl Iterator<Item = ProtocolKind> {
        ProtocolKind::ALL.iter().copied().filter(move |one| self.has(*one))
    }
}

impl fmt::Display for Protocols {
    /// `tcp-hold, http`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(ProtocolKind::name).collect();
        f.pad(&names.join(", "))
    }
}
