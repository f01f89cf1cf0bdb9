//! Tables of metrics, counters and protocols: one row each, with its name.
//!
//! **Invariant:** everything that plans, verdicts, reports and documents know of a metric comes
//! from its row.

mod cost;
mod limit;
mod metric;
mod names;
mod phase;
mod protocol;

pub use cost::{CALIBRATION, COSTS, FigureRow, PLANNED};
pub use limit::LimitKey;
pub(crate) use limit::settable_limits;
pub use metric::{
    Better, CountMetric, Counted, Metric, MetricRow, MetricUnit, MonitorStat, Need, RateMetric,
    RatioMetric, ReportPlace, Samples, Stat, TimeMetric, Whose, denominator, figure_ms, numerator,
    per_second, samples, within,
};
pub use names::{Counter, Gauge};
pub use phase::Phase;
pub use protocol::{AtEnd, BriefFigure, ProtocolKind, ProtocolRow, Protocols};
