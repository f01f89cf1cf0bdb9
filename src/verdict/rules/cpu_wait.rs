//! `cpu_wait`: a worker could have run and had no processor.

use super::rule::{
    InPhase, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst, thousandths,
};

/// A worker could have run and had no processor.
// Only a warning: the harm that waiting does is seen as lag and as stalls.
pub static CPU_WAIT: Rule = Rule {
    name: "cpu_wait",
    doc: "How long a worker waited for a processor, in the worst five seconds of a hold.",
    unit: RuleUnit::Share,
    warn: Some(0.10),
    what: "a worker waited for a processor for {} of five seconds",
    advice: "run nothing else on this machine, not even a built-in server",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let waited = |one: &InPhase<'_>| {
        let load = one.load_in_hold()?;
        of_worst(load, thousandths(load.workers.waiting_permille), |host| {
            thousandths(host.workers.waiting_permille)
        })
    };
    facts.by_phase(waited, |_| limits)
}
