//! Runs of different lengths and contents that never were.

use crate::report::NOW;
use planrun::machine::Environment;
use planrun::plan::{Overrides, Phase, Plan, Source, TimeMetric};
use planrun::record::{
    AttemptOutcome, Cause, Cell, CellKey, Counter, Entry, FailureStage, Gauge, HostDelta,
    HostLevels, HostSample, Life, LifeEnd, MonitorReading, ScenarioSecond, Second, StageTransition,
    StopReason, Transition, WorkerFacts,
};
use planrun::report::{self, RowSeries};
use planrun::store::{Finished, NewRun, Started, Store};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// A run of this many equal stages.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    stages: u32,
    /// Of each stage.
    seconds: u32,
    /// Of so many seconds one is recorded: a page shows no more points, and the run is made faster.
    every: u32,
    requests: u16,
    /// Held connections in place of requests.
    connections: u64,
    pub(super) failures: u64,
    pub(super) monitors: u16,
}

const ONE: Shape = Shape {
    name: "one-stage",
    stages: 1,
    seconds: 20,
    every: 1,
    requests: 1,
    connections: 0,
    failures: 0,
    monitors: 0,
};
pub(super) const SHAPES: [Shape; 6] = [
    ONE,
    Shape { name: "twelve-stages", stages: 12, seconds: 10, ..ONE },
    Shape { name: "one-failure", failures: 1, ..ONE },
    Shape {
        name: "an-hour",
        stages: 3,
        seconds: 1_200,
        every: 8,
        requests: 20,
        failures: 900,
        monitors: 4,
        ..ONE
    },
    Shape { name: "a-million", seconds: 180, connections: 1_000_000, failures: 500, ..ONE },
    Shape {
        name: "eight-hours",
        stages: 2,
        seconds: 14_400,
        every: 32,
        failures: 2_000,
        monitors: 2,
        ..ONE
    },
];

impl Shape {
    pub(super) fn is_held(&self) -> bool {
        self.connections > 0
    }

    fn length(&self) -> u32 {
        self.stages * self.seconds
    }

    fn text(&self) -> String {
        let stages: Vec<String> = (1..=self.stages)
            .map(|number| {
                let users = if self.is_held() { self.connections } else { u64::from(number) * 100 };
                let spawn = if self.is_held() { ", spawn_rate = \"10000/s\"" } else { "" };
                let hold = if self.is_held() { self.seconds - 100 } else { self.seconds };
                format!(
                    "{{ name = \"step-{number}\", users = {users}{spawn}, hold = \"{hold}s\" }}"
                )
            })
            .collect();
        let requests: Vec<String> = (1..=self.requests)
            .map(|number| format!("{{ name = \"request {number}\", path = \"/{number}\" }}"))
            .collect();
        let (protocol, thresholds) = if self.is_held() {
            (
                "protocol = \"tcp-hold\"\nexpect = \"ok\"\n\
                 heartbeat = { from = \"server\", every = \"10s\", grace = \"5s\" }\n"
                    .to_owned(),
                "\"hold.survival_ratio >= 99%\", \"heartbeat.gap.p99 < 15s\"",
            )
        } else {
            (
                format!("protocol = \"http\"\nrequests = [{}]\n", requests.join(", ")),
                "{ condition = \"service_time.p99 < 100ms\", stage = \"*\" }, \"failure_ratio < 0.1%\"",
            )
        };
        let address = if self.is_held() { "127.0.0.1:9" } else { "http://127.0.0.1:9/" };
        let monitor = |number: u16| {
            format!(
                "[monitors.m{number}]\nurl = \"http://127.0.0.1:9/\"\nmetrics = [\"node_load1\"]\n"
            )
        };
        let monitors: Vec<String> = (0..self.monitors).map(monitor).collect();
        let monitors = monitors.concat();
        format!(
            "name = \"{}\"\ndescription = \"What a reader sees\"\n\
             targets.t.address = \"{address}\"\n[scenarios.s]\n{protocol}\
             stages = [{}]\nthresholds = [{thresholds}]\n{monitors}",
            self.name,
            stages.join(", ")
        )
    }

