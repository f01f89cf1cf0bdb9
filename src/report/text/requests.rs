//! Turns the requests of a scenario into a table: how often each was sent, how often it failed, and
//! how long it took.

use super::times::{figure, main_time};
use super::{BAD, Detail, QUIET};
use crate::plan::{Metric, RatioMetric, Scenario, Stat};
use crate::record::Counter;
use crate::report::foreign::visible;
use crate::report::page::Page;
use crate::report::requests::each;
use crate::report::section::Section;
use crate::report::table::{Column, Table, TableCell};
use crate::units::figure::{grouped, percent};
use anstyle::Style;
use std::io::{self, Write};

/// Requests that are shown, in the plan's order; the others are in requests.csv.
const MOST: usize = 20;
const FEW: usize = 8;

pub(super) fn write(
    scenario: &Scenario,
    whole: &Section<'_>,
    detail: Detail,
    out: &mut Page<'_>,
) -> io::Result<()> {
    let Some((table, more)) = request_table(scenario, whole, detail) else { return Ok(()) };
    writeln!(out)?;
    table.write(out, 2)?;
    if more > 0 {
        out.paragraph("  ", &format!("and {more} more in requests.csv"), QUIET)?;
    }
    Ok(())
}

/// A row for each of the first requests, and how many more there are; `None` for a scenario with
/// one.
pub(in crate::report) fn request_table(
    scenario: &Scenario,
    whole: &Section<'_>,
    detail: Detail,
) -> Option<(Table, usize)> {
    let most = detail.rows(FEW, MOST);
    if !scenario.protocol.tells_requests_apart() || whole.cell.requests.is_empty() {
        return None;
    }
    let main = main_time(scenario, whole);
    let mut table = Table::new(vec![
        Column::name("request"),
        Column::right("requests"),
        Column::right("failures"),
        Column::right("ratio").spare(1),
        Column::right("p50").spare(3),
        Column::right("p95"),
        Column::right("p99").spare(2),
        Column::right("max").spare(4),
    ]);
    for (name, own) in each(scenario, whole).take(most) {
        let failures = own.measure(Metric::Ratio(RatioMetric::Failure));
        let (failed, share) = match failures.and_then(|one| Some((one.ratio?.0, one.value))) {
            Some((failed, share)) => (grouped(failed), percent(share)),
            None => ("–".to_owned(), "–".to_owned()),
        };
        let bad = failures.is_some_and(|one| one.value > 0.0);
        let alarm = if bad { BAD } else { Style::new() };
        let mut cells: Vec<TableCell> = vec![
            visible(name).into_owned().into(),
            grouped(own.cell.counters.get(Counter::Started)).into(),
            TableCell::styled(failed, alarm),
            TableCell::styled(share, alarm),
        ];
        let stats = [Stat::P50, Stat::P95, Stat::P99, Stat::Max];
        cells.extend(stats.map(|stat| figure(&own, main, stat).into()));
        table.row(cells);
    }
    Some((table, scenario.protocol.requests().len().saturating_sub(most)))
}
