//! Turns the facts of each request into JSON.

use super::OrderedMap;
use super::measures::{
    AttemptsReport, DistributionReport, FailureReport, RatioReport, distributions, failure, ratio,
};
use crate::plan::Scenario;
use crate::record::Cell;
use crate::report::columns::ReportedMetrics;
use crate::report::section::Section;
use schemars::JsonSchema;
use serde::Serialize;

/// One request.
#[derive(Serialize, JsonSchema)]
pub(super) struct RequestReport<'a> {
    name: &'a str,
    #[serde(flatten)]
    attempts: AttemptsReport,
    ratios: OrderedMap<String, RatioReport>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    times: OrderedMap<&'static str, DistributionReport>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    statuses: OrderedMap<u16, u64>,
    failures: Vec<FailureReport<'a>>,
}

/// The report of each request in a section.
pub(super) fn requests<'a>(
    scenario: &'a Scenario,
    section: &Section<'_>,
) -> Vec<RequestReport<'a>> {
    let mut all = Vec::new();
    for (at, request) in (0..).zip(scenario.protocol.requests()) {
        let own = section.of_request(at);
        // A phase in which it was neither sent nor answered has nothing to tell of it.
        if own.cell.counters.is_zero() {
            continue;
        }
        let words = ReportedMetrics::of_requests([&scenario.protocol]);
        let mut times = distributions(&own);
        times.0.retain(|(name, _)| words.times.iter().any(|time| time.name() == *name));
        all.push(RequestReport {
            name: &request.name,
            attempts: AttemptsReport::new(&own.cell),
            ratios: OrderedMap(words.parts().filter_map(|one| ratio(&own, one)).collect()),
            times,
            statuses: OrderedMap(
                own.cell.statuses.iter().map(|(one, count)| (*one, *count)).collect(),
            ),
            failures: owned_failures(&own.cell, &request.name),
        });
    }
    all
}

fn owned_failures<'a>(cell: &Cell, request: &'a str) -> Vec<FailureReport<'a>> {
    let mut all: Vec<_> = cell.failures.iter().collect();
    all.sort_by_key(|(cause, tally)| (std::cmp::Reverse(tally.count), *cause));
    all.into_iter().map(|(cause, tally)| failure(Some(request), *cause, tally)).collect()
}
