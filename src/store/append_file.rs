//! Turns lines into the growing end of a file, over a disk that may be full for a while.
//!
//! **Invariant:** written bytes never change; bytes that could not be written are tried again at
//! the same place.

use super::Error;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How many bytes may wait for a full disk; beyond that, the file is abandoned.
const MOST_PENDING: usize = 32 << 20;

/// A file that only grows.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// Bytes that are in the file for good.
    length: u64,
    /// How many of them are on the disk.
    synced: u64,
    pending: Vec<u8>,
    /// Why the last attempt failed.
    trouble: Option<io::Error>,
    given_up: bool,
}

impl AppendFile {
    /// A new file; that one exists already is an error.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(Error::write(path))?;
        Ok(Self::over(path, file))
    }

    fn over(path: &Path, file: File) -> Self {
        let path = path.to_owned();
        Self {
            path,
            file,
            length: 0,
            synced: 0,
            pending: Vec::new(),
            trouble: None,
            given_up: false,
        }
    }

    /// Adds bytes; they reach the file with the next [`write`](Self::write).
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.given_up || self.pending.len() + bytes.len() > MOST_PENDING {
            // A gap would be read as damage, and everything behind it be lost: better to end here.
            self.given_up = true;
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Writes what was added to the file, as far as that is possible now.
    pub(super) fn write(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.trouble = self.file.write_all_at(&self.pending, self.length).err();
        if self.trouble.is_none() {
            self.length += self.pending.len() as u64;
            self.pending.clear();
        }
    }

    /// Brings what was added into the file.
    ///
    /// # Errors
    /// When it cannot: later attempts are made, but the file is of no use until one succeeds.
    pub(super) fn begun(&mut self) -> Result<(), Error> {
        self.write();
        match self.trouble.take() {
            Some(reason) => Err(Error::Write { path: self.path.clone(), reason }),
            None => Ok(()),
        }
    }

    /// Whether all that was added is in the file.
    pub(super) fn is_written(&self) -> bool {
        self.pending.is_empty() && self.trouble.is_none() && !self.given_up
    }

    /// Syncs the file to disk.
    pub(super) fn sync(&mut self) {
        self.write();
        if self.length > self.synced && self.trouble.is_none() {
            self.trouble = self.file.sync_data().err();
            self.synced = self.length;
        }
    }

    /// Ends the file: nothing behind the last whole write. What is not in it is the error.
    pub(super) fn close(mut self) -> Result<(), Error> {
        self.sync();
        let cut = self.file.set_len(self.length);
        match (self.trouble, self.given_up) {
            (Some(reason), _) => Err(Error::Write { path: self.path, reason }),
            (None, true) => Err(Error::Stalled { path: self.path }),
            (None, false) => cut.map_err(Error::write(self.path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_and_costs_nothing_that_was_written() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut appender = AppendFile::over(Path::new("/dev/full"), full);
        appender.add(b"lost");
        appender.write();
        let error = appender.close().unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: No space left on device"), "{error}");
    }

    #[test]
    fn what_had_no_room_is_written_once_there_is_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut appender = AppendFile::create(&path).unwrap();
        appender.add(b"one\n");
        appender.write();
        let roomy = std::mem::replace(
            &mut appender.file,
            OpenOptions::new().write(true).open("/dev/full").unwrap(),
        );
        appender.add(b"two\n");
        appender.write();
        appender.add(b"three\n");
        appender.write();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        appender.file = roomy;
        appender.close().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn what_waits_has_a_limit_and_leaves_no_gap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut appender = AppendFile::create(&path).unwrap();
        appender.add(b"one\n");
        appender.add(&vec![b'x'; MOST_PENDING]);
        appender.add(b"three\n");
        assert!(matches!(appender.close(), Err(Error::Stalled { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
    }

    #[test]
    fn an_existing_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        std::fs::write(&path, "mine").unwrap();
        assert!(AppendFile::create(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }
}
