//! Holds connections: opens those that are due for one worker, verifies and watches them, and
//! closes them.
//!
//! The schedule says what is due. Queues of equal deadlines find what is late and, for heartbeats
//! from the server, a sweep over all records does.
//!
//! **Invariant:** no task, timer or buffer belongs to a connection: only one small record.

mod addresses;
mod churn;
mod churn_rng;
mod closing;
mod connection_time;
mod conversation;
mod deadlines;
mod events;
mod host;
mod next_due;
mod observed;
mod one_connection;
mod slots;
mod sockets;
mod stages;

pub(super) use host::HoldHost;
pub(super) use observed::Said;
pub(super) use one_connection::one_connection;
pub(super) use sockets::HoldSockets;

use super::load::Load;
use super::wire::WorkerCommand;
use super::worker::{LoopStep, Ready, Worker};
use crate::plan::{Close, HoldSettings};
use crate::record::{
    AttemptOutcome, Cause, CellKey, Counter, Failure, FailureStage, Gauge, Gauges, LifeEnd,
    Recorder, Snapshot, WorkerFacts,
};
use crate::units::SECOND_NS;
use crate::workload::hold::{ConnectionId, Conversation};
use addresses::ChosenAddresses;
use churn::ChurnState;
use churn_rng::ChurnRng;
use closing::ClosingConnections;
use connection_time::ConnectionTime;
use deadlines::DeadlineQueue;
use slots::{ConnectionSlots, ConnectionState};
use stages::HoldStages;

/// How many connections are opened or closed before the loop looks at events again: bounds the lag
/// of events and the length of the kernel's loopback queue.
const BATCH: usize = 32;

/// How many connections may be opening at once in an unpaced ramp: more only fill the target's
/// accept queue.
const OPENING_MAX: u64 = 512;

/// Idle workers stagger their snapshots by 8 ms each, at most 400 ms: fifty at once would delay the
/// worker that is opening connections.
const HAND_OVER_APART_NS: u64 = 8_000_000;
const HAND_OVER_DELAY_MAX_NS: u64 = 400_000_000;

/// The largest read; a held connection rarely has more than one message waiting.
const BUFFER: usize = 64 << 10;

