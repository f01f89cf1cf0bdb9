//! The rules of validity: when a run proves nothing about its target.

use super::accounting::{drops_are_meant, imbalance};
use super::limits::LIMITS;
use super::{Breach, Finding, Health, Rule, State, health};
use crate::plan::{
    Level, Phase, Plan, Protocol, Scenario, Stage, Stat, TimeMetric, most_in_flight,
};
use crate::record::{Cell, CellKey, Counter, Failure, Origin, Recording, StopReason};
use crate::units::figure::{grouped, percent, time};

/// Every rule that the run broke, and by how much.
pub(super) fn of(
    plan: &Plan,
    recording: &Recording,
    findings: &[Finding],
    measured: &[Health],
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (scenario, facts) in plan.scenarios.iter().zip(&recording.scenarios) {
        let name = &scenario.name;
        for (key, cell) in &facts.cells {
            let stage = scenario
                .stages
                .get(usize::from(key.stage))
                .map_or("?", |stage| stage.name.as_str());
            let place = format!("{name}, stage {stage}, {}", key.phase);
            lag(plan, cell, &place, &mut breaches);
            dropped(plan, scenario, cell, &place, &mut breaches);
            local(plan, cell, &place, &mut breaches);
            if let Some(detail) = imbalance(cell, recording.stopped.is_some()) {
                breaches
                    .push(Breach { rule: Rule::Accounting, detail: format!("{place}: {detail}") });
            }
        }
    }
    for (scenario, worker, at_ns, why) in &recording.lost {
        let name = plan
            .scenarios
            .get(usize::from(*scenario))
            .map_or("?", |scenario| scenario.name.as_str());
        let detail =
            format!("worker {worker} of {name} was lost at {:.1} s: {why}", *at_ns as f64 / 1e9);
        breaches.push(Breach { rule: Rule::WorkerLost, detail });
    }
    breaches.extend(health::breaches(plan, measured));
    for finding in findings.iter().filter(|finding| !is_default(plan, finding)) {
        samples(plan, finding, &mut breaches);
    }
    match &recording.stopped {
        Some((StopReason::Completed | StopReason::Aborted { .. }, _)) => {}
        Some((StopReason::Interrupted { .. }, at_ns)) => {
            let detail = format!("interrupted at {:.1} s", *at_ns as f64 / 1e9);
            breaches.push(Breach { rule: Rule::Incomplete, detail });
        }
        Some((StopReason::WorkerLoss, at_ns)) => {
            let detail = format!("ended at {:.1} s because a worker was lost", *at_ns as f64 / 1e9);
            breaches.push(Breach { rule: Rule::Incomplete, detail });
        }
        Some((StopReason::BeyondRepair { rule }, at_ns)) => {
            let detail = format!(
                "ended at {:.1} s, because {rule} had made it INVALID whatever came: `generator.on_invalid = \"continue\"` goes on",
                *at_ns as f64 / 1e9
            );
            breaches.push(Breach { rule: Rule::Incomplete, detail });
        }
        None => {
            let detail = format!("the run was cut off; saved up to second {}", recording.seconds);
            breaches.push(Breach { rule: Rule::Incomplete, detail });
        }
    }
    breaches
}

/// What makes a run INVALID by this rule, as the plan has it.
fn limit(plan: &Plan, rule: Rule) -> f64 {
    let limit = LIMITS.iter().find(|limit| limit.rule == rule);
    limit.and_then(|limit| limit.of(plan).invalid).unwrap_or(f64::INFINITY)
}

fn lag(plan: &Plan, cell: &Cell, place: &str, breaches: &mut Vec<Breach>) {
    let Some(lag) = cell.times.stat(TimeMetric::ScheduleLag, Stat::P99) else { return };
    let limit = limit(plan, Rule::ScheduleLag);
    if lag > limit {
        let (lag, limit) = (time(lag), time(limit));
        let detail = format!("{place}: schedule_lag.p99 was {lag}, at most {limit} is allowed");
        breaches.push(Breach { rule: Rule::ScheduleLag, detail });
    }
}

/// `; at most 1% is allowed`, where a few are.
fn allowed(limit: f64) -> String {
    if limit > 0.0 { format!(", at most {} is allowed", percent(limit)) } else { String::new() }
}

fn dropped(plan: &Plan, scenario: &Scenario, cell: &Cell, place: &str, breaches: &mut Vec<Breach>) {
    let (dropped, due) = (cell.counters.get(Counter::Dropped), cell.counters.get(Counter::Due));
    let limit = limit(plan, Rule::Dropped);
    if dropped as f64 <= limit * due as f64 || drops_are_meant(scenario) {
        return;
    }
    let (allowed, cap) = (allowed(limit), small_cap(scenario));
    let detail =
        format!("{place}: {dropped} of {due} due attempts were never started{allowed}{cap}");
    breaches.push(Breach { rule: Rule::Dropped, detail });
}

