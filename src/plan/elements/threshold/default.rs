//! The threshold of a scenario without `thresholds`.

use crate::plan::elements::threshold::reach;
use crate::plan::elements::threshold::reach::ThresholdContext;
use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::{Bound, Comparison, During, Metric, RatioMetric, Scope, Threshold};
use crate::units::Time;

/// The threshold of a scenario without `thresholds`; `None` where it could never see anything.
pub(in crate::plan) fn default_threshold(seen: &ThresholdContext<'_>) -> Option<Threshold> {
    let (condition, metric, comparison, bound, during) = if seen.protocol.row().lasts {
        // Whole connections, whenever they were opened.
        ("success_ratio >= 99%", RatioMetric::Success, Comparison::AtLeast, 0.99, During::All)
    } else {
        ("failure_ratio < 1%", RatioMetric::Failure, Comparison::Less, 0.01, During::Hold)
    };
    let threshold = Threshold {
        requests: crate::plan::RequestScope::All,
        condition: condition.to_owned(),
        line: 0,
        is_default: true,
        metric: Metric::Ratio(metric),
        comparison,
        bound: Bound(bound),
        relative: None,
        scope: Scope::Scenario,
        during,
        window: None,
        abort: false,
        grace: Time::default(),
    };
    // A plan that only ramps up is judged by its ramp.
    let everywhere = Threshold { during: During::All, ..threshold.clone() };
    [threshold, everywhere].into_iter().find(|threshold| {
        let mut problems = Errors::default();
        reach::check(threshold, seen, Span::default(), &mut problems);
        problems.count() == 0
    })
}
