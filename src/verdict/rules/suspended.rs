//! `suspended`: the machine slept.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_run};

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
    of_run(facts.recording.host_delta.map(|all| all.suspended_ns as f64), limits)
}
