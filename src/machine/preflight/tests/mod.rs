use super::*;
use crate::machine::tests::{built_in, hold, hosts, http, paced, plan, seconds, small, users, web};
use crate::machine::{CgroupMemory, Conntrack, FileMemory, Ports};
use crate::plan::{
    Close, ConnectionUse, Endpoint, HoldSettings, Http, Level, Lifetime, Plan, Protocol, Ramp,
    Request, Site, SourceRange, Stage, ThinkTime,
};
use crate::units::Rate;

mod pace;

const GIB: u64 = 1 << 30;

/// The machine of the million: two cores, 24 GiB, 20,000 open files, the kernel's own settings.
fn usual() -> MachineLimits {
    MachineLimits {
        file_max: Some(2_466_170),
        files_now: Some(522),
        epoll_watches: Some(5_491_511),
        ports: Some(Ports { first: 32_768, last: 60_999, ..Ports::default() }),
        somaxconn: Some(4_096),
        netdev_max_backlog: Some(1_000),
        tcp_mem: Some([287_898, 383_867, 575_796]),
        memory_available: Some(23 * GIB),
        memory_total: Some(24 * GIB),
        ehash_entries: Some(262_144),
        conntrack: Some(Conntrack { count: 0, max: 262_144, buckets: Some(262_144) }),
        capabilities: Some(0x1ff_feff_ffff),
        syncookies: Some(1),
        time_wait_max: Some(131_072),
        time_wait: Some(0),
        ..small()
    }
}

fn untracked() -> Probes {
    Probes { conntrack_live: Some(false), ..Probes::default() }
}

fn held(connections: u64, rate: u64) -> Plan {
    plan(built_in(), vec![hold(vec![users(connections, paced(rate), 60)])])
}

fn far(connections: u64) -> Plan {
    plan(hosts(&["10.0.0.1"]), vec![hold(vec![users(connections, paced(1_000), 60)])])
}

fn find(rows: &[Requirement], check: Resource) -> &Requirement {
    rows.iter().find(|row| row.resource == check).expect("every check has a row")
}

fn row(plan: &Plan, limits: &MachineLimits, check: Resource) -> Requirement {
    find(&preflight(plan, limits, &untracked()), check).clone()
}

fn fitness(plan: &Plan, limits: &MachineLimits, check: Resource) -> RequirementStatus {
    row(plan, limits, check).status
}

