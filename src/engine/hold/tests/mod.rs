mod churn;
mod hosts;
mod secured;
mod simulation;
mod websocket;

use super::*;
use crate::engine::wire::WorkerReport;
use crate::plan::{Heartbeat, Phase, Ramp, TimeMetric};
use crate::record::Transition;
use simulation::{
    Act, Outcomes, Script, nothing, open_at_once, paced, plan, run, seconds, settings, stage,
};
use std::collections::BTreeMap;

#[test]
fn levels_are_reached_held_and_left_in_order() {
    let stages =
        vec![stage(100, paced(100), 2), stage(200, paced(100), 2), stage(50, paced(100), 1)];
    let outcomes = run(plan(settings(None), stages), Vec::new(), open_at_once(), nothing());
    assert_eq!(outcomes.get(Counter::Due), 200);
    assert_eq!(outcomes.get(Counter::Ok), 200);
    assert_eq!(outcomes.cell(0, Phase::Hold).counters.get(Counter::HoldEntered), 100);
    assert_eq!(outcomes.cell(1, Phase::Hold).counters.get(Counter::HoldEntered), 200);
    assert_eq!(outcomes.cell(2, Phase::Ramp).counters.get(Counter::Closed), 150);
    assert_eq!(outcomes.cell(2, Phase::Drain).counters.get(Counter::Closed), 50);
    let lag = outcomes.whole().times.stat(TimeMetric::ScheduleLag, crate::plan::Stat::Max).unwrap();
    assert!(lag < 2.0, "a simulated loop is never late, but was by {lag} ns");
}

#[test]
fn every_way_to_end_a_connection_is_told_apart() {
    let second = SECOND_NS;
    let script: Script = Box::new(move |simulation, slot, user| {
        let now = simulation.now_ns;
        match user % 6 {
            0 => simulation.plan(now, slot, Act::Refuse),
            1 => {}
            kind => {
                simulation.plan(now, slot, Act::Open);
                simulation.plan(now + second, slot, Act::Say(b"o"));
                simulation.plan(now + 2 * second, slot, Act::Say(b"kok"));
                let end = [Act::Fin, Act::Reset, Act::Say(b"oops"), Act::Say(b"ok")]
                    [usize::try_from(kind).unwrap() - 2];
                simulation.plan(now + 3 * second, slot, end);
            }
        }
    });
    let outcomes =
        run(plan(settings(None), vec![stage(60, paced(60), 20)]), Vec::new(), script, nothing());
    let causes: BTreeMap<Failure, u64> = outcomes
        .whole()
        .failures
        .iter()
        .map(|(cause, tally)| (cause.failure, tally.count))
        .collect();
    let expected = [
        Failure::Refused,
        Failure::ConnectTimeout,
        Failure::ClosedByServer,
        Failure::Reset,
        Failure::WrongData,
    ];
    assert_eq!(causes, expected.into_iter().map(|failure| (failure, 10)).collect());
    assert_eq!(outcomes.get(Counter::Ok), 10);
    assert_eq!(outcomes.get(Counter::TimedOut), 10);
    assert_eq!(outcomes.get(Counter::Lost), 30);
    assert_eq!(outcomes.get(Counter::MessagesReceived), 40 * 2 + 10);
    assert_eq!(outcomes.whole().times.count(TimeMetric::ConnectTime), 40);
}

