//! Finds the validity rules that a run broke, and those that it is certain to break.

use super::rules::{self, Rule, RunFacts};
use super::{Breach, Health, RuleStatus};

/// Every rule that the run broke, and by how much, grouped by place.
pub(super) fn of(facts: &RunFacts<'_>, measured: &[Health]) -> Vec<Breach> {
    let mut found = Vec::new();
    for &rule in rules::ALL {
        if let Some(breaches) = rule.breaches {
            let details = breaches(facts, rule.limits(facts.plan)).into_iter();
            found.extend(details.map(|(place, detail)| (place, Breach { rule, detail })));
        } else {
            let violated =
                measured.iter().filter(|one| one.rule == rule && one.state == RuleStatus::Violated);
            let details = violated.filter_map(|one| one.words(facts.plan));
            found.extend(details.map(|detail| (None, Breach { rule, detail })));
        }
    }
    // Stable: rules keep their order within a place.
    found.sort_by_key(|(place, _)| (place.is_none(), *place));
    found.into_iter().map(|(_, breach)| breach).collect()
}

/// The rule that is broken beyond repair: the run is INVALID regardless of what the rest of the
/// plan does.
pub(super) fn beyond_repair(facts: &RunFacts<'_>) -> Option<&'static Rule> {
    let broken = |rule: &&'static Rule| {
        let is_beyond_repair = rule.is_beyond_repair?;
        is_beyond_repair(facts, rule.limits(facts.plan)).then_some(*rule)
    };
    rules::ALL.iter().find_map(broken)
}
