//! One connection as a slot sees it: its own over HTTP/1.1, or a stream of a shared one over
//! HTTP/2.

use super::host::Capacity;
use super::pool::{ConnectionPool, StreamId};
use crate::record::ConnectionEnd;
use crate::units::slot;
use crate::workload::Route;
use crate::workload::http::{
    Buffers, Deadlines, ExchangeStep, Handshake, Http1Connection, Http2Stream, PeerSettings,
    RequestError, RequestOutcome, RequestSet, Transferred, TunnelState, UserSession,
};
use rustls::client::UnbufferedClientConnection;
use std::os::fd::BorrowedFd;

/// A connection of a slot, and which address it goes to. Streams belong to a pool.
pub(crate) struct HttpConnection {
    kind: ConnectionKind,
    address: u32,
    /// It has its TLS session.
    has_tls_session: bool,
    /// How far its tunnel has come, where it needs one.
    pub(super) tunnel: TunnelState,
}

enum ConnectionKind {
    Http1(Http1Connection),
    /// With the exchange in progress.
    Http2Stream(StreamId, Option<Box<Http2Stream>>),
}

impl HttpConnection {
    /// A connection of the slot's own.
    pub(super) fn http1(connection: Http1Connection, address: usize) -> Self {
        Self::new(ConnectionKind::Http1(connection), address)
    }

    /// A stream of a shared connection.
    pub(super) fn http2_stream(id: StreamId, address: usize) -> Self {
        Self::new(ConnectionKind::Http2Stream(id, None), address)
    }

    fn new(kind: ConnectionKind, address: usize) -> Self {
        Self { kind, address: slot(address), has_tls_session: false, tunnel: TunnelState::New }
    }

    /// Index into `Load::addresses`.
    pub(super) fn address(&self) -> usize {
        self.address as usize
    }

    /// Whether it still needs a TLS session; true once.
    pub(super) fn needs_tls_session(&mut self) -> bool {
        !std::mem::replace(&mut self.has_tls_session, true)
    }

    /// The socket of a connection that is opening.
    pub(super) fn socket<'a>(&'a self, pool: Option<&'a ConnectionPool>) -> Option<BorrowedFd<'a>> {
        match (&self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => Some(connection.socket()),
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.socket(*id),
            (ConnectionKind::Http2Stream(..), None) => None,
        }
    }

    pub(super) fn open(
        &mut self,
        pool: Option<&mut ConnectionPool>,
        route: Route<'_>,
    ) -> Result<bool, RequestError> {
        match (&mut self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => connection.open(route),
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.open(*id, route),
            (ConnectionKind::Http2Stream(..), None) => Ok(true),
        }
    }

    pub(super) fn secure(
        &mut self,
        pool: Option<&mut ConnectionPool>,
        route: Route<'_>,
        end: Option<UnbufferedClientConnection>,
        (buffers, now_ns): (&mut Buffers, u64),
    ) -> Result<Handshake, RequestError> {
        match (&mut self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => {
                if let Some(end) = end {
                    connection.secure_by(end);
                }
                connection.secure(route, buffers)
            }
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => {
                pool.secure(*id, route, end, now_ns)
            }
            (ConnectionKind::Http2Stream(..), None) => Ok(Handshake::NotNeeded),
        }
    }

    /// Fails a shared connection for everybody who waits for it.
    pub(super) fn fail(&self, pool: Option<&mut ConnectionPool>, error: &RequestError) {
        if let (ConnectionKind::Http2Stream(id, _), Some(pool)) = (&self.kind, pool) {
            pool.fail(*id, error.clone());
        }
    }

    /// Why a shared connection accepts no more requests.
    pub(super) fn end_reason(&self, pool: Option<&ConnectionPool>) -> Option<ConnectionEnd> {
        match (&self.kind, pool) {
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.end_reason(*id),
            _ => None,
        }
    }

    pub(super) fn leave(self, pool: Option<&mut ConnectionPool>) -> bool {
        match (self.kind, pool) {
            (ConnectionKind::Http2Stream(id, stream), Some(pool)) => pool.leave(id, stream),
            _ => true,
        }
    }

    pub(super) fn capacity(
        &self,
        pool: Option<&mut ConnectionPool>,
        since_ns: u64,
        now_ns: u64,
    ) -> Capacity {
        match (&self.kind, pool) {
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => {
                pool.capacity(*id, since_ns, now_ns)
            }
            _ => Capacity::Now,
        }
    }

    /// Whether it has answered any request.
    pub(super) fn has_answered(&self, pool: Option<&ConnectionPool>) -> bool {
        match (&self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => connection.has_answered(),
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.has_answered(*id),
            (ConnectionKind::Http2Stream(..), None) => false,
        }
    }

    pub(super) fn refusal(&self, pool: Option<&ConnectionPool>) -> Option<RequestError> {
        match (&self.kind, pool) {
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.refusal(*id),
            _ => None,
        }
    }

