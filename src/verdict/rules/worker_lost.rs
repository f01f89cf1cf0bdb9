//! `worker_lost`: a worker died or stalled.

use super::rule::{Found, RULE, Rule, RuleLimits, RunFacts, Sample, of_run};
use crate::record::LostWorker;

/// A worker died or stalled.
pub static WORKER_LOST: Rule = Rule {
    name: "worker_lost",
    doc: "Workers that died or stopped reporting.",
    invalid: Some(0.0),
    what: "{} workers were lost",
    advice: "see why in `workers_lost` of report.json",
    measure: Some(measure),
    breaches: Some(breaches),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    of_run(facts.has_begun().then_some(facts.recording.lost_workers.len() as f64), limits)
}

fn breaches(facts: &RunFacts<'_>, _: RuleLimits) -> Vec<Found> {
    let words = |lost: &LostWorker| {
        let LostWorker { scenario, worker, at_ns, why, .. } = lost;
        let scenario = facts.plan.scenarios.get(usize::from(*scenario));
        let name = scenario.map_or("?", |scenario| scenario.name.as_str());
        let seconds = *at_ns as f64 / 1e9;
        (None, format!("worker {worker} of {name} was lost at {seconds:.1} s: {why}"))
    };
    facts.recording.lost_workers.iter().map(words).collect()
}
