//! Missing samples, whom they are blamed on, and what that makes of a run.

use super::*;
use crate::plan::{Assertion, Check, Http, Request};

const P99: Metric = Metric::Time(TimeMetric::ServiceTime, Stat::P99);
const P50: Metric = Metric::Time(TimeMetric::ServiceTime, Stat::P50);

/// Responses that take this many milliseconds.
fn answered(cell: &mut Cell, count: u64, ms: u64) {
    requests(cell, count, 0);
    (0..count).for_each(|_| cell.time(TimeMetric::ServiceTime, ms * 1_000_000));
}

fn failed(cell: &mut Cell, count: u64, failure: Failure, at_ns: u64) {
    cell.counters.add(Counter::Due, count);
    cell.counters.add(Counter::Started, count);
    for _ in 0..count {
        let cause = Cause::new(failure, FailureStage::Request);
        cell.end(AttemptOutcome::Failed(cause), at_ns, String::new);
    }
}

fn unreached(needed: u64, failed: u64) -> ThresholdState {
    ThresholdState::Unreached { needed, failed }
}

fn rules(verdict: &Judgement) -> Vec<&'static Rule> {
    verdict.breaches.iter().map(|breach| breach.rule).collect()
}

fn below(metric: Metric, bound: f64) -> Threshold {
    threshold(metric, Comparison::Less, bound)
}

/// Ten users who ask once in the ramp and hang until second 8.
fn hanging(plan: &Plan, outcome: Failure) -> Judge {
    let mut judge = Judge::new(plan);
    for (mark, at_ns) in [
        (Transition::Ramp(0), 0),
        (Transition::Hold(0), 1_000_000),
        (Transition::Ramp(1), 5_000_000_000),
        (Transition::Hold(1), 5_000_000_000),
        (Transition::Drain, 6_000_000_000),
    ] {
        judge.add(&Entry::Transition(StageTransition { scenario: 0, transition: mark, at_ns }));
    }
    for number in 0..9 {
        let mut cell = Cell::default();
        if number == 8 {
            failed(&mut cell, 10, outcome, 8_000_000_000);
        }
        let mut second = Second { second: number, ..Second::default() };
        let facts = second.scenarios.entry(0).or_default();
        facts.cells.push((CellKey { stage: 0, phase: Phase::Ramp }, cell));
        judge.add(&Entry::Second(second));
    }
    judge
}

fn end(mut judge: Judge) -> Judgement {
    judge.add(&Entry::Stopped { at_ns: 9_000_000_000, reason: StopReason::Completed });
    judge.judgement()
}

#[test]
fn a_target_that_never_answers_is_to_blame_wherever_its_requests_were_due() {
    let plan = plan(vec![
        below(FAILURE, 0.01),
        below(P50, 1e9),
        threshold(Metric::Count(CountMetric::RequestsCount), Comparison::Greater, 1.0),
        Threshold { scope: Scope::EachStage, ..below(P99, 1e9) },
        Threshold { window: Some(Time(Duration::from_secs(2))), ..below(FAILURE, 0.01) },
    ]);
    let verdict = end(hanging(&plan, Failure::RequestTimeout));
    assert_eq!((verdict.verdict, rules(&verdict)), (Verdict::Fail, vec![]));
    let needed: Vec<ThresholdState> = verdict.findings.iter().map(|one| one.state).collect();
    assert_eq!(needed, [1, 6, 1, 368, 368, 1].map(|needed| unreached(needed, 10)));
    // Failures of this machine say nothing about the target.
    let verdict = end(hanging(&plan, Failure::TooManyFiles));
    assert_eq!(verdict.verdict, Verdict::Invalid);
    assert!(rules(&verdict).contains(&&rules::LOCAL_FAILURES));
    assert!(rules(&verdict).contains(&&rules::SAMPLES));
    assert!(verdict.findings.iter().all(|one| one.state == ThresholdState::NoData));
}

