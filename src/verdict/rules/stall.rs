//! `stall`: a worker stood still for long.

use super::rule::{InPhase, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst};
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
    let stalled = |one: &InPhase<'_>| {
        let load = one.load_in_hold()?;
        let ns = |measured: Option<u64>| measured.map(|ns| ns as f64);
        of_worst(load, ns(load.workers.stall_max_ns), |host| ns(host.workers.stall_max_ns))
    };
    facts.by_phase(stalled, |_| limits)
}
