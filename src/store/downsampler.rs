//! Turns what seconds have much of into that of longer stretches, so that a soak's files grow
//! slowly.
//!
//! That is histograms, and the facts of each of several requests. Of each a scenario keeps some
//! bytes by the second. From then on it has some bytes a second to spend, and what comes is merged
//! until it is worth them.
//!
//! **Invariant:** nothing is lost: a scenario's counts stay where they are, and merged seconds add
//! up to the same. Pending seconds are also in a [separate file](super::pending), in case the run
//! is killed.

use super::journal::{Durations, Line, encode};
use super::readings;
use crate::plan::{Metric, Plan, RequestScope, Scenario, Threshold};
use crate::record::{Cell, CellKey, Entry, KeptApart, ScenarioSecond};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// The most bytes that a scenario adds to the files of its run each second, after its first bytes.
const GROWTH_PER_SECOND: u64 = 2_000;

/// Bytes in all files for each second of merged facts, after the first bytes.
const EACH_SECOND: u64 = 400;

/// Bytes of a request's row in `timeline.csv`.
const TIMELINE_ROW: u64 = 300;

/// Bytes that the final reports need for one request in one section of a scenario.
const REPORT_OF_REQUEST: u64 = 2_500;

/// Bytes that a run of this length writes at most before its recording is compressed. Scenarios
/// that [keep every second](keeps_seconds) write more.
pub fn most_bytes(plan: &Plan, length: Duration) -> u64 {
    let of = |scenario: &Scenario| {
        let requests = requests(scenario);
        let bulks: &[Bulk] = if requests > 0 { &Bulk::ALL } else { &[Bulk::Histograms] };
        let at_first = bulks.iter().map(|bulk| bulk.at_first()).fold(0, u64::saturating_add);
        // The whole, and each stage with its phases.
        let sections = 1 + 3 * scenario.stages.len() as u64;
        let growth = GROWTH_PER_SECOND.saturating_mul(length.as_secs());
        at_first + growth + requests * sections * REPORT_OF_REQUEST
    };
    let monitored = |monitor| readings::most_bytes(monitor, length);
    let scenarios = plan.scenarios.iter().map(of);
    scenarios.chain(plan.monitors.iter().map(monitored)).fold(0, u64::saturating_add)
}

/// How many requests a scenario tells apart.
fn requests(scenario: &Scenario) -> u64 {
    if scenario.protocol.tells_requests_apart() {
        scenario.protocol.requests().len() as u64
    } else {
        0
    }
}

/// Whether more than counts is kept of every second: a window is judged from it.
pub fn keeps_seconds(scenario: &Scenario) -> bool {
    Bulk::ALL.iter().any(|bulk| bulk.is_kept(scenario))
}

/// The merged facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bulk {
    /// Histograms of a scenario.
    Histograms,
    /// Counts, causes and histograms of each of several requests.
    Requests,
}

impl Bulk {
    pub(super) const ALL: [Self; 2] = [Self::Histograms, Self::Requests];

    /// The seconds that these were merged from.
    pub(super) fn of(durations: &Durations) -> Self {
        let is_requests = durations.cells.iter().any(|(_, cell)| !cell.requests.is_empty());
        if is_requests { Self::Requests } else { Self::Histograms }
    }

    /// Whether it was taken out of a second.
    pub(super) fn is_apart(self, apart: KeptApart) -> bool {
        match self {
            Self::Histograms => apart.times,
            Self::Requests => apart.requests,
        }
    }

    fn set_apart(self, apart: &mut KeptApart) {
        match self {
            Self::Histograms => apart.times = true,
            Self::Requests => apart.requests = true,
        }
    }

    /// Bytes in all files that are kept by the second.
    fn at_first(self) -> u64 {
        match self {
            Self::Histograms => 2 << 20,
            Self::Requests => 32 << 20,
        }
    }

    /// Whether a threshold has a window that is judged from the seconds of it.
    fn is_kept(self, scenario: &Scenario) -> bool {
        let of_request = |one: &Threshold| one.requests != RequestScope::All;
        let mut windows = scenario.thresholds.iter().filter(|one| one.window.is_some());
        windows.any(|one| match self {
            Self::Histograms => matches!(one.metric, Metric::Time(..)),
            Self::Requests => of_request(one),
        })
    }

    /// Takes it out of a cell.
    fn take(self, cell: &mut Cell) -> Option<Cell> {
        let mut taken = Cell::default();
        match self {
            Self::Histograms => (taken.times, taken.addresses) = cell.take_times(),
            Self::Requests => taken.requests = std::mem::take(&mut cell.requests),
        }
        (taken != Cell::default()).then_some(taken)
    }

    /// Restores the facts that were taken out.
    fn put(self, taken: Cell, cell: &mut Cell) {
        match self {
            Self::Histograms => (cell.times, cell.addresses) = (taken.times, taken.addresses),
            Self::Requests => cell.requests = taken.requests,
        }
    }
}

