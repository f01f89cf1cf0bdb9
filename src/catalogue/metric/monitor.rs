//! The statistics of monitors' values in thresholds.

use super::row::{Better, MetricRow, MetricUnit, ReportPlace, Samples, Whose};
use crate::catalogue::Protocols;
use std::fmt;

/// Defines the statistics: their names, and their comments as documentation.
macro_rules! stats {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        /// A statistic of a monitor's values over the time that a threshold covers.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        pub enum MonitorStat { $($(#[doc = $doc])* $variant,)* }

        impl MonitorStat {
            /// Every one, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in plans and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

stats! {
    /// The smallest value.
    Min = "min",
    /// The arithmetic mean of the values.
    Mean = "mean",
    /// The largest value.
    Max = "max",
    /// The last value.
    Last = "last",
    /// The increase of a counter; a value smaller than the previous one counts from zero, as after
    /// a restart.
    Increase = "increase",
    /// The increase per second.
    Rate = "rate",
}

impl MonitorStat {
    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    /// All names, in words.
    pub fn names() -> String {
        Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ")
    }

    /// The fewest values for a result: an increase needs two.
    pub fn sample_floor(self) -> u64 {
        match self {
            Self::Min | Self::Mean | Self::Max | Self::Last => 1,
            Self::Increase | Self::Rate => 2,
        }
    }
}

impl fmt::Display for MonitorStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The metric of a monitor's readings.
pub(super) const MONITOR: MetricRow = MetricRow {
    name: "monitor.NAME.METRIC.max",
    doc: " A figure of what `[monitors.NAME]` reads: `min`, `mean`, `max`, `last`, `increase` or \
          `rate`.",
    formula: "over the values that were read; `increase` and `rate` of a counter that starts again \
              count from zero",
    unit: MetricUnit::Number,
    better: Better::Neither,
    protocols: Protocols::ALL,
    connections: Protocols::NONE,
    all_phases: Protocols::NONE,
    per_request: false,
    needs: &[],
    samples: Samples::Scrapes,
    whose: Whose::All,
    age: None,
    report: ReportPlace::Monitors,
    counts: None,
};
