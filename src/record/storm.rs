//! Measures how long the users dropped by an event took to reconnect.
//!
//! **Invariant:** everything merges by addition, in any order; a share is only ever taken of all
//! workers' connections together.

use super::TimeHistograms;
use super::times::at_rank;
use crate::plan::{Stat, TimeMetric};
use serde::{Deserialize, Serialize};

/// The outcome of the connections that one event dropped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Storm {
    /// Connections that it dropped.
    pub dropped: u64,
    /// Of these, those whose user had no other connection before it stopped needing one.
    pub gone: u64,
    /// Of the others, as [`TimeMetric::StormTime`]: when their user had one again, from the event's
    /// own time.
    pub times: TimeHistograms,
}

impl Storm {
    /// A user that lost its connection has one again.
    pub fn back(&mut self, after_ns: u64) {
        self.times.record(TimeMetric::StormTime, after_ns);
    }

    /// Connections whose user has one again.
    pub fn recovered(&self) -> u64 {
        self.times.count(TimeMetric::StormTime)
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        self.gone += other.gone;
        self.times.merge(&other.times);
    }

    /// From the event's time until this share of all that it dropped was back: nanoseconds,
    /// infinite when it can never be. `None` while that is open, and when nothing was dropped.
    pub fn after(&self, stat: Stat) -> Option<f64> {
        let back = self.recovered();
        if self.dropped == 0 {
            return None;
        }
        let wanted = match stat {
            Stat::Min => 1,
            Stat::Mean | Stat::Max => self.dropped,
            percentile => rank(percentile.quantile()?, self.dropped),
        };
        if wanted > back {
            return (wanted > self.dropped.saturating_sub(self.gone)).then_some(f64::INFINITY);
        }
        match stat {
            Stat::Min | Stat::Mean | Stat::Max => self.times.stat(TimeMetric::StormTime, stat),
            _ => self.times.get(TimeMetric::StormTime).map(|times| at_rank(times, wanted)),
        }
    }
}

/// How many of `all` make up a share; at least one.
pub(super) fn rank(share: f64, all: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a count"
    )]
    let rank = (share * all as f64).ceil() as u64;
    rank.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn storm(dropped: u64, gone: u64, back: std::ops::RangeInclusive<u64>) -> Storm {
        let mut storm = Storm { dropped, gone, ..Storm::default() };
        back.for_each(|second| storm.back(second * SECOND));
        storm
    }

    fn seconds(storm: &Storm, stat: Stat) -> Option<f64> {
        storm.after(stat).map(|ns| if ns.is_finite() { (ns / 1e9).round() } else { ns })
    }

    #[test]
    fn a_share_is_of_all_that_were_dropped() {
        let all = storm(100, 0, 1..=100);
        assert_eq!(seconds(&all, Stat::P50), Some(50.0));
        assert_eq!(seconds(&all, Stat::P99), Some(99.0));
        assert_eq!(seconds(&all, Stat::Max), Some(100.0));
        // Two never come back: 99 of 100 are not reached any more, half of them are.
        let most = storm(100, 2, 1..=98);
        assert_eq!(seconds(&most, Stat::P50), Some(50.0));
        assert_eq!(seconds(&most, Stat::P99), Some(f64::INFINITY));
        assert_eq!(seconds(&most, Stat::Mean), Some(f64::INFINITY));
        assert_eq!(
            seconds(&Storm { dropped: 1, gone: 1, ..Storm::default() }, Stat::Min),
            Some(f64::INFINITY)
        );
        assert_eq!(seconds(&Storm::default(), Stat::P50), None);
    }

    #[test]
    fn what_is_still_open_is_not_judged() {
        let open = storm(100, 0, 1..=60);
        assert_eq!(seconds(&open, Stat::P50), Some(50.0));
        assert_eq!(seconds(&open, Stat::P99), None);
        // One may stay away and 99 still be reached; two may not.
        assert_eq!(seconds(&storm(100, 1, 1..=60), Stat::P99), None);
        assert_eq!(seconds(&storm(100, 2, 1..=60), Stat::P99), Some(f64::INFINITY));
    }

    #[test]
    fn the_parts_of_workers_add_up() {
        let mut sum = storm(50, 1, 1..=49);
        sum.merge(&storm(50, 0, 50..=99));
        assert_eq!((sum.dropped, sum.gone, sum.recovered()), (100, 1, 99));
        assert_eq!(seconds(&sum, Stat::P50), Some(50.0));
        assert_eq!(seconds(&sum, Stat::P99), Some(99.0));
    }
}
