use super::*;
use crate::record::{HostDelta, HostId, HostSample, WorkerFacts};

/// The facts of each second of a run, beside requests that end well.
#[derive(Default)]
struct Given {
    cell: Cell,
    workers: WorkerFacts,
    delta: Option<HostDelta>,
    drops: i64,
}

/// A run of one stage: a ramp of three seconds, a hold of twenty.
fn bear(mut plan: Plan, warmup: bool, give: impl Fn(u32, &mut Given)) -> Judgement {
    plan.scenarios[0].stages.truncate(1);
    plan.scenarios[0].stages[0].warmup = warmup;
    let mut judge = Judge::new(&plan);
    judge.add(&Entry::Baseline(Box::default()));
    for (mark, second) in
        [(Transition::Ramp(0), 0), (Transition::Hold(0), 3), (Transition::Drain, 23)]
    {
        let at_ns = second * 1_000_000_000;
        judge.add(&Entry::Transition(StageTransition { scenario: 0, transition: mark, at_ns }));
    }
    for number in 0..24 {
        let mut given = Given {
            workers: WorkerFacts {
                busy_permille: Some(500),
                waiting_permille: Some(20),
                stall_max_ns: Some(0),
                ..WorkerFacts::default()
            },
            delta: Some(HostDelta {
                elapsed_ns: 1_000_000_000,
                cpu_ns: 2_000_000_000,
                throttled_periods: Some(0),
                memory_stall_ns: Some(0),
                clock_source_changes: Some(0),
                swapped_in_pages: Some(0),
                ..HostDelta::default()
            }),
            ..Given::default()
        };
        requests(&mut given.cell, 10, 0);
        give(number, &mut given);
        let mut second = Second { second: number, ..Second::default() };
        let facts = second.scenarios.entry(0).or_default();
        facts.cells.push((CellKey { stage: 0, phase: Phase::Hold }, given.cell));
        (facts.workers, facts.reporting) = (given.workers, 1);
        let counters = [("softnet.dropped".to_owned(), given.drops)].into();
        second.hosts = vec![HostSample {
            at_ns: u64::from(number) * 1_000_000_000,
            processors: 2,
            delta: given.delta,
            counters,
            ..HostSample::default()
        }];
        judge.add(&Entry::Second(second));
    }
    let reason = StopReason::Completed;
    judge.add(&Entry::Stopped { at_ns: 24_000_000_000, reason });
    judge.judgement()
}

pub(super) fn of<'a>(verdict: &'a Judgement, rule: &Rule) -> &'a Health {
    verdict.health.iter().find(|one| one.rule == rule).expect("every rule is held")
}

/// Users who come as fast as they can, or arrivals at a rate.
pub(super) fn paced() -> Plan {
    let mut plan = plan(Vec::new());
    let rate = crate::units::Rate::per_second(10);
    plan.scenarios[0].stages[0].level = Level::Rate {
        rate,
        ramp: Time(Duration::from_secs(3)),
        spacing: crate::plan::Spacing::Constant,
    };
    plan
}

type Give = fn(u32, &mut Given, bool);

