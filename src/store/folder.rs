//! Turns a folder into what belongs to one run alone: its name, its lock, the checksums of its
//! files.

#![expect(clippy::disallowed_methods, reason = "the folder of a run is looked through")]

use super::{Error, name};
use crate::units::hex;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Makes a folder of this name, or with `-2`, `-3` and so on behind it when there is one already.
pub fn create(parent: &Path, wanted: &str) -> Result<PathBuf, Error> {
    fs::create_dir_all(parent).map_err(|reason| Error::Folder { path: parent.into(), reason })?;
    let mut path = parent.join(wanted);
    for number in 2.. {
        match fs::create_dir(&path) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                path = parent.join(format!("{wanted}-{number}"));
            }
            Err(reason) => {
                // Removes the folder of the plan if it is empty: it was created for this run.
                let _ = fs::remove_dir(parent);
                return Err(Error::Folder { path, reason });
            }
        }
    }
    Ok(path)
}

/// The lock on writing into a result folder. A run holds it alone until its end; afterwards whoever
/// makes reports again has it, one after the other.
#[derive(Debug, Default)]
pub struct FolderLock {
    /// None on a file system without locks, which does without.
    locks: Vec<Flock<File>>,
}

impl FolderLock {
    /// Locks the folder for a run; an error if another process holds it.
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let lock = locked(folder, folder, FlockArg::LockExclusiveNonblock)?;
        Ok(Self { locks: lock.into_iter().collect() })
    }

    /// Whether there is a lock; a file system without locks has none.
    pub fn is_held(&self) -> bool {
        !self.locks.is_empty()
    }

    /// Locks the folder of a run that has ended, to make its reports again; waits for others that
    /// do the same. An active run is an error.
    pub fn take_after_run(folder: &Path) -> Result<Self, Error> {
        // A run holds its folder alone: shared with those who come after it, the folder says that
        // it has ended.
        let ended = locked(folder, folder, FlockArg::LockSharedNonblock)?;
        let plan = folder.join(name::PLAN);
        let turn = plan.is_file().then(|| locked(folder, &plan, FlockArg::LockExclusive));
        let turn = turn.transpose()?.flatten();
        Ok(Self { locks: ended.into_iter().chain(turn).collect() })
    }
}

fn locked(folder: &Path, path: &Path, how: FlockArg) -> Result<Option<Flock<File>>, Error> {
    let file = File::open(path).map_err(Error::read(path))?;
    match Flock::lock(file, how) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(Error::StillRunning { path: folder.into() }),
        Err(_) => Ok(None),
    }
}

/// The files of a result folder that carry facts, in the order of their names.
pub fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = names_in(folder)?;
    match names_in(&folder.join(name::FAILURES)) {
        Ok(inside) => {
            names.extend(inside.iter().map(|one| format!("{}/{one}", name::FAILURES)));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    names.sort();
    Ok(names)
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let ours = !name.starts_with('.') && name != name::SUMS && !name.contains(['\n', '\\']);
        if ours && entry.file_type()?.is_file() {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether a folder is one of a run: it has a recording.
pub fn is_run(folder: &Path) -> bool {
    [name::JOURNAL, name::ARCHIVE].iter().any(|name| folder.join(name).is_file())
}

/// Writes the checksums of all files, and returns the files' names.
pub fn checksums(folder: &Path) -> Result<Vec<String>, Error> {
    let (files, text) = sums(folder)?;
    super::write(folder, name::SUMS, text.as_bytes())?;
    Ok(files)
}

/// The names of all files, and their checksums as `sha256sum -c` reads them.
pub fn sums(folder: &Path) -> Result<(Vec<String>, String), Error> {
    let files = file_names(folder).map_err(Error::read(folder))?;
    let line = |name: &String| {
        let path = folder.join(name);
        let digest = File::open(&path).and_then(digest).map_err(Error::read(&path))?;
        Ok(format!("{digest}  {name}\n"))
    };
    let lines = files.iter().map(line).collect::<Result<Vec<_>, Error>>()?;
    Ok((files, lines.concat()))
}

fn digest(mut file: File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&chunk[..read]),
        }
    }
}
