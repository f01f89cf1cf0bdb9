//! A run that never took place, as events.

use crate::engine::{Event, Resolved};
use crate::plan::{
    Bound, Close, Comparison, During, Endpoint, Generator, Heartbeat, HoldSettings, HostPort, Http,
    Level, Metric, Phase, Plan, Protocol, Ramp, RatioMetric, Request, Scenario, Scope, Stage,
    StartAfter, Stat, Target, ThinkTime, Threshold, TimeMetric,
};
use crate::record::{
    Cause, Cell, CellKey, Counter, Diagnosis, Entry, Failure, FailureStage, Gauge, Gauges,
    RootCause, ScenarioSecond, Second, Side, StageTransition, StopReason, Transition, WorkerFacts,
};
use crate::units::{Rate, Time};
use crate::verdict::{Breach, Finding, Judgement, ThresholdState, Verdict, rules};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) const SECOND: u64 = 1_000_000_000;

pub(super) fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

pub(super) fn stage(name: &str, users: u64, spawn_rate: u64, hold: u64) -> Stage {
    Stage {
        name: name.into(),
        level: Level::Users { users, ramp: Ramp::SpawnRate(Rate::per_second(spawn_rate)) },
        hold: seconds(hold),
        warmup: false,
        work: None,
    }
}

pub(super) fn threshold(
    check: &str,
    metric: Metric,
    comparison: Comparison,
    bound: f64,
) -> Threshold {
    Threshold {
        requests: crate::plan::RequestScope::All,
        condition: check.into(),
        is_default: false,
        line: 1,
        metric,
        comparison,
        bound: Bound(bound),
        relative: None,
        scope: Scope::Scenario,
        during: During::Hold,
        window: None,
        abort: false,
        grace: seconds(0),
    }
}

fn failure_ratio() -> Threshold {
    let metric = Metric::Ratio(RatioMetric::Failure);
    threshold("failure_ratio < 0.1%", metric, Comparison::Less, 0.001)
}

fn service_p99() -> Threshold {
    let metric = Metric::Time(TimeMetric::ServiceTime, Stat::P99);
    threshold("service_time.p99 < 100ms", metric, Comparison::Less, 1e8)
}

fn survival() -> Threshold {
    let metric = Metric::Ratio(RatioMetric::HoldSurvival);
    threshold("hold.survival_ratio >= 99.99%", metric, Comparison::AtLeast, 0.9999)
}

pub(super) fn hold(stages: Vec<Stage>) -> Scenario {
    Scenario {
        name: "hold".into(),
        target: 0,
        start_after: StartAfter::Delay(seconds(0)),
        protocol: Protocol::Hold(HoldSettings {
            expect: Some("ok".into()),
            greeting: None,
            heartbeat: Some(Heartbeat::Server { every: seconds(60), grace: seconds(10) }),
            connect_timeout: seconds(10),
            close: Close::Fin,
            churn: crate::plan::Churn::default(),
            ..HoldSettings::default()
        }),
        stages,
        thresholds: vec![survival()],
    }
}

pub(super) fn web(stages: Vec<Stage>) -> Scenario {
    let request = Request {
        name: "home".into(),
        method: ::http::Method::GET,
        weight: 1,
        ..Request::default()
    };
    Scenario {
        name: "web".into(),
        target: 1,
        start_after: StartAfter::Delay(seconds(0)),
        protocol: Protocol::Http(Http {
            requests: vec![request],
            think_time: ThinkTime::default(),
            timeout: seconds(30),
            connect_timeout: seconds(10),
            first_byte_timeout: seconds(30),
            max_in_flight: 1_000,
            ..Http::default()
        }),
        stages,
        thresholds: vec![failure_ratio(), service_p99()],
    }
}

pub(super) fn plan(scenarios: Vec<Scenario>) -> Plan {
    let target = |name: &str, host: &str, port| Target {
        name: name.into(),
        endpoint: Endpoint::Hosts(vec![HostPort { host: host.into(), port }]),
        shown: vec![format!("{host}:{port}")],
        tls: None,
        proxy_protocol: None,
        proxy: None,
        resolve: Vec::new(),
        dns: None,
        probe: true,
    };
    Plan {
        monitors: Vec::new(),
        name: "hold-while-serving".into(),
        description: None,
        seed: 42,
        targets: vec![target("lb", "lb.example", 80), target("web", "127.0.0.1", 8080)],
        scenarios,
        generator: Generator::default(),
        search: None,
        repeat: None,
        compare: None,
        baseline: None,
    }
}

