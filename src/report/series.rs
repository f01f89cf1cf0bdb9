//! Turns the lines of a journal, one after the other, into the files that grow with every second.
//!
//! **Invariant:** live and recovered runs call this with the same lines in the same order, so that
//! the files are the same to the byte.

use super::{hlog, monitors, timeline};
use crate::plan::Plan;
use crate::record::{Entry, PassedTransitions, ScenarioSecond, Second};
use crate::store::{self, Durations, Line};

/// The additions of one line to each file, in the order of [`NAMES`].
type Additions = [Vec<u8>; NAMES.len()];

/// The files.
const NAMES: [&str; 3] = ["timeline.csv", "latency.hlog", "monitors.csv"];

/// Of these, those that every run has; the others have what monitors read.
const OF_EVERY_RUN: usize = 2;

/// The state between two lines: the plan's names, and which phase of which stage is current.
#[derive(Debug)]
pub struct RowSeries {
    plan: Plan,
    /// The transitions of each scenario so far, by index into `Plan::scenarios`.
    passed: Vec<PassedTransitions>,
    /// The names of the hosts, by slot; none where one machine makes the load.
    hosts: Vec<String>,
    /// Facts kept apart from the seconds up to the next one: its row shows the histograms, and
    /// the rows of requests follow it.
    durations: Vec<Durations>,
}

impl RowSeries {
    /// At the beginning of a run of this plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            passed: vec![PassedTransitions::default(); plan.scenarios.len()],
            hosts: Vec::new(),
            durations: Vec::new(),
        }
    }

    fn rows(&mut self, second: &Second) -> Vec<u8> {
        if self.durations.is_empty() {
            return timeline::rows(&self.plan, &self.passed, &self.hosts, second);
        }
        let (requests, histograms): (Vec<_>, Vec<_>) =
            self.durations.drain(..).partition(of_requests);
        let mut whole = second.clone();
        for durations in histograms {
            whole.scenarios.entry(durations.scenario).or_default().cells.extend(durations.cells);
        }
        let mut rows = timeline::rows(&self.plan, &self.passed, &self.hosts, &whole);
        rows.extend(self.stretches(&requests));
        rows
    }

    /// The rows of requests that no second follows.
    fn last_rows(&mut self) -> Vec<u8> {
        let left = std::mem::take(&mut self.durations);
        self.stretches(&left)
    }

    fn stretches(&self, all: &[Durations]) -> Vec<u8> {
        let rows = |one| timeline::rows_of_stretch(&self.plan, &self.passed, one);
        all.iter().flat_map(rows).collect()
    }

    fn intervals(&self, second: &Second) -> Vec<u8> {
        let number = second.second;
        let of = |(scenario, facts): (&u16, &ScenarioSecond)| {
            let cells = facts.cells.clone();
            let durations = Durations { scenario: *scenario, first: number, last: number, cells };
            hlog::intervals(&self.plan, &durations)
        };
        second.scenarios.iter().flat_map(of).collect()
    }

    fn additions(&mut self, line: &Line) -> Additions {
        match line {
            Line::Header(header) => {
                [timeline::heading(&self.plan), hlog::heading(header), monitors::heading()]
            }
            Line::Started(started) => [Vec::new(), hlog::times(started), Vec::new()],
            Line::Entry(Entry::Second(second)) => {
                [self.rows(second), self.intervals(second), Vec::new()]
            }
            Line::Entry(Entry::Monitored(reading)) => {
                [Vec::new(), Vec::new(), monitors::rows(&self.plan, reading)]
            }
            Line::Durations(durations) => {
                let intervals = hlog::intervals(&self.plan, durations);
                self.durations.push(durations.clone());
                [Vec::new(), intervals, Vec::new()]
            }
            Line::Entry(Entry::Transition(transition)) => {
                if let Some(passed) = self.passed.get_mut(usize::from(transition.scenario)) {
                    passed.push(*transition);
                }
                Additions::default()
            }
            Line::Entry(Entry::StartSkew { hosts, .. }) => {
                self.hosts.clone_from(hosts);
                Additions::default()
            }
            Line::Entry(_) | Line::Finished(_) => [self.last_rows(), Vec::new(), Vec::new()],
        }
    }
}

fn of_requests(durations: &Durations) -> bool {
    durations.cells.iter().any(|(_, cell)| !cell.requests.is_empty())
}

impl store::GrowingFiles for RowSeries {
    fn names(&self) -> &'static [&'static str] {
        if self.plan.monitors.is_empty() { &NAMES[..OF_EVERY_RUN] } else { &NAMES }
    }

    fn next(&mut self, line: &Line) -> Vec<Vec<u8>> {
        let mut additions = Vec::from(self.additions(line));
        additions.truncate(store::GrowingFiles::names(self).len());
        additions
    }
}
