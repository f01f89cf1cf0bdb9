//! `stall`: a worker stood still for long.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample};
use crate::record::STALL_NS;

/// A worker stood still for long.
// One pause alone does no harm to a long run; how much of the time was lost is rule `stalled`.
pub static STALL: Rule = Rule {
    name: "stall",
    doc: "The longest stall of a worker in a hold.",
    unit: RuleUnit::Time,
    warn: Some(STALL_NS as f64),
    what: "a worker stalled for {}",
    advice: "something else ran on its processor, or it was stopped",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    facts.by_phase(|one| one.load_in_hold()?.stall_max_ns.map(|ns| ns as f64), |_| limits)
}
