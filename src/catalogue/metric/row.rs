//! The row of a metric.

use crate::catalogue::{Counter, Gauge, ProtocolKind, Protocols};
use crate::units::figure;

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricRow {
    /// The name in plans, reports and on screen.
    pub name: &'static str,
    /// A definition in one sentence.
    pub doc: &'static str,
    /// The formula, in terms of counters.
    pub formula: &'static str,
    /// The unit of its value and of the bounds of thresholds.
    pub unit: MetricUnit,
    /// Which values are good.
    pub better: Better,
    /// The protocols that measure it.
    pub protocols: Protocols,
    /// Of these, the protocols for which it counts whole connections, whenever they were opened: a
    /// threshold covers all phases of its stages, regardless of `during`.
    pub connections: Protocols,
    /// Of these, the protocols for which a threshold without `during` covers all phases; for the
    /// others it covers the hold.
    pub all_phases: Protocols,
    /// Whether it is measured for each request as well.
    pub per_request: bool,
    /// The plan features that it needs to be measured, the most specific first.
    pub needs: &'static [Need],
    /// The counter or gauge of a count or a rate; none for a ratio or a time.
    pub counts: Option<Counted>,
    /// The source of its samples.
    pub samples: Samples,
    /// For a time: which attempts have it.
    pub whose: Whose,
    /// For a survival estimate: its age in words and in seconds.
    pub age: Option<(&'static str, u64)>,
    /// Where reports have it.
    pub report: ReportPlace,
}

/// The counter or gauge of a count or a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// A counter of events.
    Counter(Counter),
    /// A gauge, at the end of the phases evaluated.
    Gauge(Gauge),
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricUnit {
    /// A count.
    Count,
    /// A ratio from 0 to 1, kept with numerator and denominator.
    Ratio,
    /// A rate per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
    /// Nanoseconds.
    Time,
    /// A number of any unit, possibly negative.
    Number,
}

impl MetricUnit {
    /// A value for people: `99.98%`, `1.23 ms`, `12,345`, `9,998/s`, `1.91 GiB/s`.
    pub fn figure(self, value: f64) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let whole = value.round() as u64;
        match self {
            Self::Count => figure::grouped(whole),
            Self::Ratio => figure::percent(value),
            Self::PerSecond => figure::rate(value),
            Self::BytesPerSecond => format!("{}/s", figure::bytes(whole)),
            Self::Time => figure::time(value),
            Self::Number => figure::number(value),
        }
    }

    /// The noun for a value, with its article.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "a count",
            Self::Ratio => "a ratio",
            Self::PerSecond | Self::BytesPerSecond => "a rate",
            Self::Time => "a time",
            Self::Number => "a number",
        }
    }

    /// The highest value there can be.
    pub fn highest(self) -> Option<f64> {
        match self {
            Self::Ratio => Some(1.0),
            Self::Count | Self::PerSecond | Self::BytesPerSecond | Self::Time | Self::Number => {
                None
            }
        }
    }

    /// The lowest value there can be.
    pub fn lowest(self) -> Option<f64> {
        (self != Self::Number).then_some(0.0)
    }
}

/// Which values of a metric are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// High ones: thresholds set a lower bound.
    Higher,
    /// Low ones: thresholds set an upper bound.
    Lower,
    /// That depends on the plan.
    Neither,
}

impl Better {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "either",
        }
    }
}

/// A plan feature that a metric needs to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A target with TLS.
    Tls,
    /// Checks of responses.
    Checks,
    /// A heartbeat, from either side.
    Heartbeat,
    /// A heartbeat from the server.
    ServerHeartbeat,
    /// A heartbeat from this side.
    ClientHeartbeat,
    /// Events that drop connections.
    Events,
    /// Users that open another connection after one has ended.
    Reconnects,
    /// Messages from the server.
    Messages,
    /// A stage with a rate.
    Rate,
    /// Users that keep cookies.
    Cookies,
    /// Messages that open a conversation.
    Opening,
    /// Messages that are sent every so often.
    SendEvery,
    /// A forward proxy with tunnels.
    Proxy,
    /// A stage with `iterations` or `until`.
    FixedWork,
}

impl Need {
    /// The message if it is missing, and what to add to the scenario.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Tls => ("TLS", "tls = {}"),
            Self::Proxy => ("a tunnel through a forward proxy", "proxy = \"http://proxy:3128\""),
            Self::Checks => ("checks", "expect = { status = 200 }"),
            Self::Heartbeat => {
                ("a heartbeat", "heartbeat = { from = \"server\", every = \"60s\" }")
            }
            Self::ServerHeartbeat => (
                "a heartbeat from the server",
                "heartbeat = { from = \"server\", every = \"60s\" }",
            ),
            Self::ClientHeartbeat => (
                "a heartbeat from the client",
                "heartbeat = { from = \"client\", send = \"ping\", every = \"30s\" }",
            ),
            Self::Events => ("events", "events = [{ at = \"30s\", drop = \"10%\" }]"),
            Self::Reconnects => ("connections that come back", "reconnect = \"at-once\""),
            Self::Messages => ("messages", "greeting = \"5s\""),
            Self::Rate => ("a stage with a rate", "rate = \"1000/s\""),
            Self::Cookies => ("cookies", "cookies = true"),
            Self::FixedWork => ("a stage with fixed work", "iterations = \"10k\""),
            Self::SendEvery => {
                ("messages of its own", "send_every = { every = \"20s\", send = \"…\" }")
            }
            Self::Opening => (
                "an opening",
                "opening = [{ send = \"AUTH secret\\r\\n\", expect = \"+OK\\r\\n\" }]",
            ),
        }
    }
}