    /// Calls `add` with each entry of the run.
    fn entries(&self, add: &mut dyn FnMut(Entry)) {
        let idle = WorkerFacts { rss_bytes: 12_000_000, ..WorkerFacts::default() };
        add(Entry::Baseline(Box::new(HostSample {
            kernel_bytes: Some(40_000_000),
            workers: [(0, idle)].into(),
            ..HostSample::default()
        })));
        let mark = |transition, at_ns| {
            Entry::Transition(StageTransition { scenario: 0, transition, at_ns })
        };
        let mut random = fastrand::Rng::with_seed(11);
        for number in (0..self.length()).step_by(self.every as usize) {
            let (stage, within) = (number / self.seconds, number % self.seconds);
            let (stage, at_ns) = (u16::try_from(stage).unwrap(), u64::from(number) * SECOND);
            if within == 0 {
                add(mark(Transition::Ramp(stage), at_ns));
                if !self.is_held() {
                    add(mark(Transition::Hold(stage), at_ns));
                }
            }
            if self.is_held() && within == 100 {
                add(mark(Transition::Hold(stage), at_ns));
            }
            let scenarios = [(0, self.second(number, &mut random))].into();
            let hosts = vec![self.host(number, &mut random)];
            for monitor in 0..self.monitors {
                let value = 2.0 + random.f64() + f64::from(stage);
                let values = vec![Some(value)];
                let at_ns = at_ns + SECOND / 2;
                add(Entry::Monitored(MonitorReading {
                    monitor,
                    at_ns,
                    values,
                    ..MonitorReading::default()
                }));
            }
            add(Entry::Second(Second { second: number, scenarios, hosts, ..Second::default() }));
        }
        let at_ns = u64::from(self.length()) * SECOND;
        add(mark(Transition::End, at_ns));
        add(Entry::Stopped { at_ns, reason: StopReason::Completed });
    }

    fn host(&self, number: u32, random: &mut fastrand::Rng) -> HostSample {
        let open = self.open(number);
        let retransmitted = i64::from(random.u8(0..4));
        HostSample {
            at_ns: (u64::from(number) + 1) * SECOND,
            kernel_bytes: Some(40_000_000 + open * 8_100),
            available_bytes: Some(16_000_000_000 - open * 9_000),
            counters: [("TcpExt.TCPSynRetrans".to_owned(), retransmitted)].into(),
            delta: Some(HostDelta {
                elapsed_ns: SECOND,
                steal_ns: u64::from(random.u8(0..40)) * 1_000_000,
                ..HostDelta::default()
            }),
            levels: Some(HostLevels {
                load_hundredths: Some(150 + u32::from(random.u8(..50))),
                tcp_in_use: Some(open + 20),
                ..HostLevels::default()
            }),
            ..HostSample::default()
        }
    }

    fn open(&self, number: u32) -> u64 {
        if self.is_held() { self.connections.min(u64::from(number + 1) * 10_000) } else { 100 }
    }

    fn second(&self, number: u32, random: &mut fastrand::Rng) -> ScenarioSecond {
        let stage = u16::try_from(number / self.seconds).unwrap();
        let ramps = self.is_held() && number % self.seconds < 100;
        let mut cell = Cell::default();
        if self.is_held() {
            self.hold(number, ramps, random, &mut cell);
        } else {
            self.ask(number, random, &mut cell);
        }
        let key = CellKey { stage, phase: if ramps { Phase::Ramp } else { Phase::Hold } };
        let mut facts =
            ScenarioSecond { cells: vec![(key, cell)], reporting: 1, ..Default::default() };
        facts.gauges.set(Gauge::Open, self.open(number));
        facts.gauges.set(Gauge::Users, (u64::from(stage) + 1) * 100);
        facts.workers = WorkerFacts {
            cpu_ns: (u64::from(number) + 1) * 180_000_000,
            rss_bytes: 12_000_000 + self.open(number) * 75,
            lag_max_ns: 20_000 + u64::from(random.u8(..)) * 900,
            ..WorkerFacts::default()
        };
        facts
    }

    /// From a tenth of a millisecond to a tenth of a second.
    fn time(random: &mut fastrand::Rng) -> u64 {
        100_000 << random.u32(0..10)
    }

    fn fails(&self, number: u32) -> u64 {
        let [number, length] = [number, self.length()].map(|one| u64::from(one / self.every));
        if self.failures == 1 {
            return u64::from(number == length / 2);
        }
        self.failures * (number + 1) / length - self.failures * number / length
    }

    fn ask(&self, number: u32, random: &mut fastrand::Rng, cell: &mut Cell) {
        let failed = self.fails(number);
        for request in 0..self.requests {
            let tally = cell.requests.entry(request).or_default();
            tally.started += 1;
            tally.ok += 1;
            let time = Self::time(random);
            tally.times.record(TimeMetric::ServiceTime, time);
        }
        let good = u64::from(self.requests);
        for (counter, count) in
            [(Counter::Due, good + failed), (Counter::Started, good + failed), (Counter::Ok, good)]
        {
            cell.counters.add(counter, count);
        }
        for _ in 0..good {
            cell.time(TimeMetric::ServiceTime, Self::time(random));
        }
        for at in 0..failed {
            let codes = [500, 503, 404, 429, 502, 504, 400, 403];
            let code = codes[usize::try_from(u64::from(number) + at).unwrap() % codes.len()];
            let cause = planrun::record::Failure::Status;
            let cause = Cause { failure: cause, at: FailureStage::Request, code };
            cell.end(AttemptOutcome::Failed(cause), u64::from(number) * SECOND, || {
                "request 1: 503 \"busy, try again later\"".to_owned()
            });
            cell.time(TimeMetric::FailedTime, Self::time(random));
            let tally = cell.requests.entry(0).or_default();
            tally.started += 1;
            tally.end(AttemptOutcome::Failed(cause), u64::from(number) * SECOND, String::new);
        }
    }

