//! Turns the words of the metric table into columns of a CSV file, and sections into their values.
//!
//! **Invariant:** the columns depend on the plan alone, never on what was measured.

use super::figures::{ms, thousandths, whole};
use super::section::Section;
use crate::catalogue::{
    MetricRow, Need, ReportPlace, denominator, figure_ms, numerator, per_second, samples,
};
use crate::plan::{Churn, Metric, Plan, Protocol, RateMetric, RatioMetric, Stat, TimeMetric};
use crate::record::{Counter, Gauge};
use crate::units::Time;
use std::collections::BTreeSet;

/// The words that mean something for a protocol, in the order of reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReportedMetrics {
    /// The counters.
    pub counters: Vec<Counter>,
    /// The gauges.
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

impl ReportedMetrics {
    /// Of one protocol.
    pub(super) fn of(protocol: &Protocol) -> Self {
        let kind = protocol.kind();
        let shown = |row: &MetricRow, report: ReportPlace| {
            let features = [Need::Events, Need::FixedWork];
            let lacks = |need: &Need| row.needs(*need) && !has(protocol, *need);
            row.is_of(kind) && row.report == report && !features.iter().any(lacks)
        };
        Self {
            counters: keep(Counter::ALL, |one| {
                one.protocols().has(kind) && one.need().is_none_or(|need| has(protocol, need))
            }),
            gauges: keep(Gauge::ALL, |one| one.protocols().has(kind)),
            ratios: keep(RatioMetric::ALL, |one| shown(one.row(), ReportPlace::Ratio)),
            within: protocol.within().to_vec(),
            rates: keep(RateMetric::ALL, |one| shown(one.row(), ReportPlace::Rate)),
            times: keep(TimeMetric::ALL, |one| shown(one.row(), ReportPlace::Times)),
        }
    }

