//! A world in which time passes only when nothing is left to do.

use super::super::*;
use super::secured;
use crate::engine::wire::WorkerReport;
use crate::engine::worker::testing::{Peer, Simulated};
use crate::engine::worker::{SlotId, drive};
use crate::plan::{Heartbeat, Level, Phase, Plan, Protocol, Ramp, Scenario, Stage};
use crate::record::{Cell, Recording, Second, Snapshot};
use crate::schedule::{Partition, Schedule, testing};
use crate::units::{Rate, Time};
use crate::workload::hold::raw::RawTcp;
use crate::workload::tls;
use std::cell::Cell as Shared;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// The behaviour of a simulated server towards one connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Open,
    Refuse,
    Say(&'static [u8]),
    /// Ends the handshake.
    Secure,
    Fin,
    Reset,
}

/// A server, and what it has seen.
#[derive(Default)]
pub(super) struct Server {
    inboxes: BTreeMap<u32, Vec<Act>>,
    pub(super) sent: u64,
    /// The last message sent, and all bytes sent.
    pub(super) last: Vec<u8>,
    pub(super) heard: Vec<Vec<u8>>,
    pub(super) closed: Vec<Close>,
    /// Called for each new connection, with its slot and user.
    on_connect: Option<Rc<Script>>,
    /// Called for each heartbeat that is sent, with the slot.
    on_send: Option<Rc<Script>>,
}

pub(super) type Simulation = Simulated<Server>;

pub(super) type Script = Box<dyn Fn(&mut Simulation, u32, u64)>;

impl Peer for Server {
    type Act = Act;

    fn act(&mut self, id: SlotId, act: Act) -> Ready {
        let (mut readable, mut failed) = (true, false);
        match act {
            Act::Open => readable = false,
            Act::Refuse => failed = true,
            act => self.inboxes.entry(id.slot).or_default().push(act),
        }
        let closed = matches!(act, Act::Fin | Act::Reset);
        Ready { id, readable, writable: true, closed, failed }
    }
}

fn id(slot: u32) -> SlotId {
    SlotId { slot, generation: 0 }
}

impl Simulation {
    pub(super) fn plan(&mut self, at_ns: u64, slot: u32, act: Act) {
        self.schedule(at_ns, id(slot), act);
    }

    /// The next thing in the inbox of a slot.
    fn take(&mut self, slot: u32) -> Option<Act> {
        let inbox = self.inboxes.entry(slot).or_default();
        (!inbox.is_empty()).then(|| inbox.remove(0))
    }
}

impl HoldHost for Simulation {
    type Socket = Shared<u32>;

    fn connect(&mut self, slot: u32, user: u64) -> io::Result<Shared<u32>> {
        if let Some(script) = self.on_connect.clone() {
            script(self, slot, user);
        }
        Ok(Shared::new(slot))
    }

    fn introduce(&mut self, _slot: &Shared<u32>, _user: u64) -> io::Result<()> {
        Ok(())
    }

