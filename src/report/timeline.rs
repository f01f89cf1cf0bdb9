//! Turns each second into rows of `timeline.csv`: one per scenario, with the stage and phase that
//! were current in it, and one for each of its requests, where it has several: in a long run one
//! for each stretch of several seconds (`seconds`), up to and with `second`. Of several hosts each
//! has a row, too, without distributions.

use super::columns::{Csv, CsvColumn, ReportedMetrics, bytes, csv, row};
use super::field::{ColumnField, FieldType, SCENARIO, head, of_figures};
use super::figures::ms;
use super::foreign::cell;
use super::requests::each;
use super::section::Section;
use crate::catalogue::Samples;
use crate::plan::{Metric, Plan, Scenario, Stat};
use crate::record::{
    Cell, CellKey, Gauges, HostPart, PassedTransitions, ScenarioSecond, Second, WorkerFacts,
};
use crate::store::Durations;
use crate::units::SECOND_NS;
use std::borrow::Cow;

/// The figures of a distribution that one second has.
const STATS: [Stat; 6] = [Stat::P50, Stat::P90, Stat::P99, Stat::P999, Stat::Mean, Stat::Max];

const NAMES: [ColumnField; 7] = [
    ColumnField::required("second", FieldType::Whole, "The last second of the run that it is of."),
    SCENARIO,
    ColumnField::new(
        "stage",
        FieldType::Text,
        "The stage that was current; blank after the last one.",
    ),
    ColumnField::new(
        "part",
        FieldType::Text,
        "The phase that was current: `ramp`, `hold` or `drain`.",
    ),
    ColumnField::new("request", FieldType::Text, "The request's name; blank: all of the scenario."),
    ColumnField::new(
        "host",
        FieldType::Text,
        "The host, of several; blank: all of them together, or one machine.",
    ),
    ColumnField::required("seconds", FieldType::Whole, "How many seconds it is of."),
];

const WORKERS: [ColumnField; 4] = [
    ColumnField::new("workers", FieldType::Whole, "Workers that reported this second."),
    ColumnField::new(
        "workers.cpu_ms",
        FieldType::Positive,
        "Processor time of the workers so far, in milliseconds.",
    ),
    ColumnField::new("workers.rss_bytes", FieldType::Whole, "Resident memory of the workers."),
    ColumnField::new(
        "workers.lag_max_ms",
        FieldType::Positive,
        "The latest that a worker was for its own loop so far, in milliseconds.",
    ),
];

/// The columns.
pub(super) fn fields(words: &ReportedMetrics) -> Vec<ColumnField> {
    NAMES.into_iter().chain(of_figures(&columns(words))).chain(WORKERS).collect()
}

/// The first line.
pub(super) fn heading(plan: &Plan) -> Vec<u8> {
    let mut csv = csv();
    head(&mut csv, &fields(&ReportedMetrics::of_plan(plan)));
    bytes(csv)
}

/// The rows of one second. `passed`: the transitions of each scenario so far; `hosts`: the name of
/// each, by slot.
pub(super) fn rows(
    plan: &Plan,
    passed: &[PassedTransitions],
    hosts: &[String],
    second: &Second,
) -> Vec<u8> {
    let mut csv = csv();
    let columns = columns(&ReportedMetrics::of_plan(plan));
    for (index, facts) in &second.scenarios {
        let index = usize::from(*index);
        let (Some(scenario), Some(passed)) = (plan.scenarios.get(index), passed.get(index)) else {
            continue;
        };
        let start = u64::from(second.second) * SECOND_NS;
        let place = RowPlace {
            second: second.second,
            seconds: 1,
            scenario,
            key: passed.phase_at(start + SECOND_NS / 2),
        };
        let section = section(scenario, start, facts);
        let own = figures(&columns, &ReportedMetrics::of(&scenario.protocol), &section);
        row(&mut csv, place.names("", "").into_iter().chain(own).chain(workers(facts)));
        place.requests(&mut csv, &columns, &section);
        for part in second.parts.iter().filter(|part| usize::from(part.scenario) == index) {
            place.host(&mut csv, &columns, (hosts, part));
        }
    }
    bytes(csv)
}