/// For each rule what is just allowed and, with `true`, what is just too much; and what that makes
/// of the run.
const RULES: &[(&Rule, RuleStatus, Give)] = &[
    (&rules::DROPPED, RuleStatus::Violated, |n, given, much| {
        let counter = if much { Counter::Dropped } else { Counter::Started };
        given.cell.counters.add(Counter::Due, u64::from(n == 9));
        given.cell.counters.add(counter, u64::from(n == 9));
        given.cell.counters.add(Counter::Ok, u64::from(n == 9 && !much));
    }),
    (&rules::SCHEDULE_LAG, RuleStatus::Violated, |_, given, much| {
        given.cell.time(TimeMetric::ScheduleLag, if much { 101_000_000 } else { 99_000_000 });
    }),
    (&rules::LOCAL_FAILURES, RuleStatus::Violated, |n, given, much| {
        let failure = if much { Failure::NoBuffers } else { Failure::Refused };
        if n == 9 {
            given.cell.count(Counter::Due);
            given.cell.count(Counter::Started);
            let cause = Cause::new(failure, FailureStage::Connect);
            given.cell.end(AttemptOutcome::Failed(cause), 1, String::new);
        }
    }),
    (&rules::ACCOUNTING, RuleStatus::Violated, |n, given, much| {
        given.cell.counters.add(Counter::Due, u64::from(n == 9 && much));
    }),
    (&rules::STALL, RuleStatus::Warned, |n, given, much| {
        let late = if much { 101_000_000 } else { 100_000_000 };
        given.workers.stall_max_ns = Some(if n == 9 { late } else { 0 });
    }),
    (&rules::STALLED, RuleStatus::Violated, |n, given, much| {
        // Of 20 s of hold.
        let late = if much { 201_000_000 } else { 200_000_000 };
        given.workers.stalled_ns = if n == 9 { late } else { 0 };
    }),
    (&rules::WORKER_CPU, RuleStatus::Violated, |n, given, much| {
        let busy = if much { 951 } else { 900 };
        given.workers.busy_permille = Some(if n == 9 { busy } else { 500 });
    }),
    (&rules::PROCESS_CPU, RuleStatus::Violated, |n, given, much| {
        // Of two processors, and attempts that were late.
        let each = if much { 1_720_000_000 } else { 1_680_000_000 };
        given.workers.cpu_ns = u64::from(n) * each;
        given.cell.time(TimeMetric::ScheduleLag, 11_000_000);
    }),
    (&rules::OVERFLOW, RuleStatus::Violated, |n, given, much| {
        // Wherever it is measured, an hour is the end.
        let ns = 3_600_000_000_000 * if much { 24 } else { 1 };
        given.cell.time(TimeMetric::QueueWait, if n == 9 { ns } else { 1 });
    }),
    (&rules::CLOCK_SOURCE, RuleStatus::Violated, |n, given, much| {
        let clock_source_changes = Some(u64::from(n == 9 && much));
        given.delta = given.delta.map(|delta| HostDelta { clock_source_changes, ..delta });
    }),
    (&rules::SWAP_IN, RuleStatus::Warned, |n, given, much| {
        let swapped_in_pages = Some(u64::from(n == 9 && much));
        given.delta = given.delta.map(|delta| HostDelta { swapped_in_pages, ..delta });
    }),
    (&rules::CPU_WAIT, RuleStatus::Warned, |n, given, much| {
        let waiting = if much { 101 } else { 100 };
        given.workers.waiting_permille = Some(if n == 9 { waiting } else { 20 });
    }),
    (&rules::STEAL, RuleStatus::Violated, |_, given, much| {
        let steal_ns = if much { 101_000_000 } else { 10_000_000 };
        given.delta = given.delta.map(|delta| HostDelta { steal_ns, ..delta });
    }),
    (&rules::STEAL_BURST, RuleStatus::Warned, |n, given, much| {
        // Of ten seconds of two processors.
        let steal_ns = if much { 201_000_000 } else { 200_000_000 };
        let steal_ns = if n == 9 { steal_ns } else { 0 };
        given.delta = given.delta.map(|delta| HostDelta { steal_ns, ..delta });
    }),
    (&rules::THROTTLED, RuleStatus::Violated, |n, given, much| {
        let throttled_periods = Some(u64::from(n == 9 && much));
        given.delta = given.delta.map(|delta| HostDelta { throttled_periods, ..delta });
    }),
    (&rules::CLOCK_STEP, RuleStatus::Violated, |n, given, much| {
        // One that is led away slowly does not jump.
        let step = if much && n == 9 { -51_000_000 } else { 10_000_000 };
        given.delta = given.delta.map(|delta| HostDelta { clock_step_ns: step, ..delta });
    }),
    (&rules::SUSPENDED, RuleStatus::Violated, |n, given, much| {
        let suspended_ns = if n == 9 { 50_000_000 + u64::from(much) } else { 0 };
        given.delta = given.delta.map(|delta| HostDelta { suspended_ns, ..delta });
    }),
    (&rules::MEMORY_STALL, RuleStatus::Violated, |n, given, much| {
        let stall = if much { 241_000_000 } else { 24_000_000 };
        let memory_stall_ns = Some(if n == 9 { stall } else { 0 });
        given.delta = given.delta.map(|delta| HostDelta { memory_stall_ns, ..delta });
    }),
    (&rules::NETWORK_DROPS, RuleStatus::Warned, |n, given, much| {
        given.drops = i64::from(n == 9 && much);
    }),
    // A loss is no fact of a second: see `a_lost_worker_is_counted`.
    (&rules::WORKER_LOST, RuleStatus::Ok, |_, _, _| {}),
];

