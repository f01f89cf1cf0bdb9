//! Turns one second of one worker, or of all of them, into something that travels and merges.

use super::{Cell, CellKey, Gauges, HostSample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one worker saw in one second of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The second, counted from the run's start.
    pub second: u32,
    /// What happened in it.
    pub cells: Vec<(CellKey, Cell)>,
    /// Levels at its end.
    pub gauges: Gauges,
    /// How the worker itself is.
    pub worker: WorkerFacts,
}

/// How a worker is: what it has used since it began, and what it holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFacts {
    /// Processor time used since its start.
    pub cpu_ns: u64,
    /// Resident memory now.
    pub rss_bytes: u64,
    /// The latest start in this second, against the schedule.
    pub lag_max_ns: u64,
}

impl WorkerFacts {
    /// Adds another worker: sums, and the worse lag.
    pub fn merge(&mut self, other: &Self) {
        self.cpu_ns += other.cpu_ns;
        self.rss_bytes += other.rss_bytes;
        self.lag_max_ns = self.lag_max_ns.max(other.lag_max_ns);
    }
}

/// One second of the run, all workers together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// The second, counted from the run's start.
    pub second: u32,
    /// By index into `Plan::scenarios`.
    pub scenarios: BTreeMap<u16, ScenarioSecond>,
    /// The machine when the second was written; absent where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostSample>,
}

/// One second of one scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSecond {
    /// What happened.
    pub cells: Vec<(CellKey, Cell)>,
    /// Levels at the end of the second.
    pub gauges: Gauges,
    /// The workers of this scenario together.
    pub workers: WorkerFacts,
    /// How many workers these facts are from.
    pub reporting: u32,
}

impl ScenarioSecond {
    /// Adds what one worker saw.
    pub fn add(&mut self, snapshot: &Snapshot) {
        for (key, cell) in &snapshot.cells {
            match self.cells.iter_mut().find(|(known, _)| known == key) {
                Some((_, mine)) => mine.merge(cell),
                None => self.cells.push((*key, cell.clone())),
            }
        }
        self.gauges.merge(&snapshot.gauges);
        self.workers.merge(&snapshot.worker);
        self.reporting += 1;
    }
}
