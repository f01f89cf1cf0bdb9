//! Turns moments into the slots that are to be looked at then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Moments and slots, the earliest first. An entry that has been overtaken is known by its moment.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(u64, u32)>>);

impl Timers {
    pub(super) fn set(&mut self, at_ns: u64, slot: u32) {
        self.0.push(Reverse((at_ns, slot)));
    }

    /// The next one whose time has come.
    pub(super) fn expired(&mut self, now: u64) -> Option<(u64, u32)> {
        self.0.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.0.pop().map(|Reverse(entry)| entry)
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}
