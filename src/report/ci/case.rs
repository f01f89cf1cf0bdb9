//! Turns thresholds and rules of validity into test cases: a name, a result, and the figures behind
//! that.

use crate::plan::Scenario;
use crate::report::foreign::visible;
use crate::report::text::{behind, value_of};
use crate::store::SavedRun;
use crate::verdict::{Breach, Finding, Health, RuleStatus, ThresholdState, Verdict};

/// The result of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseOutcome {
    /// The threshold held, or the rule did.
    Passed,
    /// The rule held, beyond the limit from which it warns.
    Warned,
    /// The threshold is broken.
    Failed,
    /// It makes the run INVALID.
    Error,
    /// Not measured, or broken in a run that proves nothing.
    Skipped,
}

/// A threshold, or a rule of validity.
#[derive(Debug)]
pub(super) struct Case {
    /// The scenario's name; empty for cases of the whole run.
    pub(super) scenario: Option<String>,
    /// The condition and where it was evaluated, or the rule.
    pub(super) name: String,
    pub(super) outcome: CaseOutcome,
    /// The measured value and its samples; empty if there are none.
    pub(super) figures: String,
    /// The threshold's line in the plan; `None` for rules and default thresholds.
    pub(super) line: Option<usize>,
}

/// A case for each threshold, in the order of the plan.
pub(super) fn thresholds(run: &SavedRun) -> Vec<Case> {
    run.judgement.findings.iter().filter_map(|finding| threshold(run, finding)).collect()
}

fn threshold(run: &SavedRun, finding: &Finding) -> Option<Case> {
    let scenario = run.plan.scenarios.get(usize::from(finding.scenario))?;
    let threshold = scenario.thresholds.get(usize::from(finding.threshold))?;
    let invalid = run.judgement.verdict == Verdict::Invalid;
    let outcome = match finding.state {
        ThresholdState::Held => CaseOutcome::Passed,
        ThresholdState::Broken | ThresholdState::Unreached { .. } if invalid => {
            CaseOutcome::Skipped
        }
        ThresholdState::Broken | ThresholdState::Unreached { .. } => CaseOutcome::Failed,
        // The default threshold may go without samples in a run that passes.
        ThresholdState::NoData | ThresholdState::TooFew { .. } if !invalid => CaseOutcome::Skipped,
        ThresholdState::NoData | ThresholdState::TooFew { .. } => CaseOutcome::Error,
    };
    let mut figures = match finding.value {
        Some(_) => format!("measured {}", value_of(threshold, finding)),
        None => "not measured".to_owned(),
    };
    let behind = behind(threshold, finding);
    if !behind.is_empty() {
        figures = format!("{figures}: {behind}");
    }
    if let Some(against) = threshold.against() {
        figures = format!("{figures}; bound {against}");
    }
    if outcome == CaseOutcome::Skipped && finding.state.is_broken() {
        figures = format!("{figures}; broken, but an INVALID run proves nothing about the target");
    }
    Some(Case {
        scenario: Some(visible(&scenario.name).into_owned()),
        name: format!("{}{}", visible(&threshold.condition), place(scenario, finding)),
        outcome,
        figures,
        line: (!threshold.is_default).then_some(threshold.line),
    })
}

/// ` · stage 10k · request home`; empty for the scenario as a whole.
fn place(scenario: &Scenario, finding: &Finding) -> String {
    let stage = finding.stage.and_then(|at| scenario.stages.get(usize::from(at)));
    let request = finding.request.and_then(|at| scenario.request(at));
    let stage = stage.map(|stage| format!(" · stage {}", visible(&stage.name)));
    let request = request.map(|request| format!(" · request {}", visible(request)));
    stage.unwrap_or_default() + &request.unwrap_or_default()
}

/// A case for each validity rule: those that measure something, then any others that the run broke.
pub(super) fn rules(run: &SavedRun) -> Vec<Case> {
    let verdict = &run.judgement;
    let measured = verdict.health.iter().map(|health| rule(run, health));
    let is_measured = |breach: &&Breach| {
        let violated = |one: &Health| one.rule == breach.rule && one.state == RuleStatus::Violated;
        verdict.health.iter().any(violated)
    };
    let other = verdict.breaches.iter().filter(|breach| !is_measured(breach)).map(|breach| Case {
        scenario: None,
        name: breach.rule.name().to_owned(),
        outcome: CaseOutcome::Error,
        figures: visible(&breach.detail).into_owned(),
        line: None,
    });
    measured.chain(other).collect()
}

fn rule(run: &SavedRun, health: &Health) -> Case {
    let outcome = match health.state {
        RuleStatus::Ok => CaseOutcome::Passed,
        RuleStatus::Warned => CaseOutcome::Warned,
        RuleStatus::Violated => CaseOutcome::Error,
        RuleStatus::NotMeasured => CaseOutcome::Skipped,
    };
    let found = health.measured.map_or_else(
        || "not measured".to_owned(),
        |value| format!("measured {}", health.unit.figure(value)),
    );
    Case {
        scenario: None,
        name: health.rule.name().to_owned(),
        outcome,
        figures: health.words(&run.plan).map_or(found, |words| visible(&words).into_owned()),
        line: None,
    }
}
