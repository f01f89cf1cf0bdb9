//! Turns thresholds and rules of validity into JSON.

use crate::plan::{Bound, Metric};
use crate::report::figures::whole;
use crate::store::{Baseline, SavedRun, Tool};
use crate::verdict::{Breach, Finding, Health, RuleStatus, RuleUnit, ThresholdState};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A rule of validity that was broken.
#[derive(Serialize, JsonSchema)]
pub(super) struct BreachReport {
    rule: &'static str,
    detail: String,
}

impl BreachReport {
    pub(super) fn new(breach: &Breach) -> Self {
        Self { rule: breach.rule.name(), detail: breach.detail.clone() }
    }
}

/// A rule of validity that measures something, where it was worst.
#[derive(Serialize, JsonSchema)]
pub(super) struct HealthReport<'a> {
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    #[schemars(extend("enum" = ["not_measured", "ok", "warning", "violated"]))]
    state: &'static str,
    #[serde(flatten)]
    figures: HealthFigures,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    /// The host that was worst, of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
}

/// The measured value; beyond `limit` the run is INVALID, beyond `warn_limit` it is worth a
/// warning.
#[derive(Serialize, Default, JsonSchema)]
struct HealthFigures {
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_limit_ns: Option<u64>,
    /// planrun's default limit, if the plan overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_limit_ns: Option<u64>,
}

impl<'a> HealthReport<'a> {
    pub(super) fn new(run: &'a SavedRun, health: &'a Health) -> Self {
        let scenario = health.place.and_then(|(at, _)| run.plan.scenarios.get(usize::from(at)));
        let key = health.place.map(|(_, key)| key);
        let stage = scenario
            .zip(key)
            .and_then(|(scenario, key)| scenario.stages.get(usize::from(key.stage)));
        let figures = if health.unit == RuleUnit::Time {
            HealthFigures {
                measured_ns: health.measured.map(whole),
                limit_ns: health.invalid.map(whole),
                warn_limit_ns: health.warn.map(whole),
                default_limit_ns: health.default_limit.map(whole),
                ..HealthFigures::default()
            }
        } else {
            HealthFigures {
                measured: health.measured,
                limit: health.invalid,
                warn_limit: health.warn,
                default_limit: health.default_limit,
                ..HealthFigures::default()
            }
        };
        Self {
            rule: health.rule.name(),
            ok: health.measured.map(|_| health.state == RuleStatus::Ok),
            state: health.state.name(),
            figures,
            scenario: scenario.map(|scenario| scenario.name.as_str()),
            stage: stage.map(|stage| stage.name.as_str()),
            part: key.map(|key| key.phase.to_string()),
            host: health.host.as_deref(),
        }
    }
}

/// The run that thresholds are relative to.
#[derive(Serialize, JsonSchema)]
pub(super) struct BaselineReport<'a> {
    /// The plan's name, and the run's time and digest.
    run: &'a str,
    /// When its folder was made.
    created_at: Timestamp,
    tool: &'a Tool,
}

impl<'a> BaselineReport<'a> {
    pub(super) fn new(baseline: &'a Baseline) -> Self {
        let Baseline { run, created_at, tool, .. } = baseline;
        Self { run, created_at: *created_at, tool }
    }
}

/// One threshold, where it was evaluated.
#[derive(Serialize, JsonSchema)]
pub(super) struct ThresholdReport<'a> {
    scenario: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    condition: &'a str,
    /// The same by its earlier name, for readers of `planrun.report/1`.
    check: &'a str,
    /// A default threshold of planrun: the plan has none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
    passed: bool,
    #[schemars(extend("enum" = ThresholdState::NAMES))]
    state: &'static str,
    metric: String,
    comparison: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound_ns: Option<u64>,
    /// The figure of the baseline that the bound is relative to.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numerator: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denominator: Option<u64>,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples_needed: Option<u64>,
    during: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_ns: Option<u64>,
    /// The second at which the window that decided ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    window_end: Option<u32>,
    line: usize,
}

impl<'a> ThresholdReport<'a> {
    pub(super) fn new(run: &'a SavedRun, finding: &Finding) -> Option<Self> {
        let scenario = run.plan.scenarios.get(usize::from(finding.scenario))?;
        let threshold = scenario.thresholds.get(usize::from(finding.threshold))?;
        let time = matches!(threshold.metric, Metric::Time(..));
        let Bound(bound) = threshold.bound;
        let stage = finding.stage.and_then(|at| scenario.stages.get(usize::from(at)));
        Some(Self {
            scenario: &scenario.name,
            stage: stage.map(|stage| stage.name.as_str()),
            request: finding.request.and_then(|at| scenario.request(at)),
            condition: &threshold.condition,
            check: &threshold.condition,
            default: threshold.is_default,
            passed: finding.state == ThresholdState::Held,
            state: finding.state.name(),
            metric: threshold.metric.to_string(),
            comparison: threshold.comparison.to_string(),
            bound: (!time).then_some(bound),
            bound_ns: time.then(|| whole(bound)),
            baseline: threshold.baseline().filter(|_| !time),
            baseline_ns: threshold.baseline().filter(|_| time).map(whole),
            value: finding.value.filter(|_| !time),
            // A response that never arrived has no time.
            value_ns: finding.value.filter(|value| time && value.is_finite()).map(whole),
            numerator: finding.ratio.map(|(numerator, _)| numerator),
            denominator: finding.ratio.map(|(_, denominator)| denominator),
            samples: finding.samples,
            samples_needed: match finding.state {
                ThresholdState::TooFew { needed } | ThresholdState::Unreached { needed, .. } => {
                    Some(needed)
                }
                ThresholdState::Held | ThresholdState::Broken | ThresholdState::NoData => None,
            },
            during: threshold.during.name(),
            window_ns: threshold.window.map(crate::units::Time::as_nanos),
            window_end: finding.window_end,
            line: threshold.line,
        })
    }
}
