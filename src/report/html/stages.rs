//! The stages of a scenario as bands of its charts.

use crate::plan::Scenario;
use crate::record::{ScenarioRecording, Transition};

/// From when, until when, and the name of each stage that was reached, in seconds of the run.
pub(super) fn bands(
    scenario: &Scenario,
    facts: &ScenarioRecording,
    end_s: f64,
) -> Vec<(f64, f64, String)> {
    let at = |mark: Transition| facts.at(mark).map(|ns| ns as f64 / 1e9);
    let after = at(Transition::Drain).or(at(Transition::End)).unwrap_or(end_s);
    let stages = (0..).zip(&scenario.stages);
    stages
        .filter_map(|(number, stage)| {
            let from = at(Transition::Ramp(number)).or(at(Transition::Hold(number)))?;
            let next = at(Transition::Ramp(number + 1)).or(at(Transition::Hold(number + 1)));
            Some((from, next.unwrap_or(after).min(end_s), stage.name.clone()))
        })
        .collect()
}
