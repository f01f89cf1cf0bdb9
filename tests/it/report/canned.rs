//! A run that never was: two scenarios, nine seconds, the same facts every time.

use planrun::machine::{MachineLimits, NetworkPath};
use planrun::plan::{Overrides, Phase, Plan, Source, TimeMetric};
use planrun::record::{
    AttemptOutcome, Cause, Cell, CellKey, Counter, Entry, Failure, FailureStage, Gauge, HostDelta,
    HostSample, Second, StageTransition, StopReason, Transition, WorkerFacts,
};
use planrun::store::{Finished, ResolvedTarget, ServerCounters, Started};

pub(super) const TEXT: &str = r#"# Everything that a report can show.
name = "canned"
description = "Everything that a report can show"

[targets]
lb.address = "lb.example:80"
web.address = "http://elsewhere/"

[scenarios.hold]
protocol = "tcp-hold"
target = "lb"
expect = "ok"
heartbeat = { from = "server", every = "1s", grace = "500ms" }
stages = [{ name = "1200", users = 1200, spawn_rate = "400/s", hold = "5s" }]
thresholds = ["hold.survival_ratio >= 99.99%", "hold.lost <= 5"]

[scenarios.web]
protocol = "http"
target = "web"
requests = [
  { name = "home", path = "/", weight = 9, headers = { authorization = "${env.CANNED_TOKEN}" } },
  { name = "save", path = "/save" },
]
stages = [
  { name = "-10k", users = "10k", ramp = "1s", hold = "3s" },
  { name = "15k", users = "15k", hold = "4s" },
]
thresholds = [
  { condition = "service_time.p99 < 100ms", stage = "*" },
  { condition = "failure_ratio < 0.1%", window = "2s" },
]
"#;
pub(super) const SECRET: &str = "hunter2";
const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

pub(super) fn overrides() -> Overrides {
    Overrides { target: vec!["web=http://127.0.0.1:8080/".into()], ..Overrides::default() }
}

pub(super) fn plan() -> Plan {
    let source = Source { name: "canned.toml".into(), text: TEXT.into() };
    let token = |name: &str| (name == "CANNED_TOKEN").then(|| SECRET.to_owned());
    Plan::parse(&source, &overrides(), &token)
        .unwrap_or_else(|errors| panic!("{:?}", errors.iter().collect::<Vec<_>>()))
}

pub(super) fn started() -> Started {
    Started {
        at: "2026-11-22T16:45:01.25Z".parse().unwrap(),
        targets: vec![
            ResolvedTarget {
                name: "lb".into(),
                written: vec!["lb.example:80".into()],
                addresses: vec![
                    "192.0.2.7:80".parse().unwrap(),
                    "[2001:db8::7]:80".parse().unwrap(),
                ],
                probes: 1,
                dns_time_ns: None,
            },
            ResolvedTarget {
                name: "web".into(),
                written: vec!["http://127.0.0.1:8080/".into()],
                addresses: vec!["127.0.0.1:8080".parse().unwrap()],
                probes: 1,
                dns_time_ns: None,
            },
        ],
        workers: vec![2, 1],
        warnings: vec!["net.core.somaxconn is 128".into()],
        files: Vec::new(),
        paths: vec![
            NetworkPath {
                route: "10.0.0.1 -> 192.0.2.7:80 and 1 more".into(),
                both_ends_here: false,
            },
            NetworkPath { route: "127.0.0.1 -> 127.0.0.1:8080".into(), both_ends_here: true },
        ],
        calibration: Vec::new(),
        limits: Some(MachineLimits { somaxconn: Some(128), ..MachineLimits::default() }),
        hosts: Vec::new(),
    }
}

pub(super) fn finished() -> Finished {
    let counters = vec![("accepted".into(), 1_201), ("messages.sent".into(), 7_200)];
    let limits = Some(MachineLimits { somaxconn: Some(128), ..MachineLimits::default() });
    Finished { servers: vec![ServerCounters { target: "lb".into(), counters }], limits }
}

