//! Deadlines of one length: who began first is due first, so a queue keeps them in order without a
//! timer for each.

use std::collections::VecDeque;

/// Deadlines that all lie the same time after what began them.
#[derive(Debug, Default)]
pub(super) struct DeadlineQueue {
    entries: VecDeque<(u32, u64)>,
}

impl DeadlineQueue {
    /// Notes that something of `slot` began at `since_ns`; not before what was noted last.
    pub(super) fn push(&mut self, slot: u32, since_ns: u64) {
        self.entries.push_back((slot, since_ns));
    }

    /// The next that began at or before `until_ns`, taken out.
    pub(super) fn pop(&mut self, until_ns: u64) -> Option<(u32, u64)> {
        self.entries.pop_front_if(|(_, since)| *since <= until_ns)
    }

    /// When the next one began.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.front().map(|(_, since)| *since)
    }

    /// Takes out those at the front that `is_over`.
    pub(super) fn forget(&mut self, mut is_over: impl FnMut(u32, u64) -> bool) {
        while self.entries.pop_front_if(|(slot, since)| is_over(*slot, *since)).is_some() {}
        // What a burst needed is given back.
        if self.entries.is_empty() && self.entries.capacity() > 4_096 {
            self.entries = VecDeque::new();
        }
    }
}
