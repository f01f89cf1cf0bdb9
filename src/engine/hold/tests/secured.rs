//! Connections that shake hands before they count as open.

use super::simulation::*;
use super::*;
use crate::plan::{Plan, Stage, Stat, Tls};
use crate::workload::tls::{Client, Peers, Trust};

pub(super) fn anyone() -> Client {
    let peers = Peers {
        trust: Trust::Anyone,
        names: vec!["localhost".into()],
        credentials: None,
        resumes: false,
        speaks: String::new(),
    };
    Client::new(&peers).unwrap()
}

fn secured(settings: HoldSettings, stages: Vec<Stage>) -> Plan {
    let mut plan = plan(settings, stages);
    plan.targets[0].tls = Some(Tls::default());
    plan
}

fn causes(outcomes: &Outcomes) -> BTreeMap<(Failure, FailureStage), u64> {
    let whole = outcomes.whole();
    let causes = whole.failures.iter();
    causes.map(|(cause, tally)| ((cause.failure, cause.at), tally.count)).collect()
}

#[test]
fn a_handshake_is_timed_apart_and_its_connection_counts_once_it_is_done() {
    let script: Script = Box::new(|simulation, slot, _| {
        let now = simulation.now_ns;
        simulation.plan(now + 20_000_000, slot, Act::Open);
        simulation.plan(now + 50_000_000, slot, Act::Secure);
        // With the last of the handshake, in one event.
        simulation.plan(now + 50_000_000, slot, Act::Say(b"ok"));
    });
    let stages = vec![stage(50, paced(50), 3)];
    let outcomes = run(secured(settings(None), stages), Vec::new(), script, nothing());
    assert_eq!(outcomes.get(Counter::Ok), 50);
    assert_eq!(outcomes.get(Counter::ConnectOk), 50);
    assert_eq!(outcomes.get(Counter::MessagesReceived), 50);
    let times = outcomes.whole().times;
    for (metric, ns) in [(TimeMetric::TlsTime, 3e7), (TimeMetric::ConnectTime, 5e7)] {
        assert_eq!(times.count(metric), 50);
        let max = times.stat(metric, Stat::Max).unwrap();
        assert!((max / ns - 1.0).abs() < 0.002, "{metric}: {max}");
    }
}

#[test]
fn every_way_to_fail_in_a_handshake_is_told_apart() {
    let script: Script = Box::new(|simulation, slot, user| {
        let now = simulation.now_ns;
        let kind = user % 7;
        if kind == 0 {
            return;
        }
        simulation.plan(now, slot, Act::Open);
        let acts: &[Act] = match kind {
            1 => &[],
            2 => &[Act::Fin],
            3 => &[Act::Reset],
            4 => &[Act::Say(b"HTTP/1.1 400")],
            5 => &[Act::Secure, Act::Say(b"ok"), Act::Fin],
            _ => &[Act::Secure, Act::Say(b"ok")],
        };
        for (at, act) in (1..).zip(acts) {
            simulation.plan(now + at * SECOND_NS, slot, *act);
        }
    });
    let stages = vec![stage(70, paced(70), 20)];
    let outcomes = run(secured(settings(None), stages), Vec::new(), script, nothing());
    let expected = [
        (Failure::ConnectTimeout, FailureStage::Connect),
        (Failure::ConnectTimeout, FailureStage::Tls),
        (Failure::ClosedByServer, FailureStage::Tls),
        (Failure::Reset, FailureStage::Tls),
        (Failure::Tls, FailureStage::Tls),
        (Failure::ClosedByServer, FailureStage::Hold),
    ];
    assert_eq!(causes(&outcomes), expected.into_iter().map(|cause| (cause, 10)).collect());
    assert_eq!(outcomes.get(Counter::Ok), 10);
    assert_eq!(outcomes.get(Counter::TimedOut), 20);
    assert_eq!(outcomes.get(Counter::ConnectOk), 20);
    assert_eq!(outcomes.get(Counter::ConnectFailed), 50);
    assert_eq!(outcomes.get(Counter::Lost), 10);
    assert_eq!(outcomes.whole().times.count(TimeMetric::TlsTime), 20);
    let sample = |failure| {
        let whole = outcomes.whole();
        let mut failures = whole.failures.into_iter();
        failures.find(|(cause, _)| cause.failure == failure).unwrap().1.sample
    };
    assert!(sample(Failure::Tls).contains("cannot decrypt"), "{}", sample(Failure::Tls));
}

#[test]
fn what_is_in_its_handshake_at_the_end_is_unfinished() {
    let script: Script = Box::new(|simulation, slot, _| {
        simulation.plan(simulation.now_ns, slot, Act::Open);
    });
    let stages = vec![stage(20, paced(20), 2)];
    let outcomes = run(secured(settings(None), stages), Vec::new(), script, nothing());
    assert_eq!(outcomes.get(Counter::Unfinished), 20);
    assert_eq!(outcomes.get(Counter::UnfinishedOpen), 0);
    assert_eq!(outcomes.simulation.closed, vec![Close::Rst; 20]);
}