#[test]
fn every_rule_that_measures_has_a_line_here() {
    let here: Vec<&str> = RULES.iter().map(|(rule, ..)| rule.name).collect();
    for rule in rules::ALL.iter().filter(|rule| rule.measure.is_some() && !rule.of_hosts) {
        assert!(here.contains(&rule.name), "{}", rule.name);
    }
}

#[test]
fn every_rule_is_tripped_by_what_it_measures_and_by_nothing_less() {
    for &(rule, expected, give) in RULES {
        let fine = bear(paced(), false, |number, given| give(number, given, false));
        let health = of(&fine, rule);
        assert_eq!(
            (health.state, fine.verdict),
            (RuleStatus::Ok, Verdict::Pass),
            "{rule:?}: {health:?}"
        );
        let much = bear(paced(), false, |number, given| give(number, given, true));
        let health = of(&much, rule);
        assert_eq!(health.state, expected, "{rule:?}: {health:?}");
        let tripped = much.breaches.iter().any(|breach| breach.rule == rule);
        assert_eq!(tripped, expected == RuleStatus::Violated, "{rule:?}: {:?}", much.breaches);
        assert_eq!(much.verdict == Verdict::Invalid, tripped, "{rule:?}: {:?}", much.breaches);
        let words = health.words(&paced());
        assert_eq!(words.is_some(), expected >= RuleStatus::Warned, "{rule:?}: {words:?}");
    }
}

#[test]
fn hosts_that_start_too_far_apart_prove_nothing() {
    let plan = plan(Vec::new());
    let judged = |bound_ns: Option<u64>| {
        let mut judge = run(&plan, None, |_, cell| requests(cell, 10, 0));
        if let Some(bound_ns) = bound_ns {
            judge.add(&Entry::StartSkew { bound_ns, hosts: Vec::new() });
        }
        judge.judgement()
    };
    let state = |bound_ns| of(&judged(Some(bound_ns)), &rules::START_SKEW).state;
    assert_eq!((state(50_000_000), state(50_000_001)), (RuleStatus::Ok, RuleStatus::Violated));
    assert_eq!(judged(Some(60_000_000)).verdict, Verdict::Invalid);
    assert!(judged(None).health.iter().all(|one| one.rule != &rules::START_SKEW), "one machine");
}

#[test]
fn a_lost_worker_is_counted() {
    let plan = plan(Vec::new());
    let mut judge = run(&plan, None, |_, cell| requests(cell, 10, 0));
    let why = "exit status 1".to_owned();
    judge.add(&Entry::WorkerLost {
        scenario: 0,
        worker: 1,
        host: HostId::COORDINATOR,
        at_ns: 9,
        why,
    });
    let verdict = judge.judgement();
    assert_eq!(of(&verdict, &rules::WORKER_LOST).measured, Some(1.0));
    assert_eq!(of(&verdict, &rules::WORKER_LOST).state, RuleStatus::Violated);
}

#[test]
fn what_was_not_measured_is_not_within_its_limit() {
    let plan = plan(Vec::new());
    let verdict = run(&plan, DONE, |_, cell| requests(cell, 10, 0)).judgement();
    for rule in [
        &rules::STEAL,
        &rules::STALL,
        &rules::STALLED,
        &rules::THROTTLED,
        &rules::CLOCK_STEP,
        &rules::WORKER_CPU,
    ] {
        let health = of(&verdict, rule);
        assert_eq!((health.state, health.measured), (RuleStatus::NotMeasured, None), "{rule:?}");
    }
    assert_eq!(verdict.verdict, Verdict::Pass);
}

#[test]
fn a_rule_says_where_and_by_how_much() {
    let verdict = bear(paced(), false, |number, given| {
        given.workers.stalled_ns = if number == 9 { 500_000_000 } else { 0 };
        given.workers.stall_max_ns = Some(given.workers.stalled_ns);
    });
    assert_eq!(verdict.breaches.len(), 1, "{:?}", verdict.breaches);
    assert_eq!(
        verdict.breaches[0].detail,
        "s, stage 1, hold: workers lost 2.50% of their time to stalls longer than 100 ms, at \
         most 1.00% is allowed; run nothing else on this machine, or lower the load"
    );
    assert_eq!(
        of(&verdict, &rules::STALL).words(&paced()).as_deref(),
        Some(
            "s, stage 1, hold: a worker stalled for 500 ms, more than 100 ms; something else ran \
             on its processor, or it was stopped"
        )
    );
}

