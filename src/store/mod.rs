//! Turns entries into a folder that survives anything, and a folder back into the run that it
//! holds.
//!
//! **Invariant:** handing over a fact never waits for the disk.
//! **Invariant:** a finished file is whole, and a run never overwrites the results of another.
//! **Invariant:** opening a saved run changes nothing: it takes no lock and makes no file.

mod append_file;
mod archive;
mod atomic_file;
mod baseline;
mod downsampler;
mod folder;
mod journal;
mod pending;
mod readings;
mod saved_run;
mod timeline;
mod tool;
mod writer;

pub use archive::{compress, compress_after_run};
pub use atomic_file::{AtomicFile, write};
pub use baseline::{Baseline, BaselineFigure};
pub use downsampler::{Bulk, keeps_seconds, most_bytes};
pub use folder::{FolderLock, checksums, create, file_names, is_run, sums};
pub use journal::{
    Durations, Finished, Header, Line, ResolvedTarget, ServerCounters, Started, UsedFile, options,
};
#[cfg(any(test, fuzzing))]
pub(crate) use journal::{decode, encode};
pub use pending::MissingFacts;
pub use saved_run::{Damage, SavedRun};
pub use timeline::{HostPoint, MOST_POINTS, Timeline, TimelinePoint};
pub use tool::Tool;
pub use writer::{Closed, GrowingFiles, NewRun, Store};

use std::io;
use std::path::PathBuf;

/// The file names that have a meaning of their own.
mod name {
    pub(super) const PLAN: &str = "plan.toml";
    pub(super) const JOURNAL: &str = "recording.jsonl";
    /// The journal of a run that has ended.
    pub(super) const ARCHIVE: &str = "recording.jsonl.gz";
    /// The facts that wait to be merged, during a run and after it was killed.
    pub(super) const PENDING: &str = "recording.pending.jsonl";
    pub(super) const ENVIRONMENT: &str = "environment.json";
    pub(super) const SUMS: &str = "SHA256SUMS";
    /// The folder of exchanges that failed.
    pub(super) const FAILURES: &str = "failures";
}

/// Why results could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder could not be made.
    #[error("cannot make the result folder {path}: {reason}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {reason}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
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
        /// The system's error.
        reason: io::Error,
    },
    /// There is no run in the folder.
    #[error("{path} is not a result folder of planrun: {reason}", path = path.display())]
    NotResults {
        /// The folder.
        path: PathBuf,
        /// The problem in words.
        reason: String,
    },
    /// The plan of the run does not parse any more.
    #[error("the plan in {path} does not parse", path = path.display())]
    Plan {
        /// The folder.
        path: PathBuf,
        /// Every reason.
        errors: Box<crate::plan::PlanErrors>,
    },
    /// A run is still writing there.
    #[error("{path} belongs to a run that is still going on", path = path.display())]
    StillRunning {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    /// A file that could not be written.
    pub fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Write { path, reason }
    }

    /// A file that could not be read.
    pub fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::Read { path, reason }
    }
}