/// One worker's part of a scenario that holds connections.
pub(super) struct HoldWorker<H: HoldHost, C: Conversation> {
    host: H,
    load: Load,
    settings: HoldSettings,
    conversation: C,
    /// Whether connections are secured before they count as open.
    secured: bool,
    stages: HoldStages,
    slots: ConnectionSlots<H::Socket, C::State>,
    chosen: ChosenAddresses,
    /// Connections that wait for the peer's closing message.
    closing: ClosingConnections<H::Socket, C::State>,
    recorder: Recorder,
    open: u64,
    connecting: u64,
    /// How many of these belong to a ramp.
    ramping: u64,
    time: ConnectionTime,
    churn: ChurnState,
    /// Opening connections, by when they began.
    opening: DeadlineQueue,
    /// Connections whose opening has begun, by when it did.
    opening_messages: DeadlineQueue,
    /// Open connections without a first message, by when they opened.
    awaiting_greeting: DeadlineQueue,
    /// Open connections, by when they opened or their last heartbeat was due.
    next_heartbeat: DeadlineQueue,
    /// Open connections, by when they opened or their last own message was due.
    next_own: DeadlineQueue,
    /// Heartbeats without a reply, by when they were sent.
    awaiting_reply: DeadlineQueue,
    /// When to sweep all records next for heartbeats that the server missed.
    sweep_ns: u64,
    buffer: Box<[u8]>,
    /// Bytes that are about to be sent.
    outgoing: Vec<u8>,
}

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// A worker at the start of the run.
    pub(super) fn new(host: H, load: Load, settings: HoldSettings, conversation: C) -> Self {
        let slots =
            ConnectionSlots::new(load.schedule.peak_users(), load.partition, load.schedule.block);
        let leaving = ClosingConnections::new(slots.len());
        Self {
            host,
            conversation,
            closing: leaving,
            secured: load.tls.is_some(),
            stages: HoldStages::new(&load),
            churn: ChurnState::new(
                settings.churn.clone(),
                ChurnRng::new(load.plan.seed, load.scenario),
                slots.len(),
            ),
            chosen: ChosenAddresses::new(slots.len(), load.later.is_some()),
            slots,
            settings,
            load,
            recorder: Recorder::default(),
            open: 0,
            connecting: 0,
            ramping: 0,
            time: ConnectionTime::default(),
            opening: DeadlineQueue::default(),
            opening_messages: DeadlineQueue::default(),
            awaiting_greeting: DeadlineQueue::default(),
            next_heartbeat: DeadlineQueue::default(),
            next_own: DeadlineQueue::default(),
            awaiting_reply: DeadlineQueue::default(),
            sweep_ns: 0,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            outgoing: Vec::new(),
        }
    }

    /// Opens one connection. `due_ns`: when the schedule wanted it; `None` in an unpaced ramp,
    /// where nothing is late. `again`: whether this is a reconnect.
    fn begin_attempt(&mut self, user: u64, key: CellKey, due_ns: Option<u64>, again: bool) {
        let slot = self.slots.slot(user);
        let now = self.host.now_ns();
        let cell = self.recorder.cell(key);
        cell.count(Counter::Due);
        cell.count(Counter::Started);
        cell.count(Counter::ConnectAttempts);
        if let Some(due_ns) = due_ns {
            let lag = now.saturating_sub(due_ns);
            cell.time(crate::plan::TimeMetric::ScheduleLag, lag);
            self.recorder.lag(lag);
        }
        self.choose_address(slot, user);
        match self.host.connect(slot, user) {
            Ok(socket) => {
                self.slots.get(slot).begin(socket, key, now, again);
                self.connecting += 1;
                self.ramping += u64::from(!again);
                self.opening.push(slot, now);
            }
            Err(error) => {
                let cause = Cause::from_io(&error, FailureStage::Connect);
                self.connect_failed(slot, key, cause, now, String::new);
            }
        }
    }

    /// Records an attempt whose connection did not open.
    fn connect_failed(
        &mut self,
        slot: u32,
        key: CellKey,
        cause: Cause,
        now: u64,
        what: impl FnOnce() -> String,
    ) {
        let user = self.slots.user(slot);
        let local = cause.failure.origin() == crate::record::Origin::Local;
        if !local {
            self.count_connect(slot, key, None);
        }
        let to = self.address_of(slot).clone();
        let cell = self.recorder.cell(key);
        cell.count(if local { Counter::ConnectFailedLocal } else { Counter::ConnectFailed });
        cell.end(AttemptOutcome::Failed(cause), now, || format!("user {user} to {to}{}", what()));
        self.schedule_reconnect(slot, now, Self::earliest_retry(now));
    }

    /// A connection has stopped opening.
    fn leave_connecting(&mut self, slot: u32) {
        self.connecting -= 1;
        self.ramping -= u64::from(!self.slots.get(slot).is_reconnect);
    }

    /// Ends an attempt whose connection is still opening.
    fn abandon_connecting(
        &mut self,
        slot: u32,
        cause: Cause,
        now: u64,
        what: impl FnOnce() -> String,
    ) {
        let key = self.slots.get(slot).key();
        self.leave_connecting(slot);
        self.reset(slot);
        self.connect_failed(slot, key, cause, now, what);
    }

    /// Resets a connection.
    fn reset(&mut self, slot: u32) {
        if let Some((socket, conversation)) = self.slots.get(slot).end() {
            self.conversation.remove(slot, &conversation);
            self.host.close(socket, Close::Rst);
        }
    }

    /// Ends an attempt whose open connection should have stayed open.
    fn connection_lost(
        &mut self,
        slot: u32,
        cause: Cause,
        now: u64,
        what: impl FnOnce() -> String,
    ) {
        let connection = self.slots.get(slot);
        let (key, begun) = (connection.key(), connection.begun_ns);
        let life = connection.life(LifeEnd::of(cause), now);
        self.reset(slot);
        self.time.advance(now, self.open);
        self.open -= 1;
        if !self.stages.is_draining() {
            self.slots.get(slot).missing = true;
            self.time.missing += 1;
        }
        let user = self.slots.user(slot);
        self.count_broken(slot, key);
        let to = self.address_of(slot).clone();
        let age = (now - begun) as f64 / SECOND_NS as f64;
        self.recorder.cell(self.stages.now()).count(Counter::Lost);
        let words = || format!("user {user} to {to} after {age:.1} s{}", what());
        let cell = self.recorder.cell(key);
        cell.survival.record(&life);
        cell.end(AttemptOutcome::Failed(cause), now, words);
        self.schedule_reconnect(slot, now, Self::earliest_retry(begun));
    }

    /// The schedule stops a user: an open connection ends successfully, one that is opening is
    /// unfinished.
    fn stop_user(&mut self, slot: u32, now: u64) {
        let connection = self.slots.get(slot);
        let (key, state) = (connection.key(), connection.state);
        match state {
            ConnectionState::Open => self.close_as_planned(slot, self.settings.close, now),
            ConnectionState::Connecting
            | ConnectionState::Securing
            | ConnectionState::Handshaking
            | ConnectionState::Opening => {
                self.leave_connecting(slot);
                self.reset(slot);
                self.recorder.cell(key).end(AttemptOutcome::Unfinished, now, String::new);
            }
            ConnectionState::Free | ConnectionState::Closing => {}
        }
        self.no_longer_missing(slot, now);
        self.stop_reconnecting(slot);
    }

    /// A user's connection is no longer missing.
    fn no_longer_missing(&mut self, slot: u32, now: u64) {
        if std::mem::take(&mut self.slots.get(slot).missing) {
            self.time.advance(now, self.open);
            self.time.missing -= 1;
        }
    }

    /// Records the time up to now in the current phase.
    fn record_time(&mut self, now: u64) {
        self.time.advance(now, self.open);
        self.time.record(&mut self.recorder.cell(self.stages.now()).counters);
    }

    pub(super) fn gauges(&self) -> Gauges {
        let mut gauges = Gauges::default();
        gauges.set(Gauge::Open, self.open);
        gauges.set(Gauge::Connecting, self.connecting);
        gauges.set(Gauge::Users, self.open + self.connecting);
        gauges
    }
}

