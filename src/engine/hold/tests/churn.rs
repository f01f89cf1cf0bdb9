//! Connections that come and go while a level is held.

use super::*;
use crate::plan::{DisconnectEvent, Jitter, Lifetime, Protocol, RatioMetric, Reconnect, Stat};
use crate::record::{Measure, MeasuredSpan, measure};
use crate::units::{Ratio, Time};
use simulation::Simulation;
use std::time::Duration;

fn with(churn: crate::plan::Churn) -> HoldSettings {
    HoldSettings { churn, ..settings(None) }
}

fn held_for(users: u64, hold: u64, churn: crate::plan::Churn, on_connect: Script) -> Outcomes {
    let stages = vec![stage(users, paced(1_000), hold)];
    run(plan(with(churn), stages), Vec::new(), on_connect, nothing())
}

fn event(at: u64, share: f64, over: u64) -> DisconnectEvent {
    DisconnectEvent { at: seconds(at), share: Ratio(share), by: Close::Rst, over: seconds(over) }
}

fn backoff(first_ms: u64, longest: u64, jitter: Jitter) -> Reconnect {
    let first = Time(Duration::from_millis(first_ms));
    Reconnect::Backoff { first, longest: seconds(longest), jitter }
}

fn measured(outcomes: &Outcomes, metric: crate::plan::Metric) -> Measure {
    let (cell, gauges) = (outcomes.whole(), Gauges::default());
    let protocol = Protocol::Hold(settings(None));
    measure(
        metric,
        &MeasuredSpan { protocol: &protocol, cell: &cell, gauges: &gauges, length_ns: 1 },
    )
    .unwrap()
}

/// How many connections were open at the end of each second.
fn levels(outcomes: &Outcomes) -> Vec<u64> {
    let told = &outcomes.simulation.reports;
    let open = |notice: &WorkerReport| match notice {
        WorkerReport::Snapshot(snapshot) => Some(snapshot.gauges.get(Gauge::Open)),
        _ => None,
    };
    told.iter().filter_map(|(_, report)| open(report)).collect()
}

/// A server that opens at once, and whose connections of some users end at some age, once.
fn ends_once(age: u64, act: Act) -> Script {
    let ended = std::cell::RefCell::new(std::collections::BTreeSet::new());
    Box::new(move |simulation: &mut Simulation, slot, user| {
        simulation.plan(simulation.now_ns + 1_000_000, slot, Act::Open);
        if user % 2 == 0 && ended.borrow_mut().insert(user) {
            simulation.plan(simulation.now_ns + age * SECOND_NS, slot, act);
        }
    })
}

#[test]
fn who_never_comes_back_owes_the_rest_of_the_time() {
    let outcomes = held_for(100, 30, crate::plan::Churn::default(), ends_once(10, Act::Fin));
    assert_eq!(outcomes.get(Counter::Lost), 50);
    assert_eq!(outcomes.get(Counter::Started), 100);
    let life = outcomes.whole().survival;
    assert_eq!((life.count(LifeEnd::Fin), life.count(LifeEnd::Censored)), (50, 50));
    let curve = crate::record::Curve::of(&life).unwrap();
    assert_eq!(curve.at(9), Some((1.0, 0.0)));
    assert!((curve.at(20).unwrap().0 - 0.5).abs() < 1e-9);
    // In the hold each of them should have been open for 30 s; half were lost about 10 s after they
    // opened, in the ramp of 100 ms.
    let hold = outcomes.cell(0, Phase::Hold);
    let (kept, owed) =
        (hold.counters.get(Counter::TimeDelivered), hold.counters.get(Counter::TimePromised));
    assert!(owed.abs_diff(100 * 30_000) < 20, "{owed}");
    assert!(kept.abs_diff(50 * 30_000 + 50 * 9_950) < 100, "{kept}");
}

