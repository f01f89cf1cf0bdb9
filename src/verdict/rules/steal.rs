//! `steal`: a hypervisor gave processor time to others.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst};
use crate::catalogue::LimitKey;
use crate::record::WINDOW_SECONDS;

/// A hypervisor gave processor time to others.
// Shared runners lose some per cent now and then: from 5 % of a whole hold on the machine is not
// one's own.
pub static STEAL: Rule = Rule {
    name: LimitKey::Steal.name(),
    doc: "Processor time that a hypervisor gave to others, in a hold.",
    unit: RuleUnit::Share,
    warn: Some(0.005),
    invalid: Some(LimitKey::Steal.default_limit()),
    setting: Some(LimitKey::Steal),
    what: "the hypervisor gave {} of the processors' time to others",
    advice: "run on a machine that is not shared",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    facts.by_phase(
        |one| {
            let load = one.load_in_hold().filter(|load| load.seconds >= WINDOW_SECONDS)?;
            of_worst(load, load.steal_share(), |host| host.all.steal_share())
        },
        |_| limits,
    )
}
