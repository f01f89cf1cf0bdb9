//! One second of one worker, or of all of them, in a form that can be sent and merged.

use super::host::samples;
use super::{Cell, CellKey, Gauges, HostId, HostPart, HostSample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The facts of one worker in one second of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The second, counted from the run's start.
    pub second: u32,
    /// Its facts.
    pub cells: Vec<(CellKey, Cell)>,
    /// Levels at its end.
    pub gauges: Gauges,
    /// Levels at the end of each phase that ended in it.
    #[serde(default)]
    pub ended: Vec<(CellKey, Gauges)>,
    /// How the worker itself is.
    pub worker: WorkerFacts,
}

/// A loop that runs this much later than planned counts as stalled.
pub const STALL_NS: u64 = 100_000_000;

/// The state of a worker: the resources used since its start, and those held now.
///
/// It travels in a format without names, so no field may be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFacts {
    /// Processor time used since its start.
    pub cpu_ns: u64,
    /// Resident memory now.
    pub rss_bytes: u64,
    /// The latest start in this second, against the schedule.
    pub lag_max_ns: u64,
    /// The longest time in this second by which its loop woke later than intended; absent where it
    /// was not measured.
    #[serde(default)]
    pub stall_max_ns: Option<u64>,
    /// All times in this second that were longer than [`STALL_NS`], together.
    #[serde(default)]
    pub stalled_ns: u64,
    /// Processor time of the last five seconds, in thousandths of one processor; absent before they
    /// have passed.
    #[serde(default)]
    pub busy_permille: Option<u32>,
    /// Time of the last five seconds in which it could have run and had no processor, in
    /// thousandths; absent likewise.
    #[serde(default)]
    pub waiting_permille: Option<u32>,
}

impl WorkerFacts {
    /// Adds another worker: usage is summed, and the worse of two delays is kept.
    pub fn merge(&mut self, other: &Self) {
        self.cpu_ns += other.cpu_ns;
        self.rss_bytes += other.rss_bytes;
        self.lag_max_ns = self.lag_max_ns.max(other.lag_max_ns);
        self.stall_max_ns = self.stall_max_ns.max(other.stall_max_ns);
        self.stalled_ns += other.stalled_ns;
        self.busy_permille = self.busy_permille.max(other.busy_permille);
        self.waiting_permille = self.waiting_permille.max(other.waiting_permille);
    }
}

/// One second of the run, all workers together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// The second, counted from the run's start.
    pub second: u32,
    /// By index into `Plan::scenarios`.
    pub scenarios: BTreeMap<u16, ScenarioSecond>,
    /// The machines of the run when the second was written, each at most once; empty where nobody
    /// looked.
    #[serde(default, rename = "host", with = "samples", skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostSample>,
    /// What each host did of each scenario; empty where one machine makes the load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<HostPart>,
}

impl Second {
    /// The sample of one machine.
    pub fn host(&self, host: HostId) -> Option<&HostSample> {
        self.hosts.iter().find(|sample| sample.host == host)
    }
}

/// One second of one scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSecond {
    /// The failure.
    pub cells: Vec<(CellKey, Cell)>,
    /// Levels at the end of the second.
    pub gauges: Gauges,
    /// Levels at the end of each phase that ended in it.
    #[serde(default)]
    pub ended: Vec<(CellKey, Gauges)>,
    /// The workers of this scenario together.
    pub workers: WorkerFacts,
    /// How many workers these facts are from.
    pub reporting: u32,
    /// How many workers were at work, including those that have not reported this second; zero in
    /// recordings that do not say.
    #[serde(default)]
    pub at_work: u32,
    /// The facts that the store took out of this second, merged with those of others.
    #[serde(default, skip_serializing_if = "KeptApart::is_nothing")]
    pub apart: KeptApart,
}

/// Facts of a second that are not in its own line of a recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptApart {
    /// Histograms of the scenario.
    #[serde(default)]
    pub times: bool,
    /// Counts, causes and histograms by request.
    #[serde(default)]
    pub requests: bool,
}

impl KeptApart {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl ScenarioSecond {
    /// Adds the facts of one worker.
    pub fn add(&mut self, snapshot: &Snapshot) {
        for (key, cell) in &snapshot.cells {
            match self.cells.iter_mut().find(|(known, _)| known == key) {
                Some((_, mine)) => mine.merge(cell),
                None => self.cells.push((*key, cell.clone())),
            }
        }
        self.gauges.merge(&snapshot.gauges);
        self.ended.extend_from_slice(&snapshot.ended);
        self.workers.merge(&snapshot.worker);
        self.reporting += 1;
    }
}