#[test]
fn at_once_means_at_once_after_a_loss_and_a_moment_after_a_refusal() {
    let churn = crate::plan::Churn { reconnect: Reconnect::AtOnce, ..Default::default() };
    let outcomes = held_for(100, 30, churn.clone(), ends_once(10, Act::Reset));
    assert_eq!(outcomes.get(Counter::Lost), 50);
    assert_eq!(outcomes.get(Counter::Started), 150);
    assert_eq!(outcomes.get(Counter::Reconnects), 50);
    assert_eq!(outcomes.get(Counter::Ok), 100);
    let hold = outcomes.cell(0, Phase::Hold);
    let time = |counter| hold.counters.get(counter);
    let owed = time(Counter::TimePromised) - time(Counter::TimeDelivered);
    assert_eq!(owed, 50, "each was missing for the millisecond that it took to open");
    // A server that refuses all is tried each 10 ms: once at first, and 100 times a second for
    // 2.001 s.
    let refused: Script = Box::new(|simulation, slot, _| {
        simulation.plan(simulation.now_ns, slot, Act::Refuse);
    });
    let outcomes = held_for(1, 2, churn.clone(), refused);
    assert_eq!(outcomes.get(Counter::ConnectFailed), 201);
    // One that accepts and closes at once is not tried faster either.
    let closes: Script = Box::new(|simulation, slot, _| {
        simulation.plan(simulation.now_ns, slot, Act::Open);
        simulation.plan(simulation.now_ns, slot, Act::Fin);
    });
    let outcomes = held_for(1, 2, churn, closes);
    assert_eq!(outcomes.get(Counter::Lost), 201);
}

#[test]
fn pauses_double_until_the_server_is_back() {
    let reconnect = backoff(1_000, 8, Jitter::None);
    let churn = crate::plan::Churn { reconnect, ..Default::default() };
    let down: Script = Box::new(|simulation, slot, _| {
        let back = simulation.now_ns > 20 * SECOND_NS;
        let act = if back { Act::Open } else { Act::Refuse };
        simulation.plan(simulation.now_ns, slot, act);
    });
    let outcomes = held_for(10, 60, churn, down);
    // Tried at 0, 1, 3, 7, 15 and 23 s.
    assert_eq!(outcomes.get(Counter::Started), 60);
    assert_eq!(outcomes.get(Counter::Ok), 10);
    assert_eq!(levels(&outcomes)[22..24], [0, 10]);
    assert!(outcomes.whole().times.count(TimeMetric::ScheduleLag) == 60, "paced tries can be late");
}

#[test]
fn lifetimes_renew_connections_at_a_constant_level() {
    let lifetimes = [
        Lifetime::Uniform { min: seconds(5), max: seconds(5) },
        Lifetime::Uniform { min: seconds(3), max: seconds(7) },
        Lifetime::Exponential { mean: seconds(5) },
    ];
    for lifetime in lifetimes {
        let churn = crate::plan::Churn { lifetime: Some(lifetime), ..Default::default() };
        let outcomes = held_for(500, 40, churn, open_at_once());
        let levels = levels(&outcomes);
        assert!(levels[1..40].iter().all(|level| level.abs_diff(500) <= 1), "{levels:?}");
        assert_eq!(outcomes.get(Counter::Lost), 0);
        assert_eq!(outcomes.get(Counter::Ok), outcomes.get(Counter::Started));
        // 500 users, 40 s, one each 5 s; the first of each user has just begun.
        let renewed = outcomes.get(Counter::Reconnects) as f64;
        assert!((renewed / 4_000.0 - 1.0).abs() < 0.15, "{lifetime:?}: {renewed}");
        let time = |counter| outcomes.get(counter);
        assert_eq!(time(Counter::TimePromised), time(Counter::TimeDelivered), "nothing was lost");
    }
}

