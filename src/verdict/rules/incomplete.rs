//! `incomplete`: the run stopped before its end.

use super::rule::{Found, RULE, Rule, RuleLimits, RunFacts};
use crate::record::StopReason;

/// The run stopped before its end.
pub static INCOMPLETE: Rule = Rule {
    name: "incomplete",
    doc: "A run that was interrupted, cut off, or stopped before its end; one that a threshold with \
          `abort` stopped is complete.",
    invalid_note: "always",
    advice: "run it to its end",
    breaches: Some(breaches),
    ..RULE
};

fn breaches(facts: &RunFacts<'_>, _: RuleLimits) -> Vec<Found> {
    words(facts).map(|words| (None, words)).into_iter().collect()
}

fn words(facts: &RunFacts<'_>) -> Option<String> {
    let Some((reason, at_ns)) = &facts.recording.stopped else {
        let saved = facts.recording.seconds;
        return Some(format!("the run was cut off; saved up to second {saved}"));
    };
    let at = format!("{:.1} s", *at_ns as f64 / 1e9);
    match reason {
        StopReason::Completed | StopReason::Aborted { .. } => None,
        StopReason::Interrupted { .. } => Some(format!("interrupted at {at}")),
        StopReason::WorkerLoss => Some(format!("stopped at {at} because a worker was lost")),
        StopReason::BeyondRepair { rule } => Some(format!(
            "stopped at {at} because `{rule}` had already made the run INVALID; set \
             `generator.on_invalid = \"continue\"` to run to the end"
        )),
    }
}
