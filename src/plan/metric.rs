//! The one table of names for what is measured: the same words in thresholds, JSON keys, CSV columns and on screen.

use crate::units::{Time, figure};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a threshold can look at, and what a report names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// A number of things.
    Count(CountMetric),
    /// A part of a whole, kept with both.
    Ratio(RatioMetric),
    /// Things a second.
    Rate(RateMetric),
    /// One figure of a distribution of times.
    Time(TimeMetric, Stat),
    /// http: how often one check held, of all times that it was made: index into `Http::checks`.
    Check(u16),
    /// http: attempts that were answered well within this time (from due in open stages, from sending in closed ones), of all that ended.
    Within(Time),
}

/// Defines an enum of names: its variants, the table of all of them, and `name`/`Display`.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in plans, reports and on screen.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one that is called so.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

names! {
    /// Numbers of things.
    CountMetric {
        /// tcp-hold: connections tried.
        ConnectAttempts = "connect.attempts",
        /// tcp-hold: connections open at this moment (at the end of a stage's part in reports).
        ConnectionsOpen = "connections.open",
        /// tcp-hold: connections lost while their stage was held.
        HoldLost = "hold.lost",
        /// tcp-hold: attempts to replace a connection that was lost, dropped, not opened, or at the end of its lifetime.
        Reconnects = "reconnects",
        /// tcp-hold: connections dropped by events of the plan.
        StormDropped = "storm.dropped",
        /// tcp-hold: right messages received, a greeting not counted.
        HeartbeatReceived = "heartbeat.received",
        /// tcp-hold: heartbeats that did not come in time.
        HeartbeatMissed = "heartbeat.missed",
        /// http: requests started.
        RequestsCount = "requests.count",
        /// Due and never started.
        Dropped = "dropped",
    }
}

names! {
    /// Parts of a whole.
    RatioMetric {
        /// Attempts that ended well, of all that ended.
        Success = "success_ratio",
        /// Attempts that failed or timed out, of all that ended.
        Failure = "failure_ratio",
        /// Connections opened, of those tried.
        ConnectSuccess = "connect.success_ratio",
        /// Connections not opened, of those tried.
        ConnectFailure = "connect.failure_ratio",
        /// tcp-hold: connections not lost during a hold, of those open in it.
        HoldSurvival = "hold.survival_ratio",
        /// tcp-hold: time that connections were open, of the time that they should have been: a lost one owes the time until its user has
        /// another one open.
        HoldTime = "hold.time_ratio",
        /// tcp-hold: connections that live longer than a minute, by Kaplan and Meier's estimate.
        Survival1m = "survival.1m_ratio",
        /// tcp-hold: connections that live longer than ten minutes.
        Survival10m = "survival.10m_ratio",
        /// tcp-hold: connections that live longer than an hour.
        Survival1h = "survival.1h_ratio",
        /// tcp-hold: connections dropped by events whose users had one again, of all dropped whose fate is known.
        Recovery = "recovery.ratio",
        /// tcp-hold: heartbeats that came, of those that should have.
        HeartbeatSuccess = "heartbeat.success_ratio",
        /// http: checks that held, of all that were made.
        Checks = "checks.success_ratio",
        /// http: answers of 200 to 299, of all answers.
        Status2xx = "status.2xx.ratio",
        /// http: answers of 300 to 399, of all answers.
        Status3xx = "status.3xx.ratio",
        /// http: answers of 400 to 499, of all answers.
        Status4xx = "status.4xx.ratio",
        /// http: answers of 500 to 599, of all answers.
        Status5xx = "status.5xx.ratio",
    }
}

names! {
    /// Things a second.
    RateMetric {
        /// tcp-hold: connections tried a second.
        Connect = "connect.rate",
        /// http: requests started a second.
        Requests = "requests.rate",
        /// http: bytes of bodies received a second.
        BytesReceived = "bytes.received.rate",
    }
}