/// The rows of requests whose facts were kept apart from their seconds: by stage and phase.
pub(super) fn rows_of_stretch(
    plan: &Plan,
    passed: &[PassedTransitions],
    stretch: &Durations,
) -> Vec<u8> {
    let mut csv = csv();
    let index = usize::from(stretch.scenario);
    if let (Some(scenario), Some(passed)) = (plan.scenarios.get(index), passed.get(index)) {
        let columns = columns(&ReportedMetrics::of_plan(plan));
        let seconds = (stretch.last + 1).saturating_sub(stretch.first);
        let (from, to) =
            (u64::from(stretch.first) * SECOND_NS, (u64::from(stretch.last) + 1) * SECOND_NS);
        for (key, cell) in &stretch.cells {
            let place = RowPlace { second: stretch.last, seconds, scenario, key: Some(*key) };
            let phase = passed.phase_time(*key, to);
            let time = phase.map(|(start, end)| (start.max(from), end.min(to)));
            let section = Section {
                protocol: &scenario.protocol,
                cell: Cow::Borrowed(cell),
                gauges: Gauges::default(),
                times: None,
                // Attempts due in one phase may end in the next.
                time: time.filter(|(start, end)| start < end),
            };
            place.requests(&mut csv, &columns, &section);
        }
    }
    bytes(csv)
}

/// The first columns of a row.
struct RowPlace<'a> {
    /// The last second that it is of.
    second: u32,
    /// How many seconds it is of.
    seconds: u32,
    scenario: &'a Scenario,
    key: Option<CellKey>,
}

impl RowPlace<'_> {
    fn names(&self, request: &str, host: &str) -> [String; 7] {
        let stage = self.key.and_then(|key| self.scenario.stages.get(usize::from(key.stage)));
        [
            self.second.to_string(),
            cell(&self.scenario.name).into_owned(),
            stage.map(|stage| cell(&stage.name).into_owned()).unwrap_or_default(),
            self.key.map(|key| key.phase.to_string()).unwrap_or_default(),
            cell(request).into_owned(),
            cell(host).into_owned(),
            self.seconds.to_string(),
        ]
    }

    /// Adds the row of a host: what it counted, its levels, its workers.
    fn host(&self, csv: &mut Csv, columns: &[CsvColumn], (hosts, part): (&[String], &HostPart)) {
        let protocol = &self.scenario.protocol;
        let words = ReportedMetrics {
            times: Vec::new(),
            within: Vec::new(),
            ..ReportedMetrics::of(protocol)
        };
        let start = u64::from(self.second) * SECOND_NS;
        let cell = Cell { counters: part.counters, ..Cell::default() };
        let section = Section {
            protocol,
            cell: Cow::Owned(cell),
            gauges: part.gauges,
            times: None,
            time: Some((start, start + SECOND_NS)),
        };
        let figures = figures(columns, &words, &section);
        let name = part.host.slot().and_then(|slot| hosts.get(slot)).map_or("", String::as_str);
        let workers = worker_cells(part.reporting, &part.workers);
        row(csv, self.names("", name).into_iter().chain(figures).chain(workers));
    }

    /// Adds a row for each request that was sent or answered.
    fn requests(&self, csv: &mut Csv, columns: &[CsvColumn], section: &Section<'_>) {
        if !self.scenario.protocol.tells_requests_apart() {
            return;
        }
        let words = ReportedMetrics::of_requests([&self.scenario.protocol]);
        for (name, own) in each(self.scenario, section) {
            if own.cell.is_empty() {
                continue;
            }
            let figures = figures(columns, &words, &own);
            let no_workers = [const { String::new() }; 4];
            row(csv, self.names(name, "").into_iter().chain(figures).chain(no_workers));
        }
    }
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
        times: None,
        time: Some((start, start + SECOND_NS)),
    }
}

