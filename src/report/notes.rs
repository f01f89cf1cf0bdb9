//! Writes notes about what a verdict does not cover.

use super::foreign::visible;
use crate::store::SavedRun;
use crate::units::figure::{grouped, percent};
use crate::verdict::{Verdict, unlimited_failures};

/// The sentences; none where the run proves nothing.
pub(super) fn notes(run: &SavedRun) -> Vec<String> {
    if run.judgement.verdict == Verdict::Invalid {
        return Vec::new();
    }
    let unlimited = unlimited_failures(&run.plan, &run.recording).into_iter().map(|one| {
        let scenario = &run.plan.scenarios[one.scenario];
        let what = scenario.protocol.row().attempts;
        format!(
            "{} of the {what} of {} failed ({} of {}), and no threshold limits failures: \
             `failure_ratio < 1%` would",
            percent(one.failed as f64 / one.of as f64),
            visible(&scenario.name),
            grouped(one.failed),
            grouped(one.of),
        )
    });
    unlimited.collect()
}
