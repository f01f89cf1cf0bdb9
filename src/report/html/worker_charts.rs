//! Turns what the workers of a scenario used into charts: processors, memory, and what a connection
//! or an attempt costs.

use super::chart::{Chart, ChartSeries};
use super::chart_unit::ChartUnit;
use super::scenario::ScenarioCharts;
use crate::record::{Counter, Gauge};
use crate::store::TimelinePoint;

/// Fewer connections than this part of the most that were open say nothing about the cost of one.
const FEW: u64 = 10;

impl ScenarioCharts<'_> {
    /// The charts of the generator's own health and cost.
    pub(super) fn of_workers(&self) -> Vec<Chart> {
        let chart = |title: &str, unit, series| self.axis.chart(title, unit, series);
        vec![
            chart("Processors used by the workers", ChartUnit::Count, self.cpu()),
            chart("Processor time for each attempt", ChartUnit::Time, self.cost()),
            chart("Memory of the workers", ChartUnit::Bytes, self.memory()),
            chart("Memory for each open connection", ChartUnit::Bytes, self.memory_each()),
            chart("Latest start against the schedule", ChartUnit::Time, self.lag()),
        ]
    }

    fn cpu(&self) -> Vec<ChartSeries> {
        let used = self.per_second(|point| point.cpu_ns.unwrap_or(0) as f64 / 1e9);
        let known = self.points.iter().map(|point| point.cpu_ns.is_some());
        let used = used.into_iter().zip(known).map(|(used, known)| used.filter(|_| known));
        vec![ChartSeries::new("processors", used.collect())]
    }

    /// Processor time of the workers, divided by the attempts that they started.
    fn cost(&self) -> Vec<ChartSeries> {
        let each = |point: &TimelinePoint| {
            let started = point.counters.get(Counter::Started);
            let cpu_ns = point.cpu_ns.filter(|_| started > 0)?;
            Some(cpu_ns as f64 / started as f64)
        };
        vec![ChartSeries::new("processor time", self.each(each))]
    }

    fn memory(&self) -> Vec<ChartSeries> {
        vec![ChartSeries::new("resident", self.each(|point| Some(point.rss_bytes as f64)))]
    }

    /// Memory beyond that before the first connection, divided by the connections that were open:
    /// of the workers, and of the kernel where no other scenario uses it. Nothing where connections
    /// are not what is held.
    fn memory_each(&self) -> Vec<ChartSeries> {
        if self.scenario.protocol.row().level != Gauge::Open {
            return Vec::new();
        }
        let baseline = self.run.recording.baseline.as_ref();
        let open = |point: &TimelinePoint| point.gauges.get(Gauge::Open);
        let fewest = self.points.iter().map(open).max().unwrap_or(0).div_ceil(FEW).max(1);
        let share = |point: &TimelinePoint, before: u64, now: u64| {
            let open = Some(open(point)).filter(|open| *open >= fewest)?;
            Some(now.saturating_sub(before) as f64 / open as f64)
        };
        let key = u16::try_from(self.index).ok();
        let idle = baseline.and_then(|sample| Some(sample.workers.get(&key?)?.rss_bytes));
        let workers = self.each(|point| share(point, idle?, point.rss_bytes));
        let mut all = vec![ChartSeries::new("workers", workers)];
        if self.run.plan.scenarios.len() == 1
            && let Some(before) = baseline.and_then(|sample| sample.kernel_bytes)
        {
            let points = self.points.iter().zip(self.run.timeline.host());
            let kernel = points
                .map(|(point, host)| share(point, before, host.sample.as_ref()?.kernel_bytes?));
            all.push(ChartSeries::new("kernel", kernel.collect()));
        }
        all
    }

    fn lag(&self) -> Vec<ChartSeries> {
        vec![ChartSeries::new("schedule_lag.max", self.each(|point| Some(point.lag_max_ns as f64)))]
    }
}
