//! Turns the connections to each address of a target into `addresses.csv` and words; and says what
//! later lookups of names have found.

use super::columns::{bytes, csv, row};
use super::field::{ALL_STAGES, ColumnField, FieldType, SCENARIO, STAGE_OR_ALL, head};
use super::foreign::cell;
use super::section::ScenarioFacts;
use crate::plan::{Stat, TimeMetric};
use crate::record::AddressTally;
use crate::store::SavedRun;
use crate::units::figure::{grouped, time};

/// The columns.
pub(super) const FIELDS: [ColumnField; 10] = [
    SCENARIO,
    STAGE_OR_ALL,
    ColumnField::required("address", FieldType::Text, "The target's address."),
    ColumnField::required("opened", FieldType::Whole, "Connections to it that opened."),
    ColumnField::required(
        "failed",
        FieldType::Whole,
        "Connections to it that did not open, for a reason that is not the generator's own.",
    ),
    ColumnField::required(
        "broken",
        FieldType::Whole,
        "Failures on open connections: held ones that were lost, requests that failed.",
    ),
    ColumnField::new("connect.time.p50_ms", FieldType::Positive, "The median of `connect.time`."),
    ColumnField::new("connect.time.p99_ms", FieldType::Positive, "The 99th percentile of it."),
    ColumnField::new("connect.time.mean_ms", FieldType::Positive, "Its mean."),
    ColumnField::new("connect.time.max_ms", FieldType::Positive, "The longest."),
];

/// The figures of `connect.time` that are shown of an address.
pub(super) const STATS: [Stat; 4] = [Stat::P50, Stat::P99, Stat::Mean, Stat::Max];

/// The file; empty where no connections are counted by address.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    let mut csv = csv();
    head(&mut csv, &FIELDS);
    let mut any = false;
    for (index, scenario) in run.plan.scenarios.iter().enumerate() {
        let facts = ScenarioFacts::new(run, index);
        let stages = (0..).zip(&scenario.stages);
        let stages = stages.map(|(number, stage)| (cell(&stage.name), facts.stage(number)));
        for (stage, section) in stages.chain([(ALL_STAGES.into(), facts.whole())]) {
            for (address, tally) in &section.cell.addresses {
                any = true;
                let mut cells = vec![
                    cell(&scenario.name).into_owned(),
                    stage.clone().into_owned(),
                    address.to_string(),
                    tally.opened.to_string(),
                    tally.failed.to_string(),
                    tally.broken.to_string(),
                ];
                cells.extend(STATS.map(|stat| {
                    let ns = connect_time(tally, stat);
                    ns.map_or_else(String::new, |ns| (ns / 1e6).to_string())
                }));
                row(&mut csv, cells);
            }
        }
    }
    if any { bytes(csv) } else { Vec::new() }
}

/// A figure of `connect.time`, in nanoseconds.
pub(super) fn connect_time(tally: &AddressTally, stat: Stat) -> Option<f64> {
    tally.times.stat(TimeMetric::ConnectTime, stat)
}

/// The cells of a row about an address: opened, failed, broken, figures of `connect.time`.
pub(super) fn words(tally: &AddressTally) -> Vec<String> {
    let counts = [tally.opened, tally.failed, tally.broken].map(grouped);
    let times = STATS.map(|stat| connect_time(tally, stat).map_or_else(|| "–".to_owned(), time));
    counts.into_iter().chain(times).collect()
}

/// Later lookups that failed, a sentence for each target.
pub(super) fn failed_lookups(run: &SavedRun) -> Vec<String> {
    let all = run.recording.lookups.iter();
    all.filter_map(|(index, recorded)| {
        let target = run.plan.targets.get(usize::from(*index))?;
        let (at_ns, why) = recorded.first_failure.as_ref()?;
        Some(format!(
            "target {}: a lookup during the run failed, first at {}: {why}; names without a \
             usable address kept the addresses from before",
            target.name,
            time(*at_ns as f64),
        ))
    })
    .collect()
}
