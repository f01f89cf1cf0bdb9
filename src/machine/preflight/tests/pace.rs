//! How fast connections may be opened, and how long they may be silent.

use super::*;

#[test]
fn queues_are_measured_by_the_rate() {
    let burst = plan(hosts(&["127.0.0.1"]), held(100_000, 20_000).scenarios);
    let row = row(&burst, &usual(), Resource::AcceptQueue);
    assert_eq!((row.needed, row.status), (Amount::Number(10_000), RequirementStatus::Warn));
    assert_eq!(row.fixes, ["sysctl -w net.core.somaxconn=16384"]);
    assert_eq!(
        fitness(&far(1_000), &usual(), Resource::AcceptQueue),
        RequirementStatus::NotAvailable
    );
    assert_eq!(fitness(&burst, &usual(), Resource::NetdevBacklog), RequirementStatus::Warn);
    assert_eq!(
        fitness(&held(1_000, 2_000), &usual(), Resource::NetdevBacklog),
        RequirementStatus::Ok
    );
    let off = MachineLimits { syncookies: Some(0), ..usual() };
    assert_eq!(fitness(&held(1, 1), &off, Resource::SynCookies), RequirementStatus::Warn);
}

#[test]
fn pace_and_patience_are_warnings() {
    assert_eq!(fitness(&held(100_000, 40_000), &usual(), Resource::RampCpu), RequirementStatus::Ok);
    let row = row(&held(100_000, 60_000), &usual(), Resource::RampCpu);
    assert_eq!(row.status, RequirementStatus::Warn);
    assert_eq!(row.fixes, ["spawn_rate = \"48200/s\""]);
    let slow = Probes { open_us: Some(290.0), ..untracked() };
    let rows = preflight(&held(100_000, 40_000), &usual(), &slow);
    assert_eq!(find(&rows, Resource::RampCpu).have, Amount::PerSecond(4_827));
    let mut often = held(1_000_000, 20_000);
    let Protocol::Hold(HoldSettings { heartbeat, connect_timeout, close, .. }) =
        &mut often.scenarios[0].protocol
    else {
        unreachable!()
    };
    *heartbeat = Some(crate::plan::Heartbeat::Server { every: seconds(10), grace: seconds(1) });
    *connect_timeout = seconds(1);
    *close = Close::Rst;
    let rows = preflight(&often, &usual(), &untracked());
    assert_eq!(find(&rows, Resource::HeartbeatCpu).fixes, ["every = \"17s\""]);
    assert_eq!(find(&rows, Resource::ConnectTimeout).status, RequirementStatus::Warn);
    assert_eq!(
        find(&rows, Resource::TimeWait).status,
        RequirementStatus::Ok,
        "a reset leaves nothing behind"
    );
    let left = MachineLimits { time_wait: Some(20_000), ..usual() };
    assert_eq!(fitness(&held(1, 1), &left, Resource::TimeWaitLeft), RequirementStatus::Warn);
}

#[test]
fn connections_that_come_and_go_need_ports_for_those_that_have_gone() {
    let Protocol::Http(settings) = http(Vec::new()).protocol else { unreachable!() };
    let coming = |host: &str, most: u64, hold: u64| {
        let mut scenario = http(vec![users(5_000, paced(5_000), hold)]);
        let connection = ConnectionUse { max_requests: Some(most), max_age: None };
        let think_time = ThinkTime { min: seconds(1), max: seconds(3) };
        scenario.protocol = Protocol::Http(Http {
            think_time,
            connection,
            requests: vec![Request::default()],
            ..settings.clone()
        });
        plan(hosts(&[host]), vec![scenario])
    };
    let at_rest = |plan: &Plan, limits: &MachineLimits| {
        let row = row(plan, limits, Resource::PortsAtRest);
        (row.needed, row.status)
    };
    let far = coming("10.0.0.1", 5, 90);
    // 5,000 users ask every two seconds, each fifth request ends a connection: 500 a second.
    assert_eq!(at_rest(&far, &usual()), (Amount::Number(35_000), RequirementStatus::Warn));
    let longer = coming("10.0.0.1", 50, 90);
    assert_eq!(at_rest(&longer, &usual()), (Amount::Number(8_000), RequirementStatus::Ok));
    // A short run closes fewer.
    let shorter = coming("10.0.0.1", 5, 19);
    assert_eq!(at_rest(&shorter, &usual()), (Amount::Number(15_000), RequirementStatus::Ok));
    let reused = MachineLimits { time_wait_reuse: Some(1), ..usual() };
    assert_eq!(at_rest(&far, &reused), (Amount::Number(5_500), RequirementStatus::Ok));
    let here = coming("127.0.0.1", 5, 90);
    assert_eq!(at_rest(&here, &usual()), (Amount::Number(5_500), RequirementStatus::Ok));
    let never = MachineLimits { time_wait_reuse: Some(0), ..usual() };
    assert_eq!(at_rest(&here, &never), (Amount::Number(35_000), RequirementStatus::Warn));

    let mut held = self::far(9_000);
    let Protocol::Hold(hold) = &mut held.scenarios[0].protocol else { unreachable!() };
    hold.churn.lifetime = Some(Lifetime::Exponential { mean: seconds(30) });
    assert_eq!(at_rest(&held, &usual()), (Amount::Number(27_000), RequirementStatus::Ok));
    let Protocol::Hold(hold) = &mut held.scenarios[0].protocol else { unreachable!() };
    hold.close = Close::Rst;
    assert_eq!(at_rest(&held, &usual()).0, Amount::text("none are closed"));
}

#[test]
fn long_silence_is_only_a_matter_of_what_lies_between() {
    let mut quiet = far(10);
    let Protocol::Hold(hold) = &mut quiet.scenarios[0].protocol else { unreachable!() };
    hold.heartbeat = None;
    quiet.scenarios[0].stages[0].hold = seconds(600);
    assert_eq!(fitness(&quiet, &usual(), Resource::IdleTime), RequirementStatus::Warn);
    let here = plan(built_in(), quiet.scenarios.clone());
    assert_eq!(fitness(&here, &usual(), Resource::IdleTime), RequirementStatus::Ok);
    quiet.scenarios[0].stages[0].hold = seconds(60);
    assert_eq!(fitness(&quiet, &usual(), Resource::IdleTime), RequirementStatus::Ok);
}