#[test]
fn a_ratio_that_is_broken_before_its_window_is_full_says_by_how_much() {
    let window = Some(Time(Duration::from_mins(1)));
    let plan = plan(vec![Threshold { window, ..below(FAILURE, 0.1) }]);
    let judge = run(&plan, DONE, |_, cell| failed(cell, 7, Failure::Refused, 1));
    let finding = judge.judgement().findings.remove(0);
    assert_eq!((finding.state, finding.ratio), (ThresholdState::Broken, Some((70, 70))));
    assert_eq!((finding.value, finding.window_end), (Some(1.0), None));
}

#[test]
fn what_failed_before_a_view_began_explains_nothing_in_it() {
    let plan = plan(vec![Threshold { scope: Scope::Stage(1), ..below(P50, 1e9) }]);
    let judge = run(&plan, DONE, |number, cell| {
        if number < 3 {
            failed(cell, 100, Failure::Refused, u64::from(number) * 1_000_000_000);
        }
    });
    assert_eq!(judge.judgement().findings[0].state, ThresholdState::NoData);
    assert_eq!(judge.judgement().verdict, Verdict::Invalid);
}

#[test]
fn failures_of_the_target_that_explain_what_is_missing_break_the_threshold() {
    let verdict = |good: u64, bad: u64, failure: Failure| {
        let plan = plan(vec![below(P99, 1e9)]);
        let judge = run(&plan, DONE, |_, cell| {
            answered(cell, good, 1);
            failed(cell, bad, failure, 1);
        });
        let verdict = judge.judgement();
        (verdict.verdict, verdict.findings[0].state)
    };
    assert_eq!(verdict(30, 7, Failure::Reset), (Verdict::Fail, unreached(368, 70)));
    assert_eq!(verdict(2, 2, Failure::RequestTimeout), (Verdict::Fail, unreached(368, 20)));
    let too_few = ThresholdState::TooFew { needed: 368 };
    assert_eq!(verdict(30, 1, Failure::Reset), (Verdict::Invalid, too_few));
    assert_eq!(verdict(30, 30, Failure::NoRow), (Verdict::Invalid, too_few));
    assert_eq!(verdict(30, 0, Failure::Reset), (Verdict::Invalid, too_few));
}

/// Ten seconds of requests that succeeded, and of some that failed with a response; each takes the
/// given number of milliseconds.
fn with_failed(
    good: u64,
    bad: &[u64],
    silent: u64,
    threshold: Threshold,
) -> (Verdict, ThresholdState) {
    let judge = run(&plan(vec![threshold]), DONE, |number, cell| {
        answered(cell, good, 1);
        if number == 0 {
            failed(cell, bad.len() as u64, Failure::Status, 1);
            for ms in bad {
                cell.time(TimeMetric::FailedTime, ms * 1_000_000);
            }
            failed(cell, silent, Failure::RequestTimeout, 1);
        }
    });
    let verdict = judge.judgement();
    (verdict.verdict, verdict.findings[0].state)
}

#[test]
fn what_is_asked_of_failures_holds_where_nothing_fails() {
    let p99 = Metric::Time(TimeMetric::FailedTime, Stat::P99);
    let below_a_second = || below(p99, 1e9);
    let held = (Verdict::Pass, ThresholdState::Held);
    assert_eq!(with_failed(30, &[], 0, below_a_second()), held);
    // Few that failed are all that there are.
    assert_eq!(with_failed(30, &[5, 900], 0, below_a_second()), held);
    let too_few = (Verdict::Invalid, ThresholdState::TooFew { needed: 368 });
    assert_eq!(with_failed(30, &[5, 1_100], 0, below_a_second()), too_few);
    // Without a response nobody knows how long it would have taken; without an attempt nothing was
    // tried.
    assert_eq!(with_failed(30, &[5], 1, below_a_second()), too_few);
    let no_data = (Verdict::Invalid, ThresholdState::NoData);
    assert_eq!(with_failed(30, &[], 1, below_a_second()), no_data);
    assert_eq!(with_failed(0, &[], 0, below_a_second()), no_data);
    // A lower bound wants failures, and other times want successes.
    let above = threshold(p99, Comparison::Greater, 1e6);
    assert_eq!(with_failed(30, &[], 0, above), no_data);
    assert_eq!(with_failed(30, &[], 0, below(P99, 1e9)), too_few);
}

