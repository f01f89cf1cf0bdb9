//! Turns connections that have said goodbye into closed ones: once the peer has said its own, or
//! has taken too long.
//!
//! Their attempts are booked already; their slots may have new connections.

use super::deadlines::Queue;
use super::{ConnectionId, Hold, Host};
use crate::plan::Close;
use crate::record::Counter;
use crate::units::SECOND_NS;
use crate::workload::hold::{Conversation, Event};
use std::io::ErrorKind;

/// How long the peer may take for its goodbye.
const PATIENCE_NS: u64 = 5 * SECOND_NS;

/// Connections that may be leaving at once when all are closed.
const AT_ONCE: usize = 1_024;

/// Connections between this side's goodbye and their end.
#[derive(Debug)]
pub(super) struct Leaving<S, T> {
    /// The slot of the first; those below belong to users.
    first: u32,
    places: Vec<Option<Place<S, T>>>,
    free: Vec<u32>,
    /// By when they said goodbye.
    since: Queue,
}

#[derive(Debug)]
struct Place<S, T> {
    socket: S,
    talk: T,
    since_ns: u64,
}

impl<S, T> Leaving<S, T> {
    pub(super) fn new(first: u32) -> Self {
        Self { first, places: Vec::new(), free: Vec::new(), since: Queue::default() }
    }

    fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.count() >= AT_ONCE
    }

    /// When the first of them is given up.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.since.next().map(|since| since + PATIENCE_NS)
    }

    /// The slot that the next one will have.
    fn next_slot(&self) -> u32 {
        let place = self.free.last().copied();
        self.first + place.unwrap_or(u32::try_from(self.places.len()).unwrap_or(u32::MAX))
    }

    fn insert(&mut self, place: Place<S, T>) {
        let slot = self.next_slot();
        self.since.push(slot, place.since_ns);
        match self.free.pop() {
            Some(free) => self.places[free as usize] = Some(place),
            None => self.places.push(Some(place)),
        }
    }

    fn get(&mut self, slot: u32) -> Option<&mut Place<S, T>> {
        self.places.get_mut((slot - self.first) as usize)?.as_mut()
    }

    fn remove(&mut self, slot: u32) -> Option<Place<S, T>> {
        let place = self.places.get_mut((slot - self.first) as usize)?.take()?;
        self.free.push(slot - self.first);
        // What a burst needed is given back.
        if self.free.len() == self.places.len() {
            self.places = Vec::new();
            self.free = Vec::new();
        }
        Some(place)
    }
}

impl<H: Host, C: Conversation> Hold<H, C> {
    /// Ends a connection that has left its slot: with a goodbye where its conversation has one.
    pub(super) fn part(&mut self, slot: u32, socket: H::Socket, mut talk: C::State, how: Close) {
        self.outgoing.clear();
        if how == Close::Fin && C::SAYS_GOODBYE {
            self.conversation.close(&mut talk, &mut self.outgoing);
        }
        let place = self.leaving.next_slot();
        let waits = !self.outgoing.is_empty()
            && self.host.send(&socket, &self.outgoing).is_ok_and(|sent| {
                self.recorder.cell(self.stages.now()).counters.add(Counter::BytesSent, sent as u64);
                sent == self.outgoing.len()
            })
            && self.host.watch(&socket, place).is_ok();
        self.outgoing.clear();
        if waits {
            self.conversation.rename(slot, place, &talk);
            let since_ns = self.host.now_ns();
            self.leaving.insert(Place { socket, talk, since_ns });
            // What came before the socket was watched anew has no event of its own.
            self.hear_goodbye(place);
        } else {
            self.conversation.forget(slot, &talk);
            self.host.close(socket, how);
        }
    }

    /// Reads what a leaving connection has still to say.
    pub(super) fn hear_goodbye(&mut self, slot: u32) {
        let over = loop {
            let Some(place) = self.leaving.get(slot) else { return };
            match self.host.receive(&place.socket, &mut self.buffer) {
                Ok(0) => break true,
                Ok(length) => {
                    let cell = self.recorder.cell(self.stages.now());
                    cell.counters.add(Counter::BytesReceived, length as u64);
                    if self.says_goodbye(slot, length) {
                        break true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
        };
        if over {
            self.let_go(slot);
        }
    }

    /// Whether what was read ends the conversation.
    fn says_goodbye(&mut self, slot: u32, length: usize) -> bool {
        let Some(place) = self.leaving.get(slot) else { return true };
        let id = ConnectionId { slot, begun_ns: 0 };
        let mut from = 0;
        while from < length {
            let bytes = &self.buffer[from..length];
            let received =
                self.conversation.receive(id, &mut place.talk, bytes, &mut self.outgoing);
            // Nothing follows a goodbye.
            self.outgoing.clear();
            if matches!(received.event, Event::Failed(_)) {
                return true;
            }
            from += received.used;
        }
        false
    }

    fn let_go(&mut self, slot: u32) {
        if let Some(place) = self.leaving.remove(slot) {
            self.conversation.forget(slot, &place.talk);
            self.host.close(place.socket, Close::Fin);
        }
    }

    /// Closes connections whose peers have taken too long.
    pub(super) fn stop_waiting_for_goodbyes(&mut self, now: u64) {
        let Some(until) = now.checked_sub(PATIENCE_NS) else { return };
        while let Some((slot, since_ns)) = self.leaving.since.pop(until) {
            if self.leaving.get(slot).is_some_and(|place| place.since_ns == since_ns) {
                self.let_go(slot);
            }
        }
    }
}
