//! `dropped`: attempts were due and never started.

use super::rule::{Found, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample, share};
use crate::catalogue::LimitKey;
use crate::plan::{Scenario, most_in_flight};
use crate::record::Counter;
use crate::units::figure::grouped;
use crate::verdict::accounting::{drops_are_meant, most_due};

/// Attempts were due and never started.
// Stricter than a share of 99.9 %: one attempt that was never started is one too many.
pub static DROPPED: Rule = Rule {
    name: LimitKey::Dropped.name(),
    doc: "Due attempts that were never started.",
    unit: RuleUnit::Share,
    invalid: Some(LimitKey::Dropped.default_limit()),
    invalid_note: "unless `on_full = \"fail\"`",
    setting: Some(LimitKey::Dropped),
    what: "{} of the due attempts were never started",
    advice: "lower the load, or raise `max_in_flight` or the number of workers",
    measure: Some(measure),
    breaches: Some(breaches),
    is_beyond_repair: Some(is_beyond_repair),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let sample = |one: super::rule::InCell<'_>| {
        let get = |counter| one.cell.counters.get(counter);
        let value = share(get(Counter::Dropped), get(Counter::Due))?;
        let limits = limits.only_warn_if(drops_are_meant(one.scenario));
        let host = facts.worst_host(one.place, |all| all.counters.get(Counter::Dropped));
        Some(Sample { place: Some(one.place), host, value, limits })
    };
    facts.cells().filter_map(sample).collect()
}

fn breaches(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Found> {
    let mut found = Vec::new();
    for one in facts.cells().filter(|one| !drops_are_meant(one.scenario)) {
        let get = |counter| one.cell.counters.get(counter);
        let (dropped, due) = (get(Counter::Dropped), get(Counter::Due));
        if dropped as f64 > limits.most() * due as f64 {
            let (place, cap) = (facts.words(one.place), small_cap(one.scenario));
            let allowed = limits.allowed();
            let on = facts.most_on(one.place, |all| all.counters.get(Counter::Dropped));
            let detail = format!(
                "{place}: {dropped} of {due} due attempts were never started{allowed}{cap}{on}"
            );
            found.push((Some(one.place), detail));
        }
    }
    found
}

fn is_beyond_repair(facts: &RunFacts<'_>, limits: RuleLimits) -> bool {
    facts.cells().filter(|one| !drops_are_meant(one.scenario)).any(|one| {
        let (_, key) = one.place;
        let dropped = one.cell.counters.get(Counter::Dropped);
        limits.are_passed_for_good(dropped, most_due(one.scenario, key))
    })
}

/// Causes of drops other than the generator, if the plan's cap is too small to decide.
fn small_cap(scenario: &Scenario) -> String {
    let protocol = &scenario.protocol;
    let most = most_in_flight(&scenario.stages, protocol.longest_arrival());
    if protocol.max_in_flight() >= most {
        return String::new();
    }
    format!(
        "; max_in_flight = {} is below the {} that the rate and a timeout of {} can have under \
         way, so that a slow target and a small cap look alike: raise it, shorten the timeout, or \
         write `on_full = \"fail\"` if it is meant",
        grouped(protocol.max_in_flight()),
        grouped(most),
        protocol.longest_arrival()
    )
}
