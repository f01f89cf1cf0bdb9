//! `suspended`: the machine slept.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_machines};

/// The machine slept.
pub static SUSPENDED: Rule = Rule {
    name: "suspended",
    doc: "Time that the machine slept.",
    unit: RuleUnit::Time,
    invalid: Some(50e6),
    what: "the machine slept for {}",
    advice: "keep it awake: `systemd-inhibit planrun PLAN.toml`",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_machines(facts, limits, |all| Some(all.suspended_ns as f64))
}
