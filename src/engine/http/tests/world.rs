//! A simulated target, and one worker's run against it.

use super::super::*;
use super::MS;
use crate::engine::wire::WorkerReport;
use crate::engine::worker::drive;
use crate::engine::worker::testing::{Peer, Simulated};
use crate::plan::{Builtin, Faults};
use crate::plan::{
    Generator, HttpServer, Level, Plan, Protocol, Ramp, Request, Scenario, Stage, StartAfter,
    Target, ThinkTime,
};
use crate::record::{
    Cause, Cell, CellKey, Counter, Failure, FailureStage, Gauge, Snapshot, Transition,
};
use crate::schedule::{Partition, Schedule};
use crate::units::{Rate, Time};
use crate::workload::http::{
    Deadlines, ExchangeStep, Handshake, RequestError, RequestOutcome, RetrySafety, Transferred,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

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
    (
        Level::Rate {
            rate: Rate::per_second(rate),
            ramp: time(0),
            spacing: crate::plan::Spacing::Constant,
        },
        hold_ms,
    )
}

pub(super) fn request(name: &str, weight: u32) -> Request {
    Request { name: name.into(), method: ::http::Method::GET, weight, ..Request::default() }
}

pub(super) fn settings() -> Http {
    Http {
        requests: vec![request("home", 1)],
        think_time: ThinkTime { min: time(100), max: time(100) },
        timeout: time(5_000),
        connect_timeout: time(1_000),
        first_byte_timeout: time(5_000),
        max_in_flight: 1_000,
        ..Http::default()
    }
}

pub(super) fn load(http: Http, levels: &[(Level, u64)], share: Partition) -> Load {
    let stages = levels.iter().enumerate().map(|(i, (level, hold_ms))| Stage {
        name: (i + 1).to_string(),
        level: *level,
        hold: time(*hold_ms),
        warmup: false,
        work: None,
    });
    let scenario = Scenario {
        name: "web".into(),
        target: 0,
        start_after: StartAfter::Delay(time(0)),
        protocol: Protocol::Http(http),
        stages: stages.collect(),
        thresholds: Vec::new(),
    };
    let server = HttpServer { body: "ok".into(), tls: None, faults: Faults::default() };
    let plan = Plan {
        monitors: Vec::new(),
        name: "test".into(),
        description: None,
        seed: 42,
        targets: vec![Target {
            name: "web".into(),
            shown: Vec::new(),
            endpoint: Endpoint::Builtin(Builtin::Http(server)),
            tls: None,
            proxy_protocol: None,
            proxy: None,
            resolve: Vec::new(),
            dns: None,
            probe: true,
        }],
        scenarios: vec![scenario],
        generator: Generator::default(),
        search: None,
        repeat: None,
        compare: None,
        baseline: None,
    };
    let schedule = Schedule::new(&plan);
    Load {
        scenario: 0,
        partition: share,
        timeline: schedule.timelines().remove(0),
        schedule: schedule.scenario(0).clone(),
        origins: Vec::new(),
        later: None,
        per_address: false,
        addresses: vec![std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into()],
        sources: crate::machine::Sources::default(),
        ports: None,
        tls: None,
        proxy_protocol: None,
        stock: std::sync::Arc::default(),
        rows: crate::engine::rows::RowSource::Any,
        iterations: Vec::new(),
        plan,
    }
}

/// A target in simulated time: `answer_ns` says from the moment of sending when the answer ends.
pub(super) struct World {
    pub(super) open_ns: Box<dyn Fn(u64) -> u64>,
    pub(super) answer_ns: Box<dyn Fn(u64) -> u64>,
    pub(super) refused: Option<Failure>,
    /// Until then there is no room for one more connection, and no event tells when there is.
    pub(super) full_until_ns: u64,
    /// How often somebody asked for it.
    pub(super) knocks: RefCell<u64>,
    /// Sendings and openings: moment and connection.
    pub(super) sent: RefCell<Vec<(u64, u64)>>,
    pub(super) opened: RefCell<Vec<(u64, u64)>>,
    /// One response in this many is complete, immediate and has a wrong status.
    pub(super) wrong_every: usize,
    /// One request in this many meets an idle close.
    pub(super) idle_close_every: usize,
}

