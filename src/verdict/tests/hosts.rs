use super::health::{of, paced};
use super::*;
use crate::record::{HostDelta, HostId, HostPart, HostSample, WorkerFacts};

#[test]
fn the_host_that_was_worst_is_named() {
    let mut judge = Judge::new(&paced());
    let hosts = ["client1", "client2"].map(str::to_owned).to_vec();
    judge.add(&Entry::StartSkew { bound_ns: 1, hosts });
    let at_ns = 0;
    let transition = Transition::Hold(0);
    judge.add(&Entry::Transition(StageTransition { scenario: 0, transition, at_ns }));
    for number in 0..10 {
        let mut second = Second { second: number, ..Second::default() };
        let facts = second.scenarios.entry(0).or_default();
        facts.reporting = 2;
        for (host, busy) in [(1, 400), (2, 990)] {
            let host = HostId::numbered(host);
            let workers = WorkerFacts {
                busy_permille: Some(busy),
                stall_max_ns: Some(0),
                stalled_ns: u64::from(busy) * 10_000,
                ..WorkerFacts::default()
            };
            facts.workers.merge(&workers);
            let (reporting, at_work) = (1, 1);
            second.parts.push(HostPart {
                host,
                workers,
                reporting,
                at_work,
                ..HostPart::default()
            });
            let delta = HostDelta {
                elapsed_ns: 1_000_000_000,
                suspended_ns: u64::from(busy / 990) * 10_000_000,
                ..HostDelta::default()
            };
            second.hosts.push(HostSample { host, delta: Some(delta), ..HostSample::default() });
        }
        judge.add(&Entry::Second(second));
    }
    let verdict = judge.judgement();
    let worst = of(&verdict, &rules::WORKER_CPU);
    assert_eq!((worst.measured, worst.host.as_deref()), (Some(0.99), Some("client2")));
    assert!(worst.words(&paced()).is_some_and(|words| words.contains("hold: host client2: ")));
    // The stalls of one host are a share of its own time, and not of all hosts'.
    let stalled = of(&verdict, &rules::STALLED);
    assert_eq!((stalled.measured, stalled.host.as_deref()), (Some(0.0099), Some("client2")));
    let slept = of(&verdict, &rules::SUSPENDED);
    assert_eq!((slept.measured, slept.host.as_deref()), (Some(1e8), Some("client2")));
    assert_eq!(slept.state, RuleStatus::Violated);
}
