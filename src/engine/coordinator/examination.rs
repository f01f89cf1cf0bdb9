//! Asks the hosts of a run whether they are fit for their parts, and lets them go.

use super::EngineError;
use super::fleet::{Fleet, PREPARED_WITHIN};
use super::recruiting::HostsSpec;
use super::workers::WorkerPool;
use crate::engine::channel::host_wire::ToHost;
use crate::machine::{HostRequirement, RequirementStatus};
use crate::plan::Plan;
use crate::record::HostId;
use crate::units::narrow;
use std::time::Duration;
use tokio::time::Instant;

/// How long hosts may take to learn that they are to end.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

/// A host, and what its part of a plan asks of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExaminedHost {
    /// Its number: one more than its slot.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its part of the load, over the sum of all weights.
    pub weight: u32,
    /// Each requirement.
    pub requirements: Vec<HostRequirement>,
}

impl ExaminedHost {
    /// Whether it has all that its part needs.
    pub fn is_fit(&self) -> bool {
        self.requirements.iter().all(|one| one.fitness != RequirementStatus::Fail)
    }
}

/// Has every host compare its limits with its part of the plan. Nothing is sent to a target.
///
/// # Errors
/// Where the broker cannot be used, or a host does not come.
pub async fn examine_hosts(
    spec: &HostsSpec,
    plan: &Plan,
) -> Result<Vec<ExaminedHost>, EngineError> {
    let mut fleet = Fleet::recruit(spec).await?;
    let examined = examine(&mut fleet, spec, plan).await;
    let order = if examined.is_ok() { ToHost::Release } else { ToHost::Abort };
    fleet.close(&order, RELEASED_WITHIN).await;
    examined
}

async fn examine(
    fleet: &mut Fleet,
    spec: &HostsSpec,
    plan: &Plan,
) -> Result<Vec<ExaminedHost>, EngineError> {
    fleet.divide(plan)?;
    let mut pool = WorkerPool::new();
    for slot in 0..spec.weights.len() {
        // A host without workers is known by a number of its own.
        fleet.ask(spec, (slot, slot), (Vec::new(), true), &pool).await?;
    }
    let deadline = Instant::now() + PREPARED_WITHIN;
    fleet.all_say(&mut pool, deadline, "did not say in time what they need").await?;
    let examined = spec.weights.iter().enumerate().map(|(slot, weight)| ExaminedHost {
        host: HostId::numbered(narrow(slot + 1)),
        name: fleet.name(slot).to_owned(),
        weight: *weight,
        requirements: fleet.requirements(slot).to_vec(),
    });
    Ok(examined.collect())
}
