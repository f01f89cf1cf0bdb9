//! The time axis of a run, with the stages of a scenario as bands: what charts over time share.

use super::axis::Axis;
use super::chart::{Chart, ChartSeries};
use super::chart_unit::ChartUnit;
use crate::plan::Scenario;
use crate::record::{ScenarioRecording, Transition};
use crate::report::section::end_of;
use crate::store::SavedRun;

/// The points of a chart over time.
#[derive(Debug, Clone)]
pub(super) struct RunAxis {
    /// The end of the run, in seconds.
    pub(super) end_s: f64,
    /// The middle of each point, in seconds of the run.
    pub(super) x: Vec<f64>,
    bands: Vec<(f64, f64, String)>,
}

impl RunAxis {
    /// With the stages of this scenario.
    pub(super) fn new(run: &SavedRun, scenario: usize) -> Self {
        let end_s = end_of(&run.recording) as f64 / 1e9;
        let facts = &run.recording.scenarios[scenario];
        Self {
            end_s,
            x: run.timeline.middles(scenario),
            bands: bands(&run.plan.scenarios[scenario], facts, end_s),
        }
    }

    /// A chart of these series.
    pub(super) fn chart(
        &self,
        title: impl Into<String>,
        unit: ChartUnit,
        series: Vec<ChartSeries>,
    ) -> Chart {
        Chart {
            title: title.into(),
            unit,
            axis: Axis::Seconds(self.end_s),
            x: self.x.clone(),
            series,
            stacked: false,
            log: false,
            bands: self.bands.clone(),
            heat: None,
        }
    }
}

/// From when, until when, and the name of each stage that was reached, in seconds of the run.
fn bands(scenario: &Scenario, facts: &ScenarioRecording, end_s: f64) -> Vec<(f64, f64, String)> {
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
