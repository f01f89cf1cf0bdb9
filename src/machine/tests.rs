use super::*;
use crate::plan::{
    Builtin, Close, Endpoint, Faults, Generator, Heartbeat, HoldSettings, HostPort, Http, HttpUrl,
    HttpVersion, Level, Plan, Protocol, Ramp, RequestPath, Scenario, Site, SourceRange, SourceUse,
    Stage, StartAfter, Target, TcpHoldServer, ThinkTime,
};
use crate::units::{Rate, Time};
use proptest::prelude::*;
use std::time::Duration;

pub(super) fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

pub(super) fn users(users: u64, ramp: Ramp, hold: u64) -> Stage {
    let level = Level::Users { users, ramp };
    Stage { name: "1".into(), level, hold: seconds(hold), warmup: false, work: None }
}

fn scenario(protocol: Protocol, stages: Vec<Stage>) -> Scenario {
    Scenario {
        name: "s".into(),
        target: 0,
        start_after: StartAfter::Delay(Time::default()),
        protocol,
        stages,
        thresholds: Vec::new(),
    }
}

pub(super) fn plan(endpoint: Endpoint, scenarios: Vec<Scenario>) -> Plan {
    let hosts: &[HostPort] = if let Endpoint::Hosts(hosts) = &endpoint { hosts } else { &[] };
    let shown = hosts.iter().map(|one| format!("{}:{}", one.host, one.port)).collect();
    Plan {
        monitors: Vec::new(),
        name: "p".into(),
        description: None,
        seed: 42,
        targets: vec![Target {
            name: "t".into(),
            shown,
            endpoint,
            tls: None,
            proxy_protocol: None,
            proxy: None,
            resolve: Vec::new(),
            dns: None,
            probe: true,
        }],
        scenarios,
        generator: Generator::default(),
        search: None,
        repeat: None,
        compare: None,
        baseline: None,
    }
}

pub(super) fn built_in() -> Endpoint {
    Endpoint::Builtin(Builtin::TcpHold(TcpHoldServer {
        message: "ok".into(),
        greet: true,
        every: Some(seconds(60)),
        reply_to: None,
        tls: None,
        faults: Faults::default(),
        websocket: None,
    }))
}

pub(super) fn hosts(names: &[&str]) -> Endpoint {
    Endpoint::Hosts(
        names.iter().map(|host| HostPort { host: (*host).to_owned(), port: 80 }).collect(),
    )
}

pub(super) fn hold(stages: Vec<Stage>) -> Scenario {
    let protocol = HoldSettings {
        expect: Some("ok".into()),
        greeting: Some(seconds(10)),
        heartbeat: Some(Heartbeat::Server { every: seconds(60), grace: seconds(10) }),
        connect_timeout: seconds(10),
        close: Close::Fin,
        churn: crate::plan::Churn::default(),
        ..HoldSettings::default()
    };
    scenario(Protocol::Hold(protocol), stages)
}

pub(super) fn http(stages: Vec<Stage>) -> Scenario {
    let protocol = Http {
        requests: Vec::new(),
        think_time: ThinkTime::default(),
        timeout: seconds(30),
        connect_timeout: seconds(10),
        first_byte_timeout: seconds(30),
        max_in_flight: 10_000,
        ..Http::default()
    };
    scenario(Protocol::Http(protocol), stages)
}

pub(super) fn web() -> Endpoint {
    let site = Site::Host(HostPort { host: "127.0.0.1".into(), port: 80 });
    Endpoint::Urls(vec![HttpUrl {
        is_secure: false,
        site,
        host_header: "x".parse().unwrap(),
        path: RequestPath::root(),
    }])
}

pub(super) fn paced(rate: u64) -> Ramp {
    Ramp::SpawnRate(Rate::per_second(rate))
}

/// A machine such as a small server is: two cores, 20,000 open files.
pub(super) fn small() -> MachineLimits {
    MachineLimits {
        open_files: Some(20_000),
        nr_open: Some(1 << 20),
        cpus: Some(2),
        ..MachineLimits::default()
    }
}

#[test]
fn a_million_held_connections_need_what_the_article_says() {
    let plan = plan(built_in(), vec![hold(vec![users(1_000_000, paced(20_000), 60)])]);
    let needs = Requirements::of(&plan);
    assert_eq!(needs.connections(), 1_000_000);
    assert_eq!(needs.sockets(), 2_000_000);
    assert_eq!(needs.opening(), Opening::PerSecond(20_000.0));
    assert!((needs.heartbeats_per_second() - 16_666.7).abs() < 0.1);
    assert_eq!(needs.shortest_run, seconds(110));
    assert_eq!(workers(&plan.scenarios[0], &plan, &small()), 51);
    assert_eq!(servers(0, &plan, &small()), 53);
}

