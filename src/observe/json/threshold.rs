//! How a threshold stands, in the lines of `--progress json`.

use super::figures::whole;
use crate::observe::view::View;
use crate::plan::Metric;
use crate::verdict::{Finding, ThresholdState};
use schemars::JsonSchema;
use serde::Serialize;

/// One threshold, where it is looked at.
#[derive(Serialize, JsonSchema)]
pub(super) struct ProgressThreshold<'a> {
    scenario: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'a str>,
    /// The same by its earlier name, for readers of `planrun.progress/1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'a str>,
    #[schemars(extend("enum" = ThresholdState::NAMES))]
    state: &'static str,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// Of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numerator: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denominator: Option<u64>,
}

impl<'a> ProgressThreshold<'a> {
    pub(super) fn new(view: &'a View, found: &Finding) -> Self {
        let of = view.outline.scenarios.get(usize::from(found.scenario));
        let threshold = of.and_then(|of| of.thresholds.get(usize::from(found.threshold)));
        let is_time = matches!(threshold.map(|one| one.metric), Some(Metric::Time(..)));
        let condition = threshold.map(|threshold| threshold.condition.as_str());
        let stage = found.stage.and_then(|at| of?.stages.get(usize::from(at)));
        let request = found.request.and_then(|at| of?.requests.get(usize::from(at)));
        Self {
            scenario: of.map_or("", |of| &of.name),
            stage: stage.map(|stage| stage.name.as_str()),
            request: request.map(String::as_str),
            condition,
            check: condition,
            state: found.state.name(),
            samples: found.samples,
            // Infinite values, such as a time that never came, have no figure.
            value: found.value.filter(|value| !is_time && value.is_finite()),
            value_ns: found.value.filter(|_| is_time).map(whole),
            numerator: found.ratio.map(|(numerator, _)| numerator),
            denominator: found.ratio.map(|(_, denominator)| denominator),
        }
    }
}
