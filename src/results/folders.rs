//! Turns a path into the folders of runs below it.

#![expect(clippy::disallowed_methods, reason = "folders are looked through")]

use crate::store::{Error, is_run};
use std::fs;
use std::path::{Path, PathBuf};

/// Below `results/` there is a folder for each plan, and in it one for each run.
const DEEPEST: usize = 3;

/// The folders of runs below a path, in the order of their names; the path itself if it is one.
///
/// # Errors
/// When there is none, or a folder cannot be read.
pub fn runs_below(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let none = |reason: &str| Error::NotResults { path: path.into(), reason: reason.to_owned() };
    if !path.is_dir() {
        return Err(none(if path.exists() { "it is a file" } else { "it does not exist" }));
    }
    let mut runs = Vec::new();
    collect(path, DEEPEST, &mut runs)?;
    if runs.is_empty() { Err(none("there is no run in it")) } else { Ok(runs) }
}

fn collect(folder: &Path, deepest: usize, runs: &mut Vec<PathBuf>) -> Result<(), Error> {
    if is_run(folder) {
        runs.push(folder.to_owned());
        return Ok(());
    }
    if deepest == 0 {
        return Ok(());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(Error::read(folder))?;
    let mut below: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    below.retain(|path| path.is_dir() && !path.is_symlink());
    below.sort();
    below.iter().try_for_each(|one| collect(one, deepest - 1, runs))
}