#[test]
fn a_percentile_is_broken_on_few_samples_when_they_are_enough_to_tell() {
    let verdict = |slow: u64, bound: f64| {
        let judge = run(&plan(vec![below(P99, bound)]), DONE, move |number, cell| {
            let slow = if number == 0 { slow } else { 0 };
            answered(cell, 18 - slow, 5);
            answered(cell, slow, 1_000);
        });
        // A live look does not take a chance at each second.
        assert_eq!(judge.findings()[0].state, ThresholdState::TooFew { needed: 368 });
        judge.judgement()
    };
    // Of 180 samples six beyond the bound are what a p99 within it gives once in a hundred times.
    assert_eq!(verdict(6, 500e6).findings[0].state, ThresholdState::Broken);
    assert_eq!(verdict(6, 500e6).verdict, Verdict::Fail);
    assert_eq!(verdict(5, 500e6).verdict, Verdict::Invalid);
    assert_eq!(verdict(18, 1_100e6).verdict, Verdict::Invalid);
}

#[test]
fn a_broken_threshold_stands_whatever_others_lack_and_the_generators_faults_stand_above_it() {
    let plan = plan(vec![below(FAILURE, 0.01), below(P99, 1e9)]);
    let verdict = |fill: &dyn Fn(&mut Cell)| {
        run(&plan, DONE, |_, cell| {
            answered(cell, 10, 1);
            failed(cell, 1, Failure::Status, 1);
            fill(cell);
        })
        .judgement()
    };
    let fine = verdict(&|_| ());
    assert_eq!((fine.verdict, rules(&fine)), (Verdict::Fail, vec![]));
    assert_eq!(fine.findings[1].state, ThresholdState::TooFew { needed: 368 });
    let starved = verdict(&|cell| cell.time(TimeMetric::ScheduleLag, 200_000_000));
    assert_eq!(
        (starved.verdict, rules(&starved)),
        (Verdict::Invalid, vec![&rules::SCHEDULE_LAG; 2])
    );
    let local = verdict(&|cell| failed(cell, 1, Failure::TooManyFiles, 1));
    assert_eq!((local.verdict, rules(&local)), (Verdict::Invalid, vec![&rules::LOCAL_FAILURES; 2]));
}

#[test]
fn checks_behind_steps_that_failed_are_broken_by_the_target_and_by_nobody_else() {
    let check = |name| Check {
        name,
        is_named: false,
        count_only: false,
        what: Assertion::Status(vec![200..=200]),
    };
    let asking = |checks| Request { checks, ..Request::default() };
    let state = |in_steps: bool, ok: u64, failing: [u64; 2], failure: Failure| {
        let checks = [Metric::Check(0), Metric::Ratio(RatioMetric::Checks)];
        let mut plan = plan(
            checks.map(|metric| threshold(metric, Comparison::AtLeast, 0.9)).into_iter().collect(),
        );
        plan.scenarios[0].protocol = Protocol::Http(Http {
            in_steps,
            requests: vec![asking(vec![]), asking(vec![check(0)])],
            checks: vec!["one".to_owned()],
            ..Http::default()
        });
        let judge = run(&plan, DONE, |_, cell| {
            requests(cell, ok, 0);
            for (at, count) in (0..).zip(failing) {
                failed(cell, count, failure, 1);
                cell.requests.entry(at).or_default().failed += count;
            }
        });
        let verdict = judge.judgement();
        assert_eq!(verdict.findings[0].state, verdict.findings[1].state);
        (verdict.verdict, verdict.findings[0].state)
    };
    let fail = |failed| (Verdict::Fail, unreached(1, failed));
    let invalid = (Verdict::Invalid, ThresholdState::NoData);
    assert_eq!(state(true, 5, [5, 0], Failure::Status), fail(50));
    assert_eq!(state(true, 0, [1, 0], Failure::RequestTimeout), fail(10));
    assert_eq!(state(true, 5, [0, 0], Failure::Status), invalid);
    assert_eq!(state(true, 5, [5, 0], Failure::NoRow), invalid);
    // One request of a mix says nothing about another, unless none of all went well.
    assert_eq!(state(false, 5, [5, 0], Failure::Status), invalid);
    assert_eq!(state(false, 5, [5, 1], Failure::Reset), fail(10));
    assert_eq!(state(false, 0, [5, 0], Failure::Reset), fail(50));
}

