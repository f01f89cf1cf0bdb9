//! Turns rows of short texts into aligned columns that never take more than the page's width. The
//! only printer of tables.

mod html;
mod markdown;

use super::page::Page;
use anstyle::Style;
pub use markdown::escaped;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// The alignment of a column's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// How a column's text is shortened if the table is too wide even without spare columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenNarrow {
    /// It is shortened, after all names.
    Shorten,
    /// It is shortened first: a name is known by its beginning.
    Name,
    /// It moves below its row, before any column is left out.
    Below,
}

/// One column: its heading, its alignment, and what happens to it if the table is too wide.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    heading: &'static str,
    align: Align,
    spare: u8,
    narrow: WhenNarrow,
}

impl Column {
    /// Words under this heading; empty for none.
    pub const fn left(heading: &'static str) -> Self {
        Self { heading, align: Align::Left, spare: 0, narrow: WhenNarrow::Shorten }
    }

    /// Numbers under this heading; empty for none.
    pub const fn right(heading: &'static str) -> Self {
        Self { heading, align: Align::Right, spare: 0, narrow: WhenNarrow::Shorten }
    }

    /// Names under this heading: where the table is too wide, they are shortened first.
    pub const fn name(heading: &'static str) -> Self {
        Self { heading, align: Align::Left, spare: 0, narrow: WhenNarrow::Name }
    }

    /// Sentences under this heading: if the table is too wide, each moves below its row.
    pub const fn sentence(heading: &'static str) -> Self {
        Self { heading, align: Align::Left, spare: 0, narrow: WhenNarrow::Below }
    }

    /// The column is left out where the table is too wide, the highest number first; with 0 it
    /// never is.
    #[must_use]
    pub const fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// A cell: a text and how it looks.
#[derive(Debug, Clone, Default)]
pub struct TableCell {
    /// Without control characters.
    pub text: String,
    /// Plain by default.
    pub style: Style,
}

impl<T: Into<String>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

impl TableCell {
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

/// A row, and a separate line below it.
#[derive(Debug, Clone, Default)]
struct Row {
    cells: Vec<TableCell>,
    note: Option<TableCell>,
}

const GAP: usize = 2;

/// The placeholder for a figure that was not measured.
pub const NOT_MEASURED: &str = "–";

/// The fewest columns that a name keeps while other cells can still shrink.
const SHORTEST_NAME: usize = 8;

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

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, mut cells: Vec<TableCell>) {
        cells.resize(self.columns.len(), TableCell::default());
        self.rows.push(Row { cells, note: None });
    }