fn figures(columns: &[CsvColumn], words: &ReportedMetrics, section: &Section<'_>) -> Vec<String> {
    columns.iter().map(|column| column.value(section, words)).collect()
}

fn workers(facts: &ScenarioSecond) -> [String; 4] {
    worker_cells(facts.reporting, &facts.workers)
}

fn worker_cells(reporting: u32, workers: &WorkerFacts) -> [String; 4] {
    [
        reporting.to_string(),
        ms(workers.cpu_ns),
        workers.rss_bytes.to_string(),
        ms(workers.lag_max_ns),
    ]
}

fn columns(words: &ReportedMetrics) -> Vec<CsvColumn> {
    let counters = words.counters.iter().copied().map(CsvColumn::Counter);
    let mut columns: Vec<CsvColumn> = counters.collect();
    columns.extend(words.rates.iter().copied().map(CsvColumn::Rate));
    for within in words.within.iter().copied().map(Metric::Within) {
        columns.extend([CsvColumn::Numerator(within), CsvColumn::Ratio(within)]);
    }
    columns.extend(words.gauges.iter().copied().map(CsvColumn::Gauge));
    // An event is reported as a whole, not by the second.
    for time in words.times.iter().copied().filter(|one| one.row().samples != Samples::Events) {
        columns.push(CsvColumn::Samples(time));
        columns.extend(STATS.map(|stat| CsvColumn::Time(time, stat)));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Phase, Source};
    use crate::record::{RequestTally, StageTransition, Transition};

    #[test]
    fn a_stretch_has_a_row_for_each_request_and_phase_with_its_own_length() {
        let text = "name = \"s\"\ntargets.web.address = \"http://127.0.0.1:9/\"\n[scenarios.web]\n\
             protocol = \"http\"\nrequests = [{ name = \"a\", path = \"/a\" }, { name = \"b\", path = \"/b\" }]\n\
             stages = [{ name = \"up\", users = 9, ramp = \"30s\", hold = \"1h\" }]\n";
        let source = Source { name: "s.toml".to_owned(), text: text.to_owned() };
        let plan = Plan::parse(&source, &Overrides::default(), &|_| None).expect("a plan");
        let mut passed = PassedTransitions::default();
        for (transition, at_ns) in [(Transition::Ramp(0), 0), (Transition::Hold(0), 30 * SECOND_NS)]
        {
            passed.push(StageTransition { scenario: 0, transition, at_ns });
        }
        let cell = |started: u64| {
            let mut cell = Cell::default();
            let facts = RequestTally { started, ok: started, ..RequestTally::default() };
            cell.requests.insert(1, facts);
            cell
        };
        let key = |phase| CellKey { stage: 0, phase };
        let cells = vec![(key(Phase::Ramp), cell(200)), (key(Phase::Hold), cell(100))];
        let stretch = Durations { scenario: 0, first: 10, last: 34, cells };
        let csv = [heading(&plan), rows_of_stretch(&plan, &[passed], &stretch)].concat();
        let mut reader = csv::Reader::from_reader(&*csv);
        let heading = reader.headers().expect("a heading").clone();
        let wanted = ["second", "part", "request", "seconds", "started", "requests.rate_per_s"]
            .map(|name| {
                heading.iter().position(|known| known == name).unwrap_or_else(|| panic!("{name}"))
            });
        let rows: Vec<Vec<String>> = reader
            .records()
            .map(|row| {
                let row = row.expect("a row");
                wanted.iter().map(|at| row[*at].to_owned()).collect()
            })
            .collect();
        // 200 in 20 s of the ramp, 100 in 5 s of the hold.
        assert_eq!(
            rows,
            [["34", "ramp", "b", "25", "200", "10"], ["34", "hold", "b", "25", "100", "20"]]
        );
    }
}
