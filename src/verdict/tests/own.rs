//! Validity settings of a plan: caps that are intended, its own limits, and when nothing can be
//! saved any more.

use super::*;
use crate::catalogue::LimitKey;
use crate::plan::OnFull;

/// Arrivals, of which a few are dropped: 10 due and ok each second, and `dropped` more in the
/// first.
fn arrivals(mut plan: Plan, dropped: u64, local: u64) -> Judge {
    plan.scenarios[0].stages.truncate(1);
    let rate = crate::units::Rate::per_second(10);
    plan.scenarios[0].stages[0].level =
        Level::Rate { rate, ramp: Time(Duration::ZERO), spacing: crate::plan::Spacing::Constant };
    plan.scenarios[0].stages[0].hold = Time(Duration::from_secs(100));
    let mut judge = Judge::new(&plan);
    judge.add(&Entry::Transition(StageTransition {
        scenario: 0,
        transition: Transition::Hold(0),
        at_ns: 0,
    }));
    for number in 0..10 {
        let mut cell = Cell::default();
        requests(&mut cell, 10, 0);
        if number == 0 {
            cell.counters.add(Counter::Due, dropped + local);
            cell.counters.add(Counter::Dropped, dropped);
            for _ in 0..local {
                cell.count(Counter::Started);
                let cause = Cause::new(Failure::NoBuffers, FailureStage::Connect);
                cell.end(AttemptOutcome::Failed(cause), 1, String::new);
            }
        }
        let mut second = Second { second: number, ..Second::default() };
        let facts = second.scenarios.entry(0).or_default();
        facts.cells.push((CellKey { stage: 0, phase: Phase::Hold }, cell));
        facts.reporting = 1;
        judge.add(&Entry::Second(second));
    }
    judge
}

fn ended(mut judge: Judge) -> Judgement {
    judge.add(&Entry::Stopped { at_ns: 10_000_000_000, reason: StopReason::Completed });
    judge.judgement()
}

fn meant(plan: &mut Plan) {
    let Protocol::Http(http) = &mut plan.scenarios[0].protocol else { unreachable!() };
    http.on_full = OnFull::Fail;
}

#[test]
fn drops_under_a_cap_that_is_meant_are_failures_of_the_target() {
    let failed = threshold(Metric::Ratio(RatioMetric::Failure), Comparison::Less, 0.09);
    let well = threshold(Metric::Ratio(RatioMetric::Success), Comparison::AtLeast, 0.95);
    let mut plan = plan(vec![failed, well]);
    let invalid = ended(arrivals(plan.clone(), 10, 0));
    assert_eq!(invalid.verdict, Verdict::Invalid);
    assert_eq!(invalid.breaches[0].rule, &rules::DROPPED);
    // Of what was due, not of what was started.
    meant(&mut plan);
    let verdict = ended(arrivals(plan.clone(), 10, 0));
    assert_eq!(
        (verdict.verdict, verdict.breaches.len()),
        (Verdict::Fail, 0),
        "{:?}",
        verdict.breaches
    );
    assert_eq!(verdict.findings[0].ratio, Some((10, 110)));
    assert_eq!(verdict.findings[1].ratio, Some((100, 110)));
    let states: Vec<ThresholdState> = verdict.findings.iter().map(|one| one.state).collect();
    assert_eq!(states, [ThresholdState::Broken, ThresholdState::Broken]);
    let health = verdict.health.iter().find(|one| one.rule == &rules::DROPPED).unwrap();
    assert_eq!((health.state, health.measured), (RuleStatus::Ok, Some(10.0 / 110.0)));
    // Local failures are this machine's all the same.
    assert_eq!(ended(arrivals(plan, 10, 1)).verdict, Verdict::Invalid);
}

#[test]
fn a_limit_of_the_plan_counts_in_place_of_the_own_one() {
    let (mut loose, mut strict) = (plan(Vec::new()), plan(Vec::new()));
    loose.generator.limits.0.insert(LimitKey::Dropped, 0.1);
    loose.generator.limits.0.insert(LimitKey::LocalFailures, 0.01);
    strict.generator.limits.0.insert(LimitKey::ScheduleLag, 10e6);
    let dropped = |plan: &Plan, dropped, local| ended(arrivals(plan.clone(), dropped, local));
    assert_eq!(dropped(&loose, 11, 1).verdict, Verdict::Pass);
    let much = dropped(&loose, 12, 0);
    assert_eq!(much.verdict, Verdict::Invalid);
    assert!(much.breaches[0].detail.contains("12 of 112"), "{:?}", much.breaches);
    assert!(much.breaches[0].detail.contains("at most 10.00% is allowed"), "{:?}", much.breaches);
    let local = dropped(&loose, 0, 2);
    assert_eq!(local.breaches[0].rule, &rules::LOCAL_FAILURES);
    let health = much.health.iter().find(|one| one.rule == &rules::DROPPED).unwrap();
    assert_eq!((health.invalid, health.default_limit), (Some(0.1), Some(0.0)));
    // One that says the same as planrun is not the plan's.
    loose.generator.limits.0.insert(LimitKey::Dropped, 0.0);
    let same = dropped(&loose, 0, 0);
    let health = same.health.iter().find(|one| one.rule == &rules::DROPPED).unwrap();
    assert_eq!((health.invalid, health.default_limit), (Some(0.0), None));

    let late = |plan: &Plan| {
        let mut judge = arrivals(plan.clone(), 0, 0);
        let mut second = Second { second: 10, ..Second::default() };
        let mut cell = Cell::default();
        cell.time(TimeMetric::ScheduleLag, 11_000_000);
        let facts = second.scenarios.entry(0).or_default();
        facts.cells.push((CellKey { stage: 0, phase: Phase::Hold }, cell));
        judge.add(&Entry::Second(second));
        ended(judge).verdict
    };
    assert_eq!((late(&strict), late(&plan(Vec::new()))), (Verdict::Invalid, Verdict::Pass));
}

#[test]
fn a_run_is_beyond_repair_once_the_whole_plan_cannot_make_up_for_it() {
    let beyond =
        |plan: &Plan, dropped, local| arrivals(plan.clone(), dropped, local).beyond_repair();
    let own = plan(Vec::new());
    assert_eq!(beyond(&own, 0, 0), None);
    // Where nothing is allowed the first one decides.
    assert_eq!(beyond(&own, 1, 0), Some(&rules::DROPPED));
    assert_eq!(beyond(&own, 0, 1), Some(&rules::LOCAL_FAILURES));
    // 10 a second for 100 s are 1,000: a hundred may be dropped, now or later.
    let mut loose = plan(Vec::new());
    loose.generator.limits.0.insert(LimitKey::Dropped, 0.1);
    assert_eq!(beyond(&loose, 100, 0), None);
    assert_eq!(beyond(&loose, 101, 0), Some(&rules::DROPPED));
    let mut fine = plan(Vec::new());
    meant(&mut fine);
    assert_eq!(beyond(&fine, 1_000, 0), None);
}

#[test]
fn a_run_that_was_ended_as_beyond_repair_is_invalid_and_says_why() {
    let mut judge = arrivals(plan(Vec::new()), 1, 0);
    let reason = StopReason::BeyondRepair { rule: "dropped".into() };
    judge.add(&Entry::Stopped { at_ns: 12_000_000_000, reason });
    let verdict = judge.judgement();
    assert_eq!(verdict.verdict, Verdict::Invalid);
    let ended = verdict.breaches.iter().find(|one| one.rule == &rules::INCOMPLETE).unwrap();
    assert!(ended.detail.starts_with("stopped at 12.0 s because `dropped`"), "{}", ended.detail);
}
