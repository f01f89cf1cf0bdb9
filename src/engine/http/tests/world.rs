//! A simulated target, and one worker's run against it.

use super::super::*;
use super::MS;
use crate::plan::{Builtin, Faults};
use crate::plan::{
    Expect, Generator, HttpServer, Level, Plan, Ramp, Request, Scenario, Stage, StartAfter, Target,
    ThinkTime,
};
use crate::record::{Cause, Cell, CellKey, Counter, Failure, Gauge, Mark, Phase, Snapshot};
use crate::schedule::{Schedule, Share};
use crate::units::{Rate, Time};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep_until;

pub(super) fn time(ms: u64) -> Time {
    Time(Duration::from_millis(ms))
}

pub(super) fn users(users: u64, ramp: Ramp, hold_ms: u64) -> (Level, u64) {
    (Level::Users { users, ramp }, hold_ms)
}

pub(super) fn paced(rate: u64) -> Ramp {
    Ramp::SpawnRate(Rate::per_second(rate))
}

pub(super) fn rate(rate: u64, hold_ms: u64) -> (Level, u64) {
    (Level::Rate { rate: Rate::per_second(rate), ramp: time(0) }, hold_ms)
}

pub(super) fn request(name: &str, weight: u32) -> Request {
    Request {
        name: name.into(),
        method: "GET".into(),
        path: None,
        weight,
        headers: Vec::new(),
        body: String::new(),
        expect: Expect::default(),
    }
}

pub(super) fn settings() -> Http {
    Http {
        requests: vec![request("home", 1)],
        think_time: ThinkTime { min: time(100), max: time(100) },
        timeout: time(5_000),
        connect_timeout: time(1_000),
        first_byte_timeout: time(5_000),
        max_in_flight: 1_000,
    }
}

pub(super) fn load(http: Http, levels: &[(Level, u64)], share: Share) -> Load {
    let stages = levels.iter().enumerate().map(|(i, (level, hold_ms))| Stage {
        name: (i + 1).to_string(),
        level: *level,
        hold: time(*hold_ms),
        warmup: false,
    });
    let scenario = Scenario {
        name: "web".into(),
        target: 0,
        start_after: StartAfter::Delay(time(0)),
        protocol: Protocol::Http(http),
        stages: stages.collect(),
        thresholds: Vec::new(),
    };
    let server = HttpServer { body: "ok".into(), faults: Faults::default() };
    let plan = Plan {
        name: "test".into(),
        description: None,
        seed: 42,
        targets: vec![Target {
            name: "web".into(),
            shown: Vec::new(),
            endpoint: Endpoint::Builtin(Builtin::Http(server)),
            tls: None,
        }],
        scenarios: vec![scenario],
        generator: Generator::default(),
        search: None,
    };
    let schedule = Schedule::new(&plan);
    Load {
        scenario: 0,
        share,
        timeline: schedule.timelines().remove(0),
        schedule: schedule.scenario(0).clone(),
        addresses: vec![([127, 0, 0, 1], 1).into()],
        sources: crate::machine::Sources::default(),
        ports: None,
        tls: None,
        plan,
    }
}

/// A target in simulated time: requests go through `answer_ns`, which says from the moment of sending when the answer ends.
pub(super) struct World {
    pub(super) t0: Instant,
    pub(super) open_ns: Box<dyn Fn(u64) -> u64>,
    pub(super) answer_ns: Box<dyn Fn(u64) -> u64>,
    pub(super) refused: Option<Failure>,
    /// Sendings and openings: moment and lane.
    pub(super) sent: RefCell<Vec<(u64, u64)>>,
    pub(super) opened: RefCell<Vec<(u64, u64)>>,
    /// One request in so many meets an idle close.
    pub(super) idle_close_every: usize,
}

impl World {
    pub(super) fn new(answer_ns: impl Fn(u64) -> u64 + 'static) -> Self {
        Self {
            t0: Instant::now() + Duration::from_millis(50),
            open_ns: Box::new(|since| since + MS),
            answer_ns: Box::new(answer_ns),
            refused: None,
            sent: RefCell::default(),
            opened: RefCell::default(),
            idle_close_every: usize::MAX,
        }
    }

    fn ns(&self) -> u64 {
        u64::try_from((Instant::now() - self.t0).as_nanos()).unwrap()
    }
}

struct Fake {
    world: Rc<World>,
    number: u64,
    open: bool,
    pub(super) sent: usize,
    levels: Rc<std::cell::Cell<u64>>,
}

impl Exchange for Fake {
    async fn is_open(&mut self) -> bool {
        self.open
    }

    async fn open(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.world.opened.borrow_mut().push((self.world.ns(), self.number));
        let open = (self.world.open_ns)(self.world.ns());
        sleep_until(deadline.min(self.world.t0 + Duration::from_nanos(open))).await;
        if let Some(failure) = self.world.refused {
            let cause = Cause::new(failure, Phase::Connect);
            return Err(Fault { cause, sample: "refused".into() });
        }
        self.open = true;
        self.levels.set(self.levels.get() + 1);
        Ok(())
    }

