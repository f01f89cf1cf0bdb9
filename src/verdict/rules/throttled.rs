//! `throttled`: a control group's share of processor time was used up.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample};

/// A control group's share of processor time was used up.
// Only a warning in a ramp without a pace: going as fast as the machine can, it meets its quota.
pub static THROTTLED: Rule = Rule {
    name: "throttled",
    doc: "Periods in which the quota of a control group left no processor time, in ramps and holds.",
    unit: RuleUnit::Count,
    warn: Some(0.0),
    invalid: Some(0.0),
    invalid_note: "except in a ramp without a pace",
    what: "the control group's processor time was used up in {} periods",
    advice: "raise the CPU limit of the container, or lower the load",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    facts.by_phase(
        |one| {
            // Without a control group that counts, nothing is known.
            facts.recording.host_delta?.throttled_periods?;
            Some(one.facts.throttled.get(&one.place.1).copied().unwrap_or(0) as f64)
        },
        |one| limits.only_warn_if(one.is_unpaced_ramp()),
    )
}
