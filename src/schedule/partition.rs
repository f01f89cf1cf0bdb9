//! Divides a scenario among its workers.

use serde::{Deserialize, Serialize};

/// Part `index` of `of`. Whatever is divided is divided by index, never by rounding, so that the
/// parts sum to the whole exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// From 0.
    pub index: u32,
    /// How many parts there are; at least 1.
    pub of: u32,
}

impl Partition {
    /// The whole.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Whether user or arrival number `i` belongs to this partition, where blocks of `block` stay
    /// together.
    pub fn owns(self, i: u64, block: u64) -> bool {
        (i / block) % u64::from(self.of) == u64::from(self.index)
    }

    /// The first number at or after `i` that belongs to this partition.
    pub fn next_owned(self, i: u64, block: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of));
        let at = i / block;
        let skip = (index + of - at % of) % of;
        if skip == 0 { i } else { (at + skip) * block }
    }

    /// How many of the numbers `0..count` belong to this partition.
    pub fn part_of(self, count: u64, block: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of));
        let (rounds, rest) = (count / (block * of), count % (block * of));
        rounds * block + rest.saturating_sub(index * block).min(block)
    }
}
