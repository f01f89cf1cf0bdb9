//! A threshold with a window: the worst of all stretches of that length inside its scope.

use super::ThresholdState;
use super::view::{ThresholdView, state};
use crate::plan::{Comparison, Plan, Scenario, Threshold};
use crate::record::{
    Cell, Gauges, Measure, MeasuredSpan, Recording, ScenarioSecond, Second, measure,
};
use crate::units::SECOND_NS;
use crate::units::Time;
use crate::units::narrow;
use std::collections::VecDeque;

/// The last seconds of a view, and the worst window so far.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    /// Index into `Scenario::thresholds`.
    pub(super) threshold: usize,
    pub(super) view: ThresholdView,
    seconds: usize,
    recent: VecDeque<(u32, Cell, Gauges)>,
    worst: Option<(Measure, u32)>,
}

impl Windows {
    pub(super) fn new(threshold: usize, view: ThresholdView, length: Time) -> Self {
        let seconds = usize::try_from(length.0.as_nanos().div_ceil(u128::from(SECOND_NS)))
            .unwrap_or(usize::MAX)
            .max(1);
        Self { threshold, view, seconds, recent: VecDeque::new(), worst: None }
    }

    /// The measure of the worst window, and the second at which it ended; `None` while no window
    /// has had enough samples.
    pub(super) fn worst(&self) -> Option<(Measure, u32)> {
        self.worst
    }

    /// Adds a second. A window counts when all of its seconds lie in the view: those in which the
    /// scenario was elsewhere cut it off.
    pub(super) fn add(&mut self, second: &Second, plan: &Plan, recording: &Recording) {
        let scenario = &plan.scenarios[self.view.scenario];
        let threshold = &scenario.thresholds[self.threshold];
        let middle_ns = u64::from(second.second) * SECOND_NS + SECOND_NS / 2;
        let now = recording.scenarios[self.view.scenario].phase_at(middle_ns);
        if now.is_none_or(|key| !self.view.sees(key, scenario)) {
            self.recent.clear();
            return;
        }
        let index = narrow(self.view.scenario);
        let empty = ScenarioSecond::default();
        let facts = second.scenarios.get(&index).unwrap_or(&empty);
        let mut cell = Cell::default();
        for (_, phase) in facts.cells.iter().filter(|(key, _)| self.view.sees(*key, scenario)) {
            cell.merge(&phase.of_request(self.view.request, true));
        }
        let last_ns = (u64::from(second.second) + 1) * SECOND_NS - 1;
        let still = recording.scenarios[self.view.scenario]
            .phase_at(last_ns)
            .is_some_and(|key| self.view.sees(key, scenario));
        let gauges = if still { facts.gauges } else { self.levels_at_end(facts, scenario) };
        self.recent.push_back((second.second, cell, gauges));
        if self.recent.len() > self.seconds {
            self.recent.pop_front();
        }
        if self.recent.len() == self.seconds {
            let mut whole = Cell::default();
            self.recent.iter().for_each(|(_, cell, _)| whole.merge(cell));
            let length_ns = self.seconds as u64 * SECOND_NS;
            let span = MeasuredSpan {
                protocol: &scenario.protocol,
                cell: &whole,
                gauges: &gauges,
                length_ns,
            };
            self.weigh(threshold, measure(threshold.metric, &span), second.second);
        }
    }

    /// The levels when the last phase that is seen came to its end; those of the second when no
    /// worker has told.
    fn levels_at_end(&self, facts: &ScenarioSecond, scenario: &Scenario) -> Gauges {
        let seen = facts.ended.iter().filter(|(key, _)| self.view.sees(*key, scenario));
        let Some(last) = seen.clone().map(|(key, _)| *key).max() else { return facts.gauges };
        let mut levels = Gauges::default();
        seen.filter(|(key, _)| *key == last).for_each(|(_, gauges)| levels.merge(gauges));
        levels
    }

    fn weigh(&mut self, threshold: &Threshold, measured: Option<Measure>, end: u32) {
        // A window with too few samples decides nothing; if all of them are so, neither does the
        // threshold.
        let Some(measured) = measured
            .filter(|_| !matches!(state(threshold, measured), ThresholdState::TooFew { .. }))
        else {
            return;
        };
        let worse =
            self.worst.is_none_or(|(worst, _)| is_worse(threshold, measured.value, worst.value));
        if worse {
            self.worst = Some((measured, end));
        }
    }
}

/// Whether `value` is further from what a threshold wants than `other`.
fn is_worse(threshold: &Threshold, value: f64, other: f64) -> bool {
    match threshold.comparison {
        Comparison::Less | Comparison::AtMost => value > other,
        Comparison::Greater | Comparison::AtLeast => value < other,
        Comparison::Equal => (value - threshold.bound.0).abs() > (other - threshold.bound.0).abs(),
        Comparison::NotEqual => {
            (value - threshold.bound.0).abs() < (other - threshold.bound.0).abs()
        }
    }
}
