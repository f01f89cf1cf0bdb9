//! Turns the histograms of seconds into those of longer stretches, so that a soak's files grow slowly.
//!
//! The first [`AT_FIRST`] bytes of histograms of a scenario are kept by the second. From then on a scenario
//! has [`EACH_SECOND`] bytes a second to spend, and its histograms are merged until they are worth it.
//!
//! **Invariant:** nothing is lost: counts stay where they are, and histograms add up to the same ones.

use super::journal::{Durations, Line};
use crate::plan::{Metric, Plan, Protocol, Scenario};
use crate::record::{Cell, CellKey, Entry, RequestTally, ScenarioSecond};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of histograms that are kept by the second.
const AT_FIRST: usize = 1 << 20;

/// Bytes of histograms a second after that, as they are in the journal.
const EACH_SECOND: usize = 400;

/// What a scenario adds a second to the files of its run at most, once [`AT_FIRST`] is used up.
const GROWTH_PER_SECOND: u64 = 2_000;

/// Bytes that a run of this length writes at most before its recording is compressed. Scenarios that
/// [keep every second](keeps_seconds) write more.
pub fn most_bytes(plan: &Plan, length: Duration) -> u64 {
    let of = |scenario: &Scenario| {
        let requests = match &scenario.protocol {
            Protocol::Http(http) if http.requests.len() > 1 => http.requests.len() as u64,
            _ => 0,
        };
        let growth = GROWTH_PER_SECOND + requests * GROWTH_PER_REQUEST;
        // Histograms stand in the journal and in the interval log.
        2 * AT_FIRST as u64 + growth.saturating_mul(length.as_secs())
    };
    plan.scenarios.iter().map(of).fold(0, u64::saturating_add)
}

/// Whether the histograms of every second are kept: a window of a percentile is judged from them.
pub fn keeps_seconds(scenario: &Scenario) -> bool {
    let mut thresholds = scenario.thresholds.iter();
    thresholds.any(|one| one.window.is_some() && matches!(one.metric, Metric::Time(..)))
}

/// What each of several requests of a scenario adds a second: its counts, and its row of the timeline.
const GROWTH_PER_REQUEST: u64 = 700;

/// Merges the histograms of each scenario.
#[derive(Debug)]
pub(super) struct Downsampler {
    /// By index into `Plan::scenarios`; `None` keeps every second.
    scenarios: Vec<Option<Pending>>,
}

#[derive(Debug)]
struct Pending {
    budget: usize,
    first: u32,
    last: u32,
    cells: BTreeMap<CellKey, Cell>,
}

impl Downsampler {
    pub(super) fn new(plan: &Plan) -> Self {
        let scenarios = plan.scenarios.iter().map(|scenario| {
            (!keeps_seconds(scenario)).then(|| Pending {
                budget: AT_FIRST,
                first: 0,
                last: 0,
                cells: BTreeMap::new(),
            })
        });
        Self { scenarios: scenarios.collect() }
    }

    /// The lines that are written for this one, in their order.
    pub(super) fn next(&mut self, mut line: Line) -> Vec<Line> {
        let mut lines = Vec::new();
        match &mut line {
            Line::Entry(Entry::Second(second)) => {
                let number = second.second;
                for (index, facts) in &mut second.scenarios {
                    let pending = self.scenarios.get_mut(usize::from(*index));
                    if let Some(Some(pending)) = pending {
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

    /// What waits, at the end.
    pub(super) fn rest(&mut self) -> Vec<Line> {
        let all = (0..).zip(&mut self.scenarios);
        all.filter_map(|(index, pending)| pending.as_mut()?.flush(index)).collect()
    }
}

impl Pending {
    /// Takes the histograms out of a second, unless they may stay there.
    fn second(&mut self, index: u16, number: u32, facts: &mut ScenarioSecond) -> Option<Line> {
        self.budget = (self.budget + EACH_SECOND).min(AT_FIRST);
        let waiting = !self.cells.is_empty();
        let taken: Vec<(CellKey, Cell)> = facts
            .cells
            .iter_mut()
            .filter_map(|(key, cell)| Some((*key, histograms(cell)?)))
            .collect();
        if taken.is_empty() && !waiting {
            return None;
        }
        if !waiting {
            let size = size(&taken);
            if size <= self.budget {
                self.budget -= size;
                for (key, cell) in &taken {
                    let mine = facts.cells.iter_mut().find(|(known, _)| known == key);
                    if let Some((_, mine)) = mine {
                        mine.merge(cell);
                    }
                }
                return None;
            }
            self.first = number;
        }
        self.last = number;
        for (key, cell) in &taken {
            self.cells.entry(*key).or_default().merge(cell);
        }
        let all: Vec<(CellKey, Cell)> =
            self.cells.iter().map(|(key, cell)| (*key, cell.clone())).collect();
        let size = size(&all);
        if size > self.budget {
            return None;
        }
        self.budget -= size;
        self.flush(index)
    }

    fn flush(&mut self, scenario: u16) -> Option<Line> {
        let cells: Vec<(CellKey, Cell)> = std::mem::take(&mut self.cells).into_iter().collect();
        let durations = Durations { scenario, first: self.first, last: self.last, cells };
        (!durations.cells.is_empty()).then_some(Line::Durations(durations))
    }
}

/// Takes the histograms of a cell out of it.
fn histograms(cell: &mut Cell) -> Option<Cell> {
    let mut taken = Cell { times: std::mem::take(&mut cell.times), ..Cell::default() };
    for (request, tally) in &mut cell.requests {
        let times = std::mem::take(&mut tally.times);
        let alone = RequestTally { times, ..RequestTally::default() };
        if alone != RequestTally::default() {
            taken.requests.insert(*request, alone);
        }
    }
    (taken != Cell::default()).then_some(taken)
}

/// Bytes of these histograms in the journal.
fn size(cells: &[(CellKey, Cell)]) -> usize {
    serde_json::to_string(cells).map_or(0, |text| text.len())
}
