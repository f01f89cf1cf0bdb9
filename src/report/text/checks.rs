//! Turns the checks of a scenario into a table: how often each held.

use super::{BAD, Detail};
use crate::plan::Scenario;
use crate::record::{Cell as Facts, CheckTally};
use crate::report::checks::tallies;
use crate::report::foreign::visible;
use crate::report::page::Page;
use crate::report::table::{Column, Table, TableCell};
use crate::units::figure::{grouped, percent};
use anstyle::Style;
use std::io::{self, Write};

/// How many checks are shown, those that failed most often first; the others are in checks.csv.
const MOST: usize = 20;
const FEW: usize = 8;

pub(super) fn write(
    scenario: &Scenario,
    facts: &Facts,
    detail: Detail,
    out: &mut Page<'_>,
) -> io::Result<()> {
    let mut all: Vec<(&str, CheckTally)> = tallies(scenario, facts).collect();
    // Checks that always passed decide nothing.
    all.retain(|(_, tally)| detail == Detail::Full || tally.failed > 0);
    if all.is_empty() {
        return Ok(());
    }
    all.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.failed));
    let most = detail.rows(FEW, MOST);
    let mut table = Table::new(vec![
        Column::name("check"),
        Column::right("passed").spare(2),
        Column::right("failed"),
        Column::right("ratio").spare(1),
    ]);
    for (name, CheckTally { passed, failed }) in all.iter().take(most) {
        let made = passed + failed;
        let ratio = if made > 0 { percent(*passed as f64 / made as f64) } else { "–".to_owned() };
        let style = if *failed > 0 { BAD } else { Style::new() };
        table.row(vec![
            visible(name).into_owned().into(),
            grouped(*passed).into(),
            TableCell::styled(grouped(*failed), style),
            ratio.into(),
        ]);
    }
    writeln!(out)?;
    table.write(out, 2)?;
    if all.len() > most {
        writeln!(out, "  and {} more in checks.csv", all.len() - most)?;
    }
    Ok(())
}
