//! Turns rows of short texts into aligned columns that never take more than a given width.

use anstyle::Style;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One column: its heading, its alignment, and how soon it goes when the table is too wide.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The heading; empty for none.
    pub heading: &'static str,
    /// Where its text stands.
    pub align: Align,
    /// Columns with the highest number are left out first; those with 0 never are.
    pub spare: u8,
}

/// A cell: a text and how it looks.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Without control characters.
    pub text: String,
    /// Plain by default.
    pub style: Style,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

impl Cell {
    /// With this look.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// A table in the making.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// A row, and a line of its own below it.
#[derive(Debug, Clone, Default)]
struct Row {
    cells: Vec<Cell>,
    note: Option<Cell>,
}

const GAP: usize = 2;

/// Shortened to `width` with an ellipsis where it is longer.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        let next = format!("{out}{c}");
        if next.width() + 1 > width {
            break;
        }
        out = next;
    }
    out.push('…');
    out
}

impl Table {
    /// An empty table.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; what it lacks is empty.
    pub fn row(&mut self, mut cells: Vec<Cell>) {
        cells.resize(self.columns.len(), Cell::default());
        self.rows.push(Row { cells, note: None });
    }

    /// Adds a line below the last row, over all columns.
    pub fn note(&mut self, note: Cell) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(note);
        }
    }

    /// Writes it, each line behind `indent` spaces, in at most `width` columns with them.
    pub fn write(&self, out: &mut dyn Write, indent: usize, width: usize) -> io::Result<()> {
        let (shown, mut widths) = self.fit(width.saturating_sub(indent));
        let room = width.saturating_sub(indent + GAP * shown.len().saturating_sub(1));
        shrink(&mut widths, &shown, room, &self.columns);
        let heading = Style::new().dimmed();
        if self.columns.iter().any(|column| !column.heading.is_empty()) {
            let cells: Vec<Cell> =
                self.columns.iter().map(|column| Cell::styled(column.heading, heading)).collect();
            self.line(out, indent, &shown, &widths, &cells)?;
        }
        for row in &self.rows {
            self.line(out, indent, &shown, &widths, &row.cells)?;
            if let Some(Cell { text, style }) = &row.note {
                let text = shortened(text, width.saturating_sub(indent + GAP));
                writeln!(out, "{}{style}{text}{style:#}", " ".repeat(indent + GAP))?;
            }
        }
        Ok(())
    }

    /// The columns that have anything to say and fit, and the widths of all.
    fn fit(&self, width: usize) -> (Vec<usize>, Vec<usize>) {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells =
                    self.rows.iter().map(|row| row.cells[at].text.width()).max().unwrap_or(0);
                if cells == 0 { 0 } else { cells.max(self.columns[at].heading.width()) }
            })
            .collect();
        let mut shown: Vec<usize> = (0..widths.len()).filter(|at| widths[*at] > 0).collect();
        while total(&shown, &widths) > width {
            let Some(spare) = shown.iter().copied().max_by_key(|at| self.columns[*at].spare) else {
                break;
            };
            if self.columns[spare].spare == 0 {
                break;
            }
            shown.retain(|at| *at != spare);
        }
        (shown, widths)
    }

    fn line(
        &self,
        out: &mut dyn Write,
        indent: usize,
        shown: &[usize],
        widths: &[usize],
        cells: &[Cell],
    ) -> io::Result<()> {
        let mut line = " ".repeat(indent);
        let mut owed = 0;
        for (place, at) in shown.iter().enumerate() {
            let text = shortened(&cells[*at].text, widths[*at]);
            let space = widths[*at].saturating_sub(text.width());
            let before = if self.columns[*at].align == Align::Right { space } else { 0 };
            let gap = if place == 0 { 0 } else { GAP };
            if text.is_empty() {
                owed += gap + space;
                continue;
            }
            let style = cells[*at].style;
            line.push_str(&" ".repeat(owed + gap + before));
            line.push_str(
                &[style.render().to_string(), text, style.render_reset().to_string()].concat(),
            );
            owed = space - before;
        }
        writeln!(out, "{}", line.trim_end())
    }
}

fn total(shown: &[usize], widths: &[usize]) -> usize {
    shown.iter().map(|at| widths[*at]).sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

/// Takes what is still too much from the widest left-aligned column, then from the widest of all.
fn shrink(widths: &mut [usize], shown: &[usize], room: usize, columns: &[Column]) {
    loop {
        let sum: usize = shown.iter().map(|at| widths[*at]).sum();
        if sum <= room {
            return;
        }
        let words =
            shown.iter().copied().filter(|at| columns[*at].align == Align::Left && widths[*at] > 8);
        let Some(widest) = words
            .max_by_key(|at| widths[*at])
            .or_else(|| shown.iter().copied().max_by_key(|at| widths[*at]))
        else {
            return;
        };
        if widths[widest] <= 1 {
            return;
        }
        widths[widest] -= (sum - room).min(widths[widest].div_ceil(2)).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(table: &Table, width: usize) -> String {
        let mut out = Vec::new();
        table.write(&mut out, 2, width).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    fn columns() -> Vec<Column> {
        vec![
            Column { heading: "stage", align: Align::Left, spare: 0 },
            Column { heading: "n", align: Align::Right, spare: 0 },
            Column { heading: "rate", align: Align::Right, spare: 1 },
            Column { heading: "void", align: Align::Right, spare: 0 },
        ]
    }

    #[test]
    fn columns_are_aligned_and_void_ones_left_out() {
        let mut table = Table::new(columns());
        table.row(vec!["10k".into(), "1,000".into(), "5/s".into()]);
        table.row(vec!["世界".into(), "7".into()]);
        assert_eq!(
            drawn(&table, 100),
            "  stage      n  rate\n  10k    1,000   5/s\n  世界       7\n"
        );
    }

    #[test]
    fn what_is_too_wide_loses_the_spare_column_then_the_ends_of_names() {
        let mut table = Table::new(columns());
        table.row(vec!["a-name-that-is-far-too-long".into(), "1,000".into(), "5/s".into()]);
        assert_eq!(
            drawn(&table, 38),
            "  stage                            n\n  a-name-that-is-far-too-long  1,000\n"
        );
        assert_eq!(drawn(&table, 20), "  stage            n\n  a-name-tha…  1,000\n");
        for width in 3..60 {
            for line in drawn(&table, width).lines() {
                assert!(line.width() <= width.max(8), "{width}: {line}");
            }
        }
    }
}
