use super::*;
use crate::plan::{Level, Part, Plan, Ramp, Scenario, Stage, TimeMetric};
use crate::record::{Cell, Mark, Recording, Second, Snapshot, WorkerFacts};
use crate::schedule::{Schedule, Share, testing};
use crate::units::{Rate, Time};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// What a simulated server does to one connection.
#[derive(Debug, Clone, Copy)]
enum Act {
    Open,
    Refuse,
    Say(&'static [u8]),
    Fin,
    Reset,
}

/// A world in which time passes only when nothing is left to do.
#[derive(Default)]
struct Simulation {
    now_ns: u64,
    /// By time, then by order of arrival.
    agenda: BTreeMap<(u64, u64), (u32, Act)>,
    number: u64,
    inboxes: BTreeMap<u32, Vec<Act>>,
    orders: Vec<(u64, Order)>,
    told: Vec<Notice>,
    sent: u64,
    closed: Vec<Close>,
}

impl Simulation {
    fn plan(&mut self, at_ns: u64, slot: u32, act: Act) {
        self.number += 1;
        self.agenda.insert((at_ns, self.number), (slot, act));
    }
}

type Script = Box<dyn Fn(&mut Simulation, u32, u64)>;

struct World {
    simulation: Rc<RefCell<Simulation>>,
    /// Called for each new connection, with its slot and user.
    on_connect: Script,
    /// Called for each heartbeat that is sent, with the slot.
    on_send: Script,
}

impl Host for World {
    type Socket = u32;

    fn now_ns(&self) -> u64 {
        self.simulation.borrow().now_ns
    }

    fn connect(&mut self, slot: u32, user: u64) -> io::Result<u32> {
        (self.on_connect)(&mut self.simulation.borrow_mut(), slot, user);
        Ok(slot)
    }

    fn wait(&mut self, at_most_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        let simulation = &mut *self.simulation.borrow_mut();
        let until = simulation.now_ns.saturating_add(at_most_ns);
        let next = simulation.agenda.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
        let order = simulation.orders.first().map_or(u64::MAX, |(at, _)| *at);
        simulation.now_ns = simulation.now_ns.max(until.min(next).min(order));
        while let Some(entry) =
            simulation.agenda.first_entry().filter(|entry| entry.key().0 <= simulation.now_ns)
        {
            let (slot, act) = entry.remove();
            let (mut readable, mut failed) = (true, false);
            match act {
                Act::Open => readable = false,
                Act::Refuse => failed = true,
                act => simulation.inboxes.entry(slot).or_default().push(act),
            }
            ready.push(Ready {
                slot,
                readable,
                writable: true,
                closed: matches!(act, Act::Fin | Act::Reset),
                failed,
            });
        }
        Ok(())
    }

    fn order(&mut self) -> Option<Order> {
        let simulation = &mut *self.simulation.borrow_mut();
        let due = simulation.orders.first().is_some_and(|(at, _)| *at <= simulation.now_ns);
        due.then(|| simulation.orders.remove(0).1)
    }

    fn tell(&mut self, notice: Notice) {
        self.simulation.borrow_mut().told.push(notice);
    }