/// Bytes that these take in all files: in the journal, as much at most in the interval log, and
/// rows of the timeline.
fn bytes<'a>(cells: impl Iterator<Item = (&'a CellKey, &'a Cell)>) -> u64 {
    cells
        .map(|one| {
            let mut length = Length(0);
            // Nothing stops a length from growing.
            let _ = serde_json::to_writer(&mut length, &one);
            2 * length.0 + TIMELINE_ROW * one.1.requests.len() as u64
        })
        .sum()
}

/// Counts what is written.
struct Length(u64);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Merges the largest facts of each scenario's seconds.
#[derive(Debug)]
pub(super) struct Downsampler {
    /// By index into `Plan::scenarios`; scenarios that are kept by the second have no entry.
    scenarios: Vec<Vec<PendingRows>>,
}

#[derive(Debug)]
struct PendingRows {
    bulk: Bulk,
    budget: u64,
    first: u32,
    last: u32,
    /// Bytes of the pending facts when last measured: they only grow.
    waiting: u64,
    cells: BTreeMap<CellKey, Cell>,
}

impl Downsampler {
    pub(super) fn new(plan: &Plan) -> Self {
        let pending = |scenario: &Scenario| {
            let bulks = Bulk::ALL.into_iter().filter(|bulk| !bulk.is_kept(scenario));
            bulks.map(PendingRows::new).collect()
        };
        Self { scenarios: plan.scenarios.iter().map(pending).collect() }
    }

    /// The lines that are written for this one, in their order.
    pub(super) fn next(&mut self, mut line: Line) -> Vec<Line> {
        let mut lines = Vec::new();
        match &mut line {
            Line::Entry(Entry::Second(second)) => {
                let number = second.second;
                for (index, facts) in &mut second.scenarios {
                    let pending = self.scenarios.get_mut(usize::from(*index));
                    for pending in pending.into_iter().flatten() {
                        lines.extend(pending.second(*index, number, facts));
                    }
                }
            }
            Line::Entry(Entry::Stopped { .. }) | Line::Finished(_) => lines = self.rest(),
            _ => {}
        }
        lines.push(line);
        lines
    }

    /// The facts that still wait, at the end.
    pub(super) fn rest(&mut self) -> Vec<Line> {
        let all = (0..).zip(&mut self.scenarios);
        all.flat_map(|(index, all)| all.iter_mut().filter_map(move |one| one.flush(index)))
            .collect()
    }

    /// Sets how many bytes may be kept second by second.
    #[cfg(test)]
    pub(super) fn spend(&mut self, left: u64) {
        self.scenarios.iter_mut().flatten().for_each(|pending| pending.budget = left);
    }

    /// The pending facts as encoded lines; they stay pending.
    pub(super) fn waiting(&mut self) -> Vec<u8> {
        let (mut bytes, mut number) = (Vec::new(), 0);
        for (index, all) in (0..).zip(&mut self.scenarios) {
            for pending in all {
                let Some(line) = pending.flush(index) else { continue };
                bytes.extend(encode(number, &line));
                number += 1;
                if let Line::Durations(durations) = line {
                    pending.cells = durations.cells.into_iter().collect();
                }
            }
        }
        bytes
    }
}

impl PendingRows {
    fn new(bulk: Bulk) -> Self {
        let (first, last, cells) = (0, 0, BTreeMap::new());
        Self { bulk, budget: bulk.at_first(), first, last, waiting: 0, cells }
    }

    /// Takes it out of a second, unless it may stay there.
    fn second(&mut self, index: u16, number: u32, facts: &mut ScenarioSecond) -> Option<Line> {
        self.budget = (self.budget + EACH_SECOND).min(self.bulk.at_first());
        let bulk = self.bulk;
        let taken: Vec<(usize, CellKey, Cell)> = facts
            .cells
            .iter_mut()
            .enumerate()
            .filter_map(|(at, (key, cell))| Some((at, *key, bulk.take(cell)?)))
            .collect();
        if self.cells.is_empty() {
            if taken.is_empty() {
                return None;
            }
            let bytes = bytes(taken.iter().map(|(_, key, cell)| (key, cell)));
            if bytes <= self.budget {
                self.budget -= bytes;
                for (at, _, cell) in taken {
                    bulk.put(cell, &mut facts.cells[at].1);
                }
                return None;
            }
            (self.first, self.waiting) = (number, bytes);
        }
        if !taken.is_empty() {
            self.last = number;
            bulk.set_apart(&mut facts.apart);
        }
        for (_, key, cell) in &taken {
            self.cells.entry(*key).or_default().merge(cell);
        }
        if self.waiting > self.budget {
            return None;
        }
        self.waiting = bytes(self.cells.iter());
        if self.waiting > self.budget {
            return None;
        }
        self.budget -= self.waiting;
        self.flush(index)
    }

