//! `clock_source`: the kernel changed the clock that all times are read from.

use super::rule::{RULE, Rule, RuleLimits, RunFacts, Sample, of_machines};

/// The kernel changed the clock that all times are read from.
pub static CLOCK_SOURCE: Rule = Rule {
    name: "clock_source",
    doc: "Changes of the kernel's clock source.",
    invalid: Some(0.0),
    what: "the kernel changed its clock source {} times: it found the previous one unreliable",
    advice: "see `dmesg`; boot with the clock source that it chose",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_machines(facts, limits, |all| Some(all.clock_source_changes? as f64))
}