    fn receive(&mut self, slot: &u32, buffer: &mut [u8]) -> io::Result<usize> {
        let simulation = &mut *self.simulation.borrow_mut();
        let inbox = simulation.inboxes.entry(*slot).or_default();
        if inbox.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match inbox.remove(0) {
            Act::Say(bytes) => {
                buffer[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Act::Reset => Err(io::Error::from_raw_os_error(nix::libc::ECONNRESET)),
            Act::Open | Act::Refuse | Act::Fin => Ok(0),
        }
    }

    fn send(&mut self, slot: &u32, bytes: &[u8]) -> io::Result<usize> {
        let mut simulation = self.simulation.borrow_mut();
        simulation.sent += 1;
        (self.on_send)(&mut simulation, *slot, 0);
        Ok(bytes.len())
    }

    fn error(&mut self, _slot: &u32) -> Option<io::Error> {
        Some(io::Error::from_raw_os_error(nix::libc::ECONNREFUSED))
    }

    fn close(&mut self, slot: u32, how: Close) {
        let mut simulation = self.simulation.borrow_mut();
        simulation.inboxes.remove(&slot);
        simulation.agenda.retain(|_, (planned, _)| *planned != slot);
        simulation.closed.push(how);
    }

    fn facts(&self) -> WorkerFacts {
        WorkerFacts::default()
    }
}

fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

fn plan(settings: TcpHold, stages: Vec<Stage>) -> Plan {
    let scenario = testing::scenario(Protocol::TcpHold(settings), &[]);
    testing::plan(Scenario { stages, ..scenario })
}

fn stage(users: u64, ramp: Ramp, hold: u64) -> Stage {
    Stage {
        name: users.to_string(),
        level: Level::Users { users, ramp },
        hold: seconds(hold),
        warmup: false,
    }
}

fn paced(rate: u64) -> Ramp {
    Ramp::SpawnRate(Rate::per_second(rate))
}

fn settings(heartbeat: Option<Heartbeat>) -> TcpHold {
    TcpHold {
        expect: Some("ok".into()),
        greeting: None,
        heartbeat,
        connect_timeout: seconds(10),
        close: Close::Fin,
        churn: crate::plan::Churn::default(),
    }
}

/// What a run came to.
struct Outcomes {
    recording: Recording,
    simulation: Rc<RefCell<Simulation>>,
}

impl Outcomes {
    fn cell(&self, stage: u16, part: Part) -> Cell {
        self.recording.scenarios[0].cells.get(&CellKey { stage, part }).cloned().unwrap_or_default()
    }

    fn whole(&self) -> Cell {
        let mut whole = Cell::default();
        self.recording.scenarios[0].cells.values().for_each(|cell| whole.merge(cell));
        whole
    }

    fn get(&self, counter: Counter) -> u64 {
        self.whole().counters.get(counter)
    }
}

fn run(plan: Plan, orders: Vec<(u64, Order)>, on_connect: Script, on_send: Script) -> Outcomes {
    let schedule = Schedule::new(&plan);
    let timeline = schedule.timelines().remove(0);
    let load = Load {
        scenario: 0,
        share: Share::WHOLE,
        schedule: schedule.scenario(0).clone(),
        timeline,
        addresses: vec!["127.0.0.1:9".parse().unwrap()],
        sources: crate::machine::Sources::default(),
        ports: None,
        plan,
    };
    let simulation = Rc::new(RefCell::new(Simulation { orders, ..Simulation::default() }));
    let world = World { simulation: Rc::clone(&simulation), on_connect, on_send };
    Hold::new(world, load).unwrap().run().unwrap();
    let mut recording = Recording::new(1);
    for notice in &simulation.borrow().told {
        if let Notice::Snapshot(snapshot) = notice {
            recording.add(&crate::record::Entry::Second(second_of(snapshot)));
        }
    }
    let outcomes = Outcomes { recording, simulation };
    for cell in outcomes.recording.scenarios[0].cells.values() {
        let get = |counter| cell.counters.get(counter);
        assert_eq!(get(Counter::Due), get(Counter::Started) + get(Counter::Dropped));
        let ended = get(Counter::Ok)
            + get(Counter::Failed)
            + get(Counter::TimedOut)
            + get(Counter::Unfinished);
        assert_eq!(get(Counter::Started), ended);
    }
    outcomes
}

fn second_of(snapshot: &Snapshot) -> Second {
    let mut second = Second { second: snapshot.second, ..Second::default() };
    second.scenarios.entry(0).or_default().add(snapshot);
    second
}

fn nothing() -> Script {
    Box::new(|_, _, _| {})
}

fn open_at_once() -> Script {
    Box::new(|simulation, slot, _| simulation.plan(simulation.now_ns + 1_000, slot, Act::Open))
}

#[test]
fn levels_are_reached_held_and_left_in_order() {
    let stages =
        vec![stage(100, paced(100), 2), stage(200, paced(100), 2), stage(50, paced(100), 1)];
    let outcomes = run(plan(settings(None), stages), Vec::new(), open_at_once(), nothing());
    assert_eq!(outcomes.get(Counter::Due), 200);
    assert_eq!(outcomes.get(Counter::Ok), 200);
    assert_eq!(outcomes.cell(0, Part::Hold).counters.get(Counter::HoldEntered), 100);
    assert_eq!(outcomes.cell(1, Part::Hold).counters.get(Counter::HoldEntered), 200);
    assert_eq!(outcomes.cell(2, Part::Ramp).counters.get(Counter::Closed), 150);
    assert_eq!(outcomes.cell(2, Part::Drain).counters.get(Counter::Closed), 50);
    let lag = outcomes.whole().times.stat(TimeMetric::ScheduleLag, crate::plan::Stat::Max).unwrap();
    assert!(lag < 2.0, "a simulated loop is never late, but was by {lag} ns");
}

#[test]
fn every_way_to_end_a_connection_is_told_apart() {
    let second = SECOND_NS;
    let script: Script = Box::new(move |simulation, slot, user| {
        let now = simulation.now_ns;
        match user % 6 {
            0 => simulation.plan(now, slot, Act::Refuse),
            1 => {}
            kind => {
                simulation.plan(now, slot, Act::Open);
                simulation.plan(now + second, slot, Act::Say(b"o"));
                simulation.plan(now + 2 * second, slot, Act::Say(b"kok"));
                let end = [Act::Fin, Act::Reset, Act::Say(b"oops"), Act::Say(b"ok")]
                    [usize::try_from(kind).unwrap() - 2];
                simulation.plan(now + 3 * second, slot, end);
            }
        }
    });
    let outcomes =
        run(plan(settings(None), vec![stage(60, paced(60), 20)]), Vec::new(), script, nothing());
    let causes: BTreeMap<Failure, u64> = outcomes
        .whole()
        .failures
        .iter()
        .map(|(cause, tally)| (cause.failure, tally.count))
        .collect();
    let expected = [
        Failure::Refused,
        Failure::ConnectTimeout,
        Failure::ClosedByServer,
        Failure::Reset,
        Failure::WrongData,
    ];
    assert_eq!(causes, expected.into_iter().map(|failure| (failure, 10)).collect());
    assert_eq!(outcomes.get(Counter::Ok), 10);
    assert_eq!(outcomes.get(Counter::TimedOut), 10);
    assert_eq!(outcomes.get(Counter::Lost), 30);
    assert_eq!(outcomes.get(Counter::MessagesReceived), 40 * 2 + 10);
}

#[test]
fn a_silent_server_is_noticed_when_its_heartbeat_is_late() {
    let heartbeat = Heartbeat::Server { every: seconds(5), grace: seconds(1) };
    let script: Script = Box::new(|simulation, slot, user| {
        let now = simulation.now_ns;
        simulation.plan(now, slot, Act::Open);
        for beat in 1..=(if user < 10 { 2 } else { 6 }) {
            simulation.plan(now + beat * 5 * SECOND_NS, slot, Act::Say(b"ok"));
        }
    });
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(30, paced(1_000), 30)]),
        Vec::new(),
        script,
        nothing(),
    );
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 10);
    assert_eq!(outcomes.get(Counter::Lost), 10);
    assert_eq!(outcomes.get(Counter::HeartbeatReceived), 10 * 2 + 20 * 6);
    let (_, tally) = &outcomes.whole().failures[0];
    // Two heartbeats, the period, the grace, and at most a sweep's distance.
    assert!((16 * SECOND_NS..17 * SECOND_NS).contains(&tally.first_ns), "{tally:?}");
    let gap =
        outcomes.whole().times.stat(TimeMetric::HeartbeatGap, crate::plan::Stat::P50).unwrap();
    assert!((gap / 5e9 - 1.0).abs() < 0.002, "{gap}");
}

