mod health;
mod hosts;
mod own;
mod shortfall;

use super::*;
use crate::plan::{
    Bound, Comparison, CountMetric, During, Level, Metric, Phase, Plan, Protocol, Ramp,
    RatioMetric, Scope, Stat, Threshold, TimeMetric,
};
use crate::record::{
    AttemptOutcome, Cause, Cell, CellKey, Counter, Entry, Failure, FailureStage, Gauge, Second,
    StageTransition, StopReason, Transition,
};
use crate::schedule::testing;
use crate::units::Time;
use std::time::Duration;

fn threshold(metric: Metric, comparison: Comparison, bound: f64) -> Threshold {
    Threshold {
        requests: crate::plan::RequestScope::All,
        condition: format!("{metric} {comparison} {bound}"),
        line: 1,
        is_default: false,
        metric,
        comparison,
        bound: Bound(bound),
        relative: None,
        scope: Scope::Scenario,
        during: During::Hold,
        window: None,
        abort: false,
        grace: Time::default(),
    }
}

fn plan(thresholds: Vec<Threshold>) -> Plan {
    let level = |users| (Level::Users { users, ramp: Ramp::Unpaced }, 5_000);
    let mut scenario = testing::scenario(testing::http(), &[level(10), level(20)]);
    scenario.thresholds = thresholds;
    testing::plan(scenario)
}

/// A run of two stages of five seconds each, without ramps; each second is what `fill` puts into
/// it.
fn run(plan: &Plan, reason: Option<StopReason>, fill: impl Fn(u32, &mut Cell)) -> Judge {
    let mut judge = Judge::new(plan);
    for stage in 0..2_u16 {
        let at_ns = u64::from(stage) * 5_000_000_000;
        for mark in [Transition::Ramp(stage), Transition::Hold(stage)] {
            judge.add(&Entry::Transition(StageTransition { scenario: 0, transition: mark, at_ns }));
        }
        for number in 0..5 {
            let number = u32::from(stage) * 5 + number;
            let mut cell = Cell::default();
            fill(number, &mut cell);
            let mut second = Second { second: number, ..Second::default() };
            let facts = second.scenarios.entry(0).or_default();
            facts.cells.push((CellKey { stage, phase: Phase::Hold }, cell));
            facts.gauges.set(Gauge::Open, 10);
            facts.reporting = 1;
            judge.add(&Entry::Second(second));
        }
    }
    if let Some(reason) = reason {
        judge.add(&Entry::Stopped { at_ns: 10_000_000_000, reason });
    }
    judge
}

fn requests(cell: &mut Cell, ok: u64, refused: u64) {
    for (counter, amount) in
        [(Counter::Due, ok + refused), (Counter::Started, ok + refused), (Counter::Ok, ok)]
    {
        cell.counters.add(counter, amount);
    }
    for _ in 0..refused {
        cell.end(
            AttemptOutcome::Failed(Cause::new(Failure::Refused, FailureStage::Connect)),
            1,
            String::new,
        );
    }
}

const FAILURE: Metric = Metric::Ratio(RatioMetric::Failure);
const DONE: Option<StopReason> = Some(StopReason::Completed);

#[test]
fn the_word_follows_from_the_facts() {
    let plan = plan(vec![threshold(FAILURE, Comparison::Less, 0.1)]);
    let verdict = |refused| run(&plan, DONE, |_, cell| requests(cell, 100, refused)).judgement();
    assert_eq!(verdict(0).verdict, Verdict::Pass);
    assert_eq!(verdict(11).verdict, Verdict::Pass);
    assert_eq!(verdict(12).verdict, Verdict::Fail);
    assert_eq!(verdict(12).findings[0].ratio, Some((120, 1_120)));
}

#[test]
fn no_data_never_passes() {
    let metrics = [
        threshold(FAILURE, Comparison::AtLeast, 0.0),
        threshold(Metric::Time(TimeMetric::ServiceTime, Stat::P50), Comparison::Less, 1e9),
        threshold(Metric::Count(CountMetric::HoldLost), Comparison::Equal, 0.0),
        Threshold {
            window: Some(Time(Duration::from_secs(2))),
            ..threshold(Metric::Ratio(RatioMetric::Status5xx), Comparison::Less, 1.0)
        },
    ];
    for metric in metrics {
        let judge = Judge::new(&plan(vec![metric.clone()]));
        assert_eq!(judge.findings()[0].state, ThresholdState::NoData, "{}", metric.condition);
        let verdict = judge.judgement();
        assert_eq!(verdict.verdict, Verdict::Invalid);
        assert!(verdict.breaches.iter().any(|breach| breach.rule == &rules::SAMPLES));
    }
}