    /// Adds a line below the last row, over all columns.
    pub fn note(&mut self, note: TableCell) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(note);
        }
    }

    /// Writes it, each line behind `indent` spaces, within the page's width.
    pub fn write(&self, out: &mut Page<'_>, indent: usize) -> io::Result<()> {
        let room = out.width().saturating_sub(indent);
        let Layout { shown, widths, below } = self.lay_out(room);
        let heading = Style::new().dimmed();
        if shown.iter().any(|at| !self.columns[*at].heading.is_empty()) {
            let cells: Vec<TableCell> = self
                .columns
                .iter()
                .map(|column| TableCell::styled(column.heading, heading))
                .collect();
            self.line(out, indent, &shown, &widths, &cells)?;
        }
        let notes = " ".repeat(indent + GAP);
        for row in &self.rows {
            self.line(out, indent, &shown, &widths, &row.cells)?;
            for TableCell { text, style } in below.iter().map(|at| &row.cells[*at]) {
                if !is_void(text) {
                    out.paragraph(&notes, text, *style)?;
                }
            }
            if let Some(TableCell { text, style }) = &row.note {
                let text = shortened(text, room.saturating_sub(GAP));
                writeln!(out, "{notes}{style}{text}{style:#}")?;
            }
        }
        Ok(())
    }

    /// Which cells are shown at this width, and how wide each is.
    fn lay_out(&self, room: usize) -> Layout {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let texts = || self.rows.iter().map(|row| row.cells[at].text.as_str());
                if texts().all(is_void) {
                    return 0;
                }
                texts()
                    .map(UnicodeWidthStr::width)
                    .max()
                    .unwrap_or(0)
                    .max(self.columns[at].heading.width())
            })
            .collect();
        let shown = (0..widths.len()).filter(|at| widths[*at] > 0).collect();
        let mut layout = Layout { shown, widths, below: Vec::new() };
        while layout.total() > room {
            let sentences = |at: &&usize| self.columns[**at].narrow == WhenNarrow::Below;
            if let Some(at) = layout.shown.iter().find(sentences).copied() {
                layout.shown.retain(|one| *one != at);
                layout.below.push(at);
                continue;
            }
            let spare = layout.shown.iter().copied().max_by_key(|at| self.columns[*at].spare);
            let Some(spare) = spare.filter(|at| self.columns[*at].spare > 0) else { break };
            layout.shown.retain(|at| *at != spare);
        }
        layout.shrink(room, &self.columns);
        layout
    }

    fn line(
        &self,
        out: &mut Page<'_>,
        indent: usize,
        shown: &[usize],
        widths: &[usize],
        cells: &[TableCell],
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

/// Whether a cell is empty: a column of such cells is left out.
fn is_void(text: &str) -> bool {
    text.is_empty() || text == NOT_MEASURED
}

/// The layout of a table at this width, in columns.
struct Layout {
    /// Columns that are shown, in order.
    shown: Vec<usize>,
    /// The widths of all columns.
    widths: Vec<usize>,
    /// Columns whose texts move below their rows.
    below: Vec<usize>,
}

impl Layout {
    fn total(&self) -> usize {
        let gaps = GAP * self.shown.len().saturating_sub(1);
        self.shown.iter().map(|at| self.widths[*at]).sum::<usize>() + gaps
    }

    /// Cuts the excess width from the widest name, then from the widest words, then from the widest
    /// of all.
    fn shrink(&mut self, room: usize, columns: &[Column]) {
        while self.total() > room {
            let widest = |of: &dyn Fn(&Column) -> bool, least: usize| {
                let fit = self
                    .shown
                    .iter()
                    .copied()
                    .filter(|at| of(&columns[*at]) && self.widths[*at] > least);
                fit.max_by_key(|at| self.widths[*at])
            };
            let Some(widest) = widest(&|one| one.narrow == WhenNarrow::Name, SHORTEST_NAME)
                .or_else(|| widest(&|one| one.align == Align::Left, SHORTEST_NAME))
                .or_else(|| widest(&|_| true, 1))
            else {
                return;
            };
            let least = if columns[widest].align == Align::Left { SHORTEST_NAME } else { 1 };
            let excess = (self.total() - room).min(self.widths[widest].saturating_sub(least));
            // One at a time where several are as wide: no name is cut to its beginning while
            // another is whole.
            self.widths[widest] -= excess.clamp(1, 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(table: &Table, width: usize) -> String {
        let mut out = Vec::new();
        table.write(&mut Page::new(&mut out, width), 2).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    fn columns() -> Vec<Column> {
        vec![
            Column::left("stage"),
            Column::right("n"),
            Column::right("rate").spare(1),
            Column::right("void"),
        ]
    }

    #[test]
    fn columns_are_aligned_and_void_ones_left_out() {
        let mut table = Table::new(columns());
        table.row(vec!["10k".into(), "1,000".into(), "5/s".into(), NOT_MEASURED.into()]);
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
    }

    #[test]
    fn names_are_shortened_before_words_and_sentences_go_below() {
        let mut table = Table::new(vec![
            Column::left("word"),
            Column::name("name"),
            Column::right("n"),
            Column::sentence("because"),
        ]);
        let because = "no row of a table breaks, so this one stands below";
        table.row(vec![
            "fourteen words".into(),
            "a-long-name-of-it".into(),
            "5".into(),
            because.into(),
        ]);
        assert_eq!(drawn(&table, 100).lines().count(), 2);
        assert_eq!(
            drawn(&table, 35),
            "  word            name            n\n  fourteen words  a-long-name-o…  5\n    no row of a table breaks, so\n    this one stands below\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_page_and_no_row_breaks() {
        let mut table = Table::new(vec![
            Column::name("place"),
            Column::left("condition"),
            Column::right("value"),
            Column::right("rate").spare(2),
            Column::right("p50").spare(1),
            Column::sentence("why"),
        ]);
        for name in ["a", "世界世界世界世界世界世界", "orders · the-stage-with-a-long-name"]
        {
            let mut cells: Vec<TableCell> =
                vec![name.into(), "connect.success_ratio >= 99.9%".into()];
            cells.extend([
                "99.917%".into(),
                "1,000/s".into(),
                "1.25 ms".into(),
                "x".repeat(240).into(),
            ]);
            table.row(cells);
            table.note(format!("for example: {}", "世".repeat(150)).into());
        }
        for width in 20..=260 {
            let drawn = drawn(&table, width);
            for line in drawn.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            let rows =
                drawn.lines().filter(|line| line.contains("99.917") || line.contains('%')).count();
            assert!(rows <= 3, "{drawn}");
        }
    }
}
