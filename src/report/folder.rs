//! Turns finished reports into files that are whole or not there, with the checksums of them all.

use super::{Error, FINAL, Run, name};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// What came of writing the files of a result folder.
#[derive(Debug)]
pub struct Made {
    /// The result folder.
    pub folder: PathBuf,
    /// The files that are there, by name, in the order of their names.
    pub files: Vec<String>,
    /// What could not be written; a run whose list is not empty exits with 5.
    pub problems: Vec<Error>,
}

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
            Err(reason) => return Err(Error::Folder { path, reason }),
        }
    }
    Ok(path)
}

/// A file in the making, under another name until it is whole.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    meanwhile: PathBuf,
    file: BufWriter<File>,
}

impl Unfinished {
    /// Begins a file; one that was left behind by a killed attempt is begun again.
    pub fn create(folder: &Path, name: &str) -> Result<Self, Error> {
        let path = folder.join(name);
        let meanwhile = folder.join(format!(".{name}.unfinished"));
        match File::create(&meanwhile) {
            Ok(file) => Ok(Self { path, meanwhile, file: BufWriter::new(file) }),
            Err(reason) => Err(Error::Write { path, reason }),
        }
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::write(&self.path))
    }

    /// Brings the file onto the disk, then under its own name.
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

impl Drop for Unfinished {
    /// The disk may be full: whatever half a file holds is worth less than its room.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.meanwhile);
    }
}

/// Writes a whole file.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut file = Unfinished::create(folder, name)?;
    file.add(bytes)?;
    file.finish()
}

/// Writes every format that is made at the end, then the checksums. One that fails does not keep the others from being written.
pub fn make(folder: &Path, run: &Run<'_>) -> Made {
    let mut problems = Vec::new();
    for (name, format) in FINAL {
        let bytes = format(run);
        if !bytes.is_empty() {
            problems.extend(write(folder, name, &bytes).err());
        }
    }
    finish(folder, problems)
}

/// Writes the checksums of what is there.
pub fn finish(folder: &Path, mut problems: Vec<Error>) -> Made {
    let files = match sums(folder).and_then(|(files, sums)| {
        write(folder, name::SUMS, sums.as_bytes())?;
        Ok(files)
    }) {
        Ok(files) => files,
        Err(problem) => {
            problems.push(problem);
            names(folder).unwrap_or_default()
        }
    };
    Made { folder: folder.to_owned(), files, problems }
}

/// The files of a result folder that carry facts, in the order of their names.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let ours = !name.starts_with('.') && name != name::SUMS && !name.contains(['\n', '\\']);
        if ours && entry.file_type()?.is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The checksums of all files as `sha256sum -c` reads them.
fn sums(folder: &Path) -> Result<(Vec<String>, String), Error> {
    let files = names(folder).map_err(Error::read(folder))?;
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

/// SHA-256 of a text or of bytes, in hexadecimal.
pub fn sha256(text: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(text.as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
