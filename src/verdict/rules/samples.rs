//! `samples`: a threshold saw no or too few samples.

use super::rule::{Found, RULE, Rule, RuleLimits, RunFacts};
use crate::verdict::{Finding, ThresholdState};

/// A threshold saw no or too few samples, and the target is not to blame.
pub static SAMPLES: Rule = Rule {
    name: "samples",
    doc: "Thresholds without samples, or with too few for their figure, for which the target is not \
          to blame.",
    invalid_note: "any, unless a threshold is broken",
    advice: "plan for more samples, or use a statistic that needs fewer",
    breaches: Some(breaches),
    ..RULE
};

fn breaches(facts: &RunFacts<'_>, _: RuleLimits) -> Vec<Found> {
    let asked = facts.findings.iter().filter(|finding| !is_default(facts, finding));
    asked.filter_map(|finding| Some((None, words(facts, finding)?))).collect()
}

/// Whether nobody asked for a threshold whose samples are too few; without any the run says nothing
/// all the same.
fn is_default(facts: &RunFacts<'_>, finding: &Finding) -> bool {
    let thresholds = &facts.plan.scenarios[usize::from(finding.scenario)].thresholds;
    thresholds[usize::from(finding.threshold)].is_default
        && matches!(finding.state, ThresholdState::TooFew { .. })
}

fn words(facts: &RunFacts<'_>, finding: &Finding) -> Option<String> {
    let scenario = &facts.plan.scenarios[usize::from(finding.scenario)];
    let condition = &scenario.thresholds[usize::from(finding.threshold)].condition;
    let mut place = match finding.stage.and_then(|stage| scenario.stages.get(usize::from(stage))) {
        Some(stage) => format!("{}, stage {}", scenario.name, stage.name),
        None => scenario.name.clone(),
    };
    if let Some(request) = finding.request.and_then(|at| scenario.request(at)) {
        place = format!("{place}, request {request}");
    }
    match finding.state {
        ThresholdState::NoData => Some(format!("{place}: nothing was measured for `{condition}`")),
        ThresholdState::TooFew { needed } => {
            let samples = finding.samples;
            Some(format!(
                "{place}: `{condition}` takes at least {needed} samples, there were {samples}"
            ))
        }
        ThresholdState::Held | ThresholdState::Broken | ThresholdState::Unreached { .. } => None,
    }
}