#[test]
fn a_storm_drops_its_share_and_measures_how_they_come_back() {
    let churn = crate::plan::Churn {
        reconnect: backoff(2_000, 2, Jitter::Full),
        events: vec![event(10, 0.3, 0)],
        ..Default::default()
    };
    let outcomes = held_for(1_000, 30, churn, open_at_once());
    assert!(outcomes.get(Counter::StormDropped).abs_diff(300) <= 2);
    assert_eq!(outcomes.get(Counter::StormRecovered), outcomes.get(Counter::StormDropped));
    assert_eq!(outcomes.get(Counter::Lost), 0, "a planned drop is no loss");
    assert_eq!(outcomes.get(Counter::Ok), outcomes.get(Counter::Started));
    assert_eq!(
        outcomes.simulation.closed.iter().filter(|how| **how == Close::Rst).count() as u64,
        outcomes.get(Counter::StormDropped)
    );
    let time = |stat| {
        measured(&outcomes, crate::plan::Metric::Time(TimeMetric::RecoveryTime, stat)).value / 1e9
    };
    assert!((time(Stat::P50) - 1.0).abs() < 0.15, "{}", time(Stat::P50));
    assert!((1.9..=2.01).contains(&time(Stat::P99)), "{}", time(Stat::P99));
    let ratio = measured(&outcomes, crate::plan::Metric::Ratio(RatioMetric::Recovery));
    assert_eq!(ratio.ratio.map(|(back, all)| all - back), Some(0));
    assert_eq!(levels(&outcomes)[13], 1_000);
}

#[test]
fn each_event_has_its_own_time_to_come_back() {
    let churn = crate::plan::Churn {
        reconnect: Reconnect::AtOnce,
        events: vec![event(10, 0.3, 0), event(20, 1.0, 4)],
        ..Default::default()
    };
    // In the first storm opening takes a second; in the second one a millisecond, and every
    // twentieth user is not let in.
    let script: Script = Box::new(|simulation, slot, user| {
        let now = simulation.now_ns;
        let takes = if (10 * SECOND_NS..15 * SECOND_NS).contains(&now) { 1_000 } else { 1 };
        let out = now >= 20 * SECOND_NS && user % 20 == 0;
        let act = if out { Act::Refuse } else { Act::Open };
        simulation.plan(now + takes * 1_000_000, slot, act);
    });
    let stages = vec![stage(1_000, paced(1_000), 14), stage(1_000, paced(1_000), 15)];
    let outcomes = run(plan(with(churn), stages), Vec::new(), script, nothing());
    let storms = outcomes.whole().storms;
    let seconds = |at: u16, stat| storms[&at].after(stat).unwrap() / 1e9;
    assert!(storms[&0].dropped.abs_diff(300) <= 2);
    assert_eq!((storms[&0].recovered(), storms[&0].gone), (storms[&0].dropped, 0));
    assert!((seconds(0, Stat::P50) - 1.0).abs() < 0.01);
    assert!((seconds(0, Stat::P99) - 1.0).abs() < 0.01);
    // From the event, not from each drop: half have fallen after two of four seconds.
    assert_eq!((storms[&1].dropped, storms[&1].gone), (1_000, 50));
    assert!((seconds(1, Stat::P50) - 2.1).abs() < 0.15, "{}", seconds(1, Stat::P50));
    assert!(seconds(1, Stat::P99).is_infinite());
    // Each stands in the phase in which it fell, whole.
    assert_eq!(outcomes.cell(0, Phase::Hold).storms.keys().collect::<Vec<_>>(), [&0]);
    assert_eq!(
        outcomes.cell(1, Phase::Hold).storms,
        std::iter::once((1, storms[&1].clone())).collect()
    );
    // The longest counts.
    let metric = |stat| crate::plan::Metric::Time(TimeMetric::StormTime, stat);
    let p50 = measured(&outcomes, metric(Stat::P50));
    assert!((p50.value / 1e9 - 2.1).abs() < 0.15 && p50.samples == storms[&0].dropped, "{p50:?}");
    assert!(measured(&outcomes, metric(Stat::P99)).value.is_infinite());
}

