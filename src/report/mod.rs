//! Turns saved facts into files and words: CSV, JSON, an interval log, the summary at the end of a
//! run.
//!
//! **Invariant:** a report is a function of a [`SavedRun`]: nothing in it was not saved before.
//! **Invariant:** absent means not measured: nothing is null, NaN, or zero for want of data.
//!
//! A format is one file of this module and one line in [`FINAL`] (made at the end) or in `series`
//! (grows with every second).

mod addresses;
mod calibration;
mod causes;
mod checks;
pub mod ci;
mod columns;
mod damage;
pub mod exchanges;
mod failures;
mod field;
mod figures;
mod foreign;
mod hlog;
pub mod html;
mod json;
mod monitors;
mod notes;
pub mod page;
mod requests;
pub mod schema;
mod search;
mod section;
mod series;
mod storms;
mod summary;
pub mod table;
pub mod text;
mod timeline;

pub use search::{LevelRun, SearchReport, why};
pub use series::RowSeries;

use crate::store::{self, AtomicFile, Error, FolderLock, SavedRun};
use std::path::{Path, PathBuf};

/// A format that is written at the end of a run: the file's name and content; no content makes no
/// file.
pub type Format = (&'static str, fn(&SavedRun) -> Vec<u8>);

/// Every format that is made at the end.
pub const FINAL: &[Format] = &[
    ("summary.csv", summary::write),
    ("requests.csv", requests::write),
    ("failures.csv", failures::write),
    ("checks.csv", checks::write),
    ("addresses.csv", addresses::write),
    ("report.json", json::write),
    ("report.html", html::write),
];

/// The result of writing the reports of a run.
#[derive(Debug)]
pub struct WrittenReports {
    /// The result folder.
    pub folder: PathBuf,
    /// The files that are there, by name, in the order of their names.
    pub files: Vec<String>,
    /// The files that could not be written; if there are any, the run exits with 5.
    pub problems: Vec<Error>,
}

/// Writes every format that is made at the end, then the checksums. One that fails does not keep
/// the others from being written. `problems` are those of the run so far.
pub fn write(saved: &SavedRun, mut problems: Vec<Error>) -> WrittenReports {
    for (name, format) in FINAL {
        let bytes = format(saved);
        if !bytes.is_empty() {
            problems.extend(store::write(&saved.folder, name, &bytes).err());
        }
    }
    for (name, bytes) in exchanges::files(saved) {
        problems.extend(store::write(&saved.folder, &name, &bytes).err());
    }
    let files = store::checksums(&saved.folder).unwrap_or_else(|problem| {
        problems.push(problem);
        store::file_names(&saved.folder).unwrap_or_default()
    });
    WrittenReports { folder: saved.folder.clone(), files, problems }
}

/// Writes every report of a saved run again, also those that grew with it, and compresses the
/// recording of a run that was killed.
pub fn write_again(saved: &SavedRun, lock: &FolderLock) -> WrittenReports {
    let mut problems: Vec<Error> =
        store::compress_after_run(&saved.folder, lock).err().into_iter().collect();
    problems.extend(series_again(&saved.folder, saved).err());
    write(saved, problems)
}

fn series_again(folder: &Path, saved: &SavedRun) -> Result<(), Error> {
    let mut series = RowSeries::new(&saved.plan);
    let mut files = Vec::new();
    for name in store::GrowingFiles::names(&series) {
        files.push(AtomicFile::create(folder, name)?);
    }
    let mut trouble = None;
    saved.replay(&mut |line| {
        for (file, bytes) in files.iter_mut().zip(store::GrowingFiles::next(&mut series, line)) {
            trouble = trouble.take().or(file.add(&bytes).err());
        }
    })?;
    trouble.map_or(Ok(()), Err)?;
    files.into_iter().try_for_each(AtomicFile::finish)
}