impl World {
    pub(super) fn new(answer_ns: impl Fn(u64) -> u64 + 'static) -> Self {
        Self {
            open_ns: Box::new(|since| since + MS),
            answer_ns: Box::new(answer_ns),
            refused: None,
            full_until_ns: 0,
            knocks: RefCell::default(),
            sent: RefCell::default(),
            opened: RefCell::default(),
            wrong_every: usize::MAX,
            idle_close_every: usize::MAX,
        }
    }
}

/// A connection that knows when it opens or answers.
pub(super) struct Fake {
    id: SlotId,
    number: u64,
    /// When something happens next.
    next_ns: u64,
    sent: usize,
    wrong: bool,
    over: bool,
}

/// A connection opens, or an answer ends.
impl Peer for Rc<World> {
    type Act = ();

    fn act(&mut self, id: SlotId, (): ()) -> Ready {
        Ready { id, readable: false, writable: true, closed: false, failed: false }
    }

    fn answer(&mut self, report: &WorkerReport, now_ns: u64) -> Option<WorkerCommand> {
        let WorkerReport::RampReached { stage } = *report else { return None };
        Some(WorkerCommand::Transition { mark: Transition::Hold(stage), at_ns: now_ns })
    }
}

impl HttpHost for Simulated<Rc<World>> {
    type Connection = Fake;

    fn connect(&mut self, id: SlotId, number: u64) -> Result<Fake, RequestError> {
        self.peer.opened.borrow_mut().push((self.now_ns, number));
        let next_ns = (self.peer.open_ns)(self.now_ns);
        self.schedule(next_ns, id, ());
        Ok(Fake { id, number, next_ns, sent: 0, wrong: false, over: false })
    }

    fn open(&mut self, _: &mut Fake, _: u64) -> Result<bool, RequestError> {
        *self.peer.knocks.borrow_mut() += 1;
        let refused = self.peer.refused.map(|failure| error(failure, FailureStage::Connect));
        refused.map_or(Ok(self.now_ns >= self.peer.full_until_ns), Err)
    }

    fn secure(&mut self, _: &mut Self::Connection, _: u64) -> Result<Handshake, RequestError> {
        Ok(Handshake::NotNeeded)
    }

    fn connect_timed_out(&mut self, _: &mut Fake, _: u64, _: bool) -> RequestError {
        error(Failure::ConnectTimeout, FailureStage::Connect)
    }

    fn send(&mut self, connection: &mut Fake, _: u32) -> bool {
        self.peer.sent.borrow_mut().push((self.now_ns, connection.number));
        connection.sent += 1;
        connection.over = connection.sent.is_multiple_of(self.peer.idle_close_every);
        connection.wrong = connection.sent.is_multiple_of(self.peer.wrong_every);
        connection.next_ns = if connection.over || connection.wrong {
            self.now_ns
        } else {
            (self.peer.answer_ns)(self.now_ns).max(self.now_ns)
        };
        self.schedule(connection.next_ns, connection.id, ());
        true
    }

    fn advance(&mut self, connection: &mut Fake, _: bool, now_ns: u64) -> ExchangeStep {
        if now_ns < connection.next_ns {
            return ExchangeStep::Wait;
        }
        let closed = connection.over.then(|| error(Failure::ClosedByServer, FailureStage::Request));
        if connection.wrong {
            let first_byte_ns = Some(now_ns);
            let wrong = answer(Some(error(Failure::Status, FailureStage::Request)), now_ns);
            let status = Some(503);
            return ExchangeStep::Ended(RequestOutcome {
                status,
                first_byte_ns,
                failed_checks: Some(0),
                ..wrong
            });
        }
        let retry_safety =
            if connection.over { RetrySafety::Permitted } else { RetrySafety::Unsafe };
        ExchangeStep::Ended(RequestOutcome { retry_safety, ..answer(closed, now_ns) })
    }