impl<H: HoldHost, C: Conversation> Worker for HoldWorker<H, C> {
    type Host = H;

    fn host(&mut self) -> &mut H {
        &mut self.host
    }

    fn into_host(self) -> H {
        self.host
    }

    fn obey(&mut self, command: &WorkerCommand, _halted: bool) {
        match command {
            WorkerCommand::Transition { mark, at_ns } => self.stages.learn(*mark, *at_ns),
            WorkerCommand::StartRamp { stage } => self.stages.grant_ramp(*stage),
            WorkerCommand::StartClosing => self.stages.close(),
            WorkerCommand::Addresses { found } => {
                self.load.learn_addresses(found);
                self.host.learn_addresses(found);
            }
            // Held connections take no rows.
            WorkerCommand::Halt
            | WorkerCommand::Grant { .. }
            | WorkerCommand::NothingLeft { .. }
            | WorkerCommand::GiveBack { .. } => {}
        }
    }

    fn do_what_is_due(&mut self, now: u64, _halted: bool) -> LoopStep {
        self.pass_marks(now);
        self.expire_goodbyes(now);
        let more = self.advance_schedule(now) | self.do_churn(now);
        self.expire_deadlines(now);
        if self.stages.is_over() {
            LoopStep::Finished
        } else if more {
            LoopStep::AtOnce
        } else {
            LoopStep::At(self.next_ns())
        }
    }

    fn react(&mut self, events: &[Ready]) {
        if events.is_empty() {
            return;
        }
        let now = self.host.now_ns();
        for event in events {
            self.react_to(*event, now);
        }
    }

    fn snapshot(&mut self, second: u32, until_ns: u64, facts: WorkerFacts) -> Snapshot {
        self.record_time(until_ns);
        self.recorder.take(second, self.gauges(), facts)
    }

    fn hand_over_delay_ns(&self) -> u64 {
        (u64::from(self.load.partition.first_lane()) * HAND_OVER_APART_NS)
            .min(HAND_OVER_DELAY_MAX_NS)
    }

    fn end_all(&mut self, now: u64) {
        self.record_time(now);
        for slot in 0..self.slots.len() {
            self.stop_reconnecting(slot);
            let connection = self.slots.get(slot);
            let (key, state) = (connection.key(), connection.state);
            let life = connection.life(LifeEnd::Censored, now);
            if matches!(state, ConnectionState::Free | ConnectionState::Closing) {
                continue;
            }
            let cell = self.recorder.cell(key);
            if state == ConnectionState::Open {
                cell.count(Counter::UnfinishedOpen);
                cell.survival.record(&life);
            }
            cell.end(AttemptOutcome::Unfinished, now, String::new);
        }
    }
}

/// A cause in the hold phase, without a code.
fn held(failure: Failure) -> Cause {
    Cause::new(failure, FailureStage::Hold)
}

#[cfg(test)]
mod tests;
