//! The x axis of charts: marks at round times of the run, or at each nine of a percentile.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use std::ops::Range;

/// Marks of times at most.
const MOST_MARKS: f64 = 8.0;

/// Steps between the marks of times, in seconds: those of a clock.
const STEPS: [f64; 20] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0,
    3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0,
];

/// The x axis of a chart, from zero.
#[derive(Debug, Clone, Copy)]
pub(super) enum Axis {
    /// Seconds, to this one.
    Seconds(f64),
    /// Percentiles: x is the number of nines, `-log10(1 - q)`.
    Nines(f64),
}

impl Axis {
    /// The end.
    pub(super) fn max(self) -> f64 {
        match self {
            Self::Seconds(max) | Self::Nines(max) => max.max(f64::MIN_POSITIVE),
        }
    }

    fn step(self) -> f64 {
        match self {
            Self::Nines(_) => 1.0,
            Self::Seconds(max) => {
                let last = STEPS[STEPS.len() - 1];
                let days = (max / last / MOST_MARKS).ceil().max(1.0) * last;
                STEPS.into_iter().find(|step| max / step <= MOST_MARKS).unwrap_or(days)
            }
        }
    }

    /// The label of a mark.
    pub(super) fn label(self, x: f64) -> String {
        match self {
            Self::Seconds(_) => seconds(x),
            Self::Nines(_) => {
                let share = 1.0 - 10_f64.powf(-x);
                format!("{}%", (share * 1e7).round() / 1e5)
            }
        }
    }
}

/// `0`, `2.5s`, `45s`, `1m30s`, `2h`, `2h30m`.
fn seconds(x: f64) -> String {
    if x < 60.0 {
        let rounded = (x * 10.0).round() / 10.0;
        return if rounded == 0.0 { "0".to_owned() } else { format!("{rounded}s") };
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run's length")]
    let whole = x.round() as u64;
    let parts = [(whole / 3600, 'h'), (whole / 60 % 60, 'm'), (whole % 60, 's')];
    let shown = parts.iter().filter(|(amount, _)| *amount > 0);
    shown.map(|(amount, unit)| format!("{amount}{unit}")).collect::<Vec<_>>().concat()
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(0.0..self.max()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let step = self.step();
        let marks = (0..=40).map(|number| f64::from(number) * step);
        marks.take_while(|mark| *mark <= self.max() * (1.0 + 1e-9)).collect()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::coord::ranged1d::BoldPoints;

    fn labels(axis: Axis) -> Vec<String> {
        axis.key_points(BoldPoints(9)).into_iter().map(|mark| axis.label(mark)).collect()
    }

    #[test]
    fn times_are_marked_where_a_clock_is_round() {
        for (seconds, expected) in [
            (0.5, &["0", "0.1s", "0.2s", "0.3s", "0.4s", "0.5s"][..]),
            (8.4, &["0", "2s", "4s", "6s", "8s"]),
            (92.0, &["0", "15s", "30s", "45s", "1m", "1m15s", "1m30s"]),
            (1_119.0, &["0", "5m", "10m", "15m"]),
            (3_600.0, &["0", "10m", "20m", "30m", "40m", "50m", "1h"]),
            (28_800.0, &["0", "1h", "2h", "3h", "4h", "5h", "6h", "7h", "8h"]),
            (9_000.0, &["0", "30m", "1h", "1h30m", "2h", "2h30m"]),
            (2_000_000.0, &["0", "72h", "144h", "216h", "288h", "360h", "432h", "504h"]),
        ] {
            assert_eq!(labels(Axis::Seconds(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn each_nine_of_a_percentile_has_a_mark() {
        assert_eq!(labels(Axis::Nines(3.4)), ["0%", "90%", "99%", "99.9%"]);
    }
}