    fn hold(&self, number: u32, ramps: bool, random: &mut fastrand::Rng, cell: &mut Cell) {
        let opened = if ramps { 10_000 } else { 0 };
        for counter in [
            Counter::Due,
            Counter::Started,
            Counter::ConnectAttempts,
            Counter::ConnectOk,
            Counter::Verified,
        ] {
            cell.counters.add(counter, opened);
        }
        for _ in 0..if ramps { 200 } else { 0 } {
            cell.time(TimeMetric::ConnectTime, Self::time(random));
        }
        if ramps {
            return;
        }
        if number % self.seconds == 100 {
            cell.counters.add(Counter::HoldEntered, self.connections);
        }
        cell.counters.add(Counter::HeartbeatReceived, self.connections / 10);
        for _ in 0..100 {
            cell.time(TimeMetric::HeartbeatGap, 10 * SECOND + Self::time(random));
        }
        for _ in 0..self.fails(number) + 2 {
            let cause = Cause::from_errno(104, FailureStage::Hold);
            let ended_ns = u64::from(number) * SECOND;
            cell.end(AttemptOutcome::Failed(cause), ended_ns, || "127.0.0.1:9".to_owned());
            cell.counters.add(Counter::Lost, 1);
            let opened_ns = random.u64(..100) * SECOND;
            let life = Life { end: LifeEnd::Rst, opened_ns, heard_ns: ended_ns, ended_ns };
            cell.survival.record(&life);
        }
        if number + self.every == self.length() {
            let lost: u64 = (100..=number).map(|one| self.fails(one) + 2).sum();
            cell.counters.add(Counter::Ok, self.connections - lost);
            cell.counters.add(Counter::Closed, self.connections - lost);
            for _ in 0..2_000 {
                let ended_ns = u64::from(self.length()) * SECOND;
                let opened_ns = random.u64(..100) * SECOND;
                let life = Life { end: LifeEnd::Censored, opened_ns, heard_ns: ended_ns, ended_ns };
                cell.survival.record(&life);
            }
        }
    }

    /// The page of the run.
    pub(super) fn page(&self, out: &Path) -> PathBuf {
        let (text, overrides) = (self.text(), Overrides::default());
        let source = Source { name: "pages.toml".to_owned(), text: text.clone() };
        let plan = Plan::parse(&source, &overrides, &|_| None)
            .unwrap_or_else(|errors| panic!("{text}{:?}", errors.iter().collect::<Vec<_>>()));
        let mut environment = Environment { planrun: "1".to_owned(), ..Environment::default() };
        environment.cpu.model = Some("A processor with a long name of its own".to_owned());
        environment.cpu.usable = Some(4);
        let run = NewRun {
            plan: &plan,
            baseline: None,
            text: &text,
            overrides: &overrides,
            now: NOW.parse().unwrap(),
            environment: &environment,
        };
        let mut store = Store::create(out, &run, Box::new(RowSeries::new(&plan))).unwrap();
        store.started(Started {
            calibration: Vec::new(),
            at: NOW.parse().unwrap(),
            targets: Vec::new(),
            workers: vec![1],
            warnings: vec!["net.core.somaxconn is 128, and 5,000 are needed".to_owned()],
            paths: Vec::new(),
            files: Vec::new(),
            limits: None,
            hosts: Vec::new(),
        });
        // The store gives up on what it cannot write in time: it gets no more than it takes.
        let mut waiting = VecDeque::new();
        self.entries(&mut |entry| {
            let entry = Arc::new(entry);
            store.add(&entry);
            waiting.push_back(Arc::downgrade(&entry));
            drop(entry);
            while waiting.len() > 8 {
                match waiting.front().map(Weak::strong_count) {
                    Some(0) => drop(waiting.pop_front()),
                    _ => std::thread::sleep(Duration::from_micros(200)),
                }
            }
        });
        let closed = store.finish(Finished::default()).unwrap();
        let written = report::write(&closed.saved, closed.problems);
        assert!(written.problems.is_empty(), "{:?}", written.problems);
        written.folder.join("report.html")
    }
}
