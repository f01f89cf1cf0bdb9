//! How many columns what is printed may take.

use crate::report::page::WIDTH;

/// Lines that are wider are hard to read, however wide the terminal.
const WIDEST: usize = 200;

/// Columns of the terminal that standard output is; `None` where it is none.
pub(super) fn terminal() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    (columns > 0).then(|| usize::from(columns).min(WIDEST))
}

/// Columns for the summary of a run.
pub(super) fn columns() -> usize {
    terminal().unwrap_or(WIDTH)
}