#[test]
fn a_percentile_with_too_few_samples_is_invalid() {
    let plan = plan(vec![threshold(
        Metric::Time(TimeMetric::ServiceTime, Stat::P99),
        Comparison::Less,
        1e9,
    )]);
    let judge = |per_second| {
        run(&plan, DONE, move |_, cell| {
            requests(cell, per_second, 0);
            (0..per_second).for_each(|_| cell.time(TimeMetric::ServiceTime, 1_000));
        })
    };
    assert_eq!(judge(36).findings()[0].state, ThresholdState::TooFew { needed: 368 });
    assert_eq!(judge(36).judgement().verdict, Verdict::Invalid);
    assert_eq!(judge(37).judgement().verdict, Verdict::Pass);
}

#[test]
fn stages_are_looked_at_together_alone_or_each() {
    let bad_second_stage =
        |number: u32, cell: &mut Cell| requests(cell, 100, if number < 5 { 0 } else { 10 });
    let with = |scope| Threshold { scope, ..threshold(FAILURE, Comparison::Less, 0.08) };
    let plan = plan(vec![
        with(Scope::Scenario),
        with(Scope::Stage(0)),
        with(Scope::Stage(1)),
        with(Scope::EachStage),
    ]);
    let states: Vec<_> = run(&plan, DONE, bad_second_stage)
        .findings()
        .iter()
        .map(|finding| (finding.stage, finding.state))
        .collect();
    assert_eq!(
        states,
        [
            (None, ThresholdState::Held),
            (Some(0), ThresholdState::Held),
            (Some(1), ThresholdState::Broken),
            (Some(0), ThresholdState::Held),
            (Some(1), ThresholdState::Broken),
        ]
    );
}

#[test]
fn a_window_finds_the_worst_stretch() {
    let window = Some(Time(Duration::from_secs(2)));
    let plan = plan(vec![Threshold { window, ..threshold(FAILURE, Comparison::Less, 0.5) }]);
    let judge = run(&plan, DONE, |number, cell| {
        if number == 7 {
            requests(cell, 0, 100);
        } else {
            requests(cell, 50, 0);
        }
    });
    let finding = &judge.findings()[0];
    assert_eq!((finding.state, finding.ratio), (ThresholdState::Broken, Some((100, 150))));
    assert_eq!(finding.window_end, Some(7));
}

#[test]
fn what_the_generator_did_wrong_makes_the_run_invalid() {
    let plan = plan(Vec::new());
    let rule = |reason, fill: &dyn Fn(u32, &mut Cell)| {
        let verdict = run(&plan, reason, fill).judgement();
        assert_eq!(
            verdict.verdict,
            if verdict.breaches.is_empty() { Verdict::Pass } else { Verdict::Invalid }
        );
        verdict.breaches.first().map(|breach| breach.rule)
    };
    let fine = |_: u32, cell: &mut Cell| requests(cell, 10, 0);
    assert_eq!(rule(DONE, &fine), None);
    assert_eq!(rule(None, &fine), Some(&rules::INCOMPLETE));
    assert_eq!(rule(Some(StopReason::Interrupted { signal: 2 }), &fine), Some(&rules::INCOMPLETE));
    assert_eq!(rule(DONE, &|_, cell| cell.count(Counter::Due)), Some(&rules::ACCOUNTING));
    let dropped = |_: u32, cell: &mut Cell| {
        cell.count(Counter::Due);
        cell.count(Counter::Dropped);
    };
    assert_eq!(rule(DONE, &dropped), Some(&rules::DROPPED));
    let late = |_: u32, cell: &mut Cell| cell.time(TimeMetric::ScheduleLag, 200_000_000);
    assert_eq!(rule(DONE, &late), Some(&rules::SCHEDULE_LAG));
    let local = |_: u32, cell: &mut Cell| {
        cell.count(Counter::Due);
        cell.count(Counter::Started);
        cell.end(
            AttemptOutcome::Failed(Cause::new(Failure::TooManyFiles, FailureStage::Connect)),
            1,
            String::new,
        );
    };
    assert_eq!(rule(DONE, &local), Some(&rules::LOCAL_FAILURES));
}

