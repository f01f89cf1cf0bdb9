//! Turns a result folder back into the facts of its run, as far as they were saved, and into its reports.

use super::folder::{self, Unfinished};
use super::journal::{self, Finished, Header, Line, Outline, Started};
use super::series::{self, Series};
use super::{Error, Made, Run, name};
use crate::plan::Plan;
use crate::record::Entry;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A result folder of a run that is over, one way or the other.
#[derive(Debug)]
pub struct Recovered {
    folder: PathBuf,
    header: Header,
    text: String,
    _lock: Option<Flock<File>>,
}

/// What is missing at the end of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Bytes at the end of the file that are no whole lines, and were left out.
    pub torn_bytes: u64,
}

/// What a journal says beside the facts themselves.
#[derive(Debug)]
pub struct Replayed {
    /// Where the run went.
    pub started: Option<Started>,
    /// What the other side says.
    pub finished: Option<Finished>,
    /// What is missing.
    pub damage: Option<Damage>,
}

/// The files that grow with a run, made again and not yet under their names.
#[derive(Debug)]
pub struct Remade {
    folder: PathBuf,
    files: Vec<Unfinished>,
}

impl Recovered {
    /// Opens a result folder: its header and its plan.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let not_results = |reason: String| Error::NotResults { path: folder.into(), reason };
        if !folder.is_dir() {
            let reason = if folder.exists() { "it is a file" } else { "it does not exist" };
            return Err(not_results(reason.to_owned()));
        }
        let header = journal::read_header(folder)?;
        let lock = lock(folder)?;
        let path = folder.join(name::PLAN);
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => not_results("there is no plan.toml".to_owned()),
            io::ErrorKind::InvalidData => not_results("plan.toml is no text".to_owned()),
            _ => Error::Read { path: path.clone(), reason: error },
        })?;
        if folder::sha256(&text) != header.plan_sha256 {
            return Err(not_results("plan.toml was changed after the run".to_owned()));
        }
        Ok(Self { folder: folder.to_owned(), header, text, _lock: lock })
    }

    /// How the run was asked for.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The plan's text as run.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Goes through the facts again, in order. The plan is the text's, with the header's overrides.
    pub fn replay(
        &self,
        plan: &Plan,
        visit: &mut dyn FnMut(&Entry),
    ) -> Result<(Replayed, Remade), Error> {
        if Outline::of(plan) != self.header.scenarios {
            let reason =
                "its plan reads differently today: is an environment variable another one?";
            return Err(Error::NotResults { path: self.folder.clone(), reason: reason.to_owned() });
        }
        let mut files = Vec::new();
        for name in series::NAMES {
            files.push(Unfinished::create(&self.folder, name)?);
        }
        let mut series = Series::new(plan);
        let (mut started, mut finished, mut trouble) = (None, None, None);
        let extent = journal::read(&self.folder, &mut |line| {
            for (file, bytes) in files.iter_mut().zip(series.next(&line)) {
                trouble = trouble.take().or(file.add(&bytes).err());
            }
            match line {
                Line::Entry(entry) => visit(&entry),
                Line::Started(facts) => started = Some(facts),
                Line::Finished(facts) => finished = Some(facts),
                Line::Header(_) => {}
            }
        })?;
        if let Some(error) = trouble {
            return Err(error);
        }
        let torn_bytes = extent.total - extent.whole;
        let damage = (torn_bytes > 0).then_some(Damage { torn_bytes });
        let remade = Remade { folder: self.folder.clone(), files };
        Ok((Replayed { started, finished, damage }, remade))
    }
}

impl Remade {
    /// Writes every report again.
    pub fn finish(self, run: &Run<'_>) -> Made {
        let mut problems: Vec<Error> =
            self.files.into_iter().filter_map(|file| file.finish().err()).collect();
        let mut made = folder::make(&self.folder, run);
        problems.append(&mut made.problems);
        Made { problems, ..made }
    }
}

/// Keeps others from writing reports of the same folder, and notices a run that still does.
fn lock(folder: &Path) -> Result<Option<Flock<File>>, Error> {
    let path = folder.join(name::JOURNAL);
    let file = File::open(&path).map_err(Error::read(&path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(Error::StillRunning { path: folder.into() }),
        // A file system that knows no locks does without.
        Err(_) => Ok(None),
    }
}
