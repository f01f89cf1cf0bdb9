//! Turns the journal of a run that has ended into a compressed one, and either into bytes again.

use super::{AtomicFile, Error, FolderLock, name};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Compresses the journal of a folder: the whole compressed file is there before the plain one
/// goes.
pub fn compress(folder: &Path) -> Result<(), Error> {
    let plain = folder.join(name::JOURNAL);
    let mut source = File::open(&plain).map_err(Error::read(&plain))?;
    let target = AtomicFile::create(folder, name::ARCHIVE)?;
    let path = folder.join(name::ARCHIVE);
    let mut encoder = GzEncoder::new(target, Compression::best());
    let target = io::copy(&mut source, &mut encoder)
        .and_then(|_| encoder.finish())
        .map_err(Error::write(&path))?;
    target.finish()?;
    fs::remove_file(&plain).map_err(Error::write(&plain))
}

/// Compresses the journal of a run that has ended without doing so: one that was killed, or cut off
/// between the two steps of a compression. Without the lock, the run may still be in progress: then
/// only an interrupted compression is completed.
pub fn compress_after_run(folder: &Path, lock: &FolderLock) -> Result<(), Error> {
    let [plain, archive] = [name::JOURNAL, name::ARCHIVE].map(|name| folder.join(name).is_file());
    if plain && (archive || lock.is_held()) { compress(folder) } else { Ok(()) }
}

/// A journal that is read, compressed or not.
#[derive(Debug)]
pub(super) struct ArchiveSource {
    pub(super) path: PathBuf,
    pub(super) name: &'static str,
    bytes: Bytes,
    /// Why a compressed journal cannot be read to its end.
    pub(super) broken: bool,
}

#[derive(Debug)]
enum Bytes {
    Plain(BufReader<File>),
    Gzip(Box<BufReader<MultiGzDecoder<BufReader<File>>>>),
}

impl ArchiveSource {
    /// The journal of a folder; the plain one where both are there.
    pub(super) fn open(folder: &Path) -> Result<Option<Self>, Error> {
        for name in [name::JOURNAL, name::ARCHIVE] {
            let path = folder.join(name);
            match File::open(&path) {
                Ok(file) => {
                    let file = BufReader::with_capacity(1 << 16, file);
                    let bytes = if name == name::JOURNAL {
                        Bytes::Plain(file)
                    } else {
                        Bytes::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(file))))
                    };
                    return Ok(Some(Self { path, name, bytes, broken: false }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(reason) => return Err(Error::Read { path, reason }),
            }
        }
        Ok(None)
    }

    /// Adds the next line to `line`, up to `longest` bytes. Where a compressed journal is damaged,
    /// it ends.
    pub(super) fn read_line(&mut self, longest: u64, line: &mut Vec<u8>) -> Result<(), Error> {
        let read = match &mut self.bytes {
            Bytes::Plain(file) => file.take(longest).read_until(b'\n', line),
            Bytes::Gzip(file) => file.take(longest).read_until(b'\n', line),
        };
        match read {
            Err(reason) if matches!(self.bytes, Bytes::Gzip(_)) && is_damage(&reason) => {
                self.broken = true;
                Ok(())
            }
            read => read.map(drop).map_err(Error::read(&self.path)),
        }
    }

    /// How many bytes are left.
    pub(super) fn rest(&mut self) -> Result<u64, Error> {
        let rest = match &mut self.bytes {
            Bytes::Plain(file) => io::copy(file, &mut io::sink()),
            Bytes::Gzip(_) if self.broken => Ok(0),
            Bytes::Gzip(file) => io::copy(file, &mut io::sink()),
        };
        match rest {
            Err(reason) if is_damage(&reason) => {
                self.broken = true;
                Ok(0)
            }
            rest => rest.map_err(Error::read(&self.path)),
        }
    }
}

fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
