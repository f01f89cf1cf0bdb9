//! The figures of a distribution.

use std::fmt;

/// One statistic of a distribution.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Stat {
    /// The median.
    P50,
    /// The 75th percentile.
    P75,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// The 99.99th percentile.
    P9999,
    /// The smallest.
    Min,
    /// The arithmetic mean.
    Mean,
    /// The largest.
    Max,
}

impl Stat {
    /// Every figure, in the order of reports.
    pub const ALL: &'static [Self] = &[
        Self::P50,
        Self::P75,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::P999,
        Self::P9999,
        Self::Min,
        Self::Mean,
        Self::Max,
    ];

    /// The word in plans, reports and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P75 => "p75",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::P9999 => "p99.99",
            Self::Min => "min",
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }

    /// The quantile, 0 to 1, of a percentile.
    pub fn quantile(self) -> Option<f64> {
        Some(match self {
            Self::P50 => 0.5,
            Self::P75 => 0.75,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::P9999 => 0.9999,
            Self::Min | Self::Mean | Self::Max => return None,
        })
    }

    /// The fewest samples for a meaningful value: for a percentile the fewest with which a
    /// two-sided 95 % interval from order statistics exists, `ln(0.025) / ln(q)`; one for the
    /// others.
    pub fn sample_floor(self) -> u64 {
        match self {
            Self::P50 => 6,
            Self::P75 => 13,
            Self::P90 => 36,
            Self::P95 => 72,
            Self::P99 => 368,
            Self::P999 => 3_688,
            Self::P9999 => 36_887,
            Self::Min | Self::Mean | Self::Max => 1,
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
