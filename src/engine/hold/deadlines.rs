//! A queue of deadlines of one length: what began first is due first, so that no timers are needed.

use std::collections::VecDeque;

/// Deadlines at a fixed time after what began them.
#[derive(Debug, Default)]
pub(super) struct DeadlineQueue {
    entries: VecDeque<(u32, u64)>,
}

impl DeadlineQueue {
    /// Adds what began for `slot` at `since_ns`; not before the last addition.
    pub(super) fn push(&mut self, slot: u32, since_ns: u64) {
        self.entries.push_back((slot, since_ns));
    }

    /// Takes the next entry if it began at or before `until_ns`.
    pub(super) fn pop(&mut self, until_ns: u64) -> Option<(u32, u64)> {
        self.entries.pop_front_if(|(_, since)| *since <= until_ns)
    }

    /// When the next entry began.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.front().map(|(_, since)| *since)
    }

    /// Removes entries from the front while `is_over`.
    pub(super) fn forget(&mut self, mut is_over: impl FnMut(u32, u64) -> bool) {
        while self.entries.pop_front_if(|(slot, since)| is_over(*slot, *since)).is_some() {}
        // Memory that a burst needed is freed.
        if self.entries.is_empty() && self.entries.capacity() > 4_096 {
            self.entries = VecDeque::new();
        }
    }
}