pub(super) fn started(plan: &Plan) -> Event {
    let resolved = |name: &str, written: &str, address: &str| Resolved {
        name: name.into(),
        written: vec![written.into()],
        origins: vec![0],
        addresses: vec![address.parse().unwrap()],
        probes: 1,
        resolved_in_ns: None,
    };
    Event::Started {
        targets: vec![
            resolved("lb", "lb.example:80", "10.0.0.1:80"),
            resolved("web", "127.0.0.1:8080", "127.0.0.1:8080"),
        ],
        workers: vec![2; plan.scenarios.len()],
        warnings: vec!["net.core.somaxconn is 128: bursts of connections may be refused".into()],
        hosts: Vec::new(),
    }
}

pub(super) fn recorded(entry: Entry) -> Event {
    Event::Recorded(Arc::new(entry))
}

pub(super) fn boundary(scenario: u16, mark: Transition, at_ns: u64) -> Event {
    recorded(Entry::Transition(StageTransition { scenario, transition: mark, at_ns }))
}

/// The facts of one scenario in a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Did {
    pub(super) stage: u16,
    pub(super) phase: Option<Phase>,
    pub(super) counts: Vec<(Counter, u64)>,
    pub(super) failures: Vec<(Cause, u64)>,
    pub(super) time: Option<(TimeMetric, u64)>,
    pub(super) gauges: Vec<(Gauge, u64)>,
}

impl Did {
    pub(super) fn facts(&self, second: u32) -> ScenarioSecond {
        let at_ns = u64::from(second) * SECOND;
        let mut cell = Cell::default();
        for (counter, amount) in &self.counts {
            cell.counters.add(*counter, *amount);
        }
        for (cause, count) in &self.failures {
            (0..*count).for_each(|_| cell.add_failure(*cause, at_ns, || "a sample".into()));
        }
        if let Some((metric, ns)) = self.time {
            (1..=100).for_each(|step| cell.time(metric, ns * step / 50));
        }
        let mut gauges = Gauges::default();
        for (gauge, level) in &self.gauges {
            gauges.set(*gauge, *level);
        }
        let workers = WorkerFacts {
            cpu_ns: at_ns + u64::from(second) * 420_000_000,
            rss_bytes: 128 << 20,
            lag_max_ns: 3_000_000,
            ..WorkerFacts::default()
        };
        let key = CellKey { stage: self.stage, phase: self.phase.unwrap_or(Phase::Hold) };
        ScenarioSecond {
            cells: vec![(key, cell)],
            gauges,
            workers,
            reporting: 2,
            ..ScenarioSecond::default()
        }
    }
}

pub(super) fn second(second: u32, scenarios: &[Did]) -> Event {
    let scenarios: BTreeMap<u16, ScenarioSecond> =
        (0_u16..).zip(scenarios).map(|(index, did)| (index, did.facts(second))).collect();
    recorded(Entry::Second(Second { second, scenarios, hosts: Vec::new(), parts: Vec::new() }))
}

pub(super) fn finding(scenario: u16, threshold: u16, state: ThresholdState, value: f64) -> Finding {
    Finding {
        request: None,
        scenario,
        threshold,
        stage: None,
        state,
        value: (state != ThresholdState::NoData).then_some(value),
        samples: 12,
        ratio: None,
        window_end: None,
    }
}

pub(super) fn judged(findings: Vec<Finding>) -> Event {
    Event::Judged { findings, health: Vec::new() }
}

pub(super) fn refused() -> Cause {
    Cause::from_errno(111, FailureStage::Connect)
}

/// The facts of the two scenarios of [`both`] in a second.
pub(super) fn did(second: u32) -> [Did; 2] {
    let open = (u64::from(second + 1) * 2_000).min(20_000);
    let ramping = second < 10;
    let fresh = if ramping { 2_000 } else { 0 };
    let hold = Did {
        phase: Some(if ramping { Phase::Ramp } else { Phase::Hold }),
        counts: vec![
            (Counter::Due, fresh),
            (Counter::Started, fresh),
            (Counter::ConnectAttempts, fresh),
            (Counter::ConnectOk, fresh),
            (Counter::MessagesReceived, if ramping { 0 } else { 333 }),
        ],
        time: ramping.then_some((TimeMetric::ConnectTime, 400_000)),
        gauges: vec![(Gauge::Open, open)],
        ..Did::default()
    };
    let failed = if second >= 5 { 11 } else { 0 };
    let web = Did {
        stage: u16::from(second >= 11),
        phase: Some(if second == 0 || second == 11 { Phase::Ramp } else { Phase::Hold }),
        counts: vec![
            (Counter::Due, 9_998),
            (Counter::Started, 9_998),
            (Counter::Ok, 9_998 - failed),
            (Counter::Failed, failed),
        ],
        failures: if failed > 0 {
            let status = Cause { failure: Failure::Status, at: FailureStage::Request, code: 503 };
            vec![
                (refused(), 7),
                (status, 3),
                (Cause::new(Failure::RequestTimeout, FailureStage::Request), 1),
            ]
        } else {
            Vec::new()
        },
        time: Some((TimeMetric::ServiceTime, 2_100_000)),
        gauges: vec![(Gauge::Users, 100), (Gauge::InFlight, 83)],
    };
    [hold, web]
}