#[test]
fn times_are_of_successes_alone() {
    let heartbeat =
        Heartbeat::Client { send: "ping".into(), every: seconds(2), timeout: seconds(1) };
    let script: Script = Box::new(|simulation, slot, user| {
        let now = simulation.now_ns;
        // One in four is refused at once, one in four is never opened.
        match user % 4 {
            0 => simulation.plan(now, slot, Act::Refuse),
            1 => {}
            _ => simulation.plan(now + 50_000_000, slot, Act::Open),
        }
    });
    // Some of the open ones reply at once, and wrongly.
    let on_send: Script = Box::new(|simulation, slot, _| {
        let now = simulation.now_ns;
        let wrong = slot % 2 == 0;
        let (at, says): (u64, &[u8]) =
            if wrong { (now, b"-NO") } else { (now + 70_000_000, b"ok") };
        simulation.plan(at, slot, Act::Say(says));
    });
    let stages = vec![stage(40, paced(1_000), 15)];
    let outcomes = run(plan(settings(Some(heartbeat)), stages), Vec::new(), script, on_send);
    let cell = outcomes.whole();
    let lost = outcomes.get(Counter::Lost);
    assert!((1..20).contains(&lost), "{lost}");
    let beats = outcomes.get(Counter::HeartbeatReceived);
    assert!(beats > 20, "{beats}");
    let figures = [
        (TimeMetric::ConnectTime, 20, 5e7),
        (TimeMetric::FirstMessage, 20 - lost, 2.12e9),
        (TimeMetric::HeartbeatRtt, beats, 7e7),
    ];
    for (metric, samples, ns) in figures {
        assert_eq!(cell.times.count(metric), samples, "{metric}");
        let least = cell.times.stat(metric, crate::plan::Stat::Min).unwrap();
        assert!((least / ns - 1.0).abs() < 0.002, "{metric}: {least}");
    }
}

#[test]
fn a_silent_server_is_noticed_when_its_heartbeat_is_late() {
    let heartbeat = Heartbeat::Server { every: seconds(5), grace: seconds(1) };
    let script: Script = Box::new(|simulation, slot, user| {
        let now = simulation.now_ns;
        simulation.plan(now, slot, Act::Open);
        for beat in 1..=(if user < 10 { 2 } else { 6 }) {
            simulation.plan(now + beat * 5 * SECOND_NS, slot, Act::Say(b"ok"));
        }
    });
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(30, paced(1_000), 30)]),
        Vec::new(),
        script,
        nothing(),
    );
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 10);
    assert_eq!(outcomes.get(Counter::Lost), 10);
    assert_eq!(outcomes.get(Counter::HeartbeatReceived), 10 * 2 + 20 * 6);
    let (_, tally) = &outcomes.whole().failures[0];
    // Two heartbeats, the period, the grace, and at most a sweep's distance.
    assert!((16 * SECOND_NS..17 * SECOND_NS).contains(&tally.first_ns), "{tally:?}");
    let gap =
        outcomes.whole().times.stat(TimeMetric::HeartbeatGap, crate::plan::Stat::P50).unwrap();
    assert!((gap / 5e9 - 1.0).abs() < 0.002, "{gap}");
}

#[test]
fn client_heartbeats_are_sent_on_time_and_their_replies_awaited() {
    let heartbeat =
        Heartbeat::Client { send: "ping".into(), every: seconds(2), timeout: seconds(1) };
    let on_send: Script = Box::new(|simulation, slot, _| {
        let (now, sent) = (simulation.now_ns, simulation.sent);
        if slot != 3 || sent < 40 {
            simulation.plan(now + 50_000_000, slot, Act::Say(b"ok"));
        }
    });
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(10, paced(1_000), 21)]),
        Vec::new(),
        open_at_once(),
        on_send,
    );
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 1);
    assert_eq!(outcomes.get(Counter::HeartbeatSent), outcomes.get(Counter::HeartbeatReceived) + 1);
    assert_eq!(outcomes.simulation.sent, outcomes.get(Counter::HeartbeatSent));
    assert_eq!(outcomes.get(Counter::Ok), 9);
    let rtt =
        outcomes.whole().times.stat(TimeMetric::HeartbeatRtt, crate::plan::Stat::Max).unwrap();
    assert!((rtt / 5e7 - 1.0).abs() < 0.002, "{rtt}");
}

