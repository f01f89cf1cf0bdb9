//! Turns the connections to each address of a target into a table.

use super::{Detail, QUIET};
use crate::report::addresses::words;
use crate::report::page::Page;
use crate::report::section::Section;
use crate::report::table::{Column, Table, TableCell};
use std::io::{self, Write};

/// Addresses that are shown; the others are in addresses.csv.
const MOST: usize = 50;
const FEW: usize = 8;

pub(super) fn write(whole: &Section<'_>, detail: Detail, out: &mut Page<'_>) -> io::Result<()> {
    let Some((table, more)) = address_table(whole, detail) else { return Ok(()) };
    writeln!(out)?;
    table.write(out, 2)?;
    if more > 0 {
        out.paragraph("  ", &format!("and {more} more in addresses.csv"), QUIET)?;
    }
    Ok(())
}

/// A row for each of the first addresses, and how many more there are; `None` where connections are
/// not counted by address.
pub(in crate::report) fn address_table(
    whole: &Section<'_>,
    detail: Detail,
) -> Option<(Table, usize)> {
    let all = &whole.cell.addresses;
    if all.is_empty() {
        return None;
    }
    let mut table = Table::new(vec![
        Column::name("address"),
        Column::right("opened"),
        Column::right("failed"),
        Column::right("broken").spare(1),
        Column::right("connect p50").spare(2),
        Column::right("p99"),
        Column::right("mean").spare(4),
        Column::right("max").spare(3),
    ]);
    let most = detail.rows(FEW, MOST);
    for (address, tally) in all.iter().take(most) {
        let mut cells: Vec<TableCell> = vec![address.to_string().into()];
        cells.extend(words(tally).into_iter().map(TableCell::from));
        table.row(cells);
    }
    Some((table, all.len().saturating_sub(most)))
}
