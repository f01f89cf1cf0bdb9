//! `stalled`: stalls took too much of the time.

use super::rule::{InPhase, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst};
use crate::catalogue::LimitKey;

/// Stalls took too much of the time.
pub static STALLED: Rule = Rule {
    name: LimitKey::Stalled.name(),
    doc: "The share of the workers' time in a hold that was lost to stalls longer than 100 ms.",
    unit: RuleUnit::Share,
    invalid: Some(LimitKey::Stalled.default_limit()),
    setting: Some(LimitKey::Stalled),
    what: "workers lost {} of their time to stalls longer than 100 ms",
    advice: "run nothing else on this machine, or lower the load",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let share = |one: &InPhase<'_>| {
        let load = one.load_in_hold()?;
        of_worst(load, load.stalled_share(), |host| host.workers.stalled_share())
    };
    facts.by_phase(share, |_| limits)
}
