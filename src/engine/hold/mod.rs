//! Turns what falls due for one worker into connections that are opened, verified, watched and
//! closed.
//!
//! One loop, one small record a connection. What is due comes from the schedule; what is late is
//! found by queues of equal deadlines and, for heartbeats of the server, by a sweep over all
//! records.
//!
//! **Invariant:** no task, timer or buffer belongs to a connection.

mod churn;
mod churn_rng;
mod closing;
mod connection_time;
mod conversation;
mod deadlines;
mod events;
mod host;
mod slots;
mod sockets;
mod stages;

pub(super) use host::HoldHost;
pub(super) use sockets::HoldSockets;

use super::load::Load;
use super::wire::Command;
use super::worker::{Next, Ready, Worker};
use crate::plan::{Close, Heartbeat, HoldSettings};
use crate::record::{
    AttemptOutcome, Cause, CellKey, Counter, Failure, FailureStage, Gauge, Gauges, LifeEnd,
    Recorder, Snapshot, WorkerFacts,
};
use crate::units::SECOND_NS;
use crate::workload::hold::{ConnectionId, Conversation};
use churn::ChurnState;
use churn_rng::ChurnRng;
use closing::ClosingConnections;
use connection_time::ConnectionTime;
use deadlines::DeadlineQueue;
use slots::{Slots, State};
use stages::Stages;

/// Connections that are opened or closed before the loop looks at events again: bounds both the lag
/// of events and the length of the kernel's loopback queue.
const BATCH: usize = 32;

/// Connections that may be opening at once in an unpaced ramp: more only fill the target's accept
/// queue.
const OPENING_MAX: u64 = 512;

/// A worker that has nothing else to do hands over a second so much later than the one before it,
/// up to the longest delay: fifty of them at once would hold up the one that is opening
/// connections.
const HAND_OVER_APART_NS: u64 = 8_000_000;
const HAND_OVER_DELAY_MAX_NS: u64 = 400_000_000;

/// The largest read; a held connection rarely has more than one message waiting.
const BUFFER: usize = 64 << 10;

