//! The rules of validity: when a run proves nothing about its target.

use super::limits::LIMITS;
use super::{Breach, Finding, Health, Rule, State, health};
use crate::plan::{Plan, Protocol, Scenario, Stat, TimeMetric, most_in_flight};
use crate::record::{Cell, Counter, Recording, StopReason};
use crate::units::figure::{grouped, time};

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
            let place = format!("{name}, stage {stage}, {}", key.part);
            lag(cell, &place, &mut breaches);
            counts(cell, &place, &small_cap(scenario), &mut breaches);
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
    for finding in findings {
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
        None => {
            let detail = format!("the run was cut off; saved up to second {}", recording.seconds);
            breaches.push(Breach { rule: Rule::Incomplete, detail });
        }
    }
    breaches
}

fn lag(cell: &Cell, place: &str, breaches: &mut Vec<Breach>) {
    let Some(lag) = cell.times.stat(TimeMetric::ScheduleLag, Stat::P99) else { return };
    let limit = LIMITS.iter().find(|limit| limit.rule == Rule::ScheduleLag);
    let Some(limit) = limit.and_then(|limit| limit.invalid) else { return };
    if lag > limit {
        let (lag, limit) = (time(lag), time(limit));
        let detail = format!("{place}: schedule_lag.p99 was {lag}, at most {limit} is allowed");
        breaches.push(Breach { rule: Rule::ScheduleLag, detail });
    }
}

fn counts(cell: &Cell, place: &str, cap: &str, breaches: &mut Vec<Breach>) {
    let dropped = cell.counters.get(Counter::Dropped);
    if dropped > 0 {
        let due = cell.counters.get(Counter::Due);
        let detail = format!("{place}: {dropped} of {due} due attempts were never started{cap}");
        breaches.push(Breach { rule: Rule::Dropped, detail });
    }
    let local = cell.counters.get(Counter::FailedLocal);
    if local > 0 {
        let started = cell.counters.get(Counter::Started);
        let causes: Vec<String> = cell
            .failures
            .iter()
            .filter(|(cause, _)| cause.failure.origin() == crate::record::Origin::Local)
            .map(|(cause, tally)| format!("{} {cause}", tally.count))
            .collect();
        let detail = format!(
            "{place}: {local} of {started} attempts failed by this machine's own fault: {}",
            causes.join(", ")
        );
        breaches.push(Breach { rule: Rule::LocalFailures, detail });
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
         small cap look alike: raise it, or shorten the timeout",
        grouped(http.max_in_flight),
        grouped(most),
        http.longest_pass()
    )
}

/// The accounting identities of one part; what has been started may be open as long as the run goes on.
pub(super) fn imbalance(cell: &Cell, ended: bool) -> Option<String> {
    let get = |counter| cell.counters.get(counter);
    let (due, started, dropped) = (get(Counter::Due), get(Counter::Started), get(Counter::Dropped));
    if due != started + dropped {
        return Some(format!("due {due} is not started {started} + dropped {dropped}"));
    }
    let (ok, failed) = (get(Counter::Ok), get(Counter::Failed));
    let (timed_out, unfinished) = (get(Counter::TimedOut), get(Counter::Unfinished));
    (ended && started != ok + failed + timed_out + unfinished).then(|| {
        format!("started {started} is not ok {ok} + failed {failed} + timed_out {timed_out} + unfinished {unfinished}")
    })
}

fn samples(plan: &Plan, finding: &Finding, breaches: &mut Vec<Breach>) {
    let scenario = &plan.scenarios[usize::from(finding.scenario)];
    let check = &scenario.thresholds[usize::from(finding.threshold)].check;
    let place = match finding.stage.and_then(|stage| scenario.stages.get(usize::from(stage))) {
        Some(stage) => format!("{}, stage {}", scenario.name, stage.name),
        None => scenario.name.clone(),
    };
    let detail = match finding.state {
        State::NoData => format!("{place}: nothing was measured for `{check}`"),
        State::TooFew { needed } => {
            format!(
                "{place}: `{check}` takes at least {needed} samples, there were {}",
                finding.samples
            )
        }
        State::Held | State::Broken => return,
    };
    breaches.push(Breach { rule: Rule::Samples, detail });
}
