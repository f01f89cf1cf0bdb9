//! Turns slots into users and connections: one small record each, used again when it is free.

use super::super::worker::SlotId;
use super::recorder::Attempt;
use crate::plan::ConnectionUse;
use crate::record::ConnectionEnd;
use crate::units::slot;
use crate::workload::http::{RequestError, UserSession};
use fastrand::Rng;

/// What a slot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Free,
    /// Its connection is being opened, for a request.
    Connecting,
    /// The same, after it found no room where it goes: it asks again.
    RetryingConnect,
    /// Its connection is open, and being secured, for a request.
    Securing,
    /// Its request waits for room on a connection that it shares.
    AwaitingStream,
    /// Its request was not processed, and waits before it is sent again.
    AwaitingResend,
    /// Its request is under way.
    InFlight,
    /// A user thinks, or waits after a failure.
    Thinking,
    /// A connection waits for an arrival.
    Idle,
}

/// A user, or a connection for arrivals.
#[derive(Debug)]
pub(super) struct Slot<L> {
    pub(super) generation: u32,
    pub(super) state: State,
    pub(super) is_user: bool,
    /// A user that goes after its request.
    pub(super) leaving: bool,
    /// Connections in a row that did not come about; bounded.
    pub(super) failures: u8,
    /// How many times an unpaced ramp waits for it.
    pub(super) awaited_by_ramp: u8,
    /// A user's: the stage that has no users any more.
    pub(super) removed_in_stage: u16,
    pub(super) number: u64,
    /// Which step of its pass comes next, or is under way.
    pub(super) step: u16,
    /// What it carries along, where scenarios ask for it.
    pub(super) session: Option<Box<UserSession>>,
    pub(super) rng: Rng,
    pub(super) connection: Option<L>,
    /// While it has a request.
    pub(super) attempt: Attempt,
    /// Why it was not processed, when it was sent in vain before.
    pub(super) rejection: Option<Box<RequestError>>,
    /// While it is connecting: since when; while `Asking`: when the request was sent.
    pub(super) since_ns: u64,
    /// When its connection was open, secured or not.
    pub(super) opened_ns: u64,
    /// How many requests it has carried.
    pub(super) served: u64,
    /// While `Resting`, `Knocking` or `Pausing`: until when.
    pub(super) wake_ns: u64,
    /// When its time-outs are looked at next.
    pub(super) timer_ns: u64,
}

impl<L> Slot<L> {
    /// Whether a request is under way, sent or not.
    pub(super) fn has_request(&self) -> bool {
        self.is_connecting()
            || matches!(self.state, State::AwaitingStream | State::AwaitingResend | State::InFlight)
    }

    /// Whether its connection is not to be used yet.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting | State::RetryingConnect | State::Securing)
    }

    /// Why its connection must not be used for another request; `None` when it may.
    pub(super) fn spent(&self, uses: ConnectionUse, now: u64) -> Option<ConnectionEnd> {
        let age_ns = now.saturating_sub(self.opened_ns);
        if uses.max_requests.is_some_and(|most| self.served >= most) {
            return Some(ConnectionEnd::MaxRequests);
        }
        uses.max_age.filter(|age| age_ns >= age.as_nanos()).map(|_| ConnectionEnd::MaxAge)
    }
}

/// All slots of a worker.
#[derive(Debug)]
pub(super) struct Slots<L> {
    all: Vec<Slot<L>>,
    free: Vec<u32>,
}

impl<L> Slots<L> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }

    /// A slot for a newcomer.
    pub(super) fn take(&mut self, number: u64, is_user: bool, rng: Rng) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.all.push(Slot {
                generation: 0,
                state: State::Free,
                is_user,
                leaving: false,
                failures: 0,
                awaited_by_ramp: 0,
                removed_in_stage: u16::MAX,
                number,
                step: 0,
                session: None,
                rng: rng.clone(),
                connection: None,
                attempt: Attempt::default(),
                rejection: None,
                since_ns: 0,
                opened_ns: 0,
                served: 0,
                wake_ns: 0,
                timer_ns: u64::MAX,
            });
            slot(self.all.len() - 1)
        });
        let entry = self.get(slot);
        (entry.number, entry.is_user, entry.rng) = (number, is_user, rng);
        (entry.step, entry.session) = (0, None);
        (entry.leaving, entry.failures, entry.awaited_by_ramp, entry.removed_in_stage) =
            (false, 0, 0, u16::MAX);
        slot
    }

    /// Gives a slot back; its connection has gone.
    pub(super) fn give_back(&mut self, slot: u32) {
        let entry = self.get(slot);
        entry.state = State::Free;
        entry.session = None;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
    }

    pub(super) fn get(&mut self, slot: u32) -> &mut Slot<L> {
        &mut self.all[slot as usize]
    }

    /// The slot of a connection that may have gone.
    pub(super) fn current(&mut self, id: SlotId) -> Option<&mut Slot<L>> {
        self.all.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)
    }

    pub(super) fn len(&self) -> u32 {
        slot(self.all.len())
    }

    /// Whether all are free.
    pub(super) fn is_empty(&self) -> bool {
        self.all.len() == self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::HttpConnection;
    use super::*;

    #[test]
    fn a_user_costs_at_most_512_bytes() {
        let size = size_of::<Slot<HttpConnection>>();
        assert!(size <= 512, "{size}");
    }
}
