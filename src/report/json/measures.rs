//! Turns counters and times into the JSON that scenarios and requests share.

use super::OrderedMap;
use crate::plan::{Metric, Stat, TimeMetric};
use crate::record::{Cause, Cell, Counter, FailureStage, FailureTally, Origin};
use crate::report::figures::whole;
use crate::report::section::Section;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
pub(super) struct RatioReport {
    numerator: u64,
    denominator: u64,
    value: f64,
}

/// The outcomes of attempts, of a scenario or of one request.
#[derive(Serialize, JsonSchema)]
pub(super) struct AttemptsReport {
    due: u64,
    started: u64,
    dropped: u64,
    ok: u64,
    failed: u64,
    timed_out: u64,
    unfinished: u64,
}

impl AttemptsReport {
    pub(super) fn new(cell: &Cell) -> Self {
        let get = |counter| cell.counters.get(counter);
        Self {
            due: get(Counter::Due),
            started: get(Counter::Started),
            dropped: get(Counter::Dropped),
            ok: get(Counter::Ok),
            failed: get(Counter::Failed),
            timed_out: get(Counter::TimedOut),
            unfinished: get(Counter::Unfinished),
        }
    }

    /// `due = started + dropped`, `started = ok + failed + timed_out + unfinished`.
    pub(super) fn add_up(&self) -> bool {
        let ended = self.ok + self.failed + self.timed_out;
        self.due == self.started + self.dropped && self.started == ended + self.unfinished
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DistributionReport {
    /// The attempts that they are of: successes, responses that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
    samples: u64,
    #[serde(flatten)]
    stats: OrderedMap<String, u64>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FailureReport<'a> {
    /// http: of which request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    failure: &'static str,
    origin: Origin,
    phase: FailureStage,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    count: u64,
    first_seen_ns: u64,
    last_seen_ns: u64,
    sample: String,
}

pub(super) fn distributions(section: &Section<'_>) -> OrderedMap<&'static str, DistributionReport> {
    let one = |metric: TimeMetric| {
        let samples = section.samples(metric);
        let figure =
            |stat: &Stat| Some((format!("{stat}_ns"), whole(section.stat(metric, *stat)?)));
        let stats = OrderedMap(Stat::ALL.iter().filter_map(figure).collect());
        let of = section.whose(metric);
        (samples > 0).then_some((metric.name(), DistributionReport { of, samples, stats }))
    };
    OrderedMap(TimeMetric::ALL.iter().filter_map(|metric| one(*metric)).collect())
}

pub(super) fn ratio(section: &Section<'_>, metric: Metric) -> Option<(String, RatioReport)> {
    let measure = section.measure(metric)?;
    let (numerator, denominator) = measure.ratio?;
    Some((metric.to_string(), RatioReport { numerator, denominator, value: measure.value }))
}

pub(super) fn failure<'a>(
    request: Option<&'a str>,
    cause: Cause,
    tally: &FailureTally,
) -> FailureReport<'a> {
    FailureReport {
        request,
        failure: cause.failure.name(),
        origin: cause.failure.origin(),
        phase: cause.at,
        code: (cause.code != 0).then_some(cause.code),
        count: tally.count,
        first_seen_ns: tally.first_ns,
        last_seen_ns: tally.last_ns,
        sample: tally.sample.clone(),
    }
}
