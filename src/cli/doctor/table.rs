//! Turns rows of cells into lines of equal columns.

use anstyle::Style;
use std::fmt::Write as _;

/// Text and how it looks.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::new() }
    }

    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// Two spaces before and between columns; the last is not filled up.
pub(super) fn table(rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let fill =
                if column + 1 < row.len() { widths[column] - cell.text.chars().count() } else { 0 };
            let style = cell.style;
            let _ = write!(text, "  {style}{}{style:#}{:fill$}", cell.text, "");
        }
        text.push('\n');
    }
    text
}