#[test]
fn drops_can_be_spread_over_a_time() {
    let churn = crate::plan::Churn { events: vec![event(10, 1.0, 10)], ..Default::default() };
    let outcomes = held_for(1_000, 30, churn, open_at_once());
    let levels = levels(&outcomes);
    for (after, level) in (1..=10_u64).zip(&levels[10..20]) {
        assert!(level.abs_diff(1_000 - 100 * after) <= 3, "{after} s after: {level}");
    }
    assert_eq!(outcomes.get(Counter::StormUnrecovered), 1_000);
    let never = measured(&outcomes, crate::plan::Metric::Time(TimeMetric::RecoveryTime, Stat::P50));
    assert!(never.value.is_infinite() && never.samples == 1_000, "{never:?}");
}

#[test]
fn who_has_not_come_back_by_the_end_counts_as_longer_than_all() {
    let churn = crate::plan::Churn {
        reconnect: Reconnect::AtOnce,
        events: vec![event(10, 1.0, 0)],
        ..Default::default()
    };
    // After the storm only three of four users are let in.
    let script: Script = Box::new(|simulation, slot, user| {
        let in_storm = simulation.now_ns >= 10 * SECOND_NS;
        let act = if in_storm && user % 4 == 0 { Act::Refuse } else { Act::Open };
        simulation.plan(simulation.now_ns + 1_000_000_000, slot, act);
    });
    let outcomes = held_for(100, 30, churn, script);
    assert_eq!(outcomes.get(Counter::StormRecovered), 75);
    assert_eq!(outcomes.get(Counter::StormUnrecovered), 25);
    let time =
        |stat| measured(&outcomes, crate::plan::Metric::Time(TimeMetric::RecoveryTime, stat)).value;
    assert!((time(Stat::P50) / 1e9 - 1.0).abs() < 0.01);
    assert!((time(Stat::P75) / 1e9 - 1.0).abs() < 0.01);
    assert!(time(Stat::P90).is_infinite());
    assert!(time(Stat::Max).is_infinite());
    assert!((time(Stat::Min) / 1e9 - 1.0).abs() < 0.01);
}

#[test]
fn a_lower_level_and_the_drain_call_nobody_back() {
    let churn = crate::plan::Churn {
        reconnect: backoff(5_000, 5, Jitter::None),
        events: vec![event(3, 1.0, 0)],
        ..Default::default()
    };
    let stages = vec![stage(100, paced(100), 4), stage(40, paced(1_000), 10)];
    let outcomes = run(plan(with(churn), stages), Vec::new(), open_at_once(), nothing());
    // All fall at 3 s and would be back at 8 s; at 5 s sixty of them are wanted no more.
    assert_eq!(outcomes.get(Counter::StormDropped), 100);
    assert_eq!(outcomes.get(Counter::StormUnrecovered), 60);
    assert_eq!(outcomes.get(Counter::StormRecovered), 40);
    assert_eq!(outcomes.get(Counter::Started), 140);
    let owed = outcomes.get(Counter::TimePromised) - outcomes.get(Counter::TimeDelivered);
    assert_eq!(owed, 0, "what the plan drops is not owed");
}

#[test]
fn an_unpaced_ramp_does_not_wait_for_those_who_try_again() {
    let churn =
        crate::plan::Churn { reconnect: backoff(10, 1, Jitter::None), ..Default::default() };
    let orders = vec![
        (0, WorkerCommand::StartRamp { stage: 0 }),
        (
            5 * SECOND_NS,
            WorkerCommand::Transition { mark: Transition::Hold(0), at_ns: 5 * SECOND_NS },
        ),
    ];
    // A tenth of the users never gets an answer.
    let script: Script = Box::new(|simulation, slot, user| {
        if user % 10 != 0 {
            simulation.plan(simulation.now_ns + 1_000, slot, Act::Open);
        }
    });
    let hold = HoldSettings { connect_timeout: seconds(1), ..with(churn) };
    let outcomes = run(plan(hold, vec![stage(1_000, Ramp::Unpaced, 5)]), orders, script, nothing());
    assert!(outcomes.simulation.has_reported(&WorkerReport::RampReached { stage: 0 }));
    assert_eq!(outcomes.get(Counter::Ok), 900);
    assert!(outcomes.get(Counter::ConnectFailed) >= 400);
}
