//! Turns saved facts into files and words: CSV, JSON, an interval log, the summary at the end of a run.
//!
//! **Invariant:** a report needs only what was saved: live, saved and recovered runs go through the same code.
//! **Invariant:** no finished file is ever half a file, and no run overwrites the results of another.
//! **Invariant:** absent means not measured: nothing is null, NaN, or zero for want of data.
//!
//! A format is one file of this module and one line in [`FINAL`] (made at the end) or in `series` (grows with every second).

mod appender;
mod causes;
mod checks;
mod columns;
mod failures;
mod figures;
mod folder;
mod foreign;
mod hlog;
mod journal;
mod json;
pub mod page;
mod recover;
mod search;
mod section;
mod series;
mod store;
mod storms;
mod summary;
pub mod table;
pub mod text;
mod timeline;

pub use crate::machine::Way;
pub use folder::{Made, sha256};
pub use journal::{Finished, Header, ResolvedTarget, ServerCounters, Started, Tool, UsedFile};
#[cfg(any(test, fuzzing))]
pub(crate) use journal::{Line, decode, encode};
pub use recover::{Damage, Recovered, Remade, Replayed};
pub use search::{LevelRun, SearchReport, why};
pub use store::{Store, Stored};

use crate::machine::Environment;
use crate::plan::Plan;
use crate::record::Recording;
use crate::verdict::Verdict;
use std::io;
use std::path::PathBuf;

/// What all reports of one run are made from.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The plan as run.
    pub plan: &'a Plan,
    /// What happened.
    pub recording: &'a Recording,
    /// What that proves.
    pub verdict: &'a Verdict,
    /// The exit status that goes with it.
    pub exit_code: u8,
    /// How the run was asked for.
    pub header: &'a Header,
    /// Where it went; `None` when it ended before its clock started.
    pub started: Option<&'a Started>,
    /// What the other side says; `None` when the run was killed.
    pub finished: Option<&'a Finished>,
    /// What is missing of the recording; `None` when all of it is there.
    pub damage: Option<&'a Damage>,
}

impl Run<'_> {
    /// Whether the run came to an end of which it could tell; its end is its last fact.
    pub fn complete(&self) -> bool {
        self.recording.stopped.is_some()
    }
}

/// A format that is made at the end of a run: the file's name, and what is in it; nothing makes no file.
pub type Format = (&'static str, fn(&Run<'_>) -> Vec<u8>);

/// Every format that is made at the end.
pub const FINAL: &[Format] = &[
    ("summary.csv", summary::write),
    ("failures.csv", failures::write),
    ("checks.csv", checks::write),
    ("report.json", json::write),
];

/// The file names that have a meaning of their own.
mod name {
    pub const PLAN: &str = "plan.toml";
    pub const JOURNAL: &str = "recording.jsonl";
    pub const ENVIRONMENT: &str = "environment.json";
    pub const SUMS: &str = "SHA256SUMS";
}

/// Why results could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder could not be made.
    #[error("cannot make the result folder {path}: {reason}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {reason}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The disk took so long that facts were left out.
    #[error("{path} ends early: the disk did not keep up", path = path.display())]
    Stalled {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// There is no run in the folder.
    #[error("{path} is no result folder of planrun: {reason}", path = path.display())]
    NotResults {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A run is still writing there.
    #[error("{path} belongs to a run that is still going on", path = path.display())]
    StillRunning {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Write { path, reason }
    }

    fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Read { path, reason }
    }
}

/// The environment as the file that is saved.
pub fn environment_json(environment: &Environment) -> Vec<u8> {
    json::pretty(environment)
}