#[test]
fn needs_count_levels_not_sums_and_the_fastest_ramp() {
    let stages = vec![
        users(10_000, paced(1_000), 30),
        users(30_000, Ramp::Over(seconds(10)), 30),
        users(5_000, Ramp::Unpaced, 0),
    ];
    let needs = Requirements::of(&plan(hosts(&["10.0.0.1", "localhost"]), vec![hold(stages)]));
    assert_eq!(needs.connections(), 30_000);
    assert_eq!(needs.served_here(), 15_000, "one of two addresses is this machine");
    assert_eq!(needs.opening(), Opening::PerSecond(2_000.0), "going down opens nothing");
    assert_eq!(needs.shortest_run, seconds(10 + 30 + 10 + 30));
    assert_eq!(needs.scenarios[0].destinations, Some(2));
}

#[test]
fn a_unix_socket_is_here_and_needs_no_ports() {
    let Endpoint::Urls(mut urls) = web() else { unreachable!() };
    urls[0].site = Site::Socket("/run/app.sock".into());
    let stages = vec![users(50_000, Ramp::Unpaced, 10)];
    let alone = plan(Endpoint::Urls(urls.clone()), vec![http(stages.clone())]);
    assert_eq!(Requirements::of(&alone).served_here(), 50_000);
    assert!(destinations::destinations(&alone, &small()).is_empty());
    assert!(Requirements::of(&alone).over_tcp().scenarios.is_empty());
    let Endpoint::Urls(more) = web() else { unreachable!() };
    urls.extend(more);
    let both = plan(Endpoint::Urls(urls), vec![http(stages)]);
    let all = destinations::destinations(&both, &small());
    assert_eq!(all.iter().map(|one| one.connections).collect::<Vec<_>>(), [25_000]);
    assert_eq!(Requirements::of(&both).over_tcp().connections(), 50_000);
}

#[test]
fn an_open_stage_needs_what_may_be_in_flight() {
    let level = Level::Rate {
        rate: Rate::per_second(16_000),
        ramp: seconds(30),
        spacing: crate::plan::Spacing::Constant,
    };
    let stage = Stage { name: "1".into(), level, hold: seconds(60), warmup: false, work: None };
    let mut late = http(vec![users(5, Ramp::Unpaced, 1)]);
    late.start_after = StartAfter::Hold;
    let needs = Requirements::of(&plan(web(), vec![http(vec![stage]), late]));
    assert_eq!(needs.scenarios[0].connections, 10_000);
    assert!((needs.scenarios[0].arrivals_per_second - 16_000.0).abs() < 1e-9);
    assert_eq!(needs.shortest_run, seconds(90));
    assert_eq!(needs.opening(), Opening::Unpaced);
}

#[test]
fn who_share_connections_need_fewer_and_as_many_processes() {
    let scenario = |version| {
        let mut scenario = http(vec![users(10_000, paced(1_000), 30)]);
        if let Protocol::Http(http) = &mut scenario.protocol {
            http.version = version;
        }
        plan(web(), vec![scenario])
    };
    let (alone, shared) =
        (scenario(HttpVersion::Http1), scenario(HttpVersion::Http2 { streams: 100 }));
    let needs = Requirements::of(&shared);
    assert_eq!((needs.scenarios[0].users, needs.connections()), (10_000, 100));
    assert_eq!(needs.opening(), Opening::PerSecond(10.0));
    for plan in [&alone, &shared] {
        assert_eq!(workers(&plan.scenarios[0], plan, &small()), 2);
    }
}

#[test]
fn workers_follow_descriptors_cores_and_the_plan() {
    let held = |users_: u64| plan(built_in(), vec![hold(vec![users(users_, Ramp::Unpaced, 1)])]);
    let workers_of =
        |plan: &Plan, limits: &MachineLimits| workers(&plan.scenarios[0], plan, limits);
    assert_eq!(workers_of(&held(1), &small()), 1);
    assert_eq!(workers_of(&held(1_024), &small()), 1);
    assert_eq!(workers_of(&held(1_025), &small()), 2);
    // 19,936 a process is 311.5 blocks of 64: two workers own 311 blocks each and no more.
    assert_eq!(workers_of(&held(39_872), &small()), 3);
    assert_eq!(workers_of(&held(39_808), &small()), 2);
    let web = |users_: u64| plan(web(), vec![http(vec![users(users_, Ramp::Unpaced, 1)])]);
    assert_eq!(workers_of(&web(63), &small()), 1);
    assert_eq!(workers_of(&web(64), &small()), 2);
    assert_eq!(workers_of(&web(100_000), &small()), 6);
    let mut fixed = held(1_000_000);
    fixed.generator.workers = Some(3);
    assert_eq!(workers_of(&fixed, &small()), 3);
    let unread = MachineLimits { open_files: None, ..small() };
    assert_eq!(workers_of(&held(9_600), &unread), 10, "1024 where the limit cannot be read");
}