    /// Whether the peer has said how many requests it takes at once.
    pub(super) fn opening(&self, pool: Option<&ConnectionPool>) -> PeerSettings {
        match (&self.kind, pool) {
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.opening(*id),
            _ => PeerSettings::Received,
        }
    }

    pub(super) fn send(
        &mut self,
        pool: Option<&mut ConnectionPool>,
        request_set: &RequestSet,
        request: usize,
    ) -> bool {
        match (&mut self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => {
                connection.send(request_set, request);
                return !connection.is_doomed();
            }
            (ConnectionKind::Http2Stream(id, stream), Some(pool)) => {
                if let Some((http2, waker)) = pool.ask(*id) {
                    *stream = Some(Box::new(http2.send(request_set, request, waker)));
                }
            }
            (ConnectionKind::Http2Stream(..), None) => {}
        }
        true
    }

    pub(super) fn send_with_session(
        &mut self,
        pool: Option<&mut ConnectionPool>,
        request_set: &RequestSet,
        request: usize,
        session: &mut UserSession,
        (rendered, now_ns): (&mut Vec<u8>, u64),
    ) -> Result<bool, RequestError> {
        match (&mut self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => {
                connection.send_for(request_set, request, session, rendered, now_ns)?;
                Ok(!connection.is_doomed())
            }
            (ConnectionKind::Http2Stream(id, stream), Some(pool)) => {
                let Some((http2, waker)) = pool.ask(*id) else { return Ok(true) };
                let asked =
                    http2.ask_for(request_set, request, session, (rendered, now_ns), waker)?;
                *stream = Some(Box::new(asked));
                Ok(true)
            }
            (ConnectionKind::Http2Stream(..), None) => Ok(true),
        }
    }

    pub(super) fn advance(
        &mut self,
        pool: Option<&mut ConnectionPool>,
        request_set: &RequestSet,
        closed: bool,
        (buffers, now_ns): (&mut Buffers, u64),
    ) -> ExchangeStep {
        match (&mut self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => {
                connection.advance(request_set, closed, buffers, now_ns)
            }
            (ConnectionKind::Http2Stream(id, stream), Some(pool)) => {
                let Some((http2, waker)) = pool.answer(*id) else { return ExchangeStep::Wait };
                let Some(under_way) = stream else { return ExchangeStep::Wait };
                let step = http2.advance(request_set, under_way, waker, now_ns);
                if matches!(step, ExchangeStep::Ended(_)) {
                    *stream = None;
                }
                step
            }
            (ConnectionKind::Http2Stream(..), None) => ExchangeStep::Wait,
        }
    }

    pub(super) fn deadline(&self, pool: Option<&ConnectionPool>, limits: Deadlines) -> u64 {
        match &self.kind {
            ConnectionKind::Http1(connection) => connection.deadline(limits),
            ConnectionKind::Http2Stream(_, Some(stream)) => stream.deadline(limits),
            ConnectionKind::Http2Stream(_, None)
                if self.opening(pool) == PeerSettings::Received =>
            {
                limits.whole_ns
            }
            ConnectionKind::Http2Stream(_, None) => limits.first_byte_ns.min(limits.whole_ns),
        }
    }

    pub(super) fn time_out(
        &mut self,
        pool: Option<&mut ConnectionPool>,
        request_set: &RequestSet,
        limits: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome> {
        match (&mut self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => {
                Some(connection.give_up(request_set, limits, now_ns))
            }
            (ConnectionKind::Http2Stream(id, stream), Some(pool)) => {
                let (http2, _) = pool.answer(*id)?;
                let mut stream = stream.take()?;
                Some(http2.give_up(request_set, &mut stream, limits, now_ns))
            }
            (ConnectionKind::Http2Stream(..), None) => None,
        }
    }

    /// Body bytes transferred by the exchange in progress.
    pub(super) fn bytes_moved(&self) -> Transferred {
        match &self.kind {
            ConnectionKind::Http1(connection) => connection.moved(),
            ConnectionKind::Http2Stream(_, stream) => {
                stream.as_ref().map_or_else(Transferred::default, |one| one.moved())
            }
        }
    }

    pub(super) fn idle_event(&mut self, buffers: &mut Buffers) {
        if let ConnectionKind::Http1(connection) = &mut self.kind {
            connection.disturb(buffers);
        }
    }

    pub(super) fn takes_a_request(&self, pool: Option<&ConnectionPool>) -> bool {
        match (&self.kind, pool) {
            (ConnectionKind::Http1(connection), _) => connection.takes_a_request(),
            (ConnectionKind::Http2Stream(id, _), Some(pool)) => pool.accepts_requests(*id),
            (ConnectionKind::Http2Stream(..), None) => false,
        }
    }
}
