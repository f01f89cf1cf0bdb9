//! Turns a run into `summary.csv`: a row per scenario and stage, success and failure first, and one
//! for each scenario as a whole.

use super::columns::{Csv, CsvColumn, ReportedMetrics, bytes, csv, outcomes, row};
use super::field::{ALL_STAGES, ColumnField, FieldType, SCENARIO, STAGE_OR_ALL, head, of_figures};
use super::foreign::cell;
use super::section::{ScenarioFacts, Section};
use crate::plan::Scenario;
use crate::record::Counter;
use crate::store::SavedRun;

const NAMES: [ColumnField; 3] = [
    SCENARIO,
    ColumnField::required("protocol", FieldType::Text, "The scenario's protocol."),
    STAGE_OR_ALL,
];

const TIMES: [ColumnField; 2] = [
    ColumnField::new("start_ms", FieldType::Positive, "When it began, in milliseconds of the run."),
    ColumnField::new("length_ms", FieldType::Positive, "How long it took, in milliseconds."),
];

/// The columns.
pub(super) fn fields(words: &ReportedMetrics) -> Vec<ColumnField> {
    NAMES.into_iter().chain(of_figures(&columns(words))).chain(TIMES).collect()
}

/// The file.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    let words = ReportedMetrics::of_plan(&run.plan);
    let columns = columns(&words);
    let mut csv = csv();
    head(&mut csv, &fields(&words));
    for (index, scenario) in run.plan.scenarios.iter().enumerate() {
        let facts = ScenarioFacts::new(run, index);
        for (number, stage) in (0..).zip(&scenario.stages) {
            one(&mut csv, &columns, (scenario, &cell(&stage.name)), &facts.stage(number));
        }
        one(&mut csv, &columns, (scenario, ALL_STAGES), &facts.whole());
    }
    bytes(csv)
}

fn one(
    csv: &mut Csv,
    columns: &[CsvColumn],
    (scenario, stage): (&Scenario, &str),
    section: &Section<'_>,
) {
    let words = ReportedMetrics::of(&scenario.protocol);
    let names =
        [cell(&scenario.name).into_owned(), scenario.protocol.name().to_owned(), stage.to_owned()];
    let figures = columns.iter().map(|column| column.value(section, &words));
    let time = section.time.map(|(start, end)| [start, end - start].map(super::figures::ms));
    row(csv, names.into_iter().chain(figures).chain(time.unwrap_or_default()));
}

fn columns(words: &ReportedMetrics) -> Vec<CsvColumn> {
    let mut columns = outcomes();
    columns.extend(Counter::ACCOUNTING.map(CsvColumn::Counter));
    columns.extend(words.figures());
    columns.extend(words.gauges.iter().copied().map(CsvColumn::Gauge));
    let others = words.counters.iter().copied().filter(|one| !Counter::ACCOUNTING.contains(one));
    columns.extend(others.map(CsvColumn::Counter));
    columns
}
