//! Shares HTTP/2 connections between slots: each user or arrival sends its requests as streams of
//! one.
//!
//! **Invariant:** at most as many slots share a connection as the plan allows, all of one target
//! address.
//!
//! **Invariant:** of the requests that wait for a stream, the one that began first is served first.

mod connection;

use super::super::worker::{Ready, SlotId};
use super::host::Capacity;
use crate::plan::{AnswerLimits, ConnectionUse};
use crate::record::ConnectionEnd;
use crate::units::{self, slot};
use crate::workload::Route;
use crate::workload::http::{
    Buffers, Handshake, Http2Connection, Http2Stream, PeerSettings, RequestError,
};
use connection::PooledConnection;
use rustls::client::UnbufferedClientConnection;
use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::Waker;

/// A slot's place on a shared connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamId {
    pub(super) connection: u32,
    slot: u32,
}

/// All shared connections of a worker.
pub(super) struct ConnectionPool {
    connections: Vec<PooledConnection>,
    free: Vec<u32>,
    /// By target address: connections that may have room.
    available: Vec<Vec<u32>>,
    max_streams: usize,
    uses: ConnectionUse,
    limits: AnswerLimits,
    buffers: Rc<RefCell<Buffers>>,
    /// Connections that have something to write or read.
    dirty: Vec<u32>,
    /// Slots to notify.
    to_notify: Vec<SlotId>,
    woken: Vec<u32>,
}

impl ConnectionPool {
    /// A pool without connections; at most `streams` slots share one.
    pub(super) fn new(
        addresses: usize,
        streams: u32,
        (uses, limits): (ConnectionUse, AnswerLimits),
        buffers: Buffers,
    ) -> Self {
        Self {
            connections: Vec::new(),
            free: Vec::new(),
            available: vec![Vec::new(); addresses],
            max_streams: streams.max(1) as usize,
            uses,
            limits,
            buffers: Rc::new(RefCell::new(buffers)),
            dirty: Vec::new(),
            to_notify: Vec::new(),
            woken: Vec::new(),
        }
    }

    /// Makes room for as many addresses.
    pub(super) fn make_room(&mut self, addresses: usize) {
        self.available.resize(addresses, Vec::new());
    }

    /// Joins a connection that is open or opening.
    pub(super) fn join(&mut self, address: usize, user: SlotId, now: u64) -> Option<StreamId> {
        while let Some(index) = self.available[address].last().copied() {
            let (most, uses) = (self.max_streams, self.uses);
            let connection = self.connection(index);
            connection.retire_if_old(uses, now);
            let left = uses.max_requests.map_or(u64::MAX, |most| {
                most.saturating_sub(connection.http2.as_ref().map_or(0, Http2Connection::served))
            });
            let room = units::index((most as u64).min(left));
            if connection.accepts_requests() && connection.streams() < room {
                let slot = connection.add_stream(user);
                return Some(StreamId { connection: index, slot });
            }
            // It is added again when a place becomes free, unless the connection is over.
            self.available[address].pop();
        }
        None
    }

