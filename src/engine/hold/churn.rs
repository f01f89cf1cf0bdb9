//! Closes connections whose lifetime is over, drops those that events drop, and reconnects users
//! after their pauses.
//!
//! **Invariant:** a scenario without churn pays nothing for it: no timer, no record beside the
//! connection's own.
//!
//! **Invariant:** attempts of one user are at least [`RECONNECT_MIN_NS`] apart, unless the
//! connection in between held.

use super::churn_rng::ChurnRng;
use super::slots::ConnectionState;
use super::{BATCH, HoldHost, HoldWorker};
use crate::plan::{Close, Reconnect, TimeMetric};
use crate::record::{CellKey, Counter, LifeEnd, Storm};
use crate::units::narrow;
use crate::workload::hold::Conversation;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How long a user waits at least after an attempt that failed.
const RECONNECT_MIN_NS: u64 = 10_000_000;

/// Actions due apart from the schedule, and the state that each user needs for them.
#[derive(Debug)]
pub(super) struct ChurnState {
    settings: crate::plan::Churn,
    rng: ChurnRng,
    /// By slot; empty without churn.
    users: Vec<ReconnectState>,
    /// When to look at a slot again, and the number that its user must still have then.
    timers: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// The first event that has not begun.
    next_event: usize,
    /// By event that has begun: when, and in which phase.
    begun: Vec<(u64, CellKey)>,
    /// Drops of events that have begun, in order of time.
    drops: VecDeque<ScheduledDrop>,
}

/// A user's connections so far.
#[derive(Debug, Clone, Copy, Default)]
struct ReconnectState {
    /// When an event dropped the connection; zero once it is back, or if none did.
    dropped_ns: u64,
    /// The event that dropped it.
    event: u16,
    /// Counts ends of connections: an obsolete timer has an earlier number, and each number has its
    /// own draws.
    number: u32,
    /// Attempts since the last connection opened.
    tries: u8,
}

/// A connection that an event drops.
#[derive(Debug, Clone, Copy)]
struct ScheduledDrop {
    at_ns: u64,
    slot: u32,
    event: u16,
    by: Close,
}

impl ChurnState {
    pub(super) fn new(settings: crate::plan::Churn, rng: ChurnRng, slots: u32) -> Self {
        let room = if settings.is_any() { slots as usize } else { 0 };
        Self {
            settings,
            rng,
            users: vec![ReconnectState::default(); room],
            timers: BinaryHeap::new(),
            next_event: 0,
            begun: Vec::new(),
            drops: VecDeque::new(),
        }
    }

    /// When something is due, if the scenario starts at `start_ns`.
    pub(super) fn next_ns(&self, start_ns: Option<u64>) -> Option<u64> {
        let event = self.settings.events.get(self.next_event);
        let event =
            event.zip(start_ns).map(|(event, start)| start.saturating_add(event.at.as_nanos()));
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let drop = self.drops.front().map(|drop| drop.at_ns);
        [event, timer, drop].into_iter().flatten().min()
    }

    fn user_state(&mut self, slot: u32) -> Option<&mut ReconnectState> {
        self.users.get_mut(slot as usize)
    }

