//! Turns a run into `summary.csv`: a row per scenario and stage, success and failure first, and one
//! for each scenario as a whole.

use super::columns::{Csv, CsvColumn, ReportedMetrics, bytes, csv, outcomes, row};
use super::foreign::cell;
use super::section::{ScenarioFacts, Section};
use crate::plan::{Plan, Scenario};
use crate::record::Counter;
use crate::store::SavedRun;

/// Says that a row is of all stages together: no stage is called so, as names have no `*`.
const ALL_STAGES: &str = "*";

/// The file.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    let columns = columns(&run.plan);
    let mut csv = csv();
    let names = ["scenario", "protocol", "stage"].map(str::to_owned);
    let figures = columns.iter().map(|column| column.heading());
    let ends = ["start_ms", "length_ms"].map(str::to_owned);
    row(&mut csv, names.into_iter().chain(figures).chain(ends));
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

fn columns(plan: &Plan) -> Vec<CsvColumn> {
    let words = ReportedMetrics::of_plan(plan);
    let mut columns = outcomes();
    columns.extend(Counter::ACCOUNTING.map(CsvColumn::Counter));
    columns.extend(words.figures());
    columns.extend(words.gauges.into_iter().map(CsvColumn::Gauge));
    let others = words.counters.into_iter().filter(|one| !Counter::ACCOUNTING.contains(one));
    columns.extend(others.map(CsvColumn::Counter));
    columns
}
