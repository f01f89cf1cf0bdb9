//! What one scenario does to its target, by protocol.

use super::{AnswerLimits, Churn, Data, Level, Request, Secrets, Stage, Threshold};
use crate::catalogue::ProtocolKind;
use crate::units::{Time, uri};
use serde::{Deserialize, Serialize};

/// One kind of load against one target; the scenarios of a plan run at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The name in `[scenarios.NAME]`.
    pub name: String,
    /// Index into `Plan::targets`.
    pub target: usize,
    /// When it starts, on the run's clock.
    pub start_after: StartAfter,
    /// What each user does.
    pub protocol: Protocol,
    /// One after the other; at least one.
    pub stages: Vec<Stage>,
    /// What must hold for a PASS.
    pub thresholds: Vec<Threshold>,
}

/// When a scenario starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartAfter {
    /// So long after the run's start; zero by default.
    Delay(Time),
    /// When every scenario that does not itself wait for this has reached its first hold.
    Hold,
}

/// What each user of a scenario does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Protocol {
    /// Opens one TCP connection and holds it.
    TcpHold(TcpHold),
    /// Sends HTTP requests.
    Http(Http),
}

impl Protocol {
    /// Which protocol it is, without its settings.
    pub fn kind(&self) -> ProtocolKind {
        match self {
            Self::TcpHold(_) => ProtocolKind::TcpHold,
            Self::Http(_) => ProtocolKind::Http,
        }
    }

    /// The word in the plan: `tcp-hold` or `http`.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Whether an attempt is a connection that is held; otherwise it is a request.
    pub fn holds(&self) -> bool {
        self.kind().holds()
    }
}

/// How a connection is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpHold {
    /// Every message must be exactly this; `None` takes any bytes. Never empty.
    pub expect: Option<String>,
    /// The server must send its first message within this time of the connection's opening; `None`: no such duty.
    pub greeting: Option<Time>,
    /// Who keeps the connection alive, and how it is watched.
    pub heartbeat: Option<Heartbeat>,
    /// How long a connection may take to open.
    pub connect_timeout: Time,
    /// How planned ends are made.
    pub close: Close,
    /// What ends connections before their stage does, and what follows an end.
    pub churn: Churn,
}

/// Who sends heartbeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heartbeat {
    /// The server sends a message `every` so often; `grace` late, it is missed.
    Server {
        /// The server's period; not zero.
        every: Time,
        /// How late a message may be.
        grace: Time,
    },
    /// This side sends `send` `every` so often and awaits a reply (`expect`, if that is set) within `timeout`.
    Client {
        /// What is sent; not empty.
        send: String,
        /// The period; not zero.
        every: Time,
        /// How long the reply may take; not longer than `every`.
        timeout: Time,
    },
}

/// How this side ends a connection as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Close {
    /// By FIN: the usual close.
    Fin,
    /// By RST: leaves no `TIME_WAIT` behind.
    Rst,
}

/// What an HTTP user does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Http {
    /// At least one.
    pub requests: Vec<Request>,
    /// Whether they are sent one after the other, as steps of a pass; otherwise each is chosen by weight.
    pub in_steps: bool,
    /// The names of all checks; those of `Check::name`.
    pub checks: Vec<String>,
    /// The times of all `within.TIME.ratio` that thresholds name, the shortest first.
    pub within: Vec<Time>,
    /// Where `${row.…}` comes from.
    pub data: Option<Data>,
    /// Whether users keep cookies.
    pub cookies: bool,
    /// So many redirects are followed.
    pub redirects: u32,
    /// Whether answers may come in gzip.
    pub compression: bool,
    /// The pause between an answer and the next request of the same user; zero by default.
    pub think_time: ThinkTime,
    /// From the request's start to the last byte of the answer.
    pub timeout: Time,
    /// For opening a connection; not longer than `timeout`.
    pub connect_timeout: Time,
    /// From sending the request to the first byte of the answer's head; not longer than `timeout`.
    pub first_byte_timeout: Time,
    /// Open stages: requests that may be under way at once, of the whole scenario; what is due beyond is dropped.
    pub max_in_flight: u64,
    /// What a drop for that reason means.
    pub on_full: OnFull,
    /// How long a connection is used.
    pub connection: ConnectionUse,
    /// What is spoken on it.
    pub version: Version,
    /// How much of an answer is taken.
    pub limits: AnswerLimits,
    /// What must not be shown of all that is sent and comes back.
    pub secrets: Secrets,
}

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Version {
    /// HTTP/1.1: one request at a time.
    #[default]
    Http1,
    /// HTTP/2: by ALPN inside TLS, by prior knowledge without it.
    Http2 {
        /// So many users, or arrivals, share a connection: at least 1.
        streams: u32,
    },
}