#[test]
fn sources_are_the_kernel_s_until_one_does_not_carry_them() {
    let loopback = "127.0.0.1".parse().expect("an address");
    let one = Sources::of(loopback, 9_881, 28_232, &Generator::default());
    assert!(one.addresses.is_empty());
    assert_eq!(one.source_of(5_000), None);
    let many = Sources::of(loopback, 20_000, 28_232, &Generator::default());
    assert_eq!(many.count(), 3);
    assert_eq!(many.per_tuple, 9_881);
    assert_eq!(many.source_of(0), Some("127.1.0.1".parse().expect("an address")));
    assert_eq!(many.source_of(9_881), Some("127.1.0.2".parse().expect("an address")));
    let far =
        Sources::of("10.0.0.1".parse().expect("an address"), 60_000, 28_232, &Generator::default());
    assert_eq!((far.count(), far.source_of(59_999)), (1, None));
    let six =
        Sources::of("::1".parse().expect("an address"), 60_000, 28_232, &Generator::default());
    assert_eq!((six.count(), six.source_of(59_999)), (1, None));
}

#[test]
fn scenarios_that_share_a_destination_begin_with_other_sources() {
    let loopback = "127.0.0.1".parse().expect("an address");
    let of = |before| Sources::of(loopback, 60_000, 28_232, &Generator::default()).after(before);
    let first = |sources: &Sources| sources.source_of(0).expect("a source").to_string();
    assert_eq!(of(0).count(), 7);
    assert_eq!(first(&of(0)), "127.1.0.1");
    assert_eq!(first(&of(20_000)), "127.1.0.4", "the first used two and a bit");
    assert_eq!(first(&of(40_000)), "127.1.0.6");
    let kernel =
        Sources::of("10.0.0.1".parse().expect("an address"), 60_000, 28_232, &Generator::default());
    assert_eq!(kernel.after(20_000).source_of(0), None);
}

#[test]
fn sources_of_the_plan_are_spread_over_and_no_pair_repeats() {
    let address = |text: &str| text.parse().expect("an address");
    let range = SourceRange { first: address("10.0.0.1"), last: address("10.0.0.8") };
    let plan = Generator { source_addresses: vec![range], ..Generator::default() };
    let of = |connections| Sources::of(address("10.9.9.9"), connections, 28_232, &plan);
    assert_eq!((of(3).count(), of(1).source_of(0)), (3, Some(address("10.0.0.1"))));
    let (one, two) = (of(1_500), of(1_500).after(1_003));
    let mut counts = std::collections::BTreeMap::new();
    let mut pairs = std::collections::BTreeSet::new();
    for (sources, connections) in [(&one, 1_003), (&two, 497)] {
        for index in 0..connections {
            let from = sources.source_of(index).expect("a source");
            *counts.entry(from).or_insert(0) += 1;
            assert!(pairs.insert((from, sources.place_of(index))));
        }
    }
    assert_eq!(counts.len(), 8);
    assert!(counts.values().all(|count| (187..=188).contains(count)), "{counts:?}");
}

#[test]
fn a_reserve_is_used_in_order_and_as_much_of_it_as_it_takes() {
    let address = |text: &str| text.parse().expect("an address");
    let range =
        |first: &str, last: &str| SourceRange { first: address(first), last: address(last) };
    let given =
        [range("fd00::1", "fd00::9"), range("10.0.0.5", "10.0.0.6"), range("10.0.0.9", "10.0.0.9")];
    let reserve = SourceUse::Reserve;
    let given =
        Generator { source_addresses: given.to_vec(), source_use: reserve, ..Generator::default() };
    let sources = Sources::of(address("10.9.9.9"), 15_000, 28_232, &given);
    assert_eq!(sources.addresses, [address("10.0.0.5"), address("10.0.0.6")]);
    let crowded = Sources::of(address("10.9.9.9"), 60_000, 28_232, &given);
    assert_eq!(crowded.count(), 3);
    assert_eq!(crowded.per_tuple, 20_000, "spread evenly when 35 % does not do");
    assert_eq!(crowded.source_of(59_999), Some(address("10.0.0.9")));
}

proptest! {
    #[test]
    fn no_worker_owns_more_than_its_descriptors(peak in 1_u64..3_000_000, files in 400_u64..100_000) {
        let limits = MachineLimits { open_files: Some(files), ..small() };
        let plan = plan(built_in(), vec![hold(vec![users(peak, Ramp::Unpaced, 1)])]);
        let workers = workers(&plan.scenarios[0], &plan, &limits);
        let largest = workers::largest_worker(&Requirements::of(&plan).scenarios[0], workers);
        prop_assert!(largest <= limits.usable_descriptors());
        let servers = u64::from(servers(0, &plan, &limits));
        prop_assert!(peak.div_ceil(servers) <= limits.usable_descriptors());
    }

    #[test]
    fn no_tuple_gets_more_than_its_share_on_loopback(count in 1_u64..5_000_000, ports in 100_u64..64_000) {
        let sources = Sources::of("127.1.0.1".parse().expect("an address"), count, ports, &Generator::default());
        prop_assert!(!sources.addresses.contains(&"127.1.0.1".parse().expect("an address")));
        if sources.count() < 60_000 {
            prop_assert!(count.div_ceil(sources.count()) as f64 <= (ports as f64 * 0.35).max(1.0));
            prop_assert!(sources.count() == 1 || sources.source_of(count - 1) == sources.addresses.last().copied());
        }
    }
}
