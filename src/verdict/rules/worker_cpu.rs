//! `worker_cpu`: a worker needed all of its processor.

use super::rule::{RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, of_worst, thousandths};
use crate::catalogue::LimitKey;
use crate::plan::Level;

/// A worker needed all of its processor.
// INVALID only for stages with a rate: users without think time are meant to be as fast as they
// can.
pub static WORKER_CPU: Rule = Rule {
    name: LimitKey::WorkerCpu.name(),
    doc: "What a worker used of a processor, in the busiest five seconds of a hold.",
    unit: RuleUnit::Share,
    warn: Some(0.90),
    invalid: Some(LimitKey::WorkerCpu.default_limit()),
    invalid_note: "in stages with a `rate`",
    setting: Some(LimitKey::WorkerCpu),
    what: "a worker used {} of a processor for five seconds",
    advice: "raise `generator.workers` up to the number of processors, or lower the load",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    facts.by_phase(
        |one| {
            let load = one.load_in_hold()?;
            of_worst(load, thousandths(load.workers.busy_permille), |host| {
                thousandths(host.workers.busy_permille)
            })
        },
        |one| limits.only_warn_if(!matches!(one.stage.level, Level::Rate { .. })),
    )
}
