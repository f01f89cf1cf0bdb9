//! Says which phases of a scenario a threshold looks at, and how it stands by what was measured
//! there.

use super::ThresholdState;
use crate::plan::{During, Phase, Plan, Scenario, Threshold};
use crate::record::{CellKey, Measure};

/// The stages and phases of one scenario in which a threshold is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThresholdView {
    pub(super) scenario: usize,
    /// One stage, or all but warm-ups.
    pub(super) stage: Option<usize>,
    /// One of several requests, or all of them.
    pub(super) request: Option<u16>,
    during: During,
    /// Whole connections count, whenever they were opened.
    whole_connections: bool,
}

impl ThresholdView {
    pub(super) fn new(
        scenario: usize,
        (stage, request): (Option<usize>, Option<u16>),
        threshold: &Threshold,
        plan: &Plan,
    ) -> Self {
        let protocol = &plan.scenarios[scenario].protocol;
        let request = request.filter(|_| protocol.tells_requests_apart());
        let whole_connections = threshold.metric.row().connections.has(protocol.kind());
        Self { scenario, stage, request, during: threshold.during, whole_connections }
    }

    /// Whether the facts of `key` belong to it.
    pub(super) fn sees(&self, key: CellKey, scenario: &Scenario) -> bool {
        let stage = usize::from(key.stage);
        let in_stage = match self.stage {
            Some(wanted) => stage == wanted,
            None => scenario.stages.get(stage).is_some_and(|stage| !stage.warmup),
        };
        let in_phase = match self.during {
            During::All => true,
            _ if self.whole_connections => true,
            During::Ramp => key.phase == Phase::Ramp,
            During::Hold => key.phase == Phase::Hold,
        };
        in_stage && in_phase
    }
}

/// How a threshold stands by the comparison alone, shortfalls apart.
pub(super) fn state(threshold: &Threshold, measured: Option<Measure>) -> ThresholdState {
    let Some(measured) = measured else { return ThresholdState::NoData };
    let needed = threshold.metric.sample_floor();
    if measured.samples < needed {
        return ThresholdState::TooFew { needed };
    }
    if threshold.comparison.holds(measured.value, threshold.bound.0) {
        ThresholdState::Held
    } else {
        ThresholdState::Broken
    }
}