fn refusal() -> Diagnosis {
    let because = "nothing listens on 10.0.0.2 -> 127.0.0.1:8080, or it refuses".to_owned();
    Diagnosis {
        host: crate::record::HostId::default(),
        root_cause: RootCause::Refused,
        side: Side::Target,
        count: 14,
        sentence: format!("14 failed because {because} (target)"),
        because,
        fix: "start the target, or correct its address".into(),
    }
}

/// Both protocols at once, 23 s: a failure, a threshold that breaks and holds again, a lost worker,
/// Ctrl-C.
pub(super) fn both() -> (Plan, Vec<Event>) {
    let plan = plan(vec![
        hold(vec![stage("ramp", 20_000, 2_000, 60)]),
        web(vec![stage("100", 100, 100, 10), stage("200", 200, 100, 30)]),
    ]);
    let mut events = vec![
        started(&plan),
        boundary(0, Transition::Ramp(0), 0),
        boundary(1, Transition::Ramp(0), 0),
    ];
    for now in 0..23 {
        let at_ns = u64::from(now) * SECOND;
        match now {
            1 => events.push(boundary(1, Transition::Hold(0), at_ns)),
            5 => events.push(Event::FirstFailure {
                scenario: 1,
                cause: refused(),
                at_ns,
                sample: "connection 17 to 127.0.0.1:8080\x1b[2J\u{202e}".into(),
            }),
            10 => events.push(boundary(0, Transition::Hold(0), at_ns)),
            11 => events.push(boundary(1, Transition::Ramp(1), at_ns)),
            12 => events.push(boundary(1, Transition::Hold(1), at_ns)),
            18 => events.push(recorded(Entry::WorkerLost {
                scenario: 0,
                worker: 1,
                host: crate::record::HostId::COORDINATOR,
                at_ns: at_ns + 400_000_000,
                why: "exit status 1".into(),
            })),
            21 => events.push(Event::Stopping {
                reason: StopReason::Interrupted { signal: 2 },
                at_once: false,
            }),
            22 => events.extend([0, 1].map(|of| boundary(of, Transition::Drain, at_ns))),
            _ => {}
        }
        events.push(second(now, &did(now)));
        if now == 6 {
            events.push(Event::Diagnosed { scenario: 1, at_ns: 7 * SECOND, diagnosis: refusal() });
        }
        let (state, value) = match now {
            0 => (ThresholdState::NoData, 0.0),
            8..14 => (ThresholdState::Broken, 0.0011),
            _ => (ThresholdState::Held, 0.000_9),
        };
        events.push(judged(vec![
            finding(
                0,
                0,
                if now < 11 { ThresholdState::NoData } else { ThresholdState::Held },
                1.0,
            ),
            finding(1, 0, state, value),
            finding(
                1,
                1,
                if now < 2 { ThresholdState::TooFew { needed: 368 } } else { ThresholdState::Held },
                4_200_000.0,
            ),
        ]));
    }
    events.extend([0, 1].map(|of| boundary(of, Transition::End, 22_900_000_000)));
    events.push(recorded(Entry::Stopped {
        at_ns: 22_950_000_000,
        reason: StopReason::Interrupted { signal: 2 },
    }));
    events.push(Event::Finished { verdict: verdict(), servers: Vec::new() });
    (plan, events)
}

fn verdict() -> Judgement {
    Judgement {
        verdict: Verdict::Invalid,
        findings: vec![
            finding(0, 0, ThresholdState::Held, 1.0),
            finding(1, 0, ThresholdState::Held, 0.000_9),
            finding(1, 1, ThresholdState::Held, 4_200_000.0),
        ],
        breaches: vec![
            Breach { rule: &rules::WORKER_LOST, detail: "worker 1 of hold".into() },
            Breach { rule: &rules::INCOMPLETE, detail: "interrupted by SIGINT".into() },
        ],
        health: Vec::new(),
    }
}
