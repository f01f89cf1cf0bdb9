//! Turns a table into HTML.

use super::{Align, Table, TableCell, WhenNarrow, is_void};
use anstyle::{AnsiColor, Color, Effects};
use maud::{Markup, html};

/// Texts of more letters than this take several lines on a phone.
const LONG: usize = 22;

impl Table {
    /// The table with every column that is not empty; notes are separate rows.
    pub fn html(&self) -> Markup {
        let says = |at: &usize| self.rows.iter().any(|row| !is_void(&row.cells[*at].text));
        let shown: Vec<usize> = (0..self.columns.len()).filter(says).collect();
        let headed = shown.iter().any(|at| !self.columns[*at].heading.is_empty());
        html! {
            div.wide { table {
                @if headed {
                    thead { tr {
                        @for at in &shown { th class=[self.side(*at)] { (self.columns[*at].heading) } }
                    } }
                }
                tbody {
                    @for row in &self.rows {
                        tr {
                            @for at in &shown {
                                td class=[self.of_cell(*at, &row.cells[*at])] { (content(&row.cells[*at])) }
                            }
                        }
                        @if let Some(note) = &row.note {
                            tr { td.long colspan=(shown.len()) { (content(note)) } }
                        }
                    }
                }
            } }
        }
    }

    /// Long texts may be broken where a page is narrow.
    fn of_cell(&self, at: usize, cell: &TableCell) -> Option<&'static str> {
        let is_long = cell.text.chars().count() > LONG;
        self.side(at).or_else(|| is_long.then_some("broken"))
    }

    fn side(&self, at: usize) -> Option<&'static str> {
        let column = &self.columns[at];
        match (column.align, column.narrow) {
            (Align::Right, _) => Some("right"),
            (Align::Left, WhenNarrow::Below) => Some("long"),
            (Align::Left, _) => None,
        }
    }
}

fn content(cell: &TableCell) -> Markup {
    // Leading spaces distinguish a phase from its stage.
    let part = if cell.text.starts_with(' ') { "\u{2003}" } else { "" };
    let text = format!("{part}{}", cell.text.trim());
    html! {
        @if let Some(class) = class(cell) { span class=(class) { (text) } } @else { (text) }
    }
}

/// The look of a cell as a class of the page's style.
fn class(cell: &TableCell) -> Option<&'static str> {
    match cell.style.get_fg_color() {
        Some(Color::Ansi(AnsiColor::Red)) => Some("bad"),
        Some(Color::Ansi(AnsiColor::Green)) => Some("good"),
        Some(Color::Ansi(AnsiColor::Yellow)) => Some("doubt"),
        _ if cell.style.get_effects().contains(Effects::DIMMED) => Some("quiet"),
        _ if cell.style.get_effects().contains(Effects::BOLD) => Some("strong"),
        _ => None,
    }
}