impl Version {
    /// How many users, or arrivals, share a connection.
    pub fn streams(self) -> u32 {
        match self {
            Self::Http1 => 1,
            Self::Http2 { streams } => streams,
        }
    }
}

/// What it means that a due request was dropped because as many were under way as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFull {
    /// The cap may be too small for a target that is as good as any: the run is INVALID.
    #[default]
    Invalid,
    /// The cap is meant: the target was too slow, and the request counts as failed.
    Fail,
}

/// How long a connection is used for requests. None is cut off in the middle of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionUse {
    /// For so many requests, at least 1; `None`: without end. With 1 each request says `connection: close`.
    pub max_requests: Option<u64>,
    /// Requests begin on it as long as it is younger; `None`: without end.
    pub max_age: Option<Time>,
}

impl Scenario {
    /// http: the name of a request, by its index.
    pub fn request(&self, at: u16) -> Option<&str> {
        match &self.protocol {
            Protocol::Http(http) => http.requests.get(usize::from(at)).map(|one| one.name.as_str()),
            Protocol::TcpHold(_) => None,
        }
    }
}

impl Http {
    /// The host that all requests say by their header `host`, in lower case, without a port; `None` where one says another, or none.
    pub fn host(&self) -> Option<String> {
        let said = |request: &Request| {
            let host = request.headers.iter().find(|(name, _)| name == "host");
            host.and_then(|(_, value)| value.fixed())
        };
        let first = uri::host_of(&said(self.requests.first()?)?);
        let same =
            |request: &Request| said(request).map(|one| uri::host_of(&one)) == Some(first.clone());
        self.requests.iter().all(same).then(|| first.clone())
    }

    /// How long a pass can take: each of its requests to its time-out, and the pauses between them.
    pub fn longest_pass(&self) -> Time {
        if !self.in_steps {
            return self.timeout;
        }
        let pause = |one: &Request| one.think_time.unwrap_or(self.think_time).max.0;
        let Some((_, first)) = self.requests.split_last() else { return self.timeout };
        let pauses: std::time::Duration = first.iter().map(pause).sum();
        let steps = u32::try_from(self.requests.len()).unwrap_or(u32::MAX);
        Time(self.timeout.0.saturating_mul(steps).saturating_add(pauses))
    }
}

impl Http {
    /// What users wait between two requests, on average over the requests.
    pub fn mean_think_time(&self) -> Time {
        let pause = |one: &Request| {
            let ThinkTime { min, max } = one.think_time.unwrap_or(self.think_time);
            (min.0 + max.0) / 2
        };
        let count = u32::try_from(self.requests.len()).unwrap_or(u32::MAX);
        Time(self.requests.iter().map(pause).sum::<std::time::Duration>() / count.max(1))
    }
}

/// How many requests of stages with a rate can be under way if each is answered or times out: by Little's law rate × timeout (for
/// steps: × the longest pass), and six times its root for the bunching of arrivals. A cap below it drops requests when the target is
/// slow, where a time-out would have told; zero without a rate.
pub fn most_in_flight(stages: &[Stage], timeout: Time) -> u64 {
    let rate = |stage: &Stage| match stage.level {
        Level::Rate { rate, .. } => rate.value(),
        Level::Users { .. } => 0.0,
    };
    let mean = stages.iter().map(rate).fold(0.0, f64::max) * timeout.0.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and this is not below zero"
    )]
    let most = (mean + 6.0 * mean.sqrt()).ceil() as u64;
    most
}

/// A uniform pause; both ends alike make it fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ThinkTime {
    /// The shortest pause.
    pub min: Time,
    /// The longest pause; not below `min`.
    pub max: Time,
}
