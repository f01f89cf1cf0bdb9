//! `overflow`: times beyond the bounds of the histograms.

use super::rule::{RULE, Rule, RuleLimits, RunFacts, Sample};

/// Times beyond the bounds of the histograms.
pub static OVERFLOW: Rule = Rule {
    name: "overflow",
    doc: "Times longer than an hour, which histograms cannot resolve.",
    invalid: Some(0.0),
    what: "{} times were longer than an hour, which histograms cannot resolve",
    advice: "shorten time-outs, heartbeat periods and events",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let beyond = facts.cells().map(|one| {
        let value = one.cell.times.beyond_bounds() as f64;
        Sample { place: Some(one.place), host: None, value, limits }
    });
    beyond.collect()
}