    /// Takes the next timer that is due and not obsolete.
    fn timer(&mut self, now_ns: u64) -> Option<(u64, u32)> {
        while let Some(Reverse((at, slot, number))) = self.timers.peek().copied() {
            if at > now_ns {
                break;
            }
            self.timers.pop();
            if self.user_state(slot).is_some_and(|user_state| user_state.number == number) {
                return Some((at, slot));
            }
        }
        // Memory that a burst needed is freed.
        if self.timers.is_empty() && self.timers.capacity() > 4_096 {
            self.timers = BinaryHeap::new();
        }
        None
    }
}

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// Does what is due apart from the schedule, at most a batch of each kind; true if there is
    /// more.
    pub(super) fn do_churn(&mut self, now: u64) -> bool {
        if self.churn.users.is_empty() || self.stages.is_draining() {
            return false;
        }
        self.begin_events(now);
        for _ in 0..BATCH {
            let Some(drop) = self.churn.drops.pop_front_if(|drop| drop.at_ns <= now) else { break };
            self.drop_connection(drop, now);
        }
        for _ in 0..BATCH {
            let Some((due, slot)) = self.churn.timer(now) else { break };
            match self.slots.get(slot).state {
                ConnectionState::Free => {
                    let paced = matches!(self.churn.settings.reconnect, Reconnect::Backoff { .. });
                    self.reconnect(slot, paced.then_some(due));
                }
                ConnectionState::Open => {
                    self.close_as_planned(slot, self.settings.close, now);
                    self.cancel_timers(slot);
                    self.reconnect(slot, Some(due));
                }
                ConnectionState::Connecting
                | ConnectionState::Securing
                | ConnectionState::Handshaking
                | ConnectionState::Opening
                | ConnectionState::Closing => {}
            }
        }
        self.churn.next_ns(self.stages.start_ns()).is_some_and(|next| next <= now)
    }

    /// Chooses the connections that events drop which are due now.
    fn begin_events(&mut self, now: u64) {
        let Some(start) = self.stages.start_ns() else { return };
        while let Some(event) = self.churn.settings.events.get(self.churn.next_event).copied() {
            let at_ns = start.saturating_add(event.at.as_nanos());
            if at_ns > now {
                return;
            }
            let number = self.churn.next_event;
            for slot in 0..self.slots.len() {
                let user = self.slots.user(slot);
                let offset = self.churn.rng.drop_ns(number, &event, user);
                self.churn.drops.extend(offset.map(|offset| ScheduledDrop {
                    at_ns: at_ns.saturating_add(offset),
                    slot,
                    event: narrow(number),
                    by: event.by,
                }));
            }
            // A stable sort: of drops at the same time, those of the first event come first.
            self.churn.drops.make_contiguous().sort_by_key(|drop| drop.at_ns);
            self.churn.begun.push((at_ns, self.stages.phase_at(at_ns)));
            self.churn.next_event += 1;
        }
    }

    /// Drops a connection, if it is open.
    fn drop_connection(&mut self, drop: ScheduledDrop, now: u64) {
        if self.slots.get(drop.slot).state == ConnectionState::Open {
            self.close_as_planned(drop.slot, drop.by, now);
            self.recorder.cell(self.stages.now()).count(Counter::StormDropped);
            if let Some(user_state) = self.churn.user_state(drop.slot) {
                user_state.dropped_ns = now;
                user_state.event = drop.event;
            }
            if let Some((_, storm)) = self.storm(drop.event) {
                storm.dropped += 1;
            }
            self.schedule_reconnect(drop.slot, now, now);
        }
        if self.churn.drops.is_empty() {
            self.churn.drops = VecDeque::new();
        }
    }

    fn reconnect(&mut self, slot: u32, due_ns: Option<u64>) {
        let (user, key) = (self.slots.user(slot), self.stages.now());
        self.recorder.cell(key).count(Counter::Reconnects);
        self.begin_attempt(user, key, due_ns, true);
    }

    /// Makes the timers of a slot obsolete.
    fn cancel_timers(&mut self, slot: u32) {
        if let Some(user_state) = self.churn.user_state(slot) {
            user_state.number = user_state.number.wrapping_add(1);
        }
    }

    /// Schedules the next attempt of a user without a connection as the plan says, not before
    /// `earliest_ns`.
    pub(super) fn schedule_reconnect(&mut self, slot: u32, now: u64, earliest_ns: u64) {
        if self.stages.is_draining() {
            return;
        }
        self.cancel_timers(slot);
        let user = self.slots.user(slot);
        let (reconnect, rng) = (self.churn.settings.reconnect, self.churn.rng);
        let Some(user_state) = self.churn.user_state(slot) else { return };
        let pause = match reconnect {
            Reconnect::Never => return self.stop_reconnecting(slot),
            Reconnect::AtOnce => 0,
            Reconnect::Backoff { first, longest, jitter } => {
                let bounds = (first.as_nanos(), longest.as_nanos());
                rng.pause_ns(bounds, jitter, (user, user_state.number), user_state.tries)
            }
        };
        user_state.tries = user_state.tries.saturating_add(1);
        let entry = (now.saturating_add(pause).max(earliest_ns), slot, user_state.number);
        self.churn.timers.push(Reverse(entry));
    }

    /// The earliest time for an attempt after one that began then and failed.
    pub(super) fn earliest_retry(begun_ns: u64) -> u64 {
        begun_ns.saturating_add(RECONNECT_MIN_NS)
    }

    /// A user's connection has opened.
    pub(super) fn connection_opened(&mut self, slot: u32, now: u64) {
        let user = self.slots.user(slot);
        let (lifetime, rng) = (self.churn.settings.lifetime, self.churn.rng);
        let Some(user_state) = self.churn.user_state(slot) else { return };
        user_state.tries = 0;
        let (number, event) = (user_state.number, user_state.event);
        let dropped_ns = std::mem::take(&mut user_state.dropped_ns);
        if let Some(lifetime) = lifetime {
            let end_ns = now.saturating_add(rng.lifetime_ns(lifetime, user, number));
            self.churn.timers.push(Reverse((end_ns, slot, number)));
        }
        if dropped_ns > 0 {
            let cell = self.recorder.cell(self.stages.now());
            cell.count(Counter::StormRecovered);
            cell.time(TimeMetric::RecoveryTime, now - dropped_ns);
            if let Some((at_ns, storm)) = self.storm(event) {
                storm.back(now.saturating_sub(at_ns));
            }
        }
    }

    /// A user needs no connection any more, or will get none.
    pub(super) fn stop_reconnecting(&mut self, slot: u32) {
        self.cancel_timers(slot);
        let Some(user_state) = self.churn.user_state(slot) else { return };
        let event = user_state.event;
        if std::mem::take(&mut user_state.dropped_ns) > 0 {
            self.recorder.cell(self.stages.now()).count(Counter::StormUnrecovered);
            if let Some((_, storm)) = self.storm(event) {
                storm.gone += 1;
            }
        }
    }

    /// When an event was due, and its facts. They belong to the phase in which it was due, so that
    /// they stay together.
    fn storm(&mut self, event: u16) -> Option<(u64, &mut Storm)> {
        let (at_ns, key) = *self.churn.begun.get(usize::from(event))?;
        Some((at_ns, self.recorder.cell(key).storms.entry(event).or_default()))
    }

    /// Closes an open connection because the plan says so.
    pub(super) fn close_as_planned(&mut self, slot: u32, how: Close, now: u64) {
        let connection = self.slots.get(slot);
        let (key, life) = (connection.key(), connection.life(LifeEnd::Censored, now));
        let Some((socket, conversation)) = connection.end() else { return };
        self.time.advance(now, self.open);
        self.open -= 1;
        self.begin_closing(slot, socket, conversation, how);
        self.recorder.cell(self.stages.now()).count(Counter::Closed);
        let cell = self.recorder.cell(key);
        cell.survival.record(&life);
        cell.end(crate::record::AttemptOutcome::Ok, now, String::new);
    }
}
