//! How the values of a chart are written on its axes.

use serde::Serialize;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChartUnit {
    /// A number of things.
    Count,
    /// Things a second.
    PerSecond,
    /// Nanoseconds.
    Time,
    /// 0 to 1.
    Ratio,
    /// Of any unit.
    Number,
    /// Bytes.
    Bytes,
}

impl ChartUnit {
    pub(super) fn figure(self, value: f64) -> String {
        use crate::units::figure::{number, percent, short, time};
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "labels of axes, never negative"
        )]
        let whole = value.max(0.0).round() as u64;
        match self {
            // Ticks of a narrow range differ in their later digits.
            Self::Count if value < 10.0 => number(value),
            Self::Count => short(whole),
            Self::PerSecond if value < 10.0 => format!("{}/s", number(value)),
            Self::PerSecond => format!("{}/s", short(whole)),
            Self::Time => time(value),
            Self::Ratio => percent(value),
            Self::Number => number(value),
            // Ticks are decimal: so are the units.
            Self::Bytes => match value {
                value if value >= 1e9 => format!("{} GB", number(value / 1e9)),
                value if value >= 1e6 => format!("{} MB", number(value / 1e6)),
                value if value >= 1e3 => format!("{} kB", number(value / 1e3)),
                value => format!("{} B", number(value)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ChartUnit;

    #[test]
    fn labels_of_a_narrow_axis_differ() {
        let labels = [0.05, 0.1, 0.15, 0.2, 1.0, 2.5].map(|value| ChartUnit::Count.figure(value));
        assert_eq!(labels, ["0.05", "0.1", "0.15", "0.2", "1", "2.5"]);
        assert_eq!(ChartUnit::PerSecond.figure(0.25), "0.25/s");
    }
}
