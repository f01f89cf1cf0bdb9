//! Charts of the machine that made the load: what `uptime`, `free` and `ss -s` would have shown,
//! the kernel's counters, and withheld resources.

use super::chart::{Chart, ChartSeries};
use super::chart_unit::ChartUnit;
use super::run_axis::RunAxis;
use crate::record::{HostLevels, HostSample};
use crate::report::foreign::visible;
use crate::store::{HostPoint, SavedRun};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Counters that a chart tells apart; the table has the others.
const MOST_COUNTERS: usize = 6;

pub(super) fn host(run: &SavedRun) -> Markup {
    let view = HostCharts {
        points: run.timeline.host(),
        axis: RunAxis::new(run, 0),
        width_s: f64::from(run.timeline.width()),
    };
    let charts: Vec<Markup> = view.charts().into_iter().filter_map(Chart::markup).collect();
    html! {
        @if !charts.is_empty() {
            section {
                h2 { "The machine that made the load" }
                div.charts { @for chart in charts { (chart) } }
            }
        }
    }
}

struct HostCharts<'a> {
    points: &'a [HostPoint],
    axis: RunAxis,
    width_s: f64,
}

impl HostCharts<'_> {
    fn charts(&self) -> Vec<Chart> {
        let level = |name: &str, of: fn(&HostLevels) -> Option<u64>| {
            ChartSeries::new(name, self.each(|sample| Some(of(&sample.levels?)? as f64)))
        };
        let load = |sample: &HostSample| Some(f64::from(sample.levels?.load_hundredths?) / 100.0);
        let bytes = |of: fn(&HostSample) -> Option<u64>| {
            self.each(move |sample| of(sample).map(|bytes| bytes as f64))
        };
        let sockets = vec![
            level("in use", |levels| levels.tcp_in_use),
            level("TIME_WAIT", |levels| levels.tcp_time_wait),
        ];
        let kernel = vec![
            ChartSeries::new("slabs of sockets", bytes(|sample| sample.kernel_bytes)),
            level("buffers of TCP", |levels| levels.tcp_buffer_bytes),
        ];
        let available = ChartSeries::new("available", bytes(|sample| sample.available_bytes));
        let withheld = vec![
            self.withheld("steal", |point| point.delta.steal_ns),
            self.withheld("throttled", |point| point.delta.throttled_ns.unwrap_or(0)),
            self.withheld("waiting for memory", |point| point.delta.memory_stall_ns.unwrap_or(0)),
        ];
        vec![
            self.axis.chart("TCP sockets", ChartUnit::Count, sockets),
            self.axis.chart(
                "Load average",
                ChartUnit::Number,
                vec![ChartSeries::new("load", self.each(load))],
            ),
            self.axis.chart("Memory available", ChartUnit::Bytes, vec![available]),
            self.axis.chart("Memory of the kernel", ChartUnit::Bytes, kernel),
            self.axis.chart("Processors withheld", ChartUnit::Number, seen(withheld)),
            self.axis.chart(
                "Changes of the kernel's counters",
                ChartUnit::PerSecond,
                self.counters(),
            ),
        ]
    }

    /// A value of each look at the machine.
    fn each(&self, value: impl Fn(&HostSample) -> Option<f64>) -> Vec<Option<f64>> {
        self.points.iter().map(|point| value(point.sample.as_ref()?)).collect()
    }

    /// How many processors were withheld in each point; none where nothing was sampled.
    fn withheld(&self, name: &str, of: fn(&HostPoint) -> u64) -> ChartSeries {
        let share = |point: &HostPoint| {
            let elapsed = point.delta.elapsed_ns;
            (elapsed > 0).then(|| of(point) as f64 / elapsed as f64)
        };
        ChartSeries::new(name, self.points.iter().map(share).collect())
    }

    /// The counters that moved most.
    fn counters(&self) -> Vec<ChartSeries> {
        let mut moved: BTreeMap<&str, i64> = BTreeMap::new();
        // Sockets have a chart of their own.
        let charted = |name: &str| name.starts_with("TCP.") || name.starts_with("TCP6.");
        for (name, change) in self.points.iter().flat_map(|point| &point.counters) {
            if !charted(name) {
                *moved.entry(name).or_default() += change.abs();
            }
        }
        let mut names: Vec<(&str, i64)> = moved.into_iter().collect();
        names.sort_by_key(|(name, change)| (-change, *name));
        let series = |(name, _): &(&str, i64)| {
            let change = |point: &HostPoint| {
                point.sample.as_ref()?;
                Some(point.counters.get(*name).copied().unwrap_or(0) as f64 / self.width_s)
            };
            ChartSeries::new(visible(name), self.points.iter().map(change).collect())
        };
        names.iter().take(MOST_COUNTERS).map(series).collect()
    }
}

/// Nothing where never as much as a hundredth of a processor was withheld: that is noise.
fn seen(withheld: Vec<ChartSeries>) -> Vec<ChartSeries> {
    let is_seen = |one: &ChartSeries| one.values.iter().flatten().any(|value| *value >= 0.01);
    if withheld.iter().any(is_seen) { withheld } else { Vec::new() }
}