    /// Of each request of some protocols: what belongs to no connection.
    pub(super) fn of_requests<'a>(protocols: impl IntoIterator<Item = &'a Protocol>) -> Self {
        let requests = protocols.into_iter().filter(|one| !one.requests().is_empty());
        Self::all_of(&requests.map(Self::of).collect::<Vec<_>>()).per_request()
    }

    /// Of these, what belongs to no connection.
    pub(super) fn per_request(&self) -> Self {
        Self {
            counters: keep(&self.counters, Counter::is_per_request),
            gauges: Vec::new(),
            ratios: keep(&self.ratios, |one| one.row().per_request),
            rates: keep(&self.rates, |one| one.row().per_request),
            times: keep(&self.times, |one| one.row().per_request),
            within: self.within.clone(),
        }
    }

    /// Everything that is a part of a whole.
    pub(super) fn parts(&self) -> impl Iterator<Item = Metric> {
        let within = self.within.iter().copied().map(Metric::Within);
        self.ratios.iter().copied().map(Metric::Ratio).chain(within)
    }

    /// The columns of rates, of ratios other than success and failure, and of distributions.
    pub(super) fn figures(&self) -> Vec<CsvColumn> {
        let mut columns: Vec<CsvColumn> = self.rates.iter().copied().map(CsvColumn::Rate).collect();
        for ratio in self.parts().filter(|one| !OUTCOMES.contains(one)) {
            columns.extend([
                CsvColumn::Numerator(ratio),
                CsvColumn::Ratio(ratio),
                CsvColumn::Denominator(ratio),
            ]);
        }
        for time in &self.times {
            columns.push(CsvColumn::Samples(*time));
            columns.extend(Stat::ALL.iter().map(|stat| CsvColumn::Time(*time, *stat)));
        }
        columns
    }

    /// Of all protocols there are.
    pub(super) fn every() -> Self {
        Self {
            counters: Counter::ALL.to_vec(),
            gauges: Gauge::ALL.to_vec(),
            ratios: keep(RatioMetric::ALL, |one| one.row().report == ReportPlace::Ratio),
            within: Vec::new(),
            rates: keep(RateMetric::ALL, |one| one.row().report == ReportPlace::Rate),
            times: keep(TimeMetric::ALL, |one| one.row().report == ReportPlace::Times),
        }
    }

    /// Of all protocols of a plan together.
    pub(super) fn of_plan(plan: &Plan) -> Self {
        let mut all = Self::all_of(
            &plan.scenarios.iter().map(|one| Self::of(&one.protocol)).collect::<Vec<_>>(),
        );
        if !is_secured(plan) {
            all.counters.retain(|one| one.need() != Some(Need::Tls));
            all.times.retain(|one| !one.row().needs(Need::Tls));
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

/// Whether a scenario has what a counter or a metric of reports needs. Columns that a plan could
/// fill by other means are there for each scenario of their protocol.
fn has(protocol: &Protocol, need: Need) -> bool {
    match need {
        Need::Events => protocol.churn().is_some_and(|churn| !churn.events.is_empty()),
        Need::Reconnects => protocol.churn().is_some_and(Churn::reopens),
        Need::Cookies => protocol.keeps_cookies(),
        Need::SendEvery => protocol.send_every().is_some(),
        Need::Opening => protocol.opening().is_some(),
        Need::Proxy => protocol.has_tunnels(),
        Need::FixedWork => protocol.has_fixed_work(),
        Need::Tls
        | Need::Checks
        | Need::Heartbeat
        | Need::ServerHeartbeat
        | Need::ClientHeartbeat
        | Need::Messages
        | Need::Rate => true,
    }
}

fn is_secured(plan: &Plan) -> bool {
    plan.targets.iter().any(|target| target.tls.is_some())
}

fn keep<T: Copy>(all: &[T], wanted: impl Fn(T) -> bool) -> Vec<T> {
    all.iter().copied().filter(|one| wanted(*one)).collect()
}

/// The first columns of every table of outcomes.
const OUTCOMES: [Metric; 2] =
    [Metric::Ratio(RatioMetric::Success), Metric::Ratio(RatioMetric::Failure)];

/// The columns of successes and failures: numbers, ratios, what they are of.
pub(super) fn outcomes() -> Vec<CsvColumn> {
    let each: [fn(Metric) -> CsvColumn; 3] =
        [CsvColumn::Numerator, CsvColumn::Ratio, CsvColumn::Denominator];
    each.into_iter().flat_map(|column| OUTCOMES.map(column)).collect()
}

/// One column of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CsvColumn {
    /// The counters of a ratio.
    Numerator(Metric),
    /// A part of a whole.
    Ratio(Metric),
    /// The whole.
    Denominator(Metric),
    /// The counters.
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

impl CsvColumn {
    /// The heading, with its unit.
    pub(super) fn heading(self) -> String {
        match self {
            Self::Numerator(ratio) => numerator(&ratio.to_string()),
            Self::Ratio(ratio) => ratio.to_string(),
            Self::Denominator(ratio) => denominator(&ratio.to_string()),
            Self::Counter(counter) => counter.name().to_owned(),
            Self::Gauge(gauge) => gauge.name().to_owned(),
            Self::Rate(rate) => per_second(rate.name()),
            Self::Samples(time) => samples(time.name()),
            Self::Time(time, stat) => figure_ms(time.name(), stat.name()),
        }
    }

    /// Its value in a section; empty where nothing was measured.
    pub(super) fn value(self, section: &Section<'_>, words: &ReportedMetrics) -> String {
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

    fn means_something(self, words: &ReportedMetrics) -> bool {
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
pub(super) type Csv = csv::Writer<Vec<u8>>;

/// An empty CSV file.
pub(super) fn csv() -> Csv {
    csv::WriterBuilder::new().flexible(false).from_writer(Vec::new())
}

/// Adds a row.
pub(super) fn row<T: AsRef<[u8]>>(csv: &mut Csv, cells: impl IntoIterator<Item = T>) {
    csv.write_record(cells).expect("memory takes every row, and all rows are of one length");
}

/// The bytes.
pub(super) fn bytes(csv: Csv) -> Vec<u8> {
    csv.into_inner().expect("memory takes everything")
}
