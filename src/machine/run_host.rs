//! A host of a run, as reports tell of it.

use super::{MachineLimits, Requirement, RequirementStatus};
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
    /// What its part asked of it; empty in recordings that do not say.
    #[serde(default)]
    pub requirements: Vec<HostRequirement>,
}

/// One requirement of a host's part of a plan, in words. It travels in a format without names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostRequirement {
    /// The resource: `process_files`.
    pub check: String,
    /// The same for people.
    pub name: String,
    /// The amount that the part needs.
    pub needed: String,
    /// The amount that the host has.
    pub have: String,
    /// How they compare.
    pub fitness: RequirementStatus,
    /// Lines that can be pasted into a shell there, or into the plan.
    pub fixes: Vec<String>,
}

impl From<&Requirement> for HostRequirement {
    fn from(row: &Requirement) -> Self {
        Self {
            check: row.resource.key().to_owned(),
            name: row.resource.name().to_owned(),
            needed: row.needed.to_string(),
            have: row.have.to_string(),
            fitness: row.status,
            fixes: row.fixes.clone(),
        }
    }
}