names! {
    /// Distributions of times, in nanoseconds.
    TimeMetric {
        /// From the start of a connection to its opening, the TLS handshake included.
        ConnectTime = "connect.time",
        /// Of `connect.time`, the TLS handshake.
        TlsTime = "tls.time",
        /// tcp-hold: from the start of a connection to the first right message.
        FirstMessage = "first_message",
        /// tcp-hold: between two messages of one connection.
        HeartbeatGap = "heartbeat.gap",
        /// tcp-hold: from the sending of a heartbeat to its reply.
        HeartbeatRtt = "heartbeat.rtt",
        /// tcp-hold: from the drop of a connection by an event to the opening of its user's next one, over all that were dropped: `p50` is
        /// the time until half of them were back. What never came back is longer than everything.
        RecoveryTime = "recovery.time",
        /// tcp-hold: from the time of an event until the users that it dropped had a connection again: `p50` is the time until half of them
        /// had, `p99` until 99 % of them had. Each event counts by itself, and the longest is told; who never came back is longer than
        /// everything.
        StormTime = "storm.time",
        /// http: from sending to the last byte, of successes.
        ServiceTime = "service_time",
        /// http, open stages: from the due time to the last byte, of successes.
        ResponseTime = "response_time",
        /// http: from sending to the first byte, of successes.
        FirstByte = "first_byte",
        /// http: from the first byte of an answer to its last, of successes; 1 ns where both came at once.
        TransferTime = "transfer.time",
        /// http: from sending to the last byte of responses that came whole and failed: status, body, checks.
        FailedTime = "failed_time",
        /// How late the generator started what was due.
        ScheduleLag = "schedule_lag",
        /// http, open stages: from the start by the schedule to the sending, spent waiting for a connection.
        QueueWait = "queue_wait",
    }
}

names! {
    /// One figure of a distribution.
    Stat {
        /// The median.
        P50 = "p50",
        /// The 75th percentile.
        P75 = "p75",
        /// The 90th percentile.
        P90 = "p90",
        /// The 95th percentile.
        P95 = "p95",
        /// The 99th percentile.
        P99 = "p99",
        /// The 99.9th percentile.
        P999 = "p99.9",
        /// The 99.99th percentile.
        P9999 = "p99.99",
        /// The smallest.
        Min = "min",
        /// The arithmetic mean.
        Mean = "mean",
        /// The largest.
        Max = "max",
    }
}

impl Stat {
    /// The quantile, 0 to 1, of a percentile.
    pub fn quantile(self) -> Option<f64> {
        Some(match self {
            Self::P50 => 0.5,
            Self::P75 => 0.75,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::P9999 => 0.9999,
            Self::Min | Self::Mean | Self::Max => return None,
        })
    }

    /// Samples below which the figure says nothing: for a percentile the fewest with which a two-sided 95 % interval from order
    /// statistics exists, `ln(0.025) / ln(q)`; one for the others.
    pub fn sample_floor(self) -> u64 {
        match self {
            Self::P50 => 6,
            Self::P75 => 13,
            Self::P90 => 36,
            Self::P95 => 72,
            Self::P99 => 368,
            Self::P999 => 3_688,
            Self::P9999 => 36_887,
            Self::Min | Self::Mean | Self::Max => 1,
        }
    }
}

impl Metric {
    /// A value of this metric for people, with its unit: `99.98%`, `1.23 ms`, `12,345`, `9,998/s`, `1.91 GiB/s`.
    pub fn figure(self, value: f64) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let whole = value.round() as u64;
        match self {
            Self::Count(_) => figure::grouped(whole),
            Self::Ratio(_) | Self::Check(_) | Self::Within(_) => figure::percent(value),
            Self::Rate(RateMetric::BytesReceived) => format!("{}/s", figure::bytes(whole)),
            Self::Rate(_) => figure::rate(value),
            Self::Time(..) => figure::time(value),
        }
    }
}

impl RatioMetric {
    /// The age in seconds that an estimate of survival is about.
    pub fn survival_s(self) -> Option<u64> {
        match self {
            Self::Survival1m => Some(60),
            Self::Survival10m => Some(600),
            Self::Survival1h => Some(3_600),
            _ => None,
        }
    }
}

impl TimeMetric {
    /// http: whether only successes have it, or only responses that failed; `None` where all attempts do, or connections.
    pub fn successes(self) -> Option<bool> {
        match self {
            Self::ServiceTime | Self::ResponseTime | Self::FirstByte | Self::TransferTime => {
                Some(true)
            }
            Self::FailedTime => Some(false),
            _ => None,
        }
    }

