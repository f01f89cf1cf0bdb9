//! How this process itself is: its processor time and resident memory.

use super::clock::cpu_ns;
use crate::record::WorkerFacts;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A page, in bytes, on every machine that Linux calls x86-64, and on most others.
const PAGE: u64 = 4096;

/// Reads this process's own use of the machine. The file stays open: when descriptors run out, this still works.
#[derive(Debug)]
pub struct Own {
    statm: Option<File>,
}

impl Own {
    /// Opens what is read later.
    pub fn open() -> Self {
        Self { statm: File::open("/proc/self/statm").ok() }
    }

    /// How this process is now; memory is zero where it cannot be read.
    pub fn facts(&self) -> WorkerFacts {
        WorkerFacts { cpu_ns: cpu_ns(), rss_bytes: self.resident().unwrap_or(0), lag_max_ns: 0 }
    }

    fn resident(&self) -> Option<u64> {
        let mut buffer = [0; 128];
        let length = self.statm.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages * page_size())
    }
}

fn page_size() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or(PAGE)
}
