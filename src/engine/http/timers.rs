//! A queue of times at which slots must be looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Times and slots, the earliest first. A slot recognises an obsolete entry by its time.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(u64, u32)>>);

impl Timers {
    pub(super) fn set(&mut self, at_ns: u64, slot: u32) {
        self.0.push(Reverse((at_ns, slot)));
    }

    /// Takes the next entry whose time has come.
    pub(super) fn expired(&mut self, now: u64) -> Option<(u64, u32)> {
        self.0.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.0.pop().map(|Reverse(entry)| entry)
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}
