//! How much is printed, and how many columns it may take.

use crate::report::page::WIDTH;
use crate::report::text::Detail;
use clap::ValueEnum;

/// How much of a run is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Summary {
    /// Verdict, thresholds, a row per stage, what failed.
    Short,
    /// Every table.
    Full,
}

impl From<Summary> for Detail {
    fn from(summary: Summary) -> Self {
        match summary {
            Summary::Short => Self::Short,
            Summary::Full => Self::Full,
        }
    }
}

/// Lines that are wider are hard to read, however wide the terminal.
const WIDEST: usize = 200;

/// The width in columns if standard output is a terminal; `None` otherwise.
pub(super) fn terminal() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    (columns > 0).then(|| usize::from(columns).min(WIDEST))
}

/// Columns for the summary of a run.
pub(super) fn columns() -> usize {
    terminal().unwrap_or(WIDTH)
}
