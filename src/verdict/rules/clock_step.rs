//! `clock_step`: the wall clock was set, or the machine was paused.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_machines};

/// The wall clock was set, or the machine was paused.
pub static CLOCK_STEP: Rule = Rule {
    name: "clock_step",
    doc: "Jumps of the wall clock relative to the monotonic clock.",
    unit: RuleUnit::Time,
    invalid: Some(50e6),
    what: "the wall clock jumped by {}: it was set, or the machine was paused",
    advice: "set the clock before the run, and do not pause the machine",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_machines(facts, limits, |all| Some(all.clock_step_ns.unsigned_abs() as f64))
}
