//! `accounting`: counts do not add up.

use super::rule::{Found, RULE, Rule, RuleLimits, RunFacts, Sample, of_run};
use crate::verdict::accounting::imbalance;

/// Counts do not add up.
pub static ACCOUNTING: Rule = Rule {
    name: "accounting",
    doc: "Phases whose counts do not add up: `due = started + dropped`, `started = ok + failed + \
          timed_out + unfinished`.",
    invalid: Some(0.0),
    what: "the counts of {} phases do not add up",
    advice: "please report this as a defect of planrun",
    measure: Some(measure),
    breaches: Some(breaches),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_run(facts.has_begun().then(|| breaches(facts, limits).len() as f64), limits)
}

fn breaches(facts: &RunFacts<'_>, _: RuleLimits) -> Vec<Found> {
    let ended = facts.recording.stopped.is_some();
    let wrong = facts.cells().filter_map(|one| Some((one.place, imbalance(one.cell, ended)?)));
    wrong.map(|(place, how)| (Some(place), format!("{}: {how}", facts.words(place)))).collect()
}
