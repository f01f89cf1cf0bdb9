//! `swap_in`: memory came back from swap.

use super::rule::{RULE, Rule, RuleLimits, RunFacts, Sample, of_machines};

/// Memory came back from swap.
// Only a warning: the counter is of the whole machine, and what harm it does is seen as stalls and
// as waiting for memory.
pub static SWAP_IN: Rule = Rule {
    name: "swap_in",
    doc: "Pages that were read back from swap.",
    warn: Some(0.0),
    what: "{} pages were read back from swap",
    advice: "use less memory, or run `swapoff -a` before the run",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_machines(facts, limits, |all| Some(all.swapped_in_pages? as f64))
}