#[test]
fn an_end_that_comes_instead_of_a_reply_is_told_from_one_in_silence() {
    let heartbeat =
        Heartbeat::Client { send: "ping".into(), every: seconds(2), timeout: seconds(1) };
    let on_send: Script = Box::new(|simulation, slot, _| {
        let act = [Act::Fin, Act::Reset, Act::Say(b"ok")][slot as usize % 3];
        let now = simulation.now_ns;
        simulation.plan(now + 1_000_000, slot, act);
        if slot == 2 {
            // Its reply has come: what ends it a moment later is something else.
            simulation.plan(now + 2_000_000, slot, Act::Fin);
        }
    });
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(3, paced(1_000), 5)]),
        Vec::new(),
        open_at_once(),
        on_send,
    );
    let whole = outcomes.whole();
    let said: Vec<String> = whole.failures.iter().map(|(cause, _)| cause.to_string()).collect();
    assert_eq!(
        said,
        [
            "closed_by_server in heartbeat",
            "reset in heartbeat (ECONNRESET)",
            "closed_by_server in hold"
        ]
    );
    assert_eq!(
        (whole.survival.count(LifeEnd::Rejected), whole.survival.count(LifeEnd::Fin)),
        (2, 1)
    );
}

#[test]
fn an_unpaced_ramp_waits_for_its_turn_and_holds_from_when_all_are_there() {
    let orders = vec![
        (SECOND_NS, WorkerCommand::StartRamp { stage: 0 }),
        (
            2 * SECOND_NS,
            WorkerCommand::Transition { mark: Transition::Hold(0), at_ns: 2 * SECOND_NS },
        ),
    ];
    let outcomes = run(
        plan(settings(None), vec![stage(1_000, Ramp::Unpaced, 5)]),
        orders,
        open_at_once(),
        nothing(),
    );
    assert_eq!(outcomes.get(Counter::Ok), 1_000);
    assert_eq!(outcomes.cell(0, Phase::Hold).counters.get(Counter::HoldEntered), 1_000);
    assert!(outcomes.simulation.has_reported(&WorkerReport::RampReached { stage: 0 }));
    assert_eq!(outcomes.simulation.now_ns / SECOND_NS, 7);
    assert_eq!(outcomes.whole().times.count(TimeMetric::ScheduleLag), 0);
}

#[test]
fn an_early_drain_closes_in_order_and_a_halt_does_not() {
    let drain = vec![(
        3 * SECOND_NS,
        WorkerCommand::Transition { mark: Transition::Drain, at_ns: 3 * SECOND_NS },
    )];
    let stages = || vec![stage(1_000, paced(100), 60)];
    let outcomes = run(plan(settings(None), stages()), drain, open_at_once(), nothing());
    assert_eq!(outcomes.get(Counter::Due), 300);
    assert_eq!(outcomes.get(Counter::Ok), 300);
    let halted = run(
        plan(settings(None), stages()),
        vec![(3 * SECOND_NS, WorkerCommand::Halt)],
        open_at_once(),
        nothing(),
    );
    assert_eq!(halted.get(Counter::Unfinished), halted.get(Counter::Started));
    assert_eq!(halted.get(Counter::UnfinishedOpen), halted.get(Counter::ConnectOk));
    assert!(halted.get(Counter::Started) >= 300);
}

#[test]
fn eight_hours_pass_with_every_heartbeat_and_no_growth() {
    let heartbeat = Heartbeat::Server { every: seconds(60), grace: seconds(10) };
    let script: Script = Box::new(|simulation, slot, _| {
        let now = simulation.now_ns;
        simulation.plan(now, slot, Act::Open);
        for beat in 1..=480 {
            simulation.plan(now + beat * 60 * SECOND_NS, slot, Act::Say(b"ok"));
        }
    });
    let hours = 8 * 3_600;
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(50, paced(10), hours)]),
        Vec::new(),
        script,
        nothing(),
    );
    assert_eq!(outcomes.get(Counter::HeartbeatReceived), 50 * 480);
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 0);
    assert_eq!(outcomes.get(Counter::Ok), 50);
    assert_eq!(u64::from(outcomes.recording.seconds), hours + 6);
}