    fn flush(&mut self, scenario: u16) -> Option<Line> {
        let cells: Vec<(CellKey, Cell)> = std::mem::take(&mut self.cells).into_iter().collect();
        let durations = Durations { scenario, first: self.first, last: self.last, cells };
        (!durations.cells.is_empty()).then_some(Line::Durations(durations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Phase, Source, TimeMetric};
    use crate::record::{AttemptOutcome, Cause, Counter, Failure, FailureStage, Second};

    fn plan(keys: &str) -> Plan {
        let request = |at: u32| format!("{{ name = \"r{at}\", path = \"/{at}\" }}");
        let requests: Vec<String> = (0..100).map(request).collect();
        let text = format!(
            "name = \"soak\"\ntargets.web.address = \"http://127.0.0.1:9/\"\n[scenarios.web]\n\
             protocol = \"http\"\nrequests = [{}]\n{keys}\n\
             stages = [{{ users = 9, hold = \"1h\" }}]\n",
            requests.join(", ")
        );
        let source = Source { name: "soak.toml".to_owned(), text };
        Plan::parse(&source, &Overrides::default(), &|_| None).expect("a plan")
    }

    const KEY: CellKey = CellKey { stage: 0, phase: Phase::Hold };

    fn second(second: u32, random: &mut fastrand::Rng) -> Second {
        let mut cell = Cell::default();
        let cause = Cause { code: 503, ..Cause::new(Failure::Status, FailureStage::Request) };
        for request in 0..100 {
            let facts = cell.requests.entry(request).or_default();
            for _ in 0..3 {
                facts.started += 1;
                let ns = 1_000_000 + random.u64(..200_000);
                facts.times.record(TimeMetric::ServiceTime, ns);
                facts.end(AttemptOutcome::Ok, u64::from(second), String::new);
            }
            facts.started += 1;
            facts.end(AttemptOutcome::Failed(cause), u64::from(second), String::new);
        }
        cell.counters.add(Counter::Started, 400);
        cell.counters.add(Counter::Ok, 300);
        let facts = ScenarioSecond { cells: vec![(KEY, cell)], ..ScenarioSecond::default() };
        Second { second, scenarios: [(0, facts)].into(), ..Second::default() }
    }

    #[test]
    fn a_hundred_requests_grow_by_two_kilobytes_a_second_and_nothing_is_lost() {
        let plan = plan("");
        let mut downsampler = Downsampler::new(&plan);
        // Less than a real run keeps by the second.
        downsampler.spend(2 << 20);
        let mut random = fastrand::Rng::with_seed(11);
        let (mut whole, mut written, mut bytes) = (Cell::default(), Cell::default(), Vec::new());
        let mut stretches = 0;
        let mut take = |lines: Vec<Line>, written: &mut Cell| {
            let mut length = 0;
            for line in lines {
                length += super::super::journal::encode(0, &line).len() as u64;
                match &line {
                    Line::Entry(Entry::Second(second)) => {
                        second.scenarios[&0].cells.iter().for_each(|(_, one)| written.merge(one));
                    }
                    Line::Durations(durations) => {
                        stretches += 1;
                        durations.cells.iter().for_each(|(_, one)| written.merge(one));
                    }
                    _ => {}
                }
            }
            length
        };
        let length = 1_000;
        for number in 0..length {
            let second = second(number, &mut random);
            second.scenarios[&0].cells.iter().for_each(|(_, cell)| whole.merge(cell));
            let lines = downsampler.next(Line::Entry(Entry::Second(second)));
            bytes.push(take(lines, &mut written));
        }
        let by_the_second = bytes.iter().take_while(|length| **length > 20_000).count();
        assert!((5..100).contains(&by_the_second), "{by_the_second}");
        take(downsampler.rest(), &mut written);
        assert_eq!(written, whole);
        assert!(stretches > 1, "{stretches}");
        let late = &bytes[by_the_second + 1..];
        let rate = late.iter().sum::<u64>() / late.len() as u64;
        assert!(rate < GROWTH_PER_SECOND, "{rate}");
        let most = most_bytes(&plan, Duration::from_secs(length.into()));
        assert!(bytes.iter().sum::<u64>() < most, "{most}");
    }

    #[test]
    fn what_a_window_is_judged_from_is_kept_by_the_second() {
        let window = |condition: &str, request: &str| {
            plan(&format!(
                "thresholds = [{{ condition = \"{condition}\", window = \"5s\"{request} }}]"
            ))
        };
        for (plan, kept) in [
            (window("failure_ratio < 1%", ""), [false, false]),
            (window("service_time.p90 < 1s", ""), [true, false]),
            (window("failure_ratio < 1%", ", request = \"r7\""), [false, true]),
        ] {
            let scenario = &plan.scenarios[0];
            assert_eq!(Bulk::ALL.map(|bulk| bulk.is_kept(scenario)), kept);
            assert_eq!(keeps_seconds(scenario), kept.contains(&true));
            assert_eq!(
                Downsampler::new(&plan).scenarios[0].len(),
                2 - kept.iter().filter(|one| **one).count()
            );
        }
    }
}
