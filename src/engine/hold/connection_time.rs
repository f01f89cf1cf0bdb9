//! Adds up connection time: of open connections, and missing of users that lost theirs.
//!
//! **Invariant:** no time is counted twice or left out: sums are exact to the nanosecond, and what
//! is not recorded yet is carried over.

use crate::record::{Counter, Counters};

const MS_NS: u128 = 1_000_000;

/// The sums of one worker.
#[derive(Debug, Default)]
pub(super) struct ConnectionTime {
    /// The time up to which it is summed.
    until_ns: u64,
    /// Users that lost their connection, have no other one yet, and should have.
    pub(super) missing: u64,
    /// No time counts any more: the drain has begun.
    pub(super) closed: bool,
    open_ns: u128,
    missing_ns: u128,
}

impl ConnectionTime {
    /// Counts the time up to now, in which `open` connections were open. Must be called before that
    /// number or `missing` changes.
    pub(super) fn advance(&mut self, now_ns: u64, open: u64) {
        let passed = u128::from(now_ns.saturating_sub(self.until_ns));
        self.until_ns = self.until_ns.max(now_ns);
        if !self.closed {
            self.open_ns += passed * u128::from(open);
            self.missing_ns += passed * u128::from(self.missing);
        }
    }

    /// Records whole milliseconds; the rest is carried over.
    pub(super) fn record(&mut self, counters: &mut Counters) {
        let take = |sum: &mut u128| {
            let whole = u64::try_from(*sum / MS_NS).unwrap_or(u64::MAX);
            *sum %= MS_NS;
            whole
        };
        let (kept, owed) = (take(&mut self.open_ns), take(&mut self.missing_ns));
        counters.add(Counter::TimeDelivered, kept);
        counters.add(Counter::TimePromised, kept + owed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_kept_by_the_open_and_owed_by_the_lost() {
        let (mut time, mut counters) = (ConnectionTime::default(), Counters::default());
        time.advance(1_000_000, 0);
        time.advance(4_500_000, 3);
        time.missing = 2;
        time.advance(6_500_000, 1);
        // A moment that has been counted is not counted again.
        time.advance(6_000_000, 9);
        time.record(&mut counters);
        assert_eq!(counters.get(Counter::TimeDelivered), 12);
        assert_eq!(counters.get(Counter::TimePromised), 16);
        time.advance(7_000_000, 1);
        time.record(&mut counters);
        // Half a millisecond and half a millisecond.
        assert_eq!(counters.get(Counter::TimeDelivered), 13);
    }
}
