//! A run that never was: two scenarios, nine seconds, the same facts every time.

use planrun::plan::{
    Bound, Close, Comparison, CountMetric, During, Endpoint, Expect, Generator, Heartbeat,
    HostPort, Http, HttpUrl, Level, Metric, Part, Plan, Protocol, Ramp, RatioMetric, Request,
    Scenario, Scope, Stage, StartAfter, Stat, Target, TcpHold, ThinkTime, Threshold, TimeMetric,
};
use planrun::record::{
    Boundary, Cause, Cell, CellKey, Counter, Entry, Failure, Gauge, Mark, Outcome, Phase, Second,
    StopReason,
};
use planrun::report::{Finished, ResolvedTarget, ServerCounters, Started};
use planrun::units::{Rate, Time};
use std::time::Duration;

pub const TEXT: &str = "# the canned plan\n";
const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn time(ms: u64) -> Time {
    Time(Duration::from_millis(ms))
}

fn threshold(check: &str, metric: Metric, comparison: Comparison, bound: f64) -> Threshold {
    Threshold {
        check: check.into(),
        line: 20,
        metric,
        comparison,
        bound: Bound(bound),
        scope: Scope::Scenario,
        during: During::Hold,
        window: None,
        abort: false,
        grace: Time::default(),
    }
}

fn stage(name: &str, users: u64, ramp: Ramp, hold: u64) -> Stage {
    Stage {
        name: name.into(),
        level: Level::Users { users, ramp },
        hold: time(hold),
        warmup: false,
    }
}

pub fn plan() -> Plan {
    let request = |name: &str, weight| Request {
        name: name.into(),
        method: "GET".into(),
        path: None,
        weight,
        headers: Vec::new(),
        body: String::new(),
        expect: Expect::default(),
    };
    let target = |name: &str, endpoint| Target { name: name.into(), endpoint };
    let authority = HostPort { host: "127.0.0.1".into(), port: 8080 };
    let url = HttpUrl {
        authority: authority.clone(),
        host_header: "127.0.0.1:8080".into(),
        path: "/".into(),
    };
    let quick = Metric::Time(TimeMetric::ServiceTime, Stat::P99);
    let survival = Metric::Ratio(RatioMetric::HoldSurvival);
    Plan {
        name: "canned".into(),
        description: Some("Everything that a report can show".into()),
        seed: 42,
        targets: vec![
            target("lb", Endpoint::Hosts(vec![HostPort { host: "lb.example".into(), port: 80 }])),
            target("web", Endpoint::Urls(vec![url])),
        ],
        scenarios: vec![
            Scenario {
                name: "hold".into(),
                target: 0,
                start_after: StartAfter::Delay(Time::default()),
                protocol: Protocol::TcpHold(TcpHold {
                    expect: Some("ok".into()),
                    greeting: Some(time(10_000)),
                    heartbeat: Some(Heartbeat::Server { every: time(1_000), grace: time(500) }),
                    connect_timeout: time(10_000),
                    close: Close::Fin,
                }),
                stages: vec![stage("1200", 1_200, Ramp::SpawnRate(Rate::per_second(400)), 5_000)],
                thresholds: vec![
                    threshold(
                        "hold.survival_ratio >= 99.99%",
                        survival,
                        Comparison::AtLeast,
                        0.9999,
                    ),
                    threshold(
                        "hold.lost <= 5",
                        Metric::Count(CountMetric::HoldLost),
                        Comparison::AtMost,
                        5.0,
                    ),
                ],
            },
            Scenario {
                name: "web".into(),
                target: 1,
                start_after: StartAfter::Delay(Time::default()),
                protocol: Protocol::Http(Http {
                    requests: vec![request("home", 9), request("save", 1)],
                    think_time: ThinkTime::default(),
                    timeout: time(30_000),
                    connect_timeout: time(10_000),
                    first_byte_timeout: time(30_000),
                    max_in_flight: 1_000,
                }),
                stages: vec![
                    stage("=10k", 10_000, Ramp::Over(time(1_000)), 3_000),
                    stage("15k", 15_000, Ramp::Unpaced, 4_000),
                ],
                thresholds: vec![
                    Threshold {
                        scope: Scope::EachStage,
                        ..threshold("service_time.p99 < 100ms", quick, Comparison::Less, 1e8)
                    },
                    Threshold {
                        window: Some(time(2_000)),
                        ..threshold(
                            "failure_ratio < 0.1%",
                            Metric::Ratio(RatioMetric::Failure),
                            Comparison::Less,
                            0.001,
                        )
                    },
                ],
            },
        ],
        generator: Generator::default(),
    }
}

