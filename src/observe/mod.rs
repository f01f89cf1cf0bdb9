//! Turns the events of a run into something to watch: bars on a terminal, lines in a log, JSON for
//! programs, on standard error; and a page for browsers.
//!
//! ```text
//!  Event ─▶ RunState ─▶ View ─▶ lines │ JSON │ lines above the bar: what is new
//!                         ├───▶ frame: the bar, drawn five times a second
//!                         └───▶ page: browsers that follow the run, and scrapers
//! ```
//!
//! **Invariant:** nothing here can hold up, change or end a run.

mod json;
mod lines;
mod notification;
mod observer;
mod output;
mod pacing;
mod page;
mod queue;
mod state;
mod terminal;
mod text;
mod view;
mod wording;

#[cfg(test)]
mod tests;

pub(crate) use observer::Observer;
pub(crate) use page::{LivePage, PageAddress};
pub(crate) use text::TextStyle;

/// The JSON Schema (draft 2020-12) of a line of `--progress json`.
pub(crate) fn progress_schema() -> serde_json::Value {
    json::schema()
}

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProgressMode {
    /// Draw bars on a terminal, print lines otherwise.
    #[default]
    Auto,
    /// Redraw a few lines in place; events scroll above them.
    Bar,
    /// Print one line per event, and a figure now and then.
    Lines,
    /// Print the same events as one JSON object per line.
    Json,
    /// Nothing.
    None,
}

impl ProgressMode {
    /// The style that `Auto` stands for. `terminal`: standard error is one; `term`: the
    /// variable `TERM`.
    #[must_use]
    pub(crate) fn resolve(self, terminal: bool, term: Option<&str>) -> Self {
        match self {
            Self::Auto if terminal && term != Some("dumb") => Self::Bar,
            Self::Auto => Self::Lines,
            chosen => chosen,
        }
    }
}
