//! The threshold of a scenario without `thresholds`.

use crate::plan::elements::threshold::reach;
use crate::plan::elements::threshold::reach::ThresholdContext;
use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::{Bound, Comparison, During, Metric, RatioMetric, Scope, Stage, Threshold};
use crate::units::Time;

/// The threshold of a scenario with fixed work that names no metric of it: all is done.
pub(in crate::plan) fn of_fixed_work(seen: &ThresholdContext<'_>) -> Option<Threshold> {
    let judged = |stage: &Stage| stage.work.is_some() && !stage.warmup;
    seen.stages.iter().any(judged).then(|| {
        // Not `is_default`: however few are missing, they are.
        let metric = RatioMetric::IterationsCompleted;
        let condition = format!("{} >= 100%", metric.row().name);
        let is = (metric, Comparison::AtLeast, 1.0, During::All);
        Threshold { is_default: false, ..whole_scenario(&condition, is) }
    })
}

fn whole_scenario(
    condition: &str,
    (metric, comparison, bound, during): (RatioMetric, Comparison, f64, During),
) -> Threshold {
    Threshold {
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
    }
}

/// The threshold of a scenario without `thresholds`; `None` where it could never see anything.
pub(in crate::plan) fn default_threshold(seen: &ThresholdContext<'_>) -> Option<Threshold> {
    let (condition, metric, comparison, bound, during) = if seen.protocol.row().lasts {
        // Whole connections, whenever they were opened.
        ("success_ratio >= 99%", RatioMetric::Success, Comparison::AtLeast, 0.99, During::All)
    } else {
        // All of fixed work may be done in the ramp.
        let during = if seen.protocol.has_fixed_work() { During::All } else { During::Hold };
        ("failure_ratio < 1%", RatioMetric::Failure, Comparison::Less, 0.01, during)
    };
    let threshold = whole_scenario(condition, (metric, comparison, bound, during));
    // A plan that only ramps up is judged by its ramp.
    let everywhere = Threshold { during: During::All, ..threshold.clone() };
    [threshold, everywhere].into_iter().find(|threshold| {
        let mut problems = Errors::default();
        reach::check(threshold, seen, Span::default(), &mut problems);
        problems.count() == 0
    })
}
