//! `start_skew`: hosts started too far apart.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_run};

/// Hosts started too far apart.
pub static START_SKEW: Rule = Rule {
    name: "start_skew",
    doc: "The most by which the starts of two hosts may be apart, of a run on several.",
    unit: RuleUnit::Time,
    invalid: Some(50e6),
    what: "hosts started within {} of each other",
    advice: "use hosts that are nearer to the broker",
    of_hosts: true,
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_run(facts.recording.start_skew_ns.map(|bound_ns| bound_ns as f64), limits)
}