pub fn started() -> Started {
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
            },
            ResolvedTarget {
                name: "web".into(),
                written: vec!["http://127.0.0.1:8080/".into()],
                addresses: vec!["127.0.0.1:8080".parse().unwrap()],
                probes: 1,
            },
        ],
        workers: vec![2, 1],
        warnings: vec!["net.core.somaxconn is 128".into()],
    }
}

pub fn finished() -> Finished {
    let counters = vec![("accepted".into(), 1_201), ("messages.sent".into(), 7_200)];
    Finished { servers: vec![ServerCounters { target: "lb".into(), counters }] }
}

/// Every entry of the run, in order.
pub fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for second in 0..9_u32 {
        let at_ns = u64::from(second) * SECOND;
        let mut pass =
            |scenario, mark| entries.push(Entry::Boundary(Boundary { scenario, mark, at_ns }));
        match second {
            0 => [0, 1].into_iter().for_each(|scenario| pass(scenario, Mark::Ramp(0))),
            1 => pass(1, Mark::Hold(0)),
            3 => pass(0, Mark::Hold(0)),
            4 => [Mark::Ramp(1), Mark::Hold(1)].into_iter().for_each(|mark| pass(1, mark)),
            8 => [0, 1].into_iter().for_each(|scenario| pass(scenario, Mark::Drain)),
            _ => {}
        }
        let mut facts = Second { second, ..Second::default() };
        hold(&mut facts);
        web(&mut facts);
        entries.push(Entry::Second(facts));
    }
    let at_ns = 8 * SECOND + 400 * MS;
    for scenario in [0, 1] {
        entries.push(Entry::Boundary(Boundary { scenario, mark: Mark::End, at_ns }));
    }
    entries.push(Entry::Stopped { at_ns, reason: StopReason::Completed });
    entries
}

/// 1,200 connections in three seconds, one of them refused; one is reset in second 5, all others end well in second 8.
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
            let cause = Cause::from_errno(111, Phase::Connect);
            cell.end(Outcome::Failed(cause), at_ns, || "192.0.2.7:80 from 10.0.0.1:40001".into());
        }
    }
    if number == 5 {
        let cause = Cause::from_errno(104, Phase::Hold);
        cell.end(Outcome::Failed(cause), at_ns, || "@192.0.2.7:80 after \x1b[31m5.5 s".into());
        lost.count(Counter::Lost);
    }
    let hold = CellKey { stage: 0, part: Part::Hold };
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
        facts.cells.push((CellKey { stage: 0, part: Part::Ramp }, cell));
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
        0 => CellKey { stage: 0, part: Part::Ramp },
        1..4 => CellKey { stage: 0, part: Part::Hold },
        _ => CellKey { stage: 1, part: Part::Hold },
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
            request.ok += u64::from(sample >= bad);
            request.times.record(TimeMetric::ServiceTime, MS + sample * 20_000 + slow);
        }
        for sample in 0..bad {
            let at_ns = 6 * SECOND + sample * 100 * MS;
            let cause = if sample == 3 {
                Cause::new(Failure::RequestTimeout, Phase::Request)
            } else {
                *cell.statuses.entry(503).or_default() += 1;
                Cause { failure: Failure::Status, phase: Phase::Request, code: 503 }
            };
            cell.end(Outcome::Failed(cause), at_ns, || "home: \"busy\", try later\r\n".into());
            let request = cell.requests.entry(0).or_default();
            if sample == 3 { request.timed_out += 1 } else { request.failed += 1 }
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
}

/// A run of two seconds whose journal is short.
pub fn short() -> Vec<Entry> {
    let boundary = |mark, at_ns| Entry::Boundary(Boundary { scenario: 1, mark, at_ns });
    let second = |number| {
        let mut cell = Cell::default();
        cell.counters.add(Counter::Due, 3);
        cell.time(TimeMetric::ServiceTime, 100 * MS * u64::from(number + 1));
        let mut second = Second { second: number, ..Second::default() };
        let facts = second.scenarios.entry(1).or_default();
        facts.cells.push((CellKey { stage: 0, part: Part::Ramp }, cell));
        Entry::Second(second)
    };
    vec![
        boundary(Mark::Ramp(0), 0),
        second(0),
        second(1),
        boundary(Mark::End, 2 * SECOND),
        Entry::Stopped { at_ns: 2 * SECOND, reason: StopReason::Completed },
    ]
}
