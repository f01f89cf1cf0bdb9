//! The figures of an earlier run that thresholds are relative to, kept with the run: its verdict
//! needs no other folder.

use super::tool::Tool;
use crate::plan::Plan;
use crate::units::narrow;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The last two parts of its folder's path: the plan's name, its time and digest.
    pub run: String,
    /// When its folder was made.
    pub created_at: Timestamp,
    /// The program that made it.
    pub tool: Tool,
    /// A figure for each relative threshold.
    pub figures: Vec<BaselineFigure>,
}

/// The figure of one threshold in the earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineFigure {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Index into `Scenario::thresholds`.
    pub threshold: u16,
    /// In the metric's unit.
    pub value: f64,
    /// Samples behind it.
    pub samples: u64,
}

impl Baseline {
    /// Makes the relative bounds of a plan absolute; says whether each of them has a figure.
    pub(crate) fn apply(&self, plan: &mut Plan) -> bool {
        let mut complete = true;
        for (scenario, settings) in plan.scenarios.iter_mut().enumerate() {
            for (number, threshold) in settings.thresholds.iter_mut().enumerate() {
                if threshold.relative.is_none() {
                    continue;
                }
                let place = (narrow(scenario), narrow(number));
                let figure = self.figures.iter().find(|one| (one.scenario, one.threshold) == place);
                match figure {
                    Some(figure) => threshold.set_baseline(figure.value),
                    None => complete = false,
                }
            }
        }
        complete
    }
}