#[test]
fn client_heartbeats_are_sent_on_time_and_their_replies_awaited() {
    let heartbeat =
        Heartbeat::Client { send: "ping".into(), every: seconds(2), timeout: seconds(1) };
    let on_send: Script = Box::new(|simulation, slot, _| {
        let (now, sent) = (simulation.now_ns, simulation.sent);
        if slot != 3 || sent < 40 {
            simulation.plan(now + 50_000_000, slot, Act::Say(b"ok"));
        }
    });
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(10, paced(1_000), 21)]),
        Vec::new(),
        open_at_once(),
        on_send,
    );
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 1);
    assert_eq!(outcomes.get(Counter::HeartbeatSent), outcomes.get(Counter::HeartbeatReceived) + 1);
    assert_eq!(outcomes.get(Counter::Ok), 9);
    let rtt =
        outcomes.whole().times.stat(TimeMetric::HeartbeatRtt, crate::plan::Stat::Max).unwrap();
    assert!((rtt / 5e7 - 1.0).abs() < 0.002, "{rtt}");
}

#[test]
fn an_unpaced_ramp_waits_for_its_turn_and_holds_from_when_all_are_there() {
    let orders = vec![
        (SECOND_NS, Order::Turn { stage: 0 }),
        (2 * SECOND_NS, Order::Boundary { mark: Mark::Hold(0), at_ns: 2 * SECOND_NS }),
    ];
    let outcomes = run(
        plan(settings(None), vec![stage(1_000, Ramp::Unpaced, 5)]),
        orders,
        open_at_once(),
        nothing(),
    );
    assert_eq!(outcomes.get(Counter::Ok), 1_000);
    assert_eq!(outcomes.cell(0, Part::Hold).counters.get(Counter::HoldEntered), 1_000);
    assert!(outcomes.simulation.borrow().told.contains(&Notice::Reached { stage: 0 }));
    assert_eq!(outcomes.simulation.borrow().now_ns / SECOND_NS, 7);
    assert_eq!(outcomes.whole().times.count(TimeMetric::ScheduleLag), 0);
}

