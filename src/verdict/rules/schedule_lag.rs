//! `schedule_lag`: the generator was late against its own schedule.

use super::rule::{Found, InCell, RULE, Rule, RuleLimits, RuleUnit, RunFacts, Sample};
use crate::catalogue::LimitKey;
use crate::plan::{Bound, Comparison, Metric, Scenario, Stat, TimeMetric};
use crate::record::Cell;
use crate::units::figure::time;

/// The least budget for lag: timers are not more exact.
const LEAST_BUDGET_NS: f64 = 1e6;

/// The share of a bound on response times that the generator's own lag may take.
const LAG_SHARE: f64 = 0.1;

/// The generator was late against its own schedule.
pub static SCHEDULE_LAG: Rule = Rule {
    name: LimitKey::ScheduleLag.name(),
    doc: "The 99th percentile of how late attempts started.",
    unit: RuleUnit::Time,
    invalid: Some(LimitKey::ScheduleLag.default_limit()),
    warn_note: "10 % of the tightest bound on `response_time`",
    setting: Some(LimitKey::ScheduleLag),
    what: "schedule_lag.p99 was {}",
    advice: "lower the load, or give the generator more processors",
    measure: Some(measure),
    breaches: Some(breaches),
    ..RULE
};

/// The 99th percentile of the lag in one phase.
pub(super) fn lag(cell: &Cell) -> Option<f64> {
    cell.times.stat(TimeMetric::ScheduleLag, Stat::P99)
}

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    let sample = |one: InCell<'_>| {
        let limits = RuleLimits { warn: budget(one.scenario), ..limits };
        let host = facts.worst_host(one.place, |totals| totals.workers.lag_max_ns);
        Some(Sample { place: Some(one.place), host, value: lag(one.cell)?, limits })
    };
    facts.cells().filter_map(sample).collect()
}

/// The part of the tightest bound on response times that the generator's lag may use.
fn budget(scenario: &Scenario) -> Option<f64> {
    let bounds = scenario.thresholds.iter().filter_map(|one| {
        let Bound(bound) = one.bound;
        let upper = matches!(one.comparison, Comparison::Less | Comparison::AtMost);
        let response = matches!(one.metric, Metric::Time(TimeMetric::ResponseTime, _));
        (upper && response).then_some(bound)
    });
    bounds.reduce(f64::min).map(|tightest| (tightest * LAG_SHARE).max(LEAST_BUDGET_NS))
}

fn breaches(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Found> {
    let late = facts.cells().filter_map(|one| Some((one.place, lag(one.cell)?)));
    let late = late.filter(|(_, lag)| *lag > limits.most());
    late.map(|(place, lag)| {
        let (lag, most) = (time(lag), time(limits.most()));
        let words = facts.words(place);
        let on = facts.most_on(place, |totals| totals.workers.lag_max_ns);
        let detail = format!("{words}: schedule_lag.p99 was {lag}, at most {most} is allowed{on}");
        (Some(place), detail)
    })
    .collect()
}