    fn deadline(&self, _: &Fake, limits: Deadlines) -> u64 {
        limits.whole_ns
    }

    fn time_out(
        &mut self,
        connection: &mut Fake,
        _: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome> {
        connection.over = true;
        Some(answer(Some(error(Failure::RequestTimeout, FailureStage::Request)), now_ns))
    }

    fn idle_event(&mut self, _: &mut Fake) {}

    fn takes_a_request(&self, connection: &Fake) -> bool {
        !connection.over
    }

    fn bytes_moved(&self, connection: &Fake) -> Transferred {
        Transferred { sent: 3 * u64::from(connection.sent > 0), received: 1 }
    }
}

fn error(failure: Failure, phase: FailureStage) -> RequestError {
    RequestError { cause: Cause::new(failure, phase), sample: "simulated".into() }
}

fn answer(error: Option<RequestError>, ended_ns: u64) -> RequestOutcome {
    let status = error.is_none().then_some(200);
    let first_byte_ns = status.map(|_| ended_ns);
    RequestOutcome {
        misses_value: false,
        error,
        status,
        body_bytes: 2,
        sent_bytes: 3,
        first_byte_ns,
        ended_ns,
        retry_safety: RetrySafety::Unsafe,
        failed_checks: None,
        extracted: None,
        captured: None,
    }
}

#[derive(Default)]
pub(super) struct Ran {
    pub(super) cells: BTreeMap<CellKey, Cell>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) reached: Vec<(u64, u16)>,
    /// When rows were asked for, and whether a pass waited.
    pub(super) asked: Vec<(u64, bool)>,
    pub(super) returned: Vec<(u64, u64)>,
    /// When the work of a stage was done.
    pub(super) done: Vec<(u64, u16)>,
    pub(super) end_ns: u64,
}

impl Ran {
    fn add(&mut self, now: u64, report: WorkerReport) {
        match report {
            WorkerReport::Snapshot(snapshot) => {
                for (key, cell) in &snapshot.cells {
                    self.cells.entry(*key).or_default().merge(cell);
                }
                self.snapshots.push(*snapshot);
            }
            WorkerReport::RampReached { stage } => self.reached.push((now, stage)),
            WorkerReport::Done => self.end_ns = now,
            WorkerReport::Want { waits, .. } => self.asked.push((now, waits)),
            WorkerReport::Returned { blocks, .. } => self.returned.extend(blocks),
            WorkerReport::WorkDone { stage } => self.done.push((now, stage)),
        }
    }

    /// Adds what another worker did.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, cell) in other.cells {
            self.cells.entry(key).or_default().merge(&cell);
        }
        self.snapshots.extend(other.snapshots);
    }

    /// The counters, by stage and phase.
    pub(super) fn counters(&self) -> Vec<(CellKey, crate::record::Counters)> {
        self.cells.iter().map(|(key, cell)| (*key, cell.counters)).collect()
    }

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

/// Runs one worker against a world; `orders` are given at their moments, the hold of an unpaced
/// stage as soon as it is reached.
pub(super) fn ran(world: &Rc<World>, load: Load, orders: &[(u64, WorkerCommand)]) -> Ran {
    let commands: Vec<(u64, WorkerCommand)> = orders.to_vec();
    let host = Simulated::new(Rc::clone(world), commands);
    let http = load.scenario().protocol.http().unwrap().clone();
    let ended = drive(HttpWorker::new(host, load, &http)).unwrap();
    let mut ran = Ran::default();
    for (now, report) in ended.reports {
        ran.add(now, report);
    }
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
