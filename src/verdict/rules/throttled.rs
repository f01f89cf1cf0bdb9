//! `throttled`: a control group's share of processor time was used up.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst};
use crate::record::HostLoad;

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
            let key = one.place.1;
            let periods = one.facts.throttled.get(&key).copied().unwrap_or(0) as f64;
            let load = one.facts.generator_load.get(&key);
            let of_host = |host: &HostLoad| Some(host.all.throttled_periods? as f64);
            let worst = load.filter(|_| periods > 0.0);
            worst
                .map_or_else(|| Some(periods.into()), |load| of_worst(load, Some(periods), of_host))
        },
        |one| limits.only_warn_if(one.is_unpaced_ramp()),
    )
}
