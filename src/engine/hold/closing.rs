//! Connections that have sent a closing message and wait for the peer's, up to a time-out.
//!
//! Their attempts are recorded already, and their slots may have new connections.

use super::deadlines::DeadlineQueue;
use super::{ConnectionId, HoldHost, HoldWorker};
use crate::plan::Close;
use crate::record::Counter;
use crate::units::{SECOND_NS, slot};
use crate::workload::hold::{Conversation, ConversationEvent};
use std::io::ErrorKind;

/// How long the peer may take for its closing message.
const GOODBYE_TIMEOUT_NS: u64 = 5 * SECOND_NS;

/// How many connections may be closing at once in the drain.
const CLOSING_MAX: usize = 1_024;

/// Connections between this side's closing message and their end.
#[derive(Debug)]
pub(super) struct ClosingConnections<S, T> {
    /// The slot of the first one; slots below belong to users.
    first: u32,
    connections: Vec<Option<ClosingConnection<S, T>>>,
    free: Vec<u32>,
    /// By the time of their closing message.
    since: DeadlineQueue,
}

#[derive(Debug)]
struct ClosingConnection<S, T> {
    socket: S,
    conversation: T,
    since_ns: u64,
}

impl<S, T> ClosingConnections<S, T> {
    pub(super) fn new(first: u32) -> Self {
        Self { first, connections: Vec::new(), free: Vec::new(), since: DeadlineQueue::default() }
    }

    fn count(&self) -> usize {
        self.connections.len() - self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.count() >= CLOSING_MAX
    }

    /// When the first of them times out.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.since.next().map(|since| since + GOODBYE_TIMEOUT_NS)
    }

    /// The slot of the next one.
    fn next_slot(&self) -> u32 {
        let closing = self.free.last().copied();
        self.first + closing.unwrap_or_else(|| slot(self.connections.len()))
    }

    fn insert(&mut self, closing: ClosingConnection<S, T>) {
        let slot = self.next_slot();
        self.since.push(slot, closing.since_ns);
        match self.free.pop() {
            Some(free) => self.connections[free as usize] = Some(closing),
            None => self.connections.push(Some(closing)),
        }
    }

    fn get(&mut self, slot: u32) -> Option<&mut ClosingConnection<S, T>> {
        self.connections.get_mut((slot - self.first) as usize)?.as_mut()
    }

    fn remove(&mut self, slot: u32) -> Option<ClosingConnection<S, T>> {
        let closing = self.connections.get_mut((slot - self.first) as usize)?.take()?;
        self.free.push(slot - self.first);
        // Memory that a burst needed is freed.
        if self.free.len() == self.connections.len() {
            self.connections = Vec::new();
            self.free = Vec::new();
        }
        Some(closing)
    }
}

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// Closes a connection that has left its slot, after a closing message if its conversation has
    /// one.
    pub(super) fn begin_closing(
        &mut self,
        slot: u32,
        socket: H::Socket,
        mut conversation: C::State,
        how: Close,
    ) {
        self.outgoing.clear();
        if how == Close::Fin && C::HAS_CLOSING_HANDSHAKE {
            self.conversation.close(&mut conversation, &mut self.outgoing);
        }
        let closing = self.closing.next_slot();
        let waits = !self.outgoing.is_empty()
            && self.host.send(&socket, &self.outgoing).is_ok_and(|sent| {
                self.recorder.cell(self.stages.now()).counters.add(Counter::BytesSent, sent as u64);
                sent == self.outgoing.len()
            })
            && self.host.watch(&socket, closing).is_ok();
        self.outgoing.clear();
        if waits {
            self.conversation.move_slot(slot, closing, &conversation);
            let since_ns = self.host.now_ns();
            self.closing.insert(ClosingConnection { socket, conversation, since_ns });
            // Data that arrived before the socket was registered again causes no event.
            self.read_goodbye(closing);
        } else {
            self.conversation.remove(slot, &conversation);
            self.host.close(socket, how);
        }
    }

    /// Reads what the peer of a closing connection still sends.
    pub(super) fn read_goodbye(&mut self, slot: u32) {
        let over = loop {
            let Some(closing) = self.closing.get(slot) else { return };
            match self.host.receive(&closing.socket, &mut self.buffer) {
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
            self.finish_closing(slot);
        }
    }

    /// Whether what was read ends the conversation.
    fn says_goodbye(&mut self, slot: u32, length: usize) -> bool {
        let Some(closing) = self.closing.get(slot) else { return true };
        let id = ConnectionId { slot, begun_ns: 0 };
        let mut from = 0;
        while from < length {
            let bytes = &self.buffer[from..length];
            let received =
                self.conversation.receive(id, &mut closing.conversation, bytes, &mut self.outgoing);
            // Nothing is sent after a closing message.
            self.outgoing.clear();
            if matches!(received.event, ConversationEvent::Failed(_)) {
                return true;
            }
            from += received.used;
        }
        false
    }

    fn finish_closing(&mut self, slot: u32) {
        if let Some(closing) = self.closing.remove(slot) {
            self.conversation.remove(slot, &closing.conversation);
            self.host.close(closing.socket, Close::Fin);
        }
    }

    /// Closes connections whose peers have taken too long.
    pub(super) fn expire_goodbyes(&mut self, now: u64) {
        let Some(until) = now.checked_sub(GOODBYE_TIMEOUT_NS) else { return };
        while let Some((slot, since_ns)) = self.closing.since.pop(until) {
            if self.closing.get(slot).is_some_and(|closing| closing.since_ns == since_ns) {
                self.finish_closing(slot);
            }
        }
    }
}
