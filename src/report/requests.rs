//! Turns a run into `requests.csv`: a row for each request of each stage, and one for each request
//! over all stages.

use super::columns::{CsvColumn, ReportedMetrics, bytes, csv, outcomes, row};
use super::field::{ALL_STAGES, ColumnField, FieldType, SCENARIO, STAGE_OR_ALL, head, of_figures};
use super::foreign::cell;
use super::section::{ScenarioFacts, Section};
use crate::plan::Scenario;
use crate::record::Counter;
use crate::store::SavedRun;
use std::borrow::Cow;

const NAMES: [ColumnField; 3] = [
    SCENARIO,
    STAGE_OR_ALL,
    ColumnField::required("request", FieldType::Text, "The request's name."),
];

/// The columns.
pub(super) fn fields(words: &ReportedMetrics) -> Vec<ColumnField> {
    NAMES.into_iter().chain(of_figures(&columns(words))).collect()
}

/// The file; none where no scenario sends requests.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    let words = ReportedMetrics::of_requests(run.plan.scenarios.iter().map(|one| &one.protocol));
    if words.counters.is_empty() {
        return Vec::new();
    }
    let columns = columns(&words);
    let mut csv = csv();
    head(&mut csv, &fields(&words));
    for (index, scenario) in run.plan.scenarios.iter().enumerate() {
        let facts = ScenarioFacts::new(run, index);
        let words = ReportedMetrics::of_requests([&scenario.protocol]);
        let stages = (0..).zip(&scenario.stages);
        let stages = stages.map(|(number, stage)| (cell(&stage.name), facts.stage(number)));
        for (stage, section) in stages.chain([(ALL_STAGES.into(), facts.whole())]) {
            for (name, own) in each(scenario, &section) {
                let names = [cell(&scenario.name), stage.clone(), cell(name)].map(Cow::into_owned);
                let figures = columns.iter().map(|column| column.value(&own, &words));
                row(&mut csv, names.into_iter().chain(figures));
            }
        }
    }
    bytes(csv)
}

/// The requests of a section, each with its own facts.
pub(super) fn each<'a>(
    scenario: &'a Scenario,
    section: &'a Section<'_>,
) -> impl Iterator<Item = (&'a str, Section<'a>)> {
    let requests = (0..).zip(scenario.protocol.requests());
    requests.map(|(at, request)| (request.name.as_str(), section.of_request(at)))
}

fn columns(words: &ReportedMetrics) -> Vec<CsvColumn> {
    let mut columns = outcomes();
    let counted = words.counters.iter().copied().filter(|one| *one != Counter::BytesReceived);
    columns.extend(counted.map(CsvColumn::Counter));
    columns.extend(words.figures());
    columns.push(CsvColumn::Counter(Counter::BytesReceived));
    columns
}