#[test]
fn a_dead_target_ends_a_run_that_asks_for_it() {
    let abort = Threshold { abort: true, ..below(P50, 1e9) };
    let judge = |bad| {
        run(&plan(vec![abort.clone()]), None, move |number, cell| {
            if number == 0 {
                failed(cell, bad, Failure::Refused, 1);
            }
        })
    };
    assert_eq!(aborted(&judge(5), 3_000_000_000), None);
    assert_eq!(aborted(&judge(6), 3_000_000_000), Some((0, 0)));
    assert_eq!(judge(6).findings()[0].state, unreached(6, 6));
}

#[test]
fn connections_that_the_target_ended_owe_their_heartbeats() {
    let rtt = Metric::Time(TimeMetric::HeartbeatRtt, Stat::P50);
    let heartbeats = Metric::Ratio(RatioMetric::HeartbeatSuccess);
    let mut plan = plan(vec![
        below(rtt, 1e9),
        threshold(heartbeats, Comparison::AtLeast, 0.9),
        threshold(Metric::Ratio(RatioMetric::HoldSurvival), Comparison::AtLeast, 0.9),
        below(Metric::Time(TimeMetric::ConnectTime, Stat::P99), 1e9),
    ]);
    plan.scenarios[0].protocol = testing::hold();
    let verdict = |failure: Option<Failure>| {
        let mut judge = Judge::new(&plan);
        for (mark, at_ns) in [(Transition::Ramp(0), 0), (Transition::Hold(0), 1_000_000_000)] {
            judge.add(&Entry::Transition(StageTransition { scenario: 0, transition: mark, at_ns }));
        }
        let mut cell = Cell::default();
        for counter in
            [Counter::Due, Counter::Started, Counter::ConnectAttempts, Counter::ConnectOk]
        {
            cell.counters.add(counter, 10);
        }
        for _ in 0..10 {
            let outcome = failure.map_or(AttemptOutcome::Ok, |failure| {
                AttemptOutcome::Failed(Cause::new(failure, FailureStage::Hold))
            });
            cell.end(outcome, 500_000_000, String::new);
            cell.time(TimeMetric::ConnectTime, 1_000);
        }
        let mut second = Second::default();
        let facts = second.scenarios.entry(0).or_default();
        facts.cells.push((CellKey { stage: 0, phase: Phase::Ramp }, cell));
        judge.add(&Entry::Second(second));
        end(judge)
    };
    let states = |verdict: Judgement| {
        (verdict.verdict, verdict.findings.into_iter().map(|one| one.state).collect::<Vec<_>>())
    };
    let wrong = unreached(6, 10);
    let (one, p99) = (unreached(1, 10), unreached(368, 10));
    assert_eq!(
        states(verdict(Some(Failure::WrongData))),
        (Verdict::Fail, vec![wrong, one, one, p99])
    );
    // Nobody failed: the plan has no heartbeat in it, or too few connections.
    let too_few = ThresholdState::TooFew { needed: 368 };
    assert_eq!(
        states(verdict(None)),
        (
            Verdict::Invalid,
            vec![ThresholdState::NoData, ThresholdState::NoData, ThresholdState::NoData, too_few]
        )
    );
}
