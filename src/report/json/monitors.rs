//! The readings of monitors.

use super::OrderedMap;
use crate::catalogue::MonitorStat;
use crate::report::monitors::{self, MonitoredFigures};
use crate::store::SavedRun;
use schemars::JsonSchema;
use serde::Serialize;

/// One monitor.
#[derive(Serialize, JsonSchema)]
pub(super) struct MonitorReport<'a> {
    name: &'a str,
    url: &'a str,
    every_ns: u64,
    /// How often it was read, well or not.
    readings: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<&'a str>,
    longest_ns: u64,
    metrics: Vec<MonitoredReport<'a>>,
}

/// One metric of it, over the whole run.
#[derive(Serialize, JsonSchema)]
struct MonitoredReport<'a> {
    name: &'a str,
    values: u64,
    #[serde(flatten)]
    figures: OrderedMap<&'static str, f64>,
}

impl<'a> MonitorReport<'a> {
    /// Every monitor of the plan.
    pub(super) fn all(run: &'a SavedRun) -> Vec<Self> {
        let one = |(index, monitor): (u16, &'a crate::plan::Monitor)| {
            let recorded = run.recording.monitors.get(&index);
            Self {
                name: &monitor.name,
                url: &monitor.written,
                every_ns: monitor.every.as_nanos(),
                readings: recorded.map_or(0, |recorded| recorded.readings),
                failed: recorded.map_or(0, |recorded| recorded.failed),
                last_failure: recorded.and_then(|recorded| recorded.last_failure.as_deref()),
                longest_ns: recorded.map_or(0, |recorded| recorded.longest_ns),
                metrics: monitors::of(run, index, monitor)
                    .map(|one| MonitoredReport::new(&one))
                    .collect(),
            }
        };
        (0..).zip(&run.plan.monitors).map(one).collect()
    }
}

impl<'a> MonitoredReport<'a> {
    fn new(one: &MonitoredFigures<'a>) -> Self {
        let figure = |stat: &MonitorStat| Some((stat.name(), one.tally?.stat(*stat)?.0));
        Self {
            name: one.name,
            values: one.tally.map_or(0, |tally| tally.values),
            figures: OrderedMap(MonitorStat::ALL.iter().filter_map(figure).collect()),
        }
    }
}