    /// Its place in a table of all of them.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl Metric {
    /// Samples below which it says nothing.
    pub fn sample_floor(self) -> u64 {
        match self {
            Self::Time(_, stat) => stat.sample_floor(),
            _ => 1,
        }
    }

    /// Every one that needs no name or duration of a plan, in the order of reports.
    pub fn all() -> impl Iterator<Item = Self> {
        let times = TimeMetric::ALL
            .iter()
            .flat_map(|time| Stat::ALL.iter().map(|stat| Self::Time(*time, *stat)));
        CountMetric::ALL
            .iter()
            .map(|one| Self::Count(*one))
            .chain(RatioMetric::ALL.iter().map(|one| Self::Ratio(*one)))
            .chain(RateMetric::ALL.iter().map(|one| Self::Rate(*one)))
            .chain(times)
    }

    /// The one that is called so.
    pub fn named(name: &str) -> Option<Self> {
        let within = || Some(Self::Within(within(name)?.parse().ok()?));
        Self::all().find(|metric| metric.to_string() == name).or_else(within)
    }

    /// Whether its value is a part of a whole.
    pub fn is_ratio(self) -> bool {
        matches!(self, Self::Ratio(_) | Self::Check(_) | Self::Within(_))
    }

    /// Whether tcp-hold measures it.
    pub fn is_of_tcp_hold(self) -> bool {
        use {CountMetric as C, RateMetric as R, RatioMetric as P, TimeMetric as T};
        match self {
            Self::Count(count) => count != C::RequestsCount,
            Self::Ratio(ratio) => !matches!(
                ratio,
                P::Checks | P::Status2xx | P::Status3xx | P::Status4xx | P::Status5xx
            ),
            Self::Check(_) | Self::Within(_) => false,
            Self::Rate(rate) => rate == R::Connect,
            Self::Time(time, _) => matches!(
                time,
                T::ConnectTime
                    | T::TlsTime
                    | T::FirstMessage
                    | T::HeartbeatGap
                    | T::HeartbeatRtt
                    | T::RecoveryTime
                    | T::StormTime
                    | T::ScheduleLag
            ),
        }
    }

    /// Whether http measures it for each request: not what belongs to connections.
    pub fn is_of_request(self) -> bool {
        use {CountMetric as C, TimeMetric as T};
        match self {
            Self::Count(count) => matches!(count, C::RequestsCount | C::Dropped),
            Self::Time(time, _) => {
                matches!(time, T::ServiceTime | T::ResponseTime | T::FirstByte | T::FailedTime)
            }
            _ => self.is_of_http(),
        }
    }

    /// Whether http measures it.
    pub fn is_of_http(self) -> bool {
        use {CountMetric as C, RateMetric as R, RatioMetric as P, TimeMetric as T};
        match self {
            Self::Count(count) => matches!(count, C::RequestsCount | C::Dropped),
            Self::Ratio(ratio) => !matches!(
                ratio,
                P::ConnectSuccess
                    | P::ConnectFailure
                    | P::HoldSurvival
                    | P::HoldTime
                    | P::Survival1m
                    | P::Survival10m
                    | P::Survival1h
                    | P::Recovery
                    | P::HeartbeatSuccess
            ),
            Self::Check(_) | Self::Within(_) => true,
            Self::Rate(rate) => rate != R::Connect,
            Self::Time(time, _) => !matches!(
                time,
                T::FirstMessage
                    | T::HeartbeatGap
                    | T::HeartbeatRtt
                    | T::RecoveryTime
                    | T::StormTime
            ),
        }
    }
}

/// The duration in the name of a [`Metric::Within`], as it is written.
pub fn within(name: &str) -> Option<&str> {
    name.strip_prefix("within.")?.strip_suffix(".ratio")
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(metric) => metric.fmt(f),
            Self::Ratio(metric) => metric.fmt(f),
            Self::Rate(metric) => metric.fmt(f),
            // Its name is in the plan.
            Self::Check(_) => f.pad("check.success_ratio"),
            Self::Time(metric, stat) => f.pad(&format!("{metric}.{stat}")),
            Self::Within(time) => f.pad(&format!("within.{time}.ratio")),
        }
    }
}
