//! Turns the number of open connections over time into connection-seconds: kept, and owed by
//! connections that were lost.
//!
//! **Invariant:** no time is counted twice and none is left out: sums are exact to the nanosecond,
//! and what is not booked yet is carried.

use crate::record::{Counter, Counters};

const MS_NS: u128 = 1_000_000;

/// The sums of one worker.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Up to when the sums go.
    until_ns: u64,
    /// Users whose connection was lost, who have no other one yet, and should have.
    pub(super) owed: u64,
    /// Nothing is kept or owed any more: the level is being left.
    pub(super) closed: bool,
    kept_ns: u128,
    owed_ns: u128,
}

impl Account {
    /// Counts the time up to now, through which `open` connections were open. Called before that
    /// number or `owed` changes.
    pub(super) fn pass(&mut self, now_ns: u64, open: u64) {
        let passed = u128::from(now_ns.saturating_sub(self.until_ns));
        self.until_ns = self.until_ns.max(now_ns);
        if !self.closed {
            self.kept_ns += passed * u128::from(open);
            self.owed_ns += passed * u128::from(self.owed);
        }
    }

    /// Books whole milliseconds; the rest is booked the next time.
    pub(super) fn book(&mut self, counters: &mut Counters) {
        let take = |sum: &mut u128| {
            let whole = u64::try_from(*sum / MS_NS).unwrap_or(u64::MAX);
            *sum %= MS_NS;
            whole
        };
        let (kept, owed) = (take(&mut self.kept_ns), take(&mut self.owed_ns));
        counters.add(Counter::TimeDelivered, kept);
        counters.add(Counter::TimePromised, kept + owed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_kept_by_the_open_and_owed_by_the_lost() {
        let (mut account, mut counters) = (Account::default(), Counters::default());
        account.pass(1_000_000, 0);
        account.pass(4_500_000, 3);
        account.owed = 2;
        account.pass(6_500_000, 1);
        // A moment that has been counted is not counted again.
        account.pass(6_000_000, 9);
        account.book(&mut counters);
        assert_eq!(counters.get(Counter::TimeDelivered), 12);
        assert_eq!(counters.get(Counter::TimePromised), 16);
        account.pass(7_000_000, 1);
        account.book(&mut counters);
        // Half a millisecond and half a millisecond.
        assert_eq!(counters.get(Counter::TimeDelivered), 13);
    }
}
