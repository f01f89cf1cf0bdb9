//! `memory_stall`: everything waited for memory.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_machines};

/// Everything waited for memory.
pub static MEMORY_STALL: Rule = Rule {
    name: "memory_stall",
    doc: "Time in which everything on this machine waited for memory.",
    unit: RuleUnit::Share,
    warn: Some(0.001),
    invalid: Some(0.01),
    what: "everything waited for memory for {} of the time",
    advice: "use less memory, or add more",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_machines(facts, limits, |all| {
        let stalled_ns = all.memory_stall_ns.filter(|_| all.elapsed_ns > 0)?;
        Some(stalled_ns as f64 / all.elapsed_ns as f64)
    })
}
