//! The table of metrics, one row each, and their names in thresholds.

mod counts;
mod monitor;
mod rates;
mod ratios;
mod row;
mod stat;
mod times;

use super::ProtocolKind;
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

pub use counts::CountMetric;
pub use monitor::MonitorStat;
pub use rates::RateMetric;
pub use ratios::RatioMetric;
pub use row::{
    Better, Counted, MetricRow, MetricUnit, Need, ReportPlace, Samples, Whose, denominator,
    figure_ms, numerator, per_second, samples,
};
pub use stat::Stat;
pub use times::TimeMetric;

/// A metric of thresholds and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// A count.
    Count(CountMetric),
    /// A ratio, kept with both of its numbers.
    Ratio(RatioMetric),
    /// A rate per second.
    Rate(RateMetric),
    /// One statistic of a distribution of times.
    Time(TimeMetric, Stat),
    /// http: the ratio of passes of one check: index into `Http::checks`.
    Check(u16),
    /// http: attempts that succeeded within this time, of all that ended.
    Within(Time),
    /// A statistic of a monitor's readings.
    Monitor {
        /// Index into `Plan::monitors`.
        monitor: u16,
        /// Index into `Monitor::metrics`.
        metric: u16,
        /// The statistic.
        stat: MonitorStat,
    },
}

/// Defines an enum of metrics, each with its row; the row's `doc` is the variant's comment.
macro_rules! rows {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $row:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(
            Debug,
            Clone,
            Copy,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            serde::Serialize,
            serde::Deserialize,
        )]
        pub enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            const ROWS: &'static [$crate::catalogue::MetricRow] =
                &[$($crate::catalogue::MetricRow { doc: concat!($($doc),*), ..$row }),*];

            /// Its row.
            pub const fn row(self) -> &'static $crate::catalogue::MetricRow {
                &Self::ROWS[self as usize]
            }

            /// The name in plans, reports and on screen.
            pub const fn name(self) -> &'static str {
                self.row().name
            }

            /// The one with this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// Its place in a table of all of them.
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
use rows;

impl Metric {
    /// Its row; statistics of one distribution share theirs.
    pub fn row(self) -> &'static MetricRow {
        match self {
            Self::Count(count) => count.row(),
            Self::Ratio(ratio) => ratio.row(),
            Self::Rate(rate) => rate.row(),
            Self::Time(time, _) => time.row(),
            Self::Check(_) => &ratios::CHECK,
            Self::Within(_) => &ratios::WITHIN,
            Self::Monitor { .. } => &monitor::MONITOR,
        }
    }

    /// Every row, in the order of reports and documents.
    pub fn rows() -> impl Iterator<Item = &'static MetricRow> {
        let counts = CountMetric::ALL.iter().map(|one| one.row());
        let ratios = RatioMetric::ALL.iter().map(|one| one.row());
        let given = [&ratios::CHECK, &ratios::WITHIN];
        let rates = RateMetric::ALL.iter().map(|one| one.row());
        counts
            .chain(ratios)
            .chain(given)
            .chain(rates)
            .chain(TimeMetric::ALL.iter().map(|one| one.row()))
            .chain([&monitor::MONITOR])
    }

    /// A value of this metric for people, with its unit.
    pub fn figure(self, value: f64) -> String {
        self.row().unit.figure(value)
    }

    /// The fewest samples for a meaningful value.
    pub fn sample_floor(self) -> u64 {
        match self {
            Self::Time(_, stat) => stat.sample_floor(),
            Self::Monitor { stat, .. } => stat.sample_floor(),
            Self::Count(_) | Self::Ratio(_) | Self::Rate(_) | Self::Check(_) | Self::Within(_) => 1,
        }
    }

    /// Every one that needs no name or duration of a plan, in the order of reports.
    pub fn all() -> impl Iterator<Item = Self> {
        let times = TimeMetric::ALL
            .iter()
            .flat_map(|time| Stat::ALL.iter().map(|stat| Self::Time(*time, *stat)));
        CountMetric::ALL
            .iter()
            .map(|one| Self::Count(*one))
            .chain(RatioMetric::ALL.iter().map(|one| Self::Ratio(*one)))
            .chain(RateMetric::ALL.iter().map(|one| Self::Rate(*one)))
            .chain(times)
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        let within = || Some(Self::Within(within(name)?.parse().ok()?));
        Self::all().find(|metric| metric.to_string() == name).or_else(within)
    }

    /// Whether its value is a ratio.
    pub fn is_ratio(self) -> bool {
        self.row().unit == MetricUnit::Ratio
    }

    /// Whether a protocol measures it.
    pub fn is_of(self, protocol: ProtocolKind) -> bool {
        self.row().is_of(protocol)
    }

    /// Its name in documents: `connect.time.*`, `within.200ms.ratio`.
    pub fn family(self) -> String {
        match self {
            Self::Time(time, _) => format!("{time}.*"),
            other => other.to_string(),
        }
    }

    /// The names of all that `wanted` accepts, distributions with a star.
    pub fn families(wanted: impl Fn(&MetricRow) -> bool) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for metric in Self::all().filter(|metric| wanted(metric.row())) {
            let name = metric.family();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The duration in the name of a [`Metric::Within`], as it is written.
pub fn within(name: &str) -> Option<&str> {
    name.strip_prefix("within.")?.strip_suffix(".ratio")
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The names of checks and monitors are in the plan.
            Self::Count(_)
            | Self::Ratio(_)
            | Self::Rate(_)
            | Self::Check(_)
            | Self::Monitor { .. } => f.pad(self.row().name),
            Self::Time(metric, stat) => f.pad(&format!("{metric}.{stat}")),
            Self::Within(time) => f.pad(&format!("within.{time}.ratio")),
        }
    }
}

#[cfg(test)]
mod tests;
