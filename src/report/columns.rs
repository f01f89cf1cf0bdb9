//! Turns the words of the metric table into columns of a CSV file, and sections into their values.
//!
//! **Invariant:** the columns depend on the plan alone, never on what was measured.

use super::figures::{ms, thousandths, whole};
use super::section::Section;
use crate::plan::{Churn, Metric, Plan, Protocol, RateMetric, RatioMetric, Stat, TimeMetric};
use crate::record::{Counter, Gauge};
use crate::units::Time;
use std::collections::BTreeSet;

/// The words that mean something for a protocol, in the order of reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// What is counted.
    pub counters: Vec<Counter>,
    /// What has a level.
    pub gauges: Vec<Gauge>,
    /// Parts of a whole.
    pub ratios: Vec<RatioMetric>,
    /// http: the times that thresholds want answers within, the shortest first.
    pub within: Vec<Time>,
    /// Things a second.
    pub rates: Vec<RateMetric>,
    /// Distributions.
    pub times: Vec<TimeMetric>,
}

impl Words {
    /// Of one protocol.
    pub fn of(protocol: &Protocol) -> Self {
        let hold = matches!(protocol, Protocol::TcpHold(_));
        let churn = match protocol {
            Protocol::TcpHold(hold) => hold.churn.clone(),
            Protocol::Http(_) => Churn::default(),
        };
        let within = match protocol {
            Protocol::TcpHold(_) => Vec::new(),
            Protocol::Http(http) => http.within.clone(),
        };
        let storms = !churn.events.is_empty();
        Self {
            counters: keep(Counter::ALL, |one| match one {
                Counter::StormDropped | Counter::StormRecovered | Counter::StormUnrecovered => {
                    storms
                }
                Counter::Reconnects => churn.reopens(),
                Counter::TlsResumed => !hold,
                Counter::CookiesLost => keeps_cookies(protocol),
                _ => hold || !only_hold(one),
            }),
            gauges: keep(Gauge::ALL, |one| !hold || matches!(one, Gauge::Open | Gauge::Connecting)),
            ratios: keep(RatioMetric::ALL, |one| {
                ratio_is_of(one, hold) && (storms || one != RatioMetric::Recovery)
            }),
            within,
            rates: keep(RateMetric::ALL, |one| hold == (one == RateMetric::Connect)),
            times: keep(TimeMetric::ALL, |one| {
                let of_storms = matches!(one, TimeMetric::RecoveryTime | TimeMetric::StormTime);
                time_is_of(one, hold) && (storms || !of_storms)
            }),
        }
    }

    /// Of each request of some protocols: what belongs to no connection.
    pub fn of_requests<'a>(protocols: impl IntoIterator<Item = &'a Protocol>) -> Self {
        let https = protocols.into_iter().filter(|one| matches!(one, Protocol::Http(_)));
        let all = Self::all_of(&https.map(Self::of).collect::<Vec<_>>());
        let counted = [
            Counter::Due,
            Counter::Started,
            Counter::Dropped,
            Counter::Ok,
            Counter::Failed,
            Counter::TimedOut,
            Counter::Unfinished,
            Counter::FailedLocal,
            Counter::BytesReceived,
        ];
        Self {
            counters: keep(&counted, |one| all.counters.contains(&one)),
            gauges: Vec::new(),
            times: keep(&all.times, |one| Metric::Time(one, Stat::Max).is_of_request()),
            ..all
        }
    }

    /// Everything that is a part of a whole.
    pub fn parts(&self) -> impl Iterator<Item = Metric> {
        let within = self.within.iter().copied().map(Metric::Within);
        self.ratios.iter().copied().map(Metric::Ratio).chain(within)
    }

    /// Of all protocols of a plan together.
    pub fn of_plan(plan: &Plan) -> Self {
        let mut all = Self::all_of(
            &plan.scenarios.iter().map(|one| Self::of(&one.protocol)).collect::<Vec<_>>(),
        );
        if !is_secured(plan) {
            all.counters.retain(|one| *one != Counter::TlsResumed);
            all.times.retain(|one| *one != TimeMetric::TlsTime);
        }
        all
    }

    fn all_of(each: &[Self]) -> Self {
        let within = each.iter().flat_map(|words| words.within.iter().copied());
        let within: BTreeSet<Time> = within.collect();
        Self {
            counters: keep(Counter::ALL, |one| each.iter().any(|all| all.counters.contains(&one))),
            gauges: keep(Gauge::ALL, |one| each.iter().any(|all| all.gauges.contains(&one))),
            ratios: keep(RatioMetric::ALL, |one| each.iter().any(|all| all.ratios.contains(&one))),
            within: within.into_iter().collect(),
            rates: keep(RateMetric::ALL, |one| each.iter().any(|all| all.rates.contains(&one))),
            times: keep(TimeMetric::ALL, |one| each.iter().any(|all| all.times.contains(&one))),
        }
    }
}

fn keeps_cookies(protocol: &Protocol) -> bool {
    matches!(protocol, Protocol::Http(http) if http.cookies)
}

fn is_secured(plan: &Plan) -> bool {
    plan.targets.iter().any(|target| target.tls.is_some())
}

fn keep<T: Copy>(all: &[T], wanted: impl Fn(T) -> bool) -> Vec<T> {
    all.iter().copied().filter(|one| wanted(*one)).collect()
}