    async fn send(&mut self, _: usize, deadline: Instant) -> Answer {
        let sent = Instant::now();
        self.world.sent.borrow_mut().push((self.world.ns(), self.number));
        self.sent += 1;
        let end = self.world.t0 + Duration::from_nanos((self.world.answer_ns)(self.world.ns()));
        let idle_close = self.sent.is_multiple_of(self.world.idle_close_every);
        let mut fault = None;
        if idle_close {
            self.open = false;
            let cause = Cause::new(Failure::ClosedByServer, Phase::Request);
            fault = Some(Fault { cause, sample: String::new() });
        } else if end > deadline {
            sleep_until(deadline).await;
            self.open = false;
            let cause = Cause::new(Failure::RequestTimeout, Phase::Request);
            fault = Some(Fault { cause, sample: "late".into() });
        } else {
            sleep_until(end).await;
        }
        let status = fault.is_none().then_some(200);
        let ended = Instant::now();
        let first_byte = status.map(|_| ended);
        Answer { fault, status, body_bytes: 2, sent, first_byte, ended, idle_close }
    }

    async fn closed(&mut self) {
        std::future::pending::<()>().await;
    }

    fn is_idempotent(&self, _: usize) -> bool {
        true
    }

    fn body_bytes(&self, _: usize) -> u64 {
        0
    }
}

pub(super) struct Ran {
    pub(super) cells: BTreeMap<CellKey, Cell>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) reached: Vec<(u64, u16)>,
    pub(super) end_ns: u64,
}

impl Ran {
    pub(super) fn total(&self) -> Cell {
        self.cells.values().fold(Cell::default(), |mut all, cell| {
            all.merge(cell);
            all
        })
    }

    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.total().counters.get(counter)
    }
}

/// Runs one worker against a world; `orders` are given at their moments, the hold of an unpaced stage as soon as it is reached.
pub(super) async fn ran(world: &Rc<World>, load: Load, orders: &[(u64, Order)]) -> Ran {
    let Protocol::Http(http) = load.scenario().protocol.clone() else { panic!("http") };
    let book = Rc::new(Book::new(world.t0, &http, &load.timeline, Own::open()));
    let (order, inbox) = mpsc::unbounded_channel();
    let (notices, mut told) = mpsc::unbounded_channel();
    let levels = Rc::clone(&book.levels.open);
    let make = |number| Fake {
        world: Rc::clone(world),
        number,
        open: false,
        sent: 0,
        levels: Rc::clone(&levels),
    };
    let driver = Driver::new(load, &http, book, make, notices);
    let t0 = world.t0;
    let timed = orders.to_vec();
    let by_time = order.clone();
    let give = async move {
        for (at, one) in timed {
            sleep_until(t0 + Duration::from_nanos(at)).await;
            let _ = by_time.send(one);
        }
        std::future::pending::<()>().await;
    };
    let mut ran =
        Ran { cells: BTreeMap::new(), snapshots: Vec::new(), reached: Vec::new(), end_ns: 0 };
    let hear = async {
        while let Some(notice) = told.recv().await {
            match notice {
                Notice::Snapshot(snapshot) => {
                    for (key, cell) in &snapshot.cells {
                        ran.cells.entry(*key).or_default().merge(cell);
                    }
                    ran.snapshots.push(*snapshot);
                }
                Notice::Reached { stage } => {
                    let at_ns = world.ns();
                    ran.reached.push((at_ns, stage));
                    let _ = order.send(Order::Boundary { mark: Mark::Hold(stage), at_ns });
                }
                Notice::Done => {
                    ran.end_ns = world.ns();
                    return;
                }
            }
        }
    };
    let local = LocalSet::new();
    let both = async {
        tokio::select! {
            ((), ()) = async { tokio::join!(driver.run(inbox), hear) } => {}
            () = give => {}
        }
    };
    local.run_until(both).await;
    check_identities(&ran);
    ran
}

fn check_identities(ran: &Ran) {
    use Counter::{
        ConnectAttempts, ConnectFailed, ConnectFailedLocal, ConnectOk, Dropped, Due, Failed, Ok,
        Started, TimedOut, Unfinished,
    };
    for (key, cell) in &ran.cells {
        let sum = |of: &[Counter]| of.iter().map(|one| cell.counters.get(*one)).sum::<u64>();
        assert_eq!(sum(&[Due]), sum(&[Started, Dropped]), "{key:?}");
        assert_eq!(sum(&[Started]), sum(&[Ok, Failed, TimedOut, Unfinished]), "{key:?}");
        let ended = sum(&[ConnectOk, ConnectFailed, ConnectFailedLocal]);
        assert!(sum(&[ConnectAttempts]) >= ended, "{key:?}");
    }
    let seconds: Vec<u32> = ran.snapshots.iter().map(|snapshot| snapshot.second).collect();
    assert_eq!(seconds, (0..u32::try_from(seconds.len()).unwrap()).collect::<Vec<_>>());
    let last = ran.snapshots.last().unwrap().gauges;
    assert_eq!(last.get(Gauge::Users), 0);
    assert_eq!(last.get(Gauge::InFlight), 0);
    assert_eq!(last.get(Gauge::Connecting), 0);
}