/// Every entry of the run, in order.
pub(super) fn entries() -> Vec<Entry> {
    let mut entries = vec![Entry::Baseline(Box::new(HostSample {
        kernel_bytes: Some(20_000_000),
        workers: [(0, idle(2)), (1, idle(1))].into(),
        ..HostSample::default()
    }))];
    for second in 0..9_u32 {
        let at_ns = u64::from(second) * SECOND;
        let mut pass = |scenario, mark| {
            entries.push(Entry::Transition(StageTransition { scenario, transition: mark, at_ns }));
        };
        match second {
            0 => [0, 1].into_iter().for_each(|scenario| pass(scenario, Transition::Ramp(0))),
            1 => pass(1, Transition::Hold(0)),
            3 => pass(0, Transition::Hold(0)),
            4 => [Transition::Ramp(1), Transition::Hold(1)]
                .into_iter()
                .for_each(|mark| pass(1, mark)),
            8 => [0, 1].into_iter().for_each(|scenario| pass(scenario, Transition::Drain)),
            _ => {}
        }
        let hosts = vec![looked(second)];
        let mut facts = Second { second, hosts, ..Second::default() };
        hold(&mut facts);
        web(&mut facts);
        entries.push(Entry::Second(facts));
    }
    let at_ns = 8 * SECOND + 400 * MS;
    for scenario in [0, 1] {
        entries.push(Entry::Transition(StageTransition {
            scenario,
            transition: Transition::End,
            at_ns,
        }));
    }
    entries.push(Entry::Stopped { at_ns, reason: StopReason::Completed });
    entries
}

fn idle(workers: u64) -> WorkerFacts {
    WorkerFacts {
        cpu_ns: workers * 3 * MS,
        rss_bytes: workers * 6_000_000,
        ..WorkerFacts::default()
    }
}

/// The machine at the end of a second: some SYNs are sent again in the first and in the sixth, and
/// a hypervisor takes something of the seventh.
fn looked(second: u32) -> HostSample {
    let counters = match second {
        0 => vec![("TcpExt.TCPSynRetrans".to_owned(), 3), ("TCP.tw".to_owned(), 7)],
        5 => vec![("TcpExt.TCPSynRetrans".to_owned(), 2), ("TCP.tw".to_owned(), -7)],
        _ => Vec::new(),
    };
    HostSample {
        at_ns: u64::from(second + 1) * SECOND + 10 * MS,
        kernel_bytes: Some(20_000_000 + u64::from(second.min(3)) * 1_000_000),
        counters: counters.into_iter().collect(),
        delta: Some(HostDelta {
            elapsed_ns: SECOND,
            cpu_ns: 2 * SECOND,
            steal_ns: if second == 6 { 60 * MS } else { 0 },
            clock_step_ns: -3,
            ..HostDelta::default()
        }),
        ..HostSample::default()
    }
}

/// 1,200 connections in three seconds, one of them refused; one is reset in second 5, all others
/// end well in second 8.
fn hold(second: &mut Second) {
    let number = second.second;
    let at_ns = u64::from(number) * SECOND + 500 * MS;
    let facts = second.scenarios.entry(0).or_default();
    let mut cell = Cell::default();
    let mut lost = Cell::default();
    let mut add = |counter, amount| cell.counters.add(counter, amount);
    if number < 3 {
        let refused = u64::from(number == 1);
        for (counter, amount) in [
            (Counter::Due, 400),
            (Counter::Started, 400),
            (Counter::ConnectAttempts, 400),
            (Counter::ConnectOk, 400 - refused),
            (Counter::ConnectFailed, refused),
            (Counter::Verified, 400 - refused),
            (Counter::MessagesReceived, 400 - refused),
            (Counter::BytesReceived, 2 * (400 - refused)),
        ] {
            add(counter, amount);
        }
        for sample in 0..400 - refused {
            cell.time(TimeMetric::ConnectTime, 300_000 + sample * 10_000);
            cell.time(TimeMetric::FirstMessage, 500_000 + sample * 11_000);
            cell.time(TimeMetric::ScheduleLag, 20_000 + sample * 100);
        }
        if refused > 0 {
            let cause = Cause::from_errno(111, FailureStage::Connect);
            cell.end(AttemptOutcome::Failed(cause), at_ns, || {
                "192.0.2.7:80 from 10.0.0.1:40001".into()
            });
        }
    }
    if number == 5 {
        let cause = Cause::from_errno(104, FailureStage::Hold);
        cell.end(AttemptOutcome::Failed(cause), at_ns, || {
            "@192.0.2.7:80 after \x1b[31m5.5 s".into()
        });
        lost.count(Counter::Lost);
    }
    let hold = CellKey { stage: 0, phase: Phase::Hold };
    if (3..8).contains(&number) {
        if number == 3 {
            lost.counters.add(Counter::HoldEntered, 1_199);
        }
        lost.counters.add(Counter::HeartbeatReceived, 1_199 - u64::from(number > 4));
        for sample in 0..100 {
            lost.time(TimeMetric::HeartbeatGap, SECOND + sample * 10_000);
        }
    }
    if number == 8 {
        cell.counters.add(Counter::Ok, 1_198);
        cell.counters.add(Counter::Closed, 1_198);
    }
    if !lost.is_empty() {
        facts.cells.push((hold, lost));
    }
    if !cell.is_empty() {
        facts.cells.push((CellKey { stage: 0, phase: Phase::Ramp }, cell));
    }
    let open = match number {
        0 => 400,
        1 => 799,
        2..5 => 1_199,
        5..8 => 1_198,
        _ => 0,
    };
    facts.gauges.set(Gauge::Open, open);
    levels(facts, number, 2);
}

