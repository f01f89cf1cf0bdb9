//! Measures this process: its processor time and resident memory, how long it waited for a
//! processor, and how long its loop stalled.

use super::clock::{cpu_ns, monotonic_ns};
use crate::record::{STALL_NS, WINDOW_SECONDS, WorkerFacts};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A page, in bytes, on every machine that Linux calls x86-64, and on most others.
const PAGE: u64 = 4096;

/// The window of utilisation, in nanoseconds; a little short, because snapshots are a little early
/// or late.
const WINDOW_NS: u64 = WINDOW_SECONDS as u64 * 1_000_000_000 - 100_000_000;

/// A loop reads the clock this often even if nothing is due, in nanoseconds, so that a stall of an
/// idle loop shows.
pub(super) const BEAT_NS: u64 = 100_000_000;

/// Reads this process's own use of the machine. The files stay open: when descriptors run out, this
/// still works.
#[derive(Debug)]
pub struct ProcessStats {
    statm: Option<File>,
    schedstat: Option<File>,
    past: RefCell<VecDeque<CpuReading>>,
}

/// The usage at one moment.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the unit is last in every name")]
struct CpuReading {
    at_ns: u64,
    cpu_ns: u64,
    waited_ns: Option<u64>,
}

impl ProcessStats {
    /// Opens the files that are read later.
    pub fn open() -> Self {
        Self {
            statm: File::open("/proc/self/statm").ok(),
            schedstat: File::open("/proc/self/schedstat").ok(),
            past: RefCell::default(),
        }
    }

    /// The usage of this process now; memory is zero where it cannot be read.
    pub fn facts(&self) -> WorkerFacts {
        let (at_ns, cpu_ns) = (monotonic_ns(), cpu_ns());
        let now = CpuReading { at_ns, cpu_ns, waited_ns: second_number(self.schedstat.as_ref()) };
        let (busy_permille, waiting_permille) = shares(&mut self.past.borrow_mut(), now);
        WorkerFacts {
            cpu_ns,
            rss_bytes: second_number(self.statm.as_ref()).unwrap_or(0) * page_size(),
            busy_permille,
            waiting_permille,
            ..WorkerFacts::default()
        }
    }
}

/// Time at work and time without a processor in the window up to now, in thousandths.
fn shares(past: &mut VecDeque<CpuReading>, now: CpuReading) -> (Option<u32>, Option<u32>) {
    past.push_back(now);
    let is_old = |moment: &CpuReading| now.at_ns - moment.at_ns >= WINDOW_NS;
    while past.get(1).is_some_and(is_old) {
        past.pop_front();
    }
    let Some(then) = past.front().copied().filter(is_old) else { return (None, None) };
    let permille = |used: u64| {
        u32::try_from(used.saturating_mul(1_000) / (now.at_ns - then.at_ns)).unwrap_or(u32::MAX)
    };
    let waited = now.waited_ns.zip(then.waited_ns);
    (
        Some(permille(now.cpu_ns.saturating_sub(then.cpu_ns))),
        waited.map(|(now, then)| permille(now.saturating_sub(then))),
    )
}

/// Of `statm` that is resident memory in pages; of `schedstat`, time spent waiting for a processor
/// in nanoseconds.
fn second_number(file: Option<&File>) -> Option<u64> {
    let mut buffer = [0; 128];
    let length = file?.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(&buffer[..length]).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn page_size() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or(PAGE)
}

/// Detects how late a loop is: it announces when it means to read the clock again, and then when it
/// does.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the unit is last in every name")]
pub struct StallDetector {
    due_ns: Option<u64>,
    longest_ns: u64,
    stalled_ns: u64,
}

impl StallDetector {
    /// The loop reads the clock now, and means to read it again by `due_ns`. Where that is now,
    /// what follows is work, not a wait.
    pub fn observe(&mut self, now_ns: u64, due_ns: u64) {
        let late = self.due_ns.map_or(0, |due| now_ns.saturating_sub(due));
        self.longest_ns = self.longest_ns.max(late);
        if late > STALL_NS {
            self.stalled_ns += late;
        }
        self.due_ns = Some(due_ns);
    }

    /// Moves what was seen since the last call into `facts`.
    pub fn drain_into(&mut self, facts: &mut WorkerFacts) {
        facts.stall_max_ns = facts.stall_max_ns.max(Some(std::mem::take(&mut self.longest_ns)));
        facts.stalled_ns += std::mem::take(&mut self.stalled_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_look_that_comes_late_is_a_stall() {
        let (mut stalls, mut facts) = (StallDetector::default(), WorkerFacts::default());
        // The first one is not late, whenever it is.
        stalls.observe(500 * MS, 510 * MS);
        stalls.observe(510 * MS, 510 * MS);
        // Work of 30 ms, then a wait that lasts 480 ms too long.
        stalls.observe(540 * MS, 560 * MS);
        stalls.observe(1_040 * MS, 1_040 * MS);
        // One that came early is not late.
        stalls.observe(1_040 * MS, 1_140 * MS);
        stalls.observe(1_090 * MS, 1_090 * MS);
        stalls.drain_into(&mut facts);
        assert_eq!((facts.stall_max_ns, facts.stalled_ns), (Some(480 * MS), 480 * MS));
        let mut facts = WorkerFacts::default();
        stalls.drain_into(&mut facts);
        assert_eq!((facts.stall_max_ns, facts.stalled_ns), (Some(0), 0));
    }

    #[test]
    fn shares_are_of_the_last_five_seconds() {
        let mut past = VecDeque::new();
        let mut at = |second: u64, cpu_ms: u64, waited_ms: u64| {
            let (at_ns, cpu_ns) = (second * 1_000 * MS, cpu_ms * MS);
            shares(&mut past, CpuReading { at_ns, cpu_ns, waited_ns: Some(waited_ms * MS) })
        };
        for second in 0..5 {
            assert_eq!(at(second, second * 1_000, 0), (None, None));
        }
        assert_eq!(at(5, 5_000, 500), (Some(1_000), Some(100)));
        // At rest from now on, the window forgets.
        assert_eq!(at(6, 5_000, 500), (Some(800), Some(100)));
        assert_eq!(at(10, 5_000, 500), (Some(0), Some(0)));
    }

    #[test]
    fn this_process_is_seen() {
        let own = ProcessStats::open();
        let facts = own.facts();
        assert!(facts.rss_bytes > 100_000 && facts.cpu_ns > 0, "{facts:?}");
        assert!(own.past.borrow()[0].waited_ns.is_some());
    }
}
