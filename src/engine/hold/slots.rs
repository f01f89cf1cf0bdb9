//! Slots: one small record for each connection, at a place that follows from the user's number.

use crate::record::{CellKey, FailureStage, Life, LifeEnd};
use crate::schedule::Partition;
use crate::units::{index, slot};

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// No connection.
    Free,
    /// Opening.
    Connecting,
    /// Open, in the TLS handshake.
    Securing,
    /// Open and secured, in the handshake of its conversation.
    Handshaking,
    /// Open, secured, its handshake done, in the messages of its opening.
    Opening,
    /// Open.
    Open,
    /// Its attempt has ended; the socket will be closed.
    Closing,
}

impl ConnectionState {
    /// How far a connection that fails in this state has come.
    pub(super) fn failure_stage(self) -> FailureStage {
        match self {
            Self::Free | Self::Connecting => FailureStage::Connect,
            Self::Securing => FailureStage::Tls,
            Self::Handshaking => FailureStage::Handshake,
            Self::Opening => FailureStage::Opening,
            Self::Open | Self::Closing => FailureStage::Hold,
        }
    }

    /// Whether it is neither open nor at an end.
    pub(super) fn is_opening(self) -> bool {
        match self {
            Self::Connecting | Self::Securing | Self::Handshaking | Self::Opening => true,
            Self::Free | Self::Open | Self::Closing => false,
        }
    }
}

/// One connection. It has no buffer, timer or task: queues and a sweep find what is due.
#[derive(Debug)]
pub(super) struct HeldConnection<S, T> {
    /// Present unless free.
    pub socket: Option<S>,
    /// The state of its conversation.
    pub conversation: T,
    /// When it began to open, on the run's clock.
    pub begun_ns: u64,
    /// When the last message came, or the connection opened; in a handshake, when that began.
    pub heard_ns: u64,
    /// When the heartbeat was sent that awaits its reply; zero if none does.
    pub asked_ns: u64,
    /// How long it took to open, in microseconds.
    pub opened_after_us: u32,
    /// The stage in which the attempt was due.
    pub stage: u16,
    /// The phase in which the attempt was due: an index into [`PHASES`].
    phase: u8,
    /// Its state.
    pub state: ConnectionState,
    /// Whether a message as expected has come.
    pub verified: bool,
    /// Whether this is a reconnect.
    pub is_reconnect: bool,
    /// Whether its user lost a connection and has had none since; also while free.
    pub missing: bool,
}

const PHASES: [crate::plan::Phase; 3] =
    [crate::plan::Phase::Ramp, crate::plan::Phase::Hold, crate::plan::Phase::Drain];

impl<S, T: Copy + Default> HeldConnection<S, T> {
    fn free() -> Self {
        Self {
            socket: None,
            conversation: T::default(),
            begun_ns: 0,
            heard_ns: 0,
            asked_ns: 0,
            opened_after_us: 0,
            stage: 0,
            phase: 0,
            state: ConnectionState::Free,
            verified: false,
            is_reconnect: false,
            missing: false,
        }
    }

    /// Begins to open.
    pub(super) fn begin(&mut self, socket: S, key: CellKey, now_ns: u64, again: bool) {
        let phase = PHASES.iter().zip(0..).find(|(phase, _)| **phase == key.phase);
        debug_assert!(phase.is_some(), "{:?} is one of all phases", key.phase);
        *self = Self {
            socket: Some(socket),
            begun_ns: now_ns,
            stage: key.stage,
            phase: phase.map_or(0, |(_, number)| number),
            state: ConnectionState::Connecting,
            is_reconnect: again,
            missing: self.missing,
            ..Self::free()
        };
    }

    /// The phase in which the attempt was due, to which its facts belong.
    pub(super) fn key(&self) -> CellKey {
        CellKey { stage: self.stage, phase: PHASES[usize::from(self.phase)] }
    }

    /// Notes that it has opened.
    pub(super) fn open(&mut self, now_ns: u64) {
        self.state = ConnectionState::Open;
        self.heard_ns = now_ns;
        self.opened_after_us = u32::try_from((now_ns - self.begun_ns) / 1_000).unwrap_or(u32::MAX);
    }

    /// Its life if it ended now.
    pub(super) fn life(&self, end: LifeEnd, now_ns: u64) -> Life {
        let opened_ns = self.begun_ns + u64::from(self.opened_after_us) * 1_000;
        Life { end, opened_ns, heard_ns: self.heard_ns, ended_ns: now_ns }
    }

    /// Becomes free; returns the socket and the state of its conversation.
    pub(super) fn end(&mut self) -> Option<(S, T)> {
        let socket = self.socket.take().map(|socket| (socket, self.conversation));
        *self = Self { missing: self.missing, ..Self::free() };
        socket
    }
}

/// All connections of a worker.
#[derive(Debug)]
pub(super) struct ConnectionSlots<S, T> {
    connections: Vec<HeldConnection<S, T>>,
    share: Partition,
    block: u64,
}

impl<S, T: Copy + Default> ConnectionSlots<S, T> {
    /// Slots for this partition of `users`.
    pub(super) fn new(users: u64, share: Partition, block: u64) -> Self {
        let room = index(share.part_of(users, block));
        let connections = std::iter::repeat_with(HeldConnection::free).take(room).collect();
        Self { connections, share, block }
    }

    /// The slot of a user of this partition.
    pub(super) fn slot(&self, user: u64) -> u32 {
        let place = index(self.share.place_of(user, self.block));
        debug_assert!(place < self.connections.len(), "user {user} is one of this part");
        slot(place)
    }

    /// The user of a slot.
    pub(super) fn user(&self, slot: u32) -> u64 {
        self.share.nth_owned(u64::from(slot), self.block)
    }

    /// The connection in a slot.
    pub(super) fn get(&mut self, slot: u32) -> &mut HeldConnection<S, T> {
        &mut self.connections[slot as usize]
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> u32 {
        slot(self.connections.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_slots_are_one_to_one() {
        for of in 1..6 {
            let mut seen = std::collections::BTreeSet::new();
            for index in 0..of {
                let slots: ConnectionSlots<(), ()> =
                    ConnectionSlots::new(1_000, Partition::equal(index, of), 64);
                for slot in 0..slots.len() {
                    let user = slots.user(slot);
                    assert_eq!(slots.slot(user), slot);
                    assert!(Partition::equal(index, of).owns(user, 64));
                    seen.insert(user);
                }
            }
            assert_eq!(seen.into_iter().collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_connection_costs_at_most_64_bytes() {
        use crate::workload::hold::Conversation;
        use crate::workload::hold::dialogue::TcpDialogue;
        use crate::workload::hold::raw::RawTcp;
        use crate::workload::hold::websocket::WebSocketClient;
        use std::net::TcpStream;
        fn size<C: Conversation>() -> usize {
            size_of::<HeldConnection<TcpStream, C::State>>()
        }
        assert_eq!(size::<RawTcp>(), 48);
        assert_eq!(size::<TcpDialogue>(), 56);
        assert_eq!(size::<WebSocketClient>(), 56);
    }
}