#[test]
fn users_without_a_rate_may_be_as_busy_as_they_can() {
    let busy = |plan: Plan, warmup| {
        let verdict = bear(plan, warmup, |_, given| given.workers.busy_permille = Some(990));
        (verdict.verdict, of(&verdict, &rules::WORKER_CPU).state)
    };
    assert_eq!(busy(paced(), false), (Verdict::Invalid, RuleStatus::Violated));
    assert_eq!(busy(plan(Vec::new()), false), (Verdict::Pass, RuleStatus::Warned));
    assert_eq!(busy(paced(), true), (Verdict::Pass, RuleStatus::NotMeasured));
}

#[test]
fn both_ends_on_one_machine_may_use_all_of_it_as_long_as_nobody_is_late() {
    let crowded = |lag: u64| {
        let verdict = bear(paced(), false, |number, given| {
            given.workers.cpu_ns = u64::from(number) * 1_990_000_000;
            given.cell.time(TimeMetric::ScheduleLag, lag);
        });
        (verdict.verdict, of(&verdict, &rules::PROCESS_CPU).state)
    };
    assert_eq!(crowded(9_000_000), (Verdict::Pass, RuleStatus::Warned));
    assert_eq!(crowded(11_000_000), (Verdict::Invalid, RuleStatus::Violated));
}

#[test]
fn a_ramp_without_pace_may_meet_the_quota() {
    let throttled = |plan: Plan, at: u32| {
        let verdict = bear(plan, false, |number, given| {
            let throttled_periods = Some(u64::from(number == at));
            given.delta = given.delta.map(|delta| HostDelta { throttled_periods, ..delta });
        });
        (verdict.verdict, of(&verdict, &rules::THROTTLED).state)
    };
    assert_eq!(throttled(plan(Vec::new()), 1), (Verdict::Pass, RuleStatus::Warned));
    assert_eq!(throttled(plan(Vec::new()), 9), (Verdict::Invalid, RuleStatus::Violated));
    assert_eq!(throttled(paced(), 1), (Verdict::Invalid, RuleStatus::Violated));
    // After the last hold nobody measures any more.
    assert_eq!(throttled(paced(), 23), (Verdict::Pass, RuleStatus::Ok));
}

#[test]
fn lag_that_takes_a_tenth_of_the_tightest_bound_is_worth_a_warning() {
    let lag = |bound: f64| {
        let mut plan = paced();
        let metric = Metric::Time(TimeMetric::ResponseTime, Stat::Max);
        plan.scenarios[0].thresholds = vec![threshold(metric, Comparison::Less, bound)];
        let verdict = bear(plan, false, |_, given| {
            given.cell.time(TimeMetric::ScheduleLag, 11_000_000);
            given.cell.time(TimeMetric::ResponseTime, 12_000_000);
        });
        (verdict.verdict, of(&verdict, &rules::SCHEDULE_LAG).state)
    };
    assert_eq!(lag(100_000_000.0), (Verdict::Pass, RuleStatus::Warned));
    assert_eq!(lag(200_000_000.0), (Verdict::Pass, RuleStatus::Ok));
}

#[test]
fn drops_under_a_small_cap_name_the_cap() {
    let dropped = |max_in_flight: u64| {
        let mut plan = paced();
        let crate::plan::Protocol::Http(http) = &mut plan.scenarios[0].protocol else {
            unreachable!()
        };
        http.max_in_flight = max_in_flight;
        let verdict = bear(plan, false, |_, given| {
            given.cell.count(Counter::Due);
            given.cell.count(Counter::Dropped);
        });
        assert_eq!(verdict.breaches[0].rule, &rules::DROPPED);
        verdict.breaches[0].detail.clone()
    };
    // 10/s times 30 s, and six times the root.
    assert!(!dropped(404).contains("max_in_flight"), "{}", dropped(404));
    assert!(dropped(403).contains("max_in_flight = 403 is below the 404"), "{}", dropped(403));
}