    fn secure(&mut self, slot: &Shared<u32>, _user: u64) -> io::Result<bool> {
        match self.take(slot.get()) {
            None => Ok(false),
            Some(Act::Secure) => Ok(true),
            Some(Act::Reset) => Err(io::Error::from_raw_os_error(nix::libc::ECONNRESET)),
            Some(Act::Say(_)) => Err(tls::failed(rustls::Error::DecryptError)),
            Some(Act::Open | Act::Refuse | Act::Fin) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn watch(&mut self, socket: &Shared<u32>, slot: u32) -> io::Result<()> {
        let before = socket.replace(slot);
        self.rename(id(before), id(slot));
        if let Some(inbox) = self.inboxes.remove(&before) {
            self.inboxes.insert(slot, inbox);
        }
        Ok(())
    }

    fn receive(&mut self, slot: &Shared<u32>, buffer: &mut [u8]) -> io::Result<usize> {
        match self.take(slot.get()) {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Act::Say(bytes)) => {
                buffer[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Some(Act::Reset) => Err(io::Error::from_raw_os_error(nix::libc::ECONNRESET)),
            Some(Act::Open | Act::Refuse | Act::Secure | Act::Fin) => Ok(0),
        }
    }

    fn send(&mut self, slot: &Shared<u32>, bytes: &[u8]) -> io::Result<usize> {
        self.sent += 1;
        self.last = bytes.to_vec();
        self.heard.push(bytes.to_vec());
        if let Some(script) = self.on_send.clone() {
            script(self, slot.get(), 0);
        }
        Ok(bytes.len())
    }

    fn error(&mut self, _slot: &Shared<u32>) -> Option<io::Error> {
        Some(io::Error::from_raw_os_error(nix::libc::ECONNREFUSED))
    }

    fn close(&mut self, socket: Shared<u32>, how: Close) {
        let slot = socket.get();
        self.inboxes.remove(&slot);
        self.cancel(id(slot));
        self.closed.push(how);
    }
}

pub(super) fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

pub(super) fn plan(settings: HoldSettings, stages: Vec<Stage>) -> Plan {
    let scenario = testing::scenario(Protocol::Hold(settings), &[]);
    testing::plan(Scenario { stages, ..scenario })
}

pub(super) fn stage(users: u64, ramp: Ramp, hold: u64) -> Stage {
    Stage {
        name: users.to_string(),
        level: Level::Users { users, ramp },
        hold: seconds(hold),
        warmup: false,
        work: None,
    }
}

pub(super) fn paced(rate: u64) -> Ramp {
    Ramp::SpawnRate(Rate::per_second(rate))
}

pub(super) fn settings(heartbeat: Option<Heartbeat>) -> HoldSettings {
    HoldSettings {
        expect: Some("ok".into()),
        greeting: None,
        heartbeat,
        connect_timeout: seconds(10),
        close: Close::Fin,
        churn: crate::plan::Churn::default(),
        ..HoldSettings::default()
    }
}

/// The result of a run.
pub(super) struct Outcomes {
    pub(super) recording: Recording,
    pub(super) simulation: Simulation,
}

impl Outcomes {
    pub(super) fn cell(&self, stage: u16, phase: Phase) -> Cell {
        self.recording.scenarios[0]
            .cells
            .get(&CellKey { stage, phase })
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn whole(&self) -> Cell {
        let mut whole = Cell::default();
        self.recording.scenarios[0].cells.values().for_each(|cell| whole.merge(cell));
        whole
    }

    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.whole().counters.get(counter)
    }
}

pub(super) fn run(
    plan: Plan,
    orders: Vec<(u64, WorkerCommand)>,
    on_connect: Script,
    on_send: Script,
) -> Outcomes {
    let Protocol::Hold(settings) = &plan.scenarios[0].protocol else { unreachable!() };
    let raw = RawTcp::new(settings);
    run_with(plan, orders, (on_connect, on_send), raw)
}

/// A run in which connections say this.
pub(super) fn run_with<C: Conversation>(
    plan: Plan,
    orders: Vec<(u64, WorkerCommand)>,
    scripts: (Script, Script),
    conversation: C,
) -> Outcomes {
    run_part(plan, Partition::WHOLE, orders, scripts, conversation)
}

/// The part of a run that one worker of several does.
pub(super) fn run_part<C: Conversation>(
    plan: Plan,
    partition: Partition,
    orders: Vec<(u64, WorkerCommand)>,
    (on_connect, on_send): (Script, Script),
    conversation: C,
) -> Outcomes {
    let schedule = Schedule::new(&plan);
    let timeline = schedule.timelines().remove(0);
    let load = Load {
        scenario: 0,
        partition,
        schedule: schedule.scenario(0).clone(),
        timeline,
        origins: Vec::new(),
        later: None,
        per_address: false,
        addresses: vec!["127.0.0.1:9".parse().unwrap()],
        sources: crate::machine::Sources::default(),
        ports: None,
        tls: plan.targets[0].tls.as_ref().map(|_| secured::anyone()),
        proxy_protocol: None,
        stock: std::sync::Arc::default(),
        rows: crate::engine::rows::RowSource::Any,
        iterations: Vec::new(),
        plan,
    };
    // The only worker need not wait for its turn to close.
    let orders = std::iter::once((0, WorkerCommand::StartClosing)).chain(orders);
    let (on_connect, on_send) = (Some(Rc::new(on_connect)), Some(Rc::new(on_send)));
    let server = Server { on_connect, on_send, ..Server::default() };
    let simulation = Simulated::new(server, orders);
    let Protocol::Hold(settings) = load.scenario().protocol.clone() else { unreachable!() };
    let worker = HoldWorker::new(simulation, load, settings, conversation);
    let simulation = drive(worker).unwrap();
    let mut recording = Recording::new(1);
    for (_, notice) in &simulation.reports {
        if let WorkerReport::Snapshot(snapshot) = notice {
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

pub(super) fn second_of(snapshot: &Snapshot) -> Second {
    let mut second = Second { second: snapshot.second, ..Second::default() };
    second.scenarios.entry(0).or_default().add(snapshot);
    second
}

pub(super) fn nothing() -> Script {
    Box::new(|_, _, _| {})
}

pub(super) fn open_at_once() -> Script {
    Box::new(|simulation, slot, _| simulation.plan(simulation.now_ns + 1_000, slot, Act::Open))
}
