//! Turns a distribution into the figures of it that tables show.

use crate::plan::{Metric, Scenario, Stat, TimeMetric};
use crate::report::section::Section;
use crate::report::table::NOT_MEASURED;
use crate::units::figure::time;

/// The most informative distribution of a phase of a scenario: the time that users waited, where
/// that is measured.
pub(in crate::report) fn main_time(scenario: &Scenario, section: &Section<'_>) -> TimeMetric {
    let protocol = scenario.protocol.row();
    let from_due = protocol.time_from_due.filter(|one| section.cell.times.count(*one) > 0);
    from_due.unwrap_or(protocol.attempt_time)
}

/// A figure of a distribution; a dash where there are too few samples for it.
pub(super) fn figure(section: &Section<'_>, metric: TimeMetric, stat: Stat) -> String {
    let measure = section.measure(Metric::Time(metric, stat));
    let enough = measure.filter(|measure| measure.samples >= stat.sample_floor());
    enough.map_or_else(|| NOT_MEASURED.to_owned(), |measure| time(measure.value))
}

/// The 99th percentile, or with too few samples the highest one that they suffice for, by its name.
pub(super) fn finest(section: &Section<'_>, metric: TimeMetric) -> String {
    const OTHERS: [Stat; 4] = [Stat::P95, Stat::P90, Stat::P50, Stat::Max];
    let p99 = figure(section, metric, Stat::P99);
    if p99 != NOT_MEASURED {
        return p99;
    }
    let others = OTHERS.map(|stat| (stat, figure(section, metric, stat)));
    let known = others.into_iter().find(|(_, text)| text != NOT_MEASURED);
    known.map_or(p99, |(stat, text)| format!("{} {text}", stat.name()))
}
