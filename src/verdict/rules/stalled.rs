//! `stalled`: stalls took too much of the time.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample};
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
    facts.by_phase(|one| one.load_in_hold()?.stalled_share(), |_| limits)
}
