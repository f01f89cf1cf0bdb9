//! Slots: one small record for each user, or for each connection of a rate stage; reused once free.

use super::super::worker::SlotId;
use super::recorder::Attempt;
use crate::plan::ConnectionUse;
use crate::record::ConnectionEnd;
use crate::units::slot;
use crate::workload::http::{RequestError, UserSession};
use fastrand::Rng;

/// A slot whose iteration belongs to no fixed work.
pub(super) const NO_STAGE: u16 = u16::MAX;

/// The state of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpSlotState {
    Free,
    /// Its connection is opening, for a request.
    Connecting,
    /// The same, after the server's queue was full: it will try again.
    RetryingConnect,
    /// Its connection is open and in the TLS handshake, for a request.
    Securing,
    /// Its request waits for a stream of a shared connection.
    AwaitingStream,
    /// Its request was not processed and will be sent again after a pause.
    AwaitingResend,
    /// Its request was sent and has no complete response.
    InFlight,
    /// Its user thinks, or pauses after a failure.
    Thinking,
    /// Its connection waits for an arrival.
    Idle,
}

/// A user, or a connection for arrivals.
#[derive(Debug)]
pub(super) struct Slot<L> {
    pub(super) generation: u32,
    pub(super) state: HttpSlotState,
    pub(super) is_user: bool,
    /// The user leaves after the request in progress.
    pub(super) leaving: bool,
    /// How many connections in a row failed to open; bounded.
    pub(super) failures: u8,
    /// How many times an unpaced ramp waits for it.
    pub(super) awaited_by_ramp: u8,
    /// Of a user: the stage in which it must be gone.
    pub(super) removed_in_stage: u16,
    /// The stage whose fixed work its iteration is part of.
    pub(super) stage_of_work: u16,
    pub(super) number: u64,
    /// The step of its iteration that is next or in progress.
    pub(super) step: u16,
    /// The session that its user keeps between requests, if the plan asks for that.
    pub(super) session: Option<Box<UserSession>>,
    pub(super) rng: Rng,
    pub(super) connection: Option<L>,
    /// The attempt in progress.
    pub(super) attempt: Attempt,
    /// Why the request was not processed when it was sent before.
    pub(super) rejection: Option<Box<RequestError>>,
    /// While connecting: since when; while `InFlight`: when the request was sent.
    pub(super) since_ns: u64,
    /// When its connection opened, secured or not.
    pub(super) opened_ns: u64,
    /// How many requests its connection has carried.
    pub(super) served: u64,
    /// While `Thinking`, `RetryingConnect` or `AwaitingResend`: until when.
    pub(super) wake_ns: u64,
    /// When its next timer expires.
    pub(super) timer_ns: u64,
}

impl<L> Slot<L> {
    /// Whether a request is in progress, sent or not.
    pub(super) fn has_request(&self) -> bool {
        self.is_connecting()
            || matches!(
                self.state,
                HttpSlotState::AwaitingStream
                    | HttpSlotState::AwaitingResend
                    | HttpSlotState::InFlight
            )
    }

    /// Whether its connection is not usable yet.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(
            self.state,
            HttpSlotState::Connecting | HttpSlotState::RetryingConnect | HttpSlotState::Securing
        )
    }

    /// Why its connection must not be used for another request; `None` if it may.
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
pub(super) struct UserSlots<L> {
    all: Vec<Slot<L>>,
    free: Vec<u32>,
}

impl<L> UserSlots<L> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }

    /// Takes a free slot, or makes one.
    pub(super) fn take(&mut self, number: u64, is_user: bool, rng: Rng) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.all.push(Slot {
                generation: 0,
                state: HttpSlotState::Free,
                is_user,
                leaving: false,
                failures: 0,
                awaited_by_ramp: 0,
                removed_in_stage: u16::MAX,
                stage_of_work: NO_STAGE,
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
        (entry.step, entry.session, entry.stage_of_work) = (0, None, NO_STAGE);
        (entry.leaving, entry.failures, entry.awaited_by_ramp, entry.removed_in_stage) =
            (false, 0, 0, u16::MAX);
        slot
    }

    /// Frees a slot whose connection has ended.
    pub(super) fn give_back(&mut self, slot: u32) {
        let entry = self.get(slot);
        entry.state = HttpSlotState::Free;
        entry.session = None;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
    }

    pub(super) fn get(&mut self, slot: u32) -> &mut Slot<L> {
        &mut self.all[slot as usize]
    }

    /// The slot of a connection, unless that has ended.
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
    fn a_user_costs_at_most_304_bytes() {
        let size = size_of::<Slot<HttpConnection>>();
        assert!(size <= 304, "{size}");
    }
}