#[test]
fn the_million_fits_a_small_machine_and_its_table_reads_so() {
    let rows = preflight(&held(1_000_000, 20_000), &usual(), &untracked());
    let mut text = String::new();
    for row in &rows {
        let line =
            format!("{} | {} | {} | {}\n", row.resource.name(), row.needed, row.have, row.status);
        text.push_str(&line);
    }
    insta::assert_snapshot!(text, @"
    open files of a process | 19,776 | 20,000 | ok
    processes | 104 | 64 on 2 cores | warn
    open files of the system | 2,006,656 | 2,465,648 | ok
    source ports of a tuple | 9,434 | 28,232 | ok
    source addresses | 0 | 0 | ok
    epoll watches | 2,000,000 | 5,491,511 | ok
    memory | 8.00 GiB | 21.8 GiB | ok
    memory of the cgroup | 5.33 GiB | no limit | ok
    memory for unread data | 1.91 GiB | 1.46 GiB | warn
    connection hash table | 1,000,000 | 262,144 | warn
    connection tracking | 1,000,000 | not tracking | ok
    accept queue | 189 | 4,096 | ok
    network backlog | 10,000 | 1,000 | warn
    SYN cookies | on | on | ok
    TIME_WAIT after closing | 1,000,000 | 131,072 | warn
    ports in TIME_WAIT | none are closed | 28,232 | ok
    TIME_WAIT left over | <= 5,646 | 0 | ok
    CPU for the ramp | 20,000/s | 24,137/s | ok
    CPU for heartbeats | 0.28 cores | 1.00 cores | ok
    connect timeout | 3 s | 10 s | ok
    silence on a connection | 0 s | < 240 s | ok
    requests in flight | 0 | no rate | ok
    ");
    let reach = Headroom::of(&rows).expect("watches set a bound");
    assert_eq!(reach.limited_by, Resource::EpollWatches);
    assert!((2_600_000..2_800_000).contains(&reach.connections), "{reach:?}");
}

#[test]
fn every_check_has_exactly_one_row_in_its_place() {
    let rows = preflight(&held(1, 1), &MachineLimits::default(), &Probes::default());
    let checks: Vec<Resource> = rows.iter().map(|row| row.resource).collect();
    assert_eq!(checks, Resource::ALL);
}

#[test]
fn nothing_that_could_not_be_read_is_ok_or_refuses() {
    let rows = preflight(&held(1_000_000, 20_000), &MachineLimits::default(), &Probes::default());
    for row in &rows {
        let unread = row.have == Amount::Unknown;
        assert_eq!(unread, row.status == RequirementStatus::NotAvailable, "{row:?}");
        assert_ne!(row.status, RequirementStatus::Fail, "{row:?}");
    }
    assert!(rows.iter().filter(|row| row.status == RequirementStatus::NotAvailable).count() >= 10);
}

#[test]
fn fixed_workers_must_have_the_descriptors() {
    let mut plan = held(1_000_000, 20_000);
    plan.generator.workers = Some(10);
    let row = row(&plan, &usual(), Resource::ProcessFiles);
    assert_eq!(row.status, RequirementStatus::Fail);
    assert_eq!(row.needed, Amount::Number(100_096 + 64), "391 blocks of 256 for the first");
    assert_eq!(row.headroom, Some(199_360));
    assert_eq!(row.fixes[0], "[generator] workers = \"auto\"");
    plan.generator.workers = Some(51);
    assert_eq!(fitness(&plan, &usual(), Resource::ProcessFiles), RequirementStatus::Ok);
    let unread = MachineLimits { open_files: None, ..usual() };
    assert_eq!(fitness(&plan, &unread, Resource::ProcessFiles), RequirementStatus::NotAvailable);
}

#[test]
fn few_connections_do_not_overflow_the_backlog() {
    let here =
        |connections| plan(built_in(), vec![http(vec![users(connections, Ramp::Unpaced, 60)])]);
    let backlog = |connections| {
        let row = row(&here(connections), &usual(), Resource::NetdevBacklog);
        (row.needed, row.status)
    };
    assert_eq!(backlog(10), (Amount::Number(256), RequirementStatus::Ok));
    assert_eq!(backlog(250), (Amount::Number(1_000), RequirementStatus::Ok));
    assert_eq!(backlog(251), (Amount::Number(1_004), RequirementStatus::Warn));
    assert_eq!(backlog(20_000), (Amount::Number(10_000), RequirementStatus::Warn));
    let Endpoint::Urls(mut urls) = web() else { unreachable!() };
    urls[0].site = Site::Socket("/run/app.sock".into());
    let socket = plan(Endpoint::Urls(urls), vec![http(vec![users(20_000, Ramp::Unpaced, 60)])]);
    assert_eq!(fitness(&socket, &usual(), Resource::NetdevBacklog), RequirementStatus::Ok);
}

#[test]
fn many_processes_on_few_cores_are_a_warning() {
    let low = MachineLimits { open_files: Some(1_024), ..usual() };
    let row = row(&held(100_000, 2_000), &low, Resource::Processes);
    assert_eq!(row.status, RequirementStatus::Warn, "{row:?}");
    let line = "* hard nofile 8192    # in /etc/security/limits.conf, then log in anew";
    assert_eq!(row.fixes, [line], "this process may not raise its own");
}

#[test]
fn system_files_bind_those_without_the_capability() {
    let few = MachineLimits { file_max: Some(100_000), ..usual() };
    assert_eq!(
        fitness(&held(1_000_000, 20_000), &few, Resource::SystemFiles),
        RequirementStatus::Warn
    );
    let bound = MachineLimits { capabilities: Some(0), ..few };
    let row = row(&held(1_000_000, 20_000), &bound, Resource::SystemFiles);
    assert_eq!(row.status, RequirementStatus::Fail);
    assert_eq!(row.headroom, Some(1_000_000 * (100_000 - 522) / (2_000_000 + 104 * 64)));
    assert!(row.fixes[0].starts_with("sysctl -w fs.file-max=2"), "{row:?}");
}

#[test]
fn sources_of_a_family_that_no_target_has_are_named() {
    let row_of = |to: &[&str], sources: &[&str]| {
        let mut plan = plan(hosts(to), far(10).scenarios);
        let range = |text: &&str| {
            let one = text.parse().unwrap();
            SourceRange { first: one, last: one }
        };
        plan.generator.source_addresses = sources.iter().map(range).collect();
        let probes = Probes { bound: sources.len() as u64, ..untracked() };
        find(&preflight(&plan, &usual(), &probes), Resource::SourceAddresses).clone()
    };
    let row = row_of(&["10.0.0.1"], &["10.0.0.2", "fd00::2"]);
    assert_eq!(row.status, RequirementStatus::Warn);
    assert_eq!(
        row.note.as_deref(),
        Some("not used, as no target has an address of the same family: fd00::2")
    );
    assert_eq!(
        row_of(&["10.0.0.1", "fd00::1"], &["10.0.0.2", "fd00::2"]).status,
        RequirementStatus::Ok
    );
    assert_eq!(row_of(&["lb.internal"], &["fd00::2"]).status, RequirementStatus::Ok);
}

#[test]
fn one_source_to_one_far_address_has_so_many_ports() {
    let row_of = |connections| row(&far(connections), &usual(), Resource::SourcePorts);
    assert_eq!(row_of(9_000).status, RequirementStatus::Ok);
    assert_eq!(row_of(9_900).status, RequirementStatus::Warn);
    assert_eq!(row_of(28_232).status, RequirementStatus::Warn);
    let row = row_of(28_233);
    assert_eq!((row.status, row.headroom), (RequirementStatus::Fail, Some(28_232)));
    assert_eq!(row.fixes[0], "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"");
    let two = plan(hosts(&["10.0.0.1", "10.0.0.2"]), far(50_000).scenarios);
    let row = self::row(&two, &usual(), Resource::SourcePorts);
    assert_eq!((row.status, row.headroom), (RequirementStatus::Warn, Some(56_464)));
}

#[test]
fn sources_of_the_plan_multiply_the_ports() {
    let mut plan = far(60_000);
    let address = |last| std::net::Ipv4Addr::new(10, 1, 0, last).into();
    plan.generator.source_addresses = vec![SourceRange { first: address(1), last: address(3) }];
    let row = row(&plan, &usual(), Resource::SourcePorts);
    assert_eq!((row.needed, row.headroom), (Amount::Number(20_000), Some(84_696)));
    let not_ours =
        Probes { not_bindable: vec![(address(3), "no".into())], bound: 2, ..untracked() };
    let rows = preflight(&plan, &usual(), &not_ours);
    let row = find(&rows, Resource::SourceAddresses);
    assert_eq!(row.status, RequirementStatus::Fail);
    assert!(row.fixes[0].starts_with("ip addr add 10.1.0.3/32 dev lo"), "{row:?}");
}

#[test]
fn ports_of_the_plan_are_bound_by_hand() {
    let mut plan = far(20_000);
    plan.generator.port_range = Some((1_024, 11_023));
    let narrow = row(&plan, &usual(), Resource::SourcePorts);
    assert_eq!((narrow.have, narrow.status), (Amount::Number(10_000), RequirementStatus::Fail));
    assert!(narrow.fixes[0].starts_with("[generator] port_range"), "{:?}", narrow.fixes);
    plan.generator.port_range = Some((1_024, 41_023));
    assert_eq!(
        fitness(&plan, &usual(), Resource::SourcePorts),
        RequirementStatus::Ok,
        "not searched for"
    );
    let mut services = usual();
    services.ports.as_mut().expect("a range").listening = vec![80, 8_000];
    let row = row(&plan, &services, Resource::SourcePorts);
    assert_eq!((row.have, row.status), (Amount::Number(39_999), RequirementStatus::Warn));
}

#[test]
fn watches_memory_and_groups_bound_the_reach() {
    let few = MachineLimits { epoll_watches: Some(1_000_000), ..usual() };
    let row = row(&held(1_000_000, 20_000), &few, Resource::EpollWatches);
    assert_eq!((row.status, row.headroom), (RequirementStatus::Fail, Some(500_000)));
    let small =
        MachineLimits { memory_available: Some(4 * GIB), memory_total: Some(4 * GIB), ..usual() };
    let row = self::row(&held(1_000_000, 20_000), &small, Resource::Memory);
    assert_eq!(row.status, RequirementStatus::Fail);
    assert!((420_000..440_000).contains(&row.headroom.expect("a bound")), "{row:?}");
    let group = CgroupMemory { file: "/g/memory.max".into(), limit: 2 * GIB, used: GIB };
    let grouped = MachineLimits { cgroup: Some(group), ..usual() };
    let row = self::row(&held(1_000_000, 20_000), &grouped, Resource::CgroupMemory);
    assert_eq!(row.status, RequirementStatus::Fail);
    assert!(row.fixes[0].ends_with("> /g/memory.max"), "{row:?}");
    let theirs = self::row(
        &plan(hosts(&["127.0.0.1"]), held(100_000, 1_000).scenarios),
        &grouped,
        Resource::CgroupMemory,
    );
    let ours = self::row(&held(100_000, 1_000), &grouped, Resource::CgroupMemory);
    assert!(theirs.headroom > ours.headroom, "another program's server is not in our group");
}

#[test]
fn tracking_counts_only_where_it_was_seen() {
    let live = Probes { conntrack_live: Some(true), ..Probes::default() };
    let rows = preflight(&held(300_000, 2_000), &usual(), &live);
    let row = find(&rows, Resource::Conntrack);
    assert_eq!((row.status, row.headroom), (RequirementStatus::Fail, Some(262_144)));
    assert_eq!(row.fixes[0], "sysctl -w net.netfilter.nf_conntrack_max=330000");
    assert_eq!(
        fitness(&held(300_000, 2_000), &usual(), Resource::Conntrack),
        RequirementStatus::Ok
    );
    let none = MachineLimits { conntrack: None, ..usual() };
    assert_eq!(
        find(&preflight(&held(1, 1), &none, &live), Resource::Conntrack).status,
        RequirementStatus::Ok
    );
}

#[test]
fn http_needs_what_may_be_in_flight() {
    let level = Level::Rate {
        rate: Rate::per_second(16_000),
        ramp: seconds(1),
        spacing: crate::plan::Spacing::Constant,
    };
    let stage = Stage { name: "1".into(), level, hold: seconds(60), warmup: false, work: None };
    let open = plan(hosts(&["10.0.0.1"]), vec![http(vec![stage])]);
    assert_eq!(row(&open, &usual(), Resource::SourcePorts).needed, Amount::Number(10_000));
    let closed = plan(hosts(&["10.0.0.1"]), vec![http(vec![users(5, Ramp::Unpaced, 1)])]);
    assert_eq!(row(&closed, &usual(), Resource::RampCpu).needed, Amount::text("no pace"));
}

#[test]
fn a_small_cap_cannot_be_told_from_a_slow_target() {
    let level = Level::Rate {
        rate: Rate::per_second(100),
        ramp: seconds(1),
        spacing: crate::plan::Spacing::Constant,
    };
    let stage = Stage { name: "1".into(), level, hold: seconds(60), warmup: false, work: None };
    let capped = |most: u64| {
        let mut scenario = http(vec![stage.clone()]);
        let Protocol::Http(http) = &mut scenario.protocol else { unreachable!() };
        (http.timeout, http.max_in_flight) = (seconds(30), most);
        row(&plan(hosts(&["10.0.0.1"]), vec![scenario]), &usual(), Resource::InFlight)
    };
    assert_eq!(
        (capped(3_329).needed, capped(3_329).status),
        (Amount::Number(3_329), RequirementStatus::Ok)
    );
    let small = capped(1_000);
    assert_eq!((small.have, small.status), (Amount::Number(1_000), RequirementStatus::Warn));
    assert_eq!(small.fixes, ["max_in_flight = 3329", "timeout = \"8s270ms\""]);
    assert_eq!(capped(0).fixes, ["max_in_flight = 3329"]);
    assert_eq!(fitness(&held(100, 10), &usual(), Resource::InFlight), RequirementStatus::Ok);
}

#[test]
fn handshakes_cost_memory_and_processor_time() {
    let plain = held(100_000, 1_000);
    let mut secured = plain.clone();
    secured.targets[0].tls = Some(crate::plan::Tls::default());
    let bytes = |plan: &Plan| match row(plan, &usual(), Resource::Memory).needed {
        Amount::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    assert_eq!((bytes(&secured) - bytes(&plain)) / 100_000, 8_300);
    let pace = |plan: &Plan| match row(plan, &usual(), Resource::RampCpu).have {
        Amount::PerSecond(rate) => rate,
        other => panic!("{other:?}"),
    };
    assert!(pace(&plain) > 20 * pace(&secured), "{} {}", pace(&plain), pace(&secured));
}

#[test]
fn bodies_are_kept_for_each_address_by_each_worker_and_files_by_the_coordinator() {
    let (here, there) = (held(1_000_000, 20_000), far(100));
    let ports = u64::from(servers(0, &here, &usual()));
    assert!(ports > 1);
    assert_eq!(addresses(&here, &usual(), &[]), [ports], "each process has a port of its own");
    assert_eq!(addresses(&there, &usual(), &[]), [1], "nobody asked what the name resolves to");
    assert_eq!(addresses(&there, &usual(), &[5]), [5]);
    let files = FileMemory { once: 10, each_address: 100, coordinator: 7 };
    let needs = Requirements::of(&there).with_files(&[files], &[3], &[5]);
    assert_eq!(needs.file_bytes, 3 * (10 + 5 * 100) + 7);
    let probes = Probes { files: vec![files], resolved: vec![5], ..untracked() };
    let memory =
        |probes: &Probes| match find(&preflight(&there, &usual(), probes), Resource::Memory).needed
        {
            Amount::Bytes(bytes) => bytes,
            _ => panic!("bytes"),
        };
    let each = u64::from(workers(&there.scenarios[0], &there, &usual()));
    assert_eq!(memory(&probes) - memory(&untracked()), each * 510 + 7);
}
