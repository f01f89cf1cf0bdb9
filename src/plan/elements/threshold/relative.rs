//! Bounds that are relative to the figure of a baseline: `+5%`, `-2%`, `+0.5pp`.

use crate::catalogue::{Metric, MetricUnit};
use crate::plan::span::TextRange;
use crate::units::figure;
use serde::{Deserialize, Serialize};

/// Behind percentage points, which are added to a ratio.
const POINTS: &str = "pp";

/// How far a bound is from the figure of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum BoundChange {
    /// A part of that figure: `+5%` is 0.05.
    Part(f64),
    /// Of a ratio, added to it: `+0.5pp` is 0.005.
    Points(f64),
}

impl BoundChange {
    /// The bound for a figure of the baseline, in the metric's unit.
    pub fn bound(self, figure: f64) -> f64 {
        match self {
            // The figure of a monitor may be below zero: `+5%` is above it all the same.
            Self::Part(part) => figure + figure.abs() * part,
            Self::Points(points) => figure + points,
        }
    }
}

/// A bound relative to a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelativeBound {
    /// As the plan has it: `+5%`.
    pub written: String,
    /// Where.
    pub spot: TextRange,
    /// How far from the baseline's figure.
    pub change: BoundChange,
    /// That figure, in the metric's unit; `None` until the baseline has been read.
    pub figure: Option<f64>,
}

/// The change that a bound asks for, `None` where the bound is an absolute one; or what is wrong
/// with it, and a help.
pub(in crate::plan) fn change(
    text: &str,
    metric: Metric,
    is_equality: bool,
) -> Option<Result<BoundChange, (String, Option<String>)>> {
    let negative = match text.chars().next()? {
        '+' => false,
        '-' => true,
        _ => return None,
    };
    let points = text.ends_with(POINTS);
    let digits = text[1..].strip_suffix(if points { POINTS } else { "%" })?.trim();
    let is_number =
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_');
    // Read in one go, as ratios are: a division would round once more.
    let sign = if negative { "-" } else { "" };
    let part = format!("{sign}{}e-2", digits.replace('_', "")).parse::<f64>().ok();
    let Some(part) = part.filter(|part| is_number && part.is_finite()) else {
        let message = format!("`{text}` is not a change");
        return Some(Err((message, Some("write for example `+5%`".to_owned()))));
    };
    Some(sensible(text, part, points, metric, is_equality))
}

fn sensible(
    text: &str,
    part: f64,
    points: bool,
    metric: Metric,
    is_equality: bool,
) -> Result<BoundChange, (String, Option<String>)> {
    if is_equality {
        let help = format!("write `{metric} <= {text}` or `{metric} >= {text}`");
        return Err(("no two runs have equal figures".to_owned(), Some(help)));
    }
    let is_ratio = metric.row().unit == MetricUnit::Ratio;
    if is_ratio && !points {
        let number = text.trim_end_matches('%').trim_end();
        let message = format!("`{text}` of a ratio may be percentage points or a part of it");
        let help = format!(
            "write percentage points: `{number}{POINTS}` turns 2% into {}",
            figure::percent((0.02 + part).clamp(0.0, 1.0))
        );
        return Err((message, Some(help)));
    }
    if !is_ratio && points {
        let number = text.trim_end_matches(POINTS).trim_end();
        let message =
            format!("`{metric}` is {}: it has no percentage points", metric.row().unit.name());
        return Err((message, Some(format!("write a part of the baseline: `{number}%`"))));
    }
    if part <= -1.0 {
        let message = format!("`{text}` of any baseline leaves nothing");
        return Err((message, Some("write a change above -100%".to_owned())));
    }
    Ok(if points { BoundChange::Points(part) } else { BoundChange::Part(part) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::*;
    use crate::plan::{RequestScope, Scope};

    const STAGES: &str = "scenarios.web.stages=[{ name = \"low\", rate = \"50/s\", hold = \"10s\" }, { name = \"high\", rate = \"60/s\", hold = \"10s\" }]";

    #[test]
    fn a_bound_is_above_or_below_the_figure_of_the_baseline() {
        for (condition, figure, bound) in [
            ("service_time.p99 <= +5%", 20e6, 21e6),
            ("service_time.p99<= +5 %", 20e6, 21e6),
            ("requests.rate >= -2.5%", 1_000.0, 975.0),
            ("requests.rate >= +0%", 1_000.0, 1_000.0),
            ("failure_ratio <= +0.5pp", 0.0, 0.005),
            ("success_ratio >= -1pp", 0.99, 0.98),
        ] {
            let thresholds = format!("scenarios.web.thresholds=[\"{condition}\"]");
            let mut plan = set(WEB, &[&thresholds, "baseline=x"]);
            assert!(plan.needs_baseline());
            let threshold = &mut plan.scenarios[0].thresholds[0];
            assert!(threshold.bound.0.is_nan() && threshold.against().is_none());
            threshold.set_baseline(figure);
            assert!((threshold.bound.0 - bound).abs() < bound * 1e-12, "{threshold:?}");
        }
        let below_zero = BoundChange::Part(0.05).bound(-100.0);
        assert!((below_zero - -95.0).abs() < 1e-9, "{below_zero}");
    }

    #[test]
    fn each_stage_has_its_own_figure() {
        let thresholds = "scenarios.web.thresholds=[{ condition = \"service_time.p50 <= +5%\", stage = \"*\", request = \"*\" }]";
        let plan = set(WEB, &[thresholds, STAGES, "baseline=x"]);
        let thresholds = &plan.scenarios[0].thresholds;
        let places: Vec<_> = thresholds.iter().map(|one| (one.scope, one.requests)).collect();
        let one = RequestScope::One(0);
        assert_eq!(places[..1], [(Scope::Stage(0), one)]);
        assert_eq!(places.len(), 2 * plan.scenarios[0].protocol.requests().len());
    }
}
