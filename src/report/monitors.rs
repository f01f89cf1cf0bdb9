//! Turns what monitors read into `monitors.csv`, a row for each value, and into a table of figures.

use super::columns::{bytes, csv, row};
use super::field::{ColumnField, FieldType, head};
use super::foreign::{cell, visible};
use super::table::{Column, Table, TableCell};
use crate::catalogue::MonitorStat;
use crate::plan::{Monitor, Plan};
use crate::record::{MonitorReading, MonitorTally};
use crate::store::SavedRun;
use crate::units::figure::{grouped, number};

/// The columns of `monitors.csv`.
pub(super) const FIELDS: [ColumnField; 4] = [
    ColumnField::required("at_s", FieldType::Positive, "When it was read, in seconds of the run."),
    ColumnField::required("monitor", FieldType::Text, "The monitor's name."),
    ColumnField::required("metric", FieldType::Text, "The metric's name."),
    ColumnField::required("value", FieldType::Number, "Its value."),
];

/// The first line of `monitors.csv`.
pub(super) fn heading() -> Vec<u8> {
    let mut csv = csv();
    head(&mut csv, &FIELDS);
    bytes(csv)
}

/// The rows of one reading: a row for each value that was there.
pub(super) fn rows(plan: &Plan, reading: &MonitorReading) -> Vec<u8> {
    let mut csv = csv();
    let Some(monitor) = plan.monitors.get(usize::from(reading.monitor)) else { return Vec::new() };
    let at_s = format!("{:.3}", reading.at_ns as f64 / 1e9);
    for (metric, value) in monitor.metrics.iter().zip(&reading.values) {
        let Some(value) = value else { continue };
        let (monitor, metric) = (cell(&monitor.name), cell(&metric.name));
        row(&mut csv, [at_s.as_str(), &monitor, &metric, &value.to_string()]);
    }
    bytes(csv)
}

/// One metric of one monitor, over the whole run.
pub(super) struct MonitoredFigures<'a> {
    /// Index into `Plan::monitors` and into `Monitor::metrics`.
    pub(super) index: (u16, u16),
    pub(super) monitor: &'a Monitor,
    /// The metric's name.
    pub(super) name: &'a str,
    /// Absent where it was never read.
    pub(super) tally: Option<&'a MonitorTally>,
}

/// Every metric of every monitor, in the plan's order.
pub(super) fn all(run: &SavedRun) -> impl Iterator<Item = MonitoredFigures<'_>> {
    (0..).zip(&run.plan.monitors).flat_map(|(index, monitor)| of(run, index, monitor))
}

/// Every metric of one monitor.
pub(super) fn of<'a>(
    run: &'a SavedRun,
    index: u16,
    monitor: &'a Monitor,
) -> impl Iterator<Item = MonitoredFigures<'a>> {
    let recorded = run.recording.monitors.get(&index);
    (0..).zip(&monitor.metrics).map(move |(metric, one)| MonitoredFigures {
        index: (index, metric),
        monitor,
        name: &one.name,
        tally: recorded.and_then(|recorded| recorded.metrics.get(&metric)),
    })
}

/// The monitors' readings in the whole run; `None` if the plan has none.
pub(super) fn table(run: &SavedRun) -> Option<Table> {
    if run.plan.monitors.is_empty() {
        return None;
    }
    let mut columns =
        vec![Column::name("monitor"), Column::name("metric"), Column::right("values")];
    let heading = |stat: &MonitorStat| Column::right(stat.name()).spare(spare(*stat));
    columns.extend(MonitorStat::ALL.iter().map(heading));
    let mut table = Table::new(columns);
    for MonitoredFigures { monitor, name, tally, .. } in all(run) {
        let values = tally.map_or(0, |tally| tally.values);
        let mut cells: Vec<TableCell> = vec![
            visible(&monitor.name).into_owned().into(),
            visible(name).into_owned().into(),
            grouped(values).into(),
        ];
        cells.extend(MonitorStat::ALL.iter().map(|stat| {
            let value = tally.and_then(|tally| tally.stat(*stat));
            TableCell::from(value.map_or_else(|| "–".to_owned(), |(value, _)| number(value)))
        }));
        table.row(cells);
    }
    Some(table)
}

/// The columns that are dropped first where space is short.
fn spare(stat: MonitorStat) -> u8 {
    match stat {
        MonitorStat::Max => 0,
        MonitorStat::Mean => 1,
        MonitorStat::Last => 2,
        MonitorStat::Rate => 3,
        MonitorStat::Min => 4,
        MonitorStat::Increase => 5,
    }
}

/// Readings that failed, a sentence for each monitor.
pub(super) fn failures(run: &SavedRun) -> Vec<String> {
    let all = run.recording.monitors.iter().filter(|(_, recorded)| recorded.failed > 0);
    all.filter_map(|(index, recorded)| {
        let monitor = run.plan.monitors.get(usize::from(*index))?;
        let why = recorded.last_failure.as_deref().unwrap_or("unknown");
        Some(format!(
            "monitor {}: {} of {} readings failed, the last one: {why}",
            monitor.name,
            grouped(recorded.failed),
            grouped(recorded.readings)
        ))
    })
    .collect()
}