fn only_hold(counter: Counter) -> bool {
    matches!(
        counter,
        Counter::UnfinishedOpen
            | Counter::HoldEntered
            | Counter::Lost
            | Counter::Closed
            | Counter::TimeDelivered
            | Counter::TimePromised
            | Counter::Verified
            | Counter::MessagesReceived
            | Counter::HeartbeatReceived
            | Counter::HeartbeatMissed
            | Counter::HeartbeatSent
    )
}

fn ratio_is_of(ratio: RatioMetric, hold: bool) -> bool {
    match ratio {
        RatioMetric::Success | RatioMetric::Failure => true,
        RatioMetric::ConnectSuccess
        | RatioMetric::ConnectFailure
        | RatioMetric::HoldSurvival
        | RatioMetric::HoldTime
        | RatioMetric::Recovery
        | RatioMetric::HeartbeatSuccess => hold,
        // Estimates: they stand with the curve that they are of.
        // So do checks.
        RatioMetric::Survival1m
        | RatioMetric::Survival10m
        | RatioMetric::Survival1h
        | RatioMetric::Checks => false,
        RatioMetric::Status2xx
        | RatioMetric::Status3xx
        | RatioMetric::Status4xx
        | RatioMetric::Status5xx => !hold,
    }
}

fn time_is_of(time: TimeMetric, hold: bool) -> bool {
    match time {
        TimeMetric::ConnectTime | TimeMetric::TlsTime | TimeMetric::ScheduleLag => true,
        TimeMetric::FirstMessage
        | TimeMetric::HeartbeatGap
        | TimeMetric::HeartbeatRtt
        | TimeMetric::RecoveryTime
        | TimeMetric::StormTime => hold,
        TimeMetric::ServiceTime
        | TimeMetric::ResponseTime
        | TimeMetric::FirstByte
        | TimeMetric::TransferTime
        | TimeMetric::FailedTime
        | TimeMetric::QueueWait => !hold,
    }
}

/// One column of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// What a ratio counts.
    Numerator(Metric),
    /// A part of a whole.
    Ratio(Metric),
    /// The whole.
    Denominator(Metric),
    /// What was counted.
    Counter(Counter),
    /// A level.
    Gauge(Gauge),
    /// Things a second.
    Rate(RateMetric),
    /// Samples of a distribution.
    Samples(TimeMetric),
    /// A figure of a distribution.
    Time(TimeMetric, Stat),
}

impl Column {
    /// What stands above it, with its unit.
    pub fn heading(self) -> String {
        match self {
            Self::Numerator(ratio) => ratio.to_string().replace("ratio", "count"),
            Self::Ratio(ratio) => ratio.to_string(),
            Self::Denominator(ratio) => format!("{ratio}.denominator"),
            Self::Counter(counter) => counter.name().to_owned(),
            Self::Gauge(gauge) => gauge.name().to_owned(),
            Self::Rate(rate) => format!("{rate}_per_s"),
            Self::Samples(time) => format!("{time}.samples"),
            Self::Time(time, stat) => format!("{time}.{stat}_ms"),
        }
    }

    /// Its value in a section; empty where nothing was measured.
    pub fn value(self, section: &Section<'_>, words: &Words) -> String {
        if !self.means_something(words) {
            return String::new();
        }
        let parts = |metric| section.measure(metric).and_then(|measure| measure.ratio);
        match self {
            Self::Numerator(metric) => parts(metric).map(|(numerator, _)| numerator.to_string()),
            Self::Denominator(metric) => {
                parts(metric).map(|(_, denominator)| denominator.to_string())
            }
            Self::Ratio(metric) => section.measure(metric).map(|measure| measure.value.to_string()),
            Self::Counter(counter) => Some(section.cell.counters.get(counter).to_string()),
            Self::Gauge(gauge) => Some(section.gauges.get(gauge).to_string()),
            Self::Rate(rate) => {
                section.measure(Metric::Rate(rate)).map(|one| thousandths(one.value).to_string())
            }
            Self::Samples(time) => Some(section.samples(time).to_string()),
            Self::Time(time, stat) => section.stat(time, stat).map(|ns| ms(whole(ns))),
        }
        .unwrap_or_default()
    }

    fn means_something(self, words: &Words) -> bool {
        match self {
            Self::Numerator(ratio) | Self::Ratio(ratio) | Self::Denominator(ratio) => {
                words.parts().any(|one| one == ratio)
            }
            Self::Counter(counter) => words.counters.contains(&counter),
            Self::Gauge(gauge) => words.gauges.contains(&gauge),
            Self::Rate(rate) => words.rates.contains(&rate),
            Self::Samples(time) | Self::Time(time, _) => words.times.contains(&time),
        }
    }
}

/// A CSV file in the making.
pub type Csv = csv::Writer<Vec<u8>>;

/// An empty CSV file.
pub fn csv() -> Csv {
    csv::WriterBuilder::new().flexible(false).from_writer(Vec::new())
}

/// Adds a row.
pub fn row<T: AsRef<[u8]>>(csv: &mut Csv, cells: impl IntoIterator<Item = T>) {
    csv.write_record(cells).expect("memory takes every row, and all rows are of one length");
}

/// The bytes.
pub fn bytes(csv: Csv) -> Vec<u8> {
    csv.into_inner().expect("memory takes everything")
}
