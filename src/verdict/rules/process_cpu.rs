//! `process_cpu`: the processes of the run together used up the processors.

use super::rule::{InPhase, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst};
use super::schedule_lag::lag;

/// A 99th percentile of lag beyond this is more than the jitter of a busy machine.
const LATE_NS: f64 = 10e6;

/// The processes of the run together used up the processors.
// Both ends on one machine may use all of it: INVALID only where attempts were late as well.
pub static PROCESS_CPU: Rule = Rule {
    name: "process_cpu",
    doc: "What all processes of the run used of all processors, in the busiest five seconds of a hold.",
    unit: RuleUnit::Share,
    warn: Some(0.85),
    invalid: Some(0.85),
    invalid_note: "if attempts were late (p99 over 10 ms)",
    what: "all processes of the run together used {} of the processors for five seconds",
    advice: "put the target on another machine, or lower the load",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let used = |one: &InPhase<'_>| {
        let load = one.load_in_hold()?;
        of_worst(load, load.run_worst, |host| host.run_worst)
    };
    facts.by_phase(used, |one| limits.only_warn_if(!is_late(one)))
}

/// Whether attempts were started so late that a processor was missing.
fn is_late(one: &InPhase<'_>) -> bool {
    let cell = one.facts.cells.get(&one.place.1);
    cell.and_then(lag).is_some_and(|lag| lag > LATE_NS)
}
