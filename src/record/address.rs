//! Keeps what became of the connections to each address of a target.

use super::SparseTimes;
use crate::plan::TimeMetric;
use serde::{Deserialize, Serialize};

/// The connections to one address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AddressTally {
    /// Those that opened.
    pub opened: u64,
    /// Those that did not, for a reason that is not the generator's own.
    pub failed: u64,
    /// Failures on open connections: held ones that were lost, requests that failed.
    pub broken: u64,
    /// How long they took to open.
    pub times: SparseTimes,
}

impl AddressTally {
    /// Counts a connection that took so long to open.
    pub fn open(&mut self, took_ns: u64) {
        self.opened += 1;
        self.times.record(TimeMetric::ConnectTime, took_ns);
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.failed += other.failed;
        self.broken += other.broken;
        self.times.merge(&other.times);
    }
}
