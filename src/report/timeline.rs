//! Turns each second into rows of `timeline.csv`: one per scenario, with the stage and phase that
//! were current in it, and one for each of its requests, where it has several.

use super::columns::{CsvColumn, ReportedMetrics, bytes, csv, row};
use super::figures::ms;
use super::foreign::cell;
use super::requests::each;
use super::section::Section;
use crate::catalogue::Samples;
use crate::plan::{Metric, Plan, Protocol, Scenario, Stat};
use crate::record::{Cell, Recording, ScenarioSecond, Second};
use crate::units::SECOND_NS;
use std::borrow::Cow;

/// The figures of a distribution that one second has.
const STATS: [Stat; 6] = [Stat::P50, Stat::P90, Stat::P99, Stat::P999, Stat::Mean, Stat::Max];

/// The first line.
pub fn heading(plan: &Plan) -> Vec<u8> {
    let mut csv = csv();
    let names = ["second", "scenario", "stage", "part", "request"].map(str::to_owned);
    let figures = columns(plan).into_iter().map(CsvColumn::heading);
    let workers = ["workers", "workers.cpu_ms", "workers.rss_bytes", "workers.lag_max_ms"];
    row(&mut csv, names.into_iter().chain(figures).chain(workers.map(str::to_owned)));
    bytes(csv)
}

/// The rows of one second; `marks` holds the boundaries so far.
pub fn rows(plan: &Plan, marks: &Recording, second: &Second) -> Vec<u8> {
    let mut csv = csv();
    let columns = columns(plan);
    for (index, facts) in &second.scenarios {
        let index = usize::from(*index);
        let (Some(scenario), Some(passed)) =
            (plan.scenarios.get(index), marks.scenarios.get(index))
        else {
            continue;
        };
        let start = u64::from(second.second) * SECOND_NS;
        let current = passed.phase_at(start + SECOND_NS / 2);
        let stage = current.and_then(|key| scenario.stages.get(usize::from(key.stage)));
        let names = [
            second.second.to_string(),
            cell(&scenario.name).into_owned(),
            stage.map(|stage| cell(&stage.name).into_owned()).unwrap_or_default(),
            current.map(|key| key.phase.to_string()).unwrap_or_default(),
            String::new(),
        ];
        let section = section(scenario, start, facts);
        let own = figures(&columns, &ReportedMetrics::of(&scenario.protocol), &section);
        row(&mut csv, names.clone().into_iter().chain(own).chain(workers(facts)));
        let Protocol::Http(http) = &scenario.protocol else { continue };
        if http.requests.len() < 2 {
            continue;
        }
        let words = ReportedMetrics::of_requests([&scenario.protocol]);
        for (name, section) in each(http, &section) {
            // A second in which it was neither sent nor answered has no row of it.
            if section.cell.is_empty() {
                continue;
            }
            let mut names = names.clone();
            names[4] = cell(name).into_owned();
            let figures = figures(&columns, &words, &section);
            let no_workers = [const { String::new() }; 4];
            row(&mut csv, names.into_iter().chain(figures).chain(no_workers));
        }
    }
    bytes(csv)
}

fn section<'a>(scenario: &'a Scenario, start: u64, facts: &ScenarioSecond) -> Section<'a> {
    let mut all = Cell::default();
    for (_, cell) in &facts.cells {
        all.merge(cell);
    }
    Section {
        protocol: &scenario.protocol,
        cell: Cow::Owned(all),
        gauges: facts.gauges,
        time: Some((start, start + SECOND_NS)),
    }
}

fn figures(columns: &[CsvColumn], words: &ReportedMetrics, section: &Section<'_>) -> Vec<String> {
    columns.iter().map(|column| column.value(section, words)).collect()
}

fn workers(facts: &ScenarioSecond) -> [String; 4] {
    [
        facts.reporting.to_string(),
        ms(facts.workers.cpu_ns),
        facts.workers.rss_bytes.to_string(),
        ms(facts.workers.lag_max_ns),
    ]
}

fn columns(plan: &Plan) -> Vec<CsvColumn> {
    let words = ReportedMetrics::of_plan(plan);
    let mut columns: Vec<CsvColumn> = words.counters.into_iter().map(CsvColumn::Counter).collect();
    columns.extend(words.rates.iter().copied().map(CsvColumn::Rate));
    for within in words.within.iter().copied().map(Metric::Within) {
        columns.extend([CsvColumn::Numerator(within), CsvColumn::Ratio(within)]);
    }
    columns.extend(words.gauges.into_iter().map(CsvColumn::Gauge));
    // An event is told as a whole, not by the second.
    for time in words.times.into_iter().filter(|one| one.row().samples != Samples::Events) {
        columns.push(CsvColumn::Samples(time));
        columns.extend(STATS.map(|stat| CsvColumn::Time(time, stat)));
    }
    columns
}