/// A thousand requests a second; some answers of second 6 are 503, one is too late.
fn web(second: &mut Second) {
    let number = second.second;
    let facts = second.scenarios.entry(1).or_default();
    let key = match number {
        0 => CellKey { stage: 0, phase: Phase::Ramp },
        1..4 => CellKey { stage: 0, phase: Phase::Hold },
        _ => CellKey { stage: 1, phase: Phase::Hold },
    };
    let mut cell = Cell::default();
    if number < 8 {
        let bad = if number == 6 { 4 } else { 0 };
        cell.counters.add(Counter::Due, 1_000);
        cell.counters.add(Counter::Started, 1_000);
        cell.counters.add(Counter::Ok, 1_000 - bad);
        cell.counters.add(Counter::BytesReceived, 1_000 * 612);
        cell.statuses.insert(200, 1_000 - bad);
        for sample in 0..1_000 {
            let slow = if number == 6 && sample >= 900 { 150 * MS } else { 0 };
            cell.time(TimeMetric::ServiceTime, MS + sample * 20_000 + slow);
            cell.time(TimeMetric::FirstByte, MS / 2 + sample * 20_000 + slow);
            let request = cell.requests.entry(u16::from(sample % 10 == 9)).or_default();
            request.started += 1;
            request.ok += u64::from(sample >= bad);
            request.times.record(TimeMetric::ServiceTime, MS + sample * 20_000 + slow);
        }
        for sample in 0..bad {
            let at_ns = 6 * SECOND + sample * 100 * MS;
            let cause = if sample == 3 {
                Cause::new(Failure::RequestTimeout, FailureStage::Request)
            } else {
                *cell.statuses.entry(503).or_default() += 1;
                Cause { failure: Failure::Status, at: FailureStage::Request, code: 503 }
            };
            cell.end(AttemptOutcome::Failed(cause), at_ns, || {
                "home: \"busy\", try later\r\n".into()
            });
            let request = cell.requests.entry(0).or_default();
            request.end(AttemptOutcome::Failed(cause), at_ns, || {
                "home: \"busy\", try later\r\n".into()
            });
        }
    }
    if !cell.is_empty() {
        facts.cells.push((key, cell));
    }
    facts.gauges.set(Gauge::Users, if number < 4 { 10_000 } else { 15_000 });
    facts.gauges.set(Gauge::InFlight, 17);
    facts.gauges.set(Gauge::Open, 100);
    levels(facts, number, 1);
}

fn levels(facts: &mut planrun::record::ScenarioSecond, number: u32, workers: u32) {
    facts.reporting = workers;
    facts.workers.cpu_ns = u64::from(number + 1) * 250 * MS;
    facts.workers.rss_bytes = 12_345_678;
    facts.workers.lag_max_ns = 61_234;
    facts.workers.stall_max_ns = Some(1_234);
}

/// A run of two seconds whose journal is short.
pub(super) fn short() -> Vec<Entry> {
    let boundary =
        |mark, at_ns| Entry::Transition(StageTransition { scenario: 1, transition: mark, at_ns });
    let second = |number| {
        let mut cell = Cell::default();
        cell.counters.add(Counter::Due, 3);
        cell.time(TimeMetric::ServiceTime, 100 * MS * u64::from(number + 1));
        let mut second = Second { second: number, ..Second::default() };
        let facts = second.scenarios.entry(1).or_default();
        facts.cells.push((CellKey { stage: 0, phase: Phase::Ramp }, cell));
        Entry::Second(second)
    };
    vec![
        boundary(Transition::Ramp(0), 0),
        second(0),
        second(1),
        boundary(Transition::End, 2 * SECOND),
        Entry::Stopped { at_ns: 2 * SECOND, reason: StopReason::Completed },
    ]
}
