//! `local_failures`: attempts failed by this machine's own fault.

use super::rule::{Found, InCell, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, share};
use crate::catalogue::LimitKey;
use crate::record::{Counter, Failure, Origin};
use crate::verdict::accounting::most_due;

/// Attempts failed by this machine's own fault.
pub static LOCAL_FAILURES: Rule = Rule {
    name: LimitKey::LocalFailures.name(),
    doc: "Attempts that this machine itself made fail.",
    unit: RuleUnit::Share,
    invalid: Some(LimitKey::LocalFailures.default_limit()),
    setting: Some(LimitKey::LocalFailures),
    what: "this machine itself made {} of the attempts fail",
    advice: "`planrun doctor PLAN` shows what this machine lacks",
    measure: Some(measure),
    breaches: Some(breaches),
    is_beyond_repair: Some(is_beyond_repair),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let sample = |one: InCell<'_>| {
        let get = |counter| one.cell.counters.get(counter);
        let value = share(get(Counter::FailedLocal), get(Counter::Started))?;
        let host = facts.worst_host(one.place, |all| all.counters.get(Counter::FailedLocal));
        Some(Sample { place: Some(one.place), host, value, limits })
    };
    facts.cells().filter_map(sample).collect()
}

fn breaches(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Found> {
    let mut found = Vec::new();
    for one in facts.cells() {
        let get = |counter| one.cell.counters.get(counter);
        let (local, started) = (get(Counter::FailedLocal), get(Counter::Started));
        if local as f64 > limits.most() * started as f64 {
            let (place, allowed) = (facts.words(one.place), limits.allowed());
            let (what, causes) = (what(&one), causes(&one));
            let on = facts.most_on(one.place, |all| all.counters.get(Counter::FailedLocal));
            let detail =
                format!("{place}: {local} of {started} attempts {what}{allowed}: {causes}{on}");
            found.push((Some(one.place), detail));
        }
    }
    found
}

fn causes(one: &InCell<'_>) -> String {
    let local = one.cell.failures.iter().filter(|(cause, _)| is_local(cause.failure));
    let causes: Vec<String> =
        local.map(|(cause, tally)| format!("{} {cause}", tally.count)).collect();
    causes.join(", ")
}

fn what(one: &InCell<'_>) -> String {
    let what = |failure| match failure {
        Failure::NoRow => "had no row of data left",
        Failure::BadValue => "had a value that cannot be sent",
        _ => "failed because of this machine",
    };
    let local = one.cell.failures.iter().map(|(cause, _)| cause.failure);
    let mut whats: Vec<&str> = local.filter(|failure| is_local(*failure)).map(what).collect();
    whats.dedup();
    whats.join(" or ")
}

fn is_local(failure: Failure) -> bool {
    failure.origin() == Origin::Local
}

fn is_beyond_repair(facts: &RunFacts<'_>, limits: RuleLimits) -> bool {
    facts.cells().any(|one| {
        let (_, key) = one.place;
        let local = one.cell.counters.get(Counter::FailedLocal);
        limits.are_passed_for_good(local, most_due(one.scenario, key))
    })
}
