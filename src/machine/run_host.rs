//! A host of a run, as reports tell of it.

use super::MachineLimits;
use crate::record::HostId;
use serde::{Deserialize, Serialize};

/// A host that made a part of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHost {
    /// Its number in samples: one more than its slot.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its part of the load, over the sum of all weights.
    pub weight: u32,
    /// Worker processes of each scenario on it.
    pub workers: Vec<u32>,
    /// The largest error of its clock offset, in nanoseconds.
    pub clock_error_ns: u64,
    /// Its limits before the run.
    pub limits: MachineLimits,
}