/// The loop of one worker.
pub(super) struct HoldWorker<H: HoldHost, C: Conversation> {
    host: H,
    load: Load,
    settings: HoldSettings,
    conversation: C,
    /// Whether connections are secured before they count as open.
    secured: bool,
    stages: Stages,
    slots: Slots<H::Socket, C::State>,
    /// Connections that have said goodbye and await the peer's.
    closing: ClosingConnections<H::Socket, C::State>,
    recorder: Recorder,
    open: u64,
    connecting: u64,
    /// Of these, the ones that a ramp asked for.
    ramping: u64,
    time: ConnectionTime,
    churn: ChurnState,
    /// Connections that are opening, by when that began.
    opening: DeadlineQueue,
    /// Open connections that owe their first message, by when they opened.
    awaiting_greeting: DeadlineQueue,
    /// Open connections, by when they were sent a heartbeat or opened.
    next_heartbeat: DeadlineQueue,
    /// Heartbeats sent, by when.
    awaiting_reply: DeadlineQueue,
    /// When all records are looked at next for a missing heartbeat of the server.
    sweep_ns: u64,
    buffer: Box<[u8]>,
    /// What is about to be sent.
    outgoing: Vec<u8>,
}

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// A loop at the start of the run.
    pub(super) fn new(host: H, load: Load, settings: HoldSettings, conversation: C) -> Self {
        let slots = Slots::new(load.schedule.peak_users(), load.partition, load.schedule.block);
        let leaving = ClosingConnections::new(slots.len());
        Self {
            host,
            conversation,
            closing: leaving,
            secured: load.tls.is_some(),
            stages: Stages::new(&load),
            churn: ChurnState::new(
                settings.churn.clone(),
                ChurnRng::new(load.plan.seed, load.scenario),
                slots.len(),
            ),
            slots,
            settings,
            load,
            recorder: Recorder::default(),
            open: 0,
            connecting: 0,
            ramping: 0,
            time: ConnectionTime::default(),
            opening: DeadlineQueue::default(),
            awaiting_greeting: DeadlineQueue::default(),
            next_heartbeat: DeadlineQueue::default(),
            awaiting_reply: DeadlineQueue::default(),
            sweep_ns: 0,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            outgoing: Vec::new(),
        }
    }

    /// Opens one connection. `due_ns` is when the schedule wanted it; nothing is late in an unpaced
    /// ramp. `again`: it takes the place of one that its user had or tried before.
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

    /// Books an attempt whose connection did not open.
    fn connect_failed(
        &mut self,
        slot: u32,
        key: CellKey,
        cause: Cause,
        now: u64,
        what: impl FnOnce() -> String,
    ) {
        let user = self.slots.user(slot);
        let to = self.load.route(user).to;
        let cell = self.recorder.cell(key);
        let local = cause.failure.origin() == crate::record::Origin::Local;
        cell.count(if local { Counter::ConnectFailedLocal } else { Counter::ConnectFailed });
        cell.end(AttemptOutcome::Failed(cause), now, || format!("user {user} to {to}{}", what()));
        self.schedule_reconnect(slot, now, Self::earliest_retry(now));
    }

    /// A connection is no longer being opened.
    fn leave_connecting(&mut self, slot: u32) {
        self.connecting -= 1;
        self.ramping -= u64::from(!self.slots.get(slot).is_reconnect);
    }

    /// Ends an attempt whose connection is being opened.
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

    /// Ends a connection without a word.
    fn reset(&mut self, slot: u32) {
        if let Some((socket, conversation)) = self.slots.get(slot).end() {
            self.conversation.remove(slot, &conversation);
            self.host.close(socket, Close::Rst);
        }
    }

    /// Ends an attempt whose connection was open and should have stayed so.
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
        let to = self.load.route(user).to;
        let age = (now - begun) as f64 / SECOND_NS as f64;
        self.recorder.cell(self.stages.now()).count(Counter::Lost);
        let words = || format!("user {user} to {to} after {age:.1} s{}", what());
        let cell = self.recorder.cell(key);
        cell.survival.record(&life);
        cell.end(AttemptOutcome::Failed(cause), now, words);
        self.schedule_reconnect(slot, now, Self::earliest_retry(begun));
    }

    /// The schedule wants a user no more: a connection that is open ends well, one that never came
    /// to that is unfinished.
    fn stop_user(&mut self, slot: u32, now: u64) {
        let connection = self.slots.get(slot);
        let (key, state) = (connection.key(), connection.state);
        match state {
            State::Open => self.close_as_planned(slot, self.settings.close, now),
            State::Connecting | State::Securing | State::Handshaking => {
                self.leave_connecting(slot);
                self.reset(slot);
                self.recorder.cell(key).end(AttemptOutcome::Unfinished, now, String::new);
            }
            State::Free | State::Closing => {}
        }
        self.no_longer_missing(slot, now);
        self.stop_reconnecting(slot);
    }

    /// A user owes no more time.
    fn no_longer_missing(&mut self, slot: u32, now: u64) {
        if std::mem::take(&mut self.slots.get(slot).missing) {
            self.time.advance(now, self.open);
            self.time.missing -= 1;
        }
    }

    /// Books the time up to now to the phase that is current.
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

    /// When the loop has to look again even if nothing happens.
    fn next_ns(&self) -> u64 {
        let after = |queue: &DeadlineQueue, time: crate::units::Time| {
            queue.next().map(|since| since + time.as_nanos())
        };
        let (beat, reply) = match &self.settings.heartbeat {
            Some(Heartbeat::Client { every, timeout, .. }) => {
                (after(&self.next_heartbeat, *every), after(&self.awaiting_reply, *timeout))
            }
            Some(Heartbeat::Server { .. }) => (Some(self.sweep_ns), None),
            None => (None, None),
        };
        let greeting =
            self.settings.greeting.and_then(|within| after(&self.awaiting_greeting, within));
        [
            self.stages.next_ns(),
            self.churn.next_ns(self.stages.start_ns()).filter(|_| !self.stages.is_draining()),
            after(&self.opening, self.settings.connect_timeout),
            self.closing.next_ns(),
            greeting,
            beat,
            reply,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX)
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

    fn obey(&mut self, command: &Command, _halted: bool) {
        match command {
            Command::Transition { mark, at_ns } => self.stages.learn(*mark, *at_ns),
            Command::StartRamp { stage } => self.stages.grant_ramp(*stage),
            Command::StartClosing => self.stages.close(),
            // Held connections take no rows.
            Command::Halt | Command::Rows { .. } | Command::NoRows | Command::ReturnRows => {}
        }
    }

    fn do_what_is_due(&mut self, now: u64, _halted: bool) -> Next {
        self.pass_marks(now);
        self.expire_goodbyes(now);
        let more = self.advance_schedule(now) | self.do_churn(now);
        self.expire_deadlines(now);
        if self.stages.is_over() {
            Next::Finished
        } else if more {
            Next::AtOnce
        } else {
            Next::At(self.next_ns())
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
        (u64::from(self.load.partition.index) * HAND_OVER_APART_NS).min(HAND_OVER_DELAY_MAX_NS)
    }

    fn end_all(&mut self, now: u64) {
        self.record_time(now);
        for slot in 0..self.slots.len() {
            self.stop_reconnecting(slot);
            let connection = self.slots.get(slot);
            let (key, state) = (connection.key(), connection.state);
            let life = connection.life(LifeEnd::Censored, now);
            if matches!(state, State::Free | State::Closing) {
                continue;
            }
            let cell = self.recorder.cell(key);
            if state == State::Open {
                cell.count(Counter::UnfinishedOpen);
                cell.survival.record(&life);
            }
            cell.end(AttemptOutcome::Unfinished, now, String::new);
        }
    }
}

/// A cause of the hold phase without a number.
fn held(failure: Failure) -> Cause {
    Cause::new(failure, FailureStage::Hold)
}

#[cfg(test)]
mod tests;