/// The source of a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// Attempts: connections of protocols that hold them, else requests.
    Attempts,
    /// Requests whose complete responses failed: their number does not follow from the plan.
    FailedResponses,
    /// Attempts to open a connection.
    Connects,
    /// Attempts due by a schedule.
    Starts,
    /// First messages of connections.
    FirstMessages,
    /// Heartbeats that were due.
    Heartbeats,
    /// Connections that were open in a hold.
    Held,
    /// Connections that events dropped, all together.
    Drops,
    /// Connections that an event dropped, each event by itself.
    Events,
    /// Connections that have lived or live.
    Lifetimes,
    /// The number of open connections at an instant.
    Level,
    /// The time that connections should have been open.
    ConnectionTime,
    /// Checks that were made.
    Checks,
    /// Responses with a status.
    Responses,
    /// Values that a monitor read.
    Scrapes,
}

/// Which attempts have a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All that got that far, whether they succeeded or not.
    All,
    /// Attempts that succeeded.
    Successes,
    /// Attempts whose complete response failed.
    FailedResponses,
}

/// Where reports have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPlace {
    /// Under the name of its counter.
    Counted,
    /// A ratio with numerator and denominator, under the metric's name.
    Ratio,
    /// A rate, under the metric's name.
    Rate,
    /// The figures of a distribution, under the metric's name.
    Times,
    /// By name in `checks.csv` and `checks`.
    Checks,
    /// With the survival curve, in report.json alone.
    Survival,
    /// By name in `monitors.csv` and `monitors`.
    Monitors,
}

impl MetricRow {
    /// Whether a protocol measures it.
    pub fn is_of(&self, protocol: ProtocolKind) -> bool {
        self.protocols.has(protocol)
    }

    /// Whether it needs this of a plan.
    pub fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// Its counter: the table of report.json that has it, and its name there.
    fn counted(&self) -> Option<(&'static str, &'static str)> {
        Some(match self.counts? {
            Counted::Counter(counter) => ("counters", counter.name()),
            Counted::Gauge(gauge) => ("gauges", gauge.name()),
        })
    }

    /// The columns of `summary.csv`; empty where it has none.
    pub fn columns(&self) -> Vec<String> {
        let name = self.name;
        match self.report {
            ReportPlace::Counted => {
                self.counted().map(|(_, name)| name.to_owned()).into_iter().collect()
            }
            ReportPlace::Ratio => vec![numerator(name), name.to_owned(), denominator(name)],
            ReportPlace::Rate => vec![per_second(name)],
            ReportPlace::Times => vec![samples(name), figure_ms(name, "*")],
            ReportPlace::Checks | ReportPlace::Survival | ReportPlace::Monitors => Vec::new(),
        }
    }

    /// The key in a section of report.json; absent where a row lacks what its report names.
    pub fn json_key(&self) -> Option<String> {
        let name = self.name;
        Some(match self.report {
            ReportPlace::Counted => {
                let (table, counted) = self.counted()?;
                format!("{table}.{counted}")
            }
            ReportPlace::Ratio => format!("ratios.{name}"),
            ReportPlace::Rate => format!("rates.{}", per_second(name)),
            ReportPlace::Times => format!("times.{name}"),
            ReportPlace::Checks => "checks".to_owned(),
            ReportPlace::Monitors => "monitors".to_owned(),
            ReportPlace::Survival => format!("survival.after.{}", self.age?.0),
        })
    }
}

/// The column of a ratio's numerator.
pub fn numerator(ratio: &str) -> String {
    // At the end alone: `iterations` has it inside.
    ratio.strip_suffix("ratio").map_or_else(|| ratio.to_owned(), |of| format!("{of}count"))
}

/// The column of a ratio's denominator.
pub fn denominator(ratio: &str) -> String {
    format!("{ratio}.denominator")
}

/// The column and key of a rate.
pub fn per_second(rate: &str) -> String {
    format!("{rate}_per_s")
}

/// The column of the number of samples of a distribution.
pub fn samples(time: &str) -> String {
    format!("{time}.samples")
}

/// The column of one figure of a distribution.
pub fn figure_ms(time: &str, stat: &str) -> String {
    format!("{time}.{stat}_ms")
}
