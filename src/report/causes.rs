//! Diagnoses a saved run: turns its failures and limits into root causes.
//!
//! **Invariant:** the machine that makes the report has no influence.

use crate::machine::MachineLimits;
use crate::record::{Diagnosis, ScenarioRecording};
use crate::store::SavedRun;
use std::collections::BTreeMap;

/// The root causes of one scenario, the one with most failures first; empty when nothing failed.
pub(super) fn causes(run: &SavedRun, index: usize) -> Vec<Diagnosis> {
    let saved = &run.recording.scenarios[index].diagnoses;
    // A killed run recorded it before its last seconds.
    if run.complete() && !saved.is_empty() {
        return saved.clone();
    }
    let nothing = MachineLimits::default();
    let limits = run
        .finished
        .as_ref()
        .and_then(|finished| finished.limits.as_ref())
        .or(run.started.as_ref().and_then(|started| started.limits.as_ref()));
    let way = run.started.as_ref().and_then(|started| started.paths.get(index));
    crate::machine::diagnose_scenario(
        &run.plan,
        &run.recording,
        index,
        limits.unwrap_or(&nothing),
        way,
    )
}

/// How the kernel's counters changed while a stage was the current one; what did not change is not
/// here.
pub(super) fn kernel_of_stage(facts: &ScenarioRecording, stage: u16) -> BTreeMap<&str, i64> {
    let mut sum: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, changes) in facts.kernel.iter().filter(|(key, _)| key.stage == stage) {
        for (name, change) in changes {
            *sum.entry(name.as_str()).or_default() += change;
        }
    }
    sum.retain(|_, change| *change != 0);
    sum
}