#[test]
fn an_early_drain_closes_in_order_and_a_halt_does_not() {
    let drain = vec![(3 * SECOND_NS, Order::Boundary { mark: Mark::Drain, at_ns: 3 * SECOND_NS })];
    let stages = || vec![stage(1_000, paced(100), 60)];
    let outcomes = run(plan(settings(None), stages()), drain, open_at_once(), nothing());
    assert_eq!(outcomes.get(Counter::Due), 300);
    assert_eq!(outcomes.get(Counter::Ok), 300);
    let halted = run(
        plan(settings(None), stages()),
        vec![(3 * SECOND_NS, Order::Halt)],
        open_at_once(),
        nothing(),
    );
    assert_eq!(halted.get(Counter::Unfinished), halted.get(Counter::Started));
    assert_eq!(halted.get(Counter::UnfinishedOpen), halted.get(Counter::ConnectOk));
    assert!(halted.get(Counter::Started) >= 300);
}

#[test]
fn eight_hours_pass_with_every_heartbeat_and_no_growth() {
    let heartbeat = Heartbeat::Server { every: seconds(60), grace: seconds(10) };
    let script: Script = Box::new(|simulation, slot, _| {
        let now = simulation.now_ns;
        simulation.plan(now, slot, Act::Open);
        for beat in 1..=480 {
            simulation.plan(now + beat * 60 * SECOND_NS, slot, Act::Say(b"ok"));
        }
    });
    let hours = 8 * 3_600;
    let outcomes = run(
        plan(settings(Some(heartbeat)), vec![stage(50, paced(10), hours)]),
        Vec::new(),
        script,
        nothing(),
    );
    assert_eq!(outcomes.get(Counter::HeartbeatReceived), 50 * 480);
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 0);
    assert_eq!(outcomes.get(Counter::Ok), 50);
    assert_eq!(u64::from(outcomes.recording.seconds), hours + 6);
}
