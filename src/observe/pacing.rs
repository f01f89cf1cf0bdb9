//! Turns the run's clock into leave to write: often at first, seldom later, and never more than a
//! log can bear.
//!
//! **Invariant:** the output of eight hours stays under 100 KiB in any run: heartbeats wait longer
//! the longer they are, and other lines share an allowance that grows slowly.

use crate::units::SECOND_NS;
use std::collections::HashMap;
use std::hash::Hash;

/// Heartbeats come this often in the first five minutes …
const EARLY_NS: u64 = 10 * SECOND_NS;
/// … which end here …
const EARLY_END_NS: u64 = 300 * SECOND_NS;
/// … and this often from then on.
const LATE_NS: u64 = 60 * SECOND_NS;
/// A heartbeat of more bytes than this waits in proportion: 505 of them in eight hours make 79 KiB.
const BEAT_BYTES: u64 = 160;

/// When the next heartbeat is due.
#[derive(Debug)]
pub(super) struct HeartbeatInterval {
    next_ns: u64,
}

impl HeartbeatInterval {
    /// The interval at the beginning of a run.
    pub(super) fn new() -> Self {
        Self { next_ns: EARLY_NS }
    }

    /// Whether a heartbeat is due.
    pub(super) fn due(&self, now_ns: u64) -> bool {
        now_ns >= self.next_ns
    }

    /// Records a heartbeat of this many bytes.
    pub(super) fn record(&mut self, now_ns: u64, bytes: usize) {
        let base = if now_ns < EARLY_END_NS { EARLY_NS } else { LATE_NS };
        let gap = base * (bytes as u64).max(BEAT_BYTES) / BEAT_BYTES;
        // From the due time, so that a late second moves nothing.
        self.next_ns = (self.next_ns + gap).max(now_ns + gap / 2);
    }
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Stages, causes, thresholds.
    Usual,
    /// A lost worker: it decides the verdict.
    Urgent,
    /// The start and the end: a handful in every run.
    Always,
}

/// How many bytes may be written beside heartbeats.
#[derive(Debug)]
pub(super) struct LogBudget {
    start: u64,
    an_hour: u64,
    spent: u64,
    suppressed: u64,
}

/// The extra bytes for urgent lines.
const URGENT_BYTES: u64 = 4_096;

impl LogBudget {
    /// An allowance of `start` bytes and as many more each hour as `an_hour`.
    pub(super) fn new(start: u64, an_hour: u64) -> Self {
        Self { start, an_hour, spent: 0, suppressed: 0 }
    }

    /// Whether a line of this many bytes may be written now; if so, its bytes are deducted.
    pub(super) fn take(&mut self, now_ns: u64, bytes: usize, weight: Priority) -> bool {
        let bytes = bytes as u64;
        let grown = self.start + self.an_hour * (now_ns / SECOND_NS) / 3_600;
        let limit = match weight {
            Priority::Usual => grown,
            Priority::Urgent => grown + URGENT_BYTES,
            Priority::Always => u64::MAX,
        };
        let fits = self.spent + bytes <= limit;
        if !fits {
            self.suppressed += 1;
        } else if weight != Priority::Always {
            self.spent += bytes;
        }
        fits
    }

    /// How many lines were suppressed since this was last asked.
    pub(super) fn suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }
}

/// How often each thing may be repeated.
#[derive(Debug)]
pub(super) struct RepeatLimit<K> {
    seen: HashMap<K, (u32, u64)>,
}

impl<K> Default for RepeatLimit<K> {
    fn default() -> Self {
        Self { seen: HashMap::new() }
    }
}

/// How often the same thing is written in full …
const TOLD: u32 = 6;
/// … and then at most once in this time.
const AGAIN_NS: u64 = 600 * SECOND_NS;

impl<K: Eq + Hash> RepeatLimit<K> {
    /// Whether to tell of a thing again.
    pub(super) fn tell(&mut self, thing: K, now_ns: u64) -> bool {
        let (times, last_ns) = self.seen.entry(thing).or_default();
        if *times >= TOLD && now_ns < *last_ns + AGAIN_NS {
            return false;
        }
        *times += 1;
        *last_ns = now_ns;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(bytes: usize, mut interval: HeartbeatInterval) -> Vec<u64> {
        let seconds = (1..=28_800).map(|second| second * SECOND_NS);
        let mut beats = Vec::new();
        for now in seconds {
            if interval.due(now) {
                interval.record(now, bytes);
                beats.push(now / SECOND_NS);
            }
        }
        beats
    }

    #[test]
    fn heartbeats_come_every_ten_seconds_then_every_minute() {
        let all = beats(120, HeartbeatInterval::new());
        assert_eq!(all[..3], [10, 20, 30]);
        assert_eq!(all[28..32], [290, 300, 360, 420]);
        assert_eq!(all.len(), 505);
    }

    #[test]
    fn a_long_heartbeat_waits_so_that_eight_hours_cost_the_same() {
        for bytes in [160, 200, 450, 3_000] {
            let total = beats(bytes, HeartbeatInterval::new()).len() * bytes;
            assert!(total <= 505 * 160 + 2 * bytes, "{bytes}: {total}");
        }
    }

    #[test]
    fn an_allowance_grows_and_keeps_something_for_what_is_urgent() {
        let mut budget = LogBudget::new(1_000, 100);
        assert!(budget.take(0, 1_000, Priority::Usual));
        assert!(!budget.take(0, 1, Priority::Usual));
        assert!(budget.take(0, 4_096, Priority::Urgent));
        assert!(!budget.take(0, 1, Priority::Urgent));
        assert!(budget.take(0, 100_000, Priority::Always));
        assert_eq!(budget.suppressed(), 2);
        assert_eq!(budget.suppressed(), 0);
        assert!(!budget.take(3_600 * SECOND_NS, 100, Priority::Usual));
        assert!(budget.take(50 * 3_600 * SECOND_NS, 100, Priority::Usual));
    }

    #[test]
    fn what_repeats_is_told_six_times_and_then_seldom() {
        let mut repeats = RepeatLimit::default();
        let told = (0..3_600).filter(|second| repeats.tell("flap", second * SECOND_NS)).count();
        assert_eq!(told, 6 + 5);
        assert!(repeats.tell("other", 0));
    }
}