#[test]
fn local_failures_are_no_failures_of_the_target() {
    let plan = plan(vec![threshold(FAILURE, Comparison::Equal, 0.0)]);
    let judge = run(&plan, DONE, |_, cell| {
        requests(cell, 10, 0);
        cell.count(Counter::Due);
        cell.count(Counter::Started);
        cell.end(
            AttemptOutcome::Failed(Cause::new(Failure::NoSourcePort, FailureStage::Connect)),
            1,
            String::new,
        );
    });
    assert_eq!(judge.findings()[0].state, ThresholdState::Held);
    assert_eq!(judge.judgement().verdict, Verdict::Invalid);
}

/// The threshold that ends the run now: scenario and threshold.
fn aborted(judge: &Judge, now_ns: u64) -> Option<(u16, u16)> {
    judge.abort(&judge.findings(), now_ns)
}

#[test]
fn an_abort_waits_for_its_grace() {
    let abort = |grace| Threshold {
        abort: true,
        grace: Time(Duration::from_secs(grace)),
        ..threshold(FAILURE, Comparison::Less, 0.01)
    };
    let judge = |grace| run(&plan(vec![abort(grace)]), None, |_, cell| requests(cell, 1, 1));
    assert_eq!(aborted(&judge(3), 2_000_000_000), None);
    assert_eq!(aborted(&judge(3), 3_000_000_000), Some((0, 0)));
}

#[test]
fn each_request_is_judged_by_itself() {
    use crate::plan::{Http, Request, RequestScope};
    let by = |requests, metric, comparison, bound| Threshold {
        requests,
        ..threshold(metric, comparison, bound)
    };
    let p50 = Metric::Time(TimeMetric::ServiceTime, Stat::P50);
    let within = Metric::Within(Time(Duration::from_millis(20)));
    let windowed = Threshold {
        window: Some(Time(Duration::from_secs(1))),
        ..by(RequestScope::One(1), FAILURE, Comparison::Less, 0.5)
    };
    let mut plan = plan(vec![
        by(RequestScope::All, p50, Comparison::Less, 2e7),
        by(RequestScope::One(1), p50, Comparison::Less, 2e7),
        by(RequestScope::Each, within, Comparison::AtLeast, 0.4),
        windowed,
    ]);
    let named = |name: &str| Request { name: name.into(), ..Request::default() };
    let requests = vec![named("home"), named("order")];
    plan.scenarios[0].protocol = Protocol::Http(Http { requests, ..Http::default() });
    // Nine of ten are quick; of the others half fail at once, and the rest take 40 ms.
    let judge = run(&plan, DONE, |_, cell| {
        for sample in 0..100 {
            let order = sample % 10 == 0;
            let took = if order { 40_000_000 } else { 1_000_000 };
            let tally = cell.requests.entry(u16::from(order)).or_default();
            tally.started += 1;
            let outcome = if sample % 20 == 0 {
                AttemptOutcome::Failed(Cause::new(Failure::Status, FailureStage::Request))
            } else {
                tally.times.record(TimeMetric::ServiceTime, took);
                cell.times.record(TimeMetric::ServiceTime, took);
                *tally.within.entry(20_000_000).or_default() += u64::from(!order);
                AttemptOutcome::Ok
            };
            tally.end(outcome, 0, String::new);
            cell.end(outcome, 0, String::new);
            cell.count(Counter::Due);
            cell.count(Counter::Started);
        }
    });
    let found: Vec<_> = judge
        .findings()
        .into_iter()
        .map(|one| (one.threshold, one.request, one.state, one.samples, one.ratio))
        .collect();
    assert_eq!(
        found,
        [
            (0, None, ThresholdState::Held, 950, None),
            (1, Some(1), ThresholdState::Broken, 50, None),
            (2, Some(0), ThresholdState::Held, 900, Some((900, 900))),
            (2, Some(1), ThresholdState::Broken, 100, Some((0, 100))),
            (3, Some(1), ThresholdState::Broken, 10, Some((5, 10))),
        ]
    );
}

#[test]
fn each_state_has_one_word() {
    let states = [
        (ThresholdState::Held, "held"),
        (ThresholdState::Broken, "broken"),
        (ThresholdState::NoData, "no_data"),
        (ThresholdState::Unreached { needed: 1, failed: 1 }, "unreached"),
        (ThresholdState::TooFew { needed: 368 }, "too_few_samples"),
    ];
    for (state, word) in states {
        assert_eq!(state.name(), word);
    }
}