fn local(plan: &Plan, cell: &Cell, place: &str, breaches: &mut Vec<Breach>) {
    let (local, started) =
        (cell.counters.get(Counter::FailedLocal), cell.counters.get(Counter::Started));
    let limit = limit(plan, Rule::LocalFailures);
    if local as f64 <= limit * started as f64 {
        return;
    }
    let own = || {
        let all = cell.failures.iter();
        all.filter(|(cause, _)| cause.failure.origin() == Origin::Local)
    };
    let causes: Vec<String> =
        own().map(|(cause, tally)| format!("{} {cause}", tally.count)).collect();
    let what = |failure| match failure {
        Failure::NoRow => "had no row of data left",
        Failure::BadValue => "had a value that cannot be sent",
        _ => "failed by this machine's own fault",
    };
    let mut whats: Vec<&str> = own().map(|(cause, _)| what(cause.failure)).collect();
    whats.dedup();
    let detail = format!(
        "{place}: {local} of {started} attempts {}{}: {}",
        whats.join(" or "),
        allowed(limit),
        causes.join(", ")
    );
    breaches.push(Breach { rule: Rule::LocalFailures, detail });
}

/// The rule that is broken beyond repair: whatever the rest of the plan brings, the run is INVALID. Where a limit is a part of what will
/// have been due, that is taken as the most that the plan can make it.
pub(super) fn beyond_repair(plan: &Plan, recording: &Recording) -> Option<Rule> {
    let scenarios = plan.scenarios.iter().zip(&recording.scenarios);
    let mut cells = scenarios.flat_map(|(scenario, facts)| {
        facts.cells.iter().map(move |(key, cell)| (scenario, key, cell))
    });
    cells.find_map(|(scenario, key, cell)| {
        let most = most_due(scenario, *key);
        let beyond = |counter, rule| {
            let bad = cell.counters.get(counter) as f64;
            let limit = limit(plan, rule);
            // Nothing of an endless number is too much, and none of it is allowed.
            bad > 0.0 && (limit == 0.0 || bad > limit * most)
        };
        if beyond(Counter::Dropped, Rule::Dropped) && !drops_are_meant(scenario) {
            return Some(Rule::Dropped);
        }
        beyond(Counter::FailedLocal, Rule::LocalFailures).then_some(Rule::LocalFailures)
    })
}

/// The most attempts that can fall due in a phase; infinite where users set the pace, and for the drain, which is short.
fn most_due(scenario: &Scenario, key: CellKey) -> f64 {
    let stage = usize::from(key.stage);
    let rate = |stage: &Stage| match stage.level {
        Level::Rate { rate, .. } => Some(rate.value()),
        Level::Users { .. } => None,
    };
    let Some((stage, rate_now)) =
        scenario.stages.get(stage).and_then(|one| Some((one, rate(one)?)))
    else {
        return f64::INFINITY;
    };
    let before =
        usize::from(key.stage).checked_sub(1).and_then(|before| rate(&scenario.stages[before]));
    match (key.phase, stage.level) {
        (Phase::Hold, _) => rate_now * stage.hold.0.as_secs_f64(),
        (Phase::Ramp, Level::Rate { ramp, .. }) => {
            rate_now.max(before.unwrap_or(0.0)) * ramp.0.as_secs_f64()
        }
        _ => f64::INFINITY,
    }
}

/// What else than the generator may be to blame for drops, where the plan's cap is too small to tell.
fn small_cap(scenario: &Scenario) -> String {
    let Protocol::Http(http) = &scenario.protocol else { return String::new() };
    let most = most_in_flight(&scenario.stages, http.longest_pass());
    if http.max_in_flight >= most {
        return String::new();
    }
    format!(
        "; max_in_flight = {} is below the {} that the rate and a timeout of {} can have under way, so that a slow target and a \
         small cap look alike: raise it, shorten the timeout, or write `on_full = \"fail\"` if it is meant",
        grouped(http.max_in_flight),
        grouped(most),
        http.longest_pass()
    )
}

/// Whether nobody asked for a threshold whose samples are too few; without any the run says nothing all the same.
fn is_default(plan: &Plan, finding: &Finding) -> bool {
    let thresholds = &plan.scenarios[usize::from(finding.scenario)].thresholds;
    thresholds[usize::from(finding.threshold)].is_default
        && matches!(finding.state, State::TooFew { .. })
}

fn samples(plan: &Plan, finding: &Finding, breaches: &mut Vec<Breach>) {
    let scenario = &plan.scenarios[usize::from(finding.scenario)];
    let check = &scenario.thresholds[usize::from(finding.threshold)].condition;
    let mut place = match finding.stage.and_then(|stage| scenario.stages.get(usize::from(stage))) {
        Some(stage) => format!("{}, stage {}", scenario.name, stage.name),
        None => scenario.name.clone(),
    };
    if let Some(request) = finding.request.and_then(|at| scenario.request(at)) {
        place = format!("{place}, request {request}");
    }
    let detail = match finding.state {
        State::NoData => format!("{place}: nothing was measured for `{check}`"),
        State::TooFew { needed } => {
            format!(
                "{place}: `{check}` takes at least {needed} samples, there were {}",
                finding.samples
            )
        }
        State::Held | State::Broken | State::Unreached { .. } => return,
    };
    breaches.push(Breach { rule: Rule::Samples, detail });
}
