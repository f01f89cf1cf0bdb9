//! Turns bytes into a file that is whole or not there.

use super::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file in the making, under another name until it is whole.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    meanwhile: PathBuf,
    file: BufWriter<File>,
}

impl AtomicFile {
    /// Creates a file, or truncates one that a killed attempt left behind. A `/` in its name makes
    /// a folder for it.
    pub fn create(folder: &Path, name: &str) -> Result<Self, Error> {
        let path = folder.join(name);
        let (inside, own) = name.rsplit_once('/').unwrap_or(("", name));
        let folder = folder.join(inside);
        if !inside.is_empty() {
            fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
        }
        let meanwhile = folder.join(format!(".{own}.unfinished"));
        match File::create(&meanwhile) {
            Ok(file) => Ok(Self { path, meanwhile, file: BufWriter::new(file) }),
            Err(reason) => Err(Error::Write { path, reason }),
        }
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::write(&self.path))
    }

    pub(super) fn write_some(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    /// Syncs the file to disk, then renames it to its final name.
    pub fn finish(mut self) -> Result<(), Error> {
        let file = &mut self.file;
        file.flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.meanwhile, &self.path))
            .and_then(|()| {
                self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
            })
            .map_err(Error::write(&self.path))
    }
}

impl Drop for AtomicFile {
    /// The disk may be full: half a file is worth less than its space.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.meanwhile);
    }
}

/// Writes a whole file.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut file = AtomicFile::create(folder, name)?;
    file.add(bytes)?;
    file.finish()
}
