//! Keeps the facts that wait to be merged in a file beside the journal, so that a killed run loses
//! no more of it than of its counts.
//!
//! **Invariant:** facts that are in the journal already are not added again, and nothing is added
//! that is of seconds behind the journal's last.

#![expect(clippy::disallowed_methods, reason = "it is a file of a saved run")]

#[cfg(test)]
mod tests;

use super::downsampler::Bulk;
use super::journal::{Durations, Line, decode};
use super::{AtomicFile, Error, name};
use crate::record::Entry;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The file, which is replaced as a whole.
#[derive(Debug)]
pub(super) struct PendingFile {
    folder: PathBuf,
    is_there: bool,
}

impl PendingFile {
    /// The file of a folder that has none yet.
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), is_there: false }
    }

    /// Puts these lines, encoded, in place of those before.
    pub(super) fn replace(&mut self, lines: &[u8]) -> Result<(), Error> {
        if lines.is_empty() {
            return self.remove();
        }
        let mut file = AtomicFile::create(&self.folder, name::PENDING)?;
        file.add(lines)?;
        file.finish()?;
        self.is_there = true;
        Ok(())
    }

    /// Removes the file once nothing waits any more.
    pub(super) fn remove(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_there) {
            return Ok(());
        }
        let path = self.folder.join(name::PENDING);
        fs::remove_file(&path).map_err(Error::write(path))
    }
}

/// The lines of the file; none if it is missing or incomplete.
pub(super) fn read(folder: &Path) -> Vec<Durations> {
    // Without this file the report says what is missing.
    let bytes = fs::read(folder.join(name::PENDING)).unwrap_or_default();
    let lines = (0..).zip(bytes.split_inclusive(|byte| *byte == b'\n'));
    let all: Option<Vec<Durations>> = lines
        .map(|(number, line)| match decode(number, line)? {
            Line::Durations(durations) => Some(durations),
            _ => None,
        })
        .collect();
    all.unwrap_or_default()
}

/// Facts that the recording of a run lacks, though it has the counts of these seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingFacts {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Which of them.
    pub bulk: Bulk,
    /// The first second.
    pub first: u32,
    /// The last one.
    pub last: u32,
}

/// Seconds whose facts were merged, and have not been read yet: the first and the last.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    ranges: BTreeMap<(u16, Bulk), (u32, u32)>,
    /// How many seconds have been read.
    seconds: u32,
}

impl Awaited {
    /// Adds the next line of the journal.
    pub(super) fn add(&mut self, line: &Line) {
        let Line::Entry(Entry::Second(second)) = line else { return };
        let number = second.second;
        self.seconds = number.saturating_add(1);
        for (scenario, facts) in &second.scenarios {
            for bulk in Bulk::ALL.into_iter().filter(|bulk| bulk.is_apart(facts.apart)) {
                self.ranges.entry((*scenario, bulk)).or_insert((number, number)).1 = number;
            }
        }
    }

    /// Removes the merged facts.
    pub(super) fn came(&mut self, durations: &Durations) {
        let key = (durations.scenario, Bulk::of(durations));
        let Some((first, last)) = self.ranges.remove(&key) else { return };
        if durations.last < last {
            self.ranges.insert(key, (first.max(durations.last + 1), last));
        }
    }

    /// The entries of the seconds that were read: of the last lines of the journal, behind which
    /// their last second is torn, and of a [`PendingFile`]. Facts of seconds that the journal lacks
    /// are none of them: they would be more than the counts.
    pub(super) fn take(&mut self, at_end: Vec<Durations>, file: Vec<Durations>) -> Vec<Durations> {
        let mut taken = at_end;
        taken.retain(|durations| durations.last < self.seconds);
        for durations in &taken {
            self.came(durations);
        }
        for durations in file {
            let awaited = self.ranges.get(&(durations.scenario, Bulk::of(&durations)));
            if awaited
                .is_some_and(|(first, last)| *first == durations.first && durations.last <= *last)
            {
                self.came(&durations);
                taken.push(durations);
            }
        }
        taken
    }

    /// The entries still awaited.
    pub(super) fn missing(&self) -> Vec<MissingFacts> {
        let all = self.ranges.iter();
        all.map(|(&(scenario, bulk), &(first, last))| MissingFacts { scenario, bulk, first, last })
            .collect()
    }
}
