//! What monitors read: values of the target's exporters, and figures of them.

use crate::catalogue::MonitorStat;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One reading of a monitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MonitorReading {
    /// Index into `Plan::monitors`.
    pub monitor: u16,
    /// When the response had come, on the run's clock.
    pub at_ns: u64,
    /// How long that took, in nanoseconds.
    pub took_ns: u64,
    /// By index into `Monitor::metrics`; absent where the response has no such value. Empty where
    /// reading failed.
    pub values: Vec<Option<f64>>,
    /// Why reading failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Statistics of the values of one metric over some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonitorTally {
    /// Values.
    pub values: u64,
    sum: f64,
    min: f64,
    max: f64,
    last: f64,
    /// Pairs of values that follow each other, of which the later one is among these values.
    pairs: u64,
    increase: f64,
    /// The time between the values of all pairs.
    covered_ns: u64,
}

impl MonitorTally {
    /// The tally of one value. `before`: the value before it, and when it was read.
    fn of(value: f64, at_ns: u64, before: Option<(f64, u64)>) -> Self {
        let rise = |before: f64| if value < before { value } else { value - before };
        Self {
            values: 1,
            sum: value,
            min: value,
            max: value,
            last: value,
            pairs: u64::from(before.is_some()),
            increase: before.map_or(0.0, |(before, _)| rise(before)),
            covered_ns: before.map_or(0, |(_, before_ns)| at_ns.saturating_sub(before_ns)),
        }
    }

    /// Adds later readings.
    pub fn merge(&mut self, later: &Self) {
        self.values += later.values;
        self.sum += later.sum;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
        self.pairs += later.pairs;
        self.increase += later.increase;
        self.covered_ns += later.covered_ns;
    }

    /// One figure, and how many values or rises it rests on; `None` where nothing was measured.
    pub fn stat(&self, stat: MonitorStat) -> Option<(f64, u64)> {
        let of_values = |value: f64| Some((value, self.values));
        match stat {
            MonitorStat::Min => of_values(self.min),
            MonitorStat::Max => of_values(self.max),
            MonitorStat::Mean => of_values(self.sum / self.values as f64),
            MonitorStat::Last => of_values(self.last),
            MonitorStat::Increase => (self.pairs > 0).then_some((self.increase, self.pairs + 1)),
            MonitorStat::Rate => (self.covered_ns > 0)
                .then(|| (self.increase * 1e9 / self.covered_ns as f64, self.pairs + 1)),
        }
    }
}

/// A monitor's readings in a whole run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MonitorRecording {
    /// How often it was read, well or not.
    pub readings: u64,
    /// How often that failed.
    pub failed: u64,
    /// Why it failed last.
    pub last_failure: Option<String>,
    /// The longest reading, in nanoseconds.
    pub longest_ns: u64,
    /// By index into `Monitor::metrics`.
    pub metrics: BTreeMap<u16, MonitorTally>,
    /// The last value of each metric, and when it was read.
    before: BTreeMap<u16, (f64, u64)>,
}

impl MonitorRecording {
    /// Adds a reading; what it adds to each metric, by index.
    pub(super) fn add(&mut self, reading: &MonitorReading) -> Vec<(u16, MonitorTally)> {
        self.readings += 1;
        self.longest_ns = self.longest_ns.max(reading.took_ns);
        if let Some(why) = &reading.failed {
            self.failed += 1;
            self.last_failure = Some(why.clone());
        }
        let mut added = Vec::new();
        for (metric, value) in (0..).zip(&reading.values) {
            let Some(value) = *value else { continue };
            let before = self.before.insert(metric, (value, reading.at_ns));
            let tally = MonitorTally::of(value, reading.at_ns, before);
            self.metrics.entry(metric).and_modify(|all| all.merge(&tally)).or_insert(tally);
            added.push((metric, tally));
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of these values, read a second apart.
    fn of(values: &[f64]) -> MonitorTally {
        let mut recording = MonitorRecording::default();
        for (second, value) in (0..).zip(values) {
            let reading = MonitorReading {
                at_ns: second * 1_000_000_000,
                values: vec![Some(*value)],
                ..MonitorReading::default()
            };
            recording.add(&reading);
        }
        recording.metrics[&0]
    }

    #[test]
    fn figures_are_of_all_values() {
        let tally = of(&[3.0, -1.0, 4.0]);
        let expected = [
            (MonitorStat::Min, (-1.0, 3)),
            (MonitorStat::Mean, (2.0, 3)),
            (MonitorStat::Max, (4.0, 3)),
            (MonitorStat::Last, (4.0, 3)),
        ];
        for (stat, value) in expected {
            assert_eq!(tally.stat(stat), Some(value), "{stat}");
        }
    }

    #[test]
    fn a_counter_that_starts_again_counts_from_zero() {
        let tally = of(&[100.0, 110.0, 5.0, 7.0]);
        assert_eq!(tally.stat(MonitorStat::Increase), Some((17.0, 4)));
        assert_eq!(tally.stat(MonitorStat::Rate), Some((17.0 / 3.0, 4)));
    }

    #[test]
    fn one_value_says_nothing_of_a_rise() {
        let tally = of(&[100.0]);
        assert_eq!(tally.stat(MonitorStat::Increase), None);
        assert_eq!(tally.stat(MonitorStat::Rate), None);
        assert_eq!(tally.stat(MonitorStat::Last), Some((100.0, 1)));
    }

    #[test]
    fn a_failed_reading_is_counted_and_has_no_value() {
        let mut recording = MonitorRecording::default();
        let failed = MonitorReading { failed: Some("refused".to_owned()), ..Default::default() };
        assert_eq!(recording.add(&failed), []);
        let without = MonitorReading { values: vec![None, Some(2.0)], ..Default::default() };
        assert_eq!(recording.add(&without).len(), 1);
        assert_eq!((recording.readings, recording.failed), (2, 1));
        assert_eq!(recording.last_failure.as_deref(), Some("refused"));
        assert!(!recording.metrics.contains_key(&0));
    }
}
