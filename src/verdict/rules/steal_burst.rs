//! `steal_burst`: a hypervisor gave processor time to others, in the worst five seconds.

use super::rule::{InPhase, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst};

/// A hypervisor gave processor time to others, in the worst five seconds.
pub static STEAL_BURST: Rule = Rule {
    name: "steal_burst",
    doc: "Processor time that a hypervisor gave to others, in the worst five seconds of a hold.",
    unit: RuleUnit::Share,
    warn: Some(0.02),
    what: "the hypervisor gave {} of the processors' time to others in five seconds",
    advice: "run on a machine that is not shared",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let burst = |one: &InPhase<'_>| {
        let load = one.load_in_hold()?;
        of_worst(load, load.steal_worst, |host| host.steal_worst)
    };
    facts.by_phase(burst, |_| limits)
}