    /// Begins to open a connection; returns a place on it, and the id that its events carry.
    pub(super) fn begin(
        &mut self,
        address: usize,
        user: SlotId,
        route: Route<'_>,
    ) -> Result<(StreamId, SlotId), RequestError> {
        let http2 = Http2Connection::begin(route, self.limits)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(PooledConnection::new());
            slot(self.connections.len() - 1)
        });
        let connection = self.connection(index);
        connection.begin(address, user, http2);
        let slot = connection.add_stream(user);
        let generation = connection.generation;
        self.available[address].push(index);
        Ok((StreamId { connection: index, slot }, SlotId { slot: index, generation }))
    }

    /// The socket of a connection.
    pub(super) fn socket(&self, stream_id: StreamId) -> Option<BorrowedFd<'_>> {
        self.connections[stream_id.connection as usize].http2.as_ref()?.socket()
    }

    /// Whether a connection is open, once it is writable; false: try again after a while.
    pub(super) fn open(
        &mut self,
        stream_id: StreamId,
        route: Route<'_>,
    ) -> Result<bool, RequestError> {
        let result = self.http2(stream_id).map_or(Ok(true), |http2| http2.open(route));
        self.mark_dirty(stream_id.connection);
        result
    }

    /// Begins or continues the TLS handshake of an open connection; `end` begins it.
    pub(super) fn secure(
        &mut self,
        stream_id: StreamId,
        route: Route<'_>,
        end: Option<UnbufferedClientConnection>,
        now: u64,
    ) -> Result<Handshake, RequestError> {
        let buffers = Rc::clone(&self.buffers);
        let Some(http2) = self.http2(stream_id) else { return Ok(Handshake::NotNeeded) };
        if let Some(end) = end {
            http2.secure_by(end);
        }
        let secured = http2.secure(route, &buffers);
        if matches!(secured, Ok(Handshake::NotNeeded | Handshake::Full | Handshake::Resumed)) {
            let connection = self.connection(stream_id.connection);
            (connection.is_open, connection.opener, connection.opened_ns) = (true, None, now);
        }
        self.mark_dirty(stream_id.connection);
        secured
    }

    /// Fails a connection.
    pub(super) fn fail(&mut self, stream_id: StreamId, error: RequestError) {
        if let Some(http2) = self.http2(stream_id) {
            http2.fail(error);
        }
        self.mark_dirty(stream_id.connection);
    }

    /// Handles an event of a connection.
    pub(super) fn event(&mut self, token: SlotId, event: Ready, ready: &mut Vec<Ready>) {
        let Some(connection) = self.connections.get_mut(token.slot as usize) else { return };
        if connection.generation != token.generation {
            return;
        }
        if let Some(user) = connection.opener {
            ready.push(Ready { id: user, ..event });
            return;
        }
        if let Some(http2) = &connection.http2
            && (event.readable || event.closed)
        {
            http2.socket_ready(event.closed);
        }
        self.mark_dirty(token.slot);
    }

    /// Whether a request can be sent now; otherwise it queues, and its slot is notified.
    pub(super) fn capacity(&mut self, stream_id: StreamId, since_ns: u64, now: u64) -> Capacity {
        let (streams, uses) = (self.max_streams, self.uses);
        self.connection(stream_id.connection).capacity(
            (stream_id.slot, since_ns),
            streams,
            uses,
            now,
        )
    }

    /// Whether the connection has answered any request.
    pub(super) fn has_answered(&self, stream_id: StreamId) -> bool {
        let connection = &self.connections[stream_id.connection as usize];
        connection.http2.as_ref().is_some_and(Http2Connection::has_answered)
    }

    /// The connection to send a request on, and what is woken when something comes back.
    pub(super) fn ask(&mut self, stream_id: StreamId) -> Option<(&mut Http2Connection, &Waker)> {
        self.mark_dirty(stream_id.connection);
        let most = self.uses.max_requests;
        let connection = self.connection(stream_id.connection);
        let http2 = connection.http2.as_mut()?;
        if most.is_some_and(|most| http2.served() + 1 >= most) {
            http2.retire(ConnectionEnd::MaxRequests);
        }
        Some((http2, connection.slots[stream_id.slot as usize].waker()))
    }

    /// The connection to continue an exchange on.
    pub(super) fn answer(&mut self, stream_id: StreamId) -> Option<(&mut Http2Connection, &Waker)> {
        self.mark_dirty(stream_id.connection);
        let connection = self.connection(stream_id.connection);
        Some((connection.http2.as_mut()?, connection.slots[stream_id.slot as usize].waker()))
    }

    /// Why the connection never spoke HTTP/2.
    pub(super) fn refusal(&self, stream_id: StreamId) -> Option<RequestError> {
        self.connections[stream_id.connection as usize].http2.as_ref()?.connect_error()
    }

    /// Whether the peer has said how many requests it takes at once.
    pub(super) fn opening(&self, stream_id: StreamId) -> PeerSettings {
        let connection = &self.connections[stream_id.connection as usize];
        connection.http2.as_ref().map_or(PeerSettings::Pending, Http2Connection::peer_settings)
    }

    /// Whether the connection accepts another request, now or later.
    pub(super) fn accepts_requests(&self, stream_id: StreamId) -> bool {
        self.connections[stream_id.connection as usize].accepts_requests()
    }

    /// Why the connection accepts no more requests.
    pub(super) fn end_reason(&self, stream_id: StreamId) -> Option<ConnectionEnd> {
        self.connections[stream_id.connection as usize].http2.as_ref()?.end_reason()
    }

    /// Leaves a connection; true if an open connection ended with that.
    pub(super) fn leave(&mut self, stream_id: StreamId, stream: Option<Box<Http2Stream>>) -> bool {
        let connection = self.connection(stream_id.connection);
        if let (Some(http2), Some(mut stream)) = (&mut connection.http2, stream) {
            http2.let_go(&mut stream);
        }
        let user = connection.remove_stream(stream_id.slot);
        // Nobody else opens it; those who wait open another one.
        if connection.opener.is_some() && connection.opener == user {
            connection.opener = None;
            if let Some(http2) = &mut connection.http2 {
                http2.retire(ConnectionEnd::Planned);
            }
        }
        let (address, more) = (connection.address, connection.accepts_requests());
        if connection.streams() == 0 {
            let was_open = std::mem::take(&mut connection.is_open);
            connection.http2 = None;
            connection.generation = connection.generation.wrapping_add(1);
            self.available[address].retain(|one| *one != stream_id.connection);
            self.free.push(stream_id.connection);
            return was_open;
        }
        if more && !self.available[address].contains(&stream_id.connection) {
            self.available[address].push(stream_id.connection);
        }
        self.mark_dirty(stream_id.connection);
        false
    }

    /// Writes and reads what there is, and adds an event for each slot to notify.
    pub(super) fn flush(&mut self, ready: &mut Vec<Ready>) {
        let streams = self.max_streams;
        for index in std::mem::take(&mut self.dirty) {
            let connection = &mut self.connections[index as usize];
            connection.is_dirty = false;
            let Some(http2) = &mut connection.http2 else { continue };
            let more = http2.drive();
            connection.collect_notifications(streams, &mut self.woken, &mut self.to_notify);
            if more {
                self.mark_dirty(index);
            }
        }
        let told = self.to_notify.drain(..);
        ready.extend(told.map(|user| Ready {
            id: user,
            readable: true,
            writable: true,
            failed: false,
            closed: true,
        }));
    }

    /// Whether there is something to write or read.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn connection(&mut self, index: u32) -> &mut PooledConnection {
        &mut self.connections[index as usize]
    }

    fn http2(&mut self, stream_id: StreamId) -> Option<&mut Http2Connection> {
        self.connection(stream_id.connection).http2.as_mut()
    }

    fn mark_dirty(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        if !std::mem::replace(&mut connection.is_dirty, true) {
            self.dirty.push(index);
        }
    }
}
