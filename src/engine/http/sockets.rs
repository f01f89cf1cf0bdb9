//! Requests on real sockets.

#![expect(clippy::disallowed_methods, reason = "cookies expire by the wall clock")]

use super::super::Link;
use super::super::clock::Clock;
use super::super::load::Load;
use super::super::worker::{Epoll, Host, Precision, Ready, SlotId, Sockets};
use super::connection::HttpConnection;
use super::host::{Capacity, HttpHost};
use super::pool::ConnectionPool;
use super::tunnels::tunnel_requests;
use crate::plan::{GeneratedKind, Http, HttpVersion};
use crate::record::ConnectionEnd;
use crate::units::Address;
use crate::workload::http::{
    Buffers, Deadlines, ExchangeStep, Extracted, FailedResponse, Handshake, Http1Connection,
    PeerSettings, RequestError, RequestOutcome, RequestSet, SentRequest, SessionUpdate,
    Transferred, TunnelState, UserSession,
};
use std::io;
use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

/// Events that are taken from the kernel at once.
const EVENTS: usize = 512;

/// The largest read; most responses are much smaller.
const BUFFER: usize = 64 << 10;

/// Marks the slots of connections that are shared: they are those of the pool.
const POOLED: u32 = 1 << 31;

/// The connections of requests, and what they read and write with.
pub(crate) struct HttpSockets {
    load: Load,
    request_sets: Vec<RequestSet>,
    /// What asks a forward proxy for a tunnel, by address; empty where none is needed.
    tunnels: Vec<Box<[u8]>>,
    buffers: Buffers,
    /// Connections that are shared; `None`: each slot has its own.
    pool: Option<ConnectionPool>,
    /// The buffer into which templates are rendered.
    rendered: Vec<u8>,
    /// Whether a request says when it is sent.
    tells_time: bool,
}

impl HttpSockets {
    /// A host for the requests of `load`, which `http` describes, with a request set for each of
    /// its addresses.
    ///
    /// # Errors
    /// If the kernel has no more descriptors.
    pub(crate) fn host(
        clock: Clock,
        link: Link,
        (load, http): (Load, &Http),
        request_sets: Vec<RequestSet>,
    ) -> io::Result<Epoll<Self>> {
        let buffers = || Buffers::new(BUFFER, load.tls.is_some());
        let pool = match http.version {
            HttpVersion::Http2 { streams } => {
                let settings = (http.connection, http.limits);
                Some(ConnectionPool::new(load.addresses.len(), streams, settings, buffers()))
            }
            HttpVersion::Http1 => None,
        };
        let tells_time = http.generates(|kind| matches!(kind, GeneratedKind::Now(_)));
        let (buffers, rendered) = (buffers(), Vec::new());
        let tunnels = tunnel_requests(&load, http);
        let sockets = Self { load, request_sets, tunnels, buffers, pool, rendered, tells_time };
        Epoll::new(clock, link, Precision::Timer, EVENTS, sockets)
    }
}

impl HttpSockets {
    /// Begins or continues the exchange with a forward proxy, where there is one.
    fn tunnel(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
    ) -> Result<Handshake, RequestError> {
        let Self { load, tunnels, buffers, pool, .. } = self;
        let Some(request) = tunnels.get(load.like(connection.address())) else {
            return Ok(Handshake::NotNeeded);
        };
        let route = load.route_to(number, connection.address());
        let mut tunnel = connection.tunnel;
        let state = match connection.socket(pool.as_ref()) {
            Some(socket) => tunnel.advance(socket, request, route, buffers),
            None => Ok(Handshake::NotNeeded),
        };
        connection.tunnel = tunnel;
        state.inspect_err(|error| connection.fail(pool.as_mut(), error))
    }

    /// The request that was written last, or one that is sent as it was prepared.
    pub(super) fn last_sent(&mut self, connection: &HttpConnection, request: u32) -> SentRequest {
        let written = std::mem::take(&mut self.rendered);
        let prepared =
            self.request_sets[self.load.like(connection.address())].bytes(request as usize);
        let bytes = if written.is_empty() { prepared } else { &written };
        match &self.pool {
            None => SentRequest::http1(bytes),
            Some(_) => SentRequest::http2(bytes, self.load.tls.is_some()),
        }
    }
}

impl Sockets for HttpSockets {
    fn flush(&mut self, ready: &mut Vec<Ready>) -> bool {
        let Some(pool) = &mut self.pool else { return false };
        pool.flush(ready);
        pool.is_dirty()
    }

    fn event(&mut self, event: Ready, ready: &mut Vec<Ready>) {
        // The next send or read returns why it failed.
        let event = Ready {
            writable: event.writable || event.failed,
            closed: event.closed || event.failed,
            ..event
        };
        match &mut self.pool {
            Some(pool) => {
                let id = SlotId { slot: event.id.slot & !POOLED, ..event.id };
                pool.event(id, event, ready);
            }
            None => ready.push(event),
        }
    }
}

impl HttpHost for Epoll<HttpSockets> {
    type Connection = HttpConnection;

    fn join(&mut self, id: SlotId, number: u64, now_ns: u64) -> Option<HttpConnection> {
        let address = self.sockets.load.address(number);
        let stream = self.sockets.pool.as_mut()?.join(address, id, now_ns)?;
        Some(HttpConnection::http2_stream(stream, address))
    }

    fn connect(&mut self, id: SlotId, number: u64) -> Result<HttpConnection, RequestError> {
        let route = self.sockets.load.route(number);
        let address = self.sockets.load.address(number);
        let Some(pool) = &mut self.sockets.pool else {
            let http1 = Http1Connection::begin(route)?;
            self.register(http1.socket().as_fd(), id)
                .map_err(|error| RequestError::connect(route, &error))?;
            return Ok(HttpConnection::http1(http1, address));
        };
        let (stream, shared) = pool.begin(address, id, route)?;
        let shared = SlotId { slot: shared.slot | POOLED, ..shared };
        let socket = self.sockets.pool.as_ref().and_then(|pool| pool.socket(stream));
        if let Err(error) = socket.map_or(Ok(()), |socket| self.register(socket, shared)) {
            let error = RequestError::connect(route, &error);
            self.leave(HttpConnection::http2_stream(stream, address));
            return Err(error);
        }
        Ok(HttpConnection::http2_stream(stream, address))
    }

    fn open(&mut self, connection: &mut HttpConnection, number: u64) -> Result<bool, RequestError> {
        let route = self.sockets.load.route_to(number, connection.address());
        connection.open(self.sockets.pool.as_mut(), route)
    }

    fn secure(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
    ) -> Result<Handshake, RequestError> {
        match self.sockets.tunnel(connection, number)? {
            Handshake::NotNeeded => {}
            state => return Ok(state),
        }
        let route = self.sockets.load.route_to(number, connection.address());
        let mut end = None;
        if let Some(tls) = self.sockets.load.tls.as_ref().filter(|_| connection.needs_tls_session())
        {
            let name = self.sockets.load.like(connection.address());
            let begun = tls.session(name).map_err(io::Error::other);
            end = Some(begun.map_err(|error| RequestError::handshake(route, &error))?);
        }
        let now_ns = self.now_ns();
        connection.secure(
            self.sockets.pool.as_mut(),
            route,
            end,
            (&mut self.sockets.buffers, now_ns),
        )
    }

    fn connect_timed_out(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
        securing: bool,
    ) -> RequestError {
        let route = self.sockets.load.route_to(number, connection.address());
        let late = if securing && connection.tunnel == TunnelState::Asked {
            RequestError::proxy_timeout(route)
        } else if securing {
            RequestError::handshake_timeout(route)
        } else {
            RequestError::connect_timeout(route)
        };
        connection.fail(self.sockets.pool.as_mut(), &late);
        late
    }

    fn end_reason(&self, connection: &HttpConnection) -> Option<ConnectionEnd> {
        connection.end_reason(self.sockets.pool.as_ref())
    }

    fn leave(&mut self, connection: HttpConnection) -> bool {
        connection.leave(self.sockets.pool.as_mut())
    }

    fn capacity(
        &mut self,
        connection: &mut HttpConnection,
        since_ns: u64,
        now_ns: u64,
    ) -> Capacity {
        connection.capacity(self.sockets.pool.as_mut(), since_ns, now_ns)
    }

    fn address(&self, connection: &HttpConnection) -> Option<usize> {
        Some(connection.address())
    }

    fn learn_addresses(&mut self, found: &[(Address, u16)]) {
        self.sockets.load.learn_addresses(found);
        if let Some(pool) = &mut self.sockets.pool {
            pool.make_room(self.sockets.load.addresses.len());
        }
    }

    fn has_answered(&self, connection: &HttpConnection) -> bool {
        connection.has_answered(self.sockets.pool.as_ref())
    }

    fn refusal(&self, connection: &HttpConnection) -> Option<RequestError> {
        connection.refusal(self.sockets.pool.as_ref())
    }

    fn stream_timed_out(&mut self, connection: &mut HttpConnection, number: u64) -> RequestError {
        let opening = connection.opening(self.sockets.pool.as_ref());
        let error =
            RequestError::unsent(self.sockets.load.route_to(number, connection.address()), opening);
        if opening != PeerSettings::Received {
            connection.fail(self.sockets.pool.as_mut(), &error);
        }
        error
    }

    fn send(&mut self, connection: &mut HttpConnection, request: u32) -> bool {
        let request_set = &self.sockets.request_sets[self.sockets.load.like(connection.address())];
        connection.send(self.sockets.pool.as_mut(), request_set, request as usize)
    }

    fn send_with_session(
        &mut self,
        connection: &mut HttpConnection,
        request: u32,
        session: &mut UserSession,
        now_ns: u64,
    ) -> Result<bool, RequestError> {
        let request_set = &self.sockets.request_sets[self.sockets.load.like(connection.address())];
        if self.sockets.tells_time {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            session.sends_at(i64::try_from(unix.as_nanos()).unwrap_or(i64::MAX));
        }
        let rendered = (&mut self.sockets.rendered, now_ns);
        connection.send_with_session(
            self.sockets.pool.as_mut(),
            request_set,
            request as usize,
            session,
            rendered,
        )
    }

    fn update_session(
        &mut self,
        number: u64,
        session: &mut UserSession,
        extracted: Extracted,
        now_ns: u64,
    ) -> SessionUpdate {
        let request_set =
            &self.sockets.request_sets[self.sockets.load.like(self.sockets.load.address(number))];
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_s = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX);
        request_set.give(session, extracted, now_ns, unix_s)
    }

    fn failed_exchange(
        &self,
        number: u64,
        request: u32,
        session: Option<&mut UserSession>,
        response: FailedResponse,
    ) -> Option<String> {
        let request_set =
            &self.sockets.request_sets[self.sockets.load.like(self.sockets.load.address(number))];
        let response = (response, self.sockets.pool.is_some());
        request_set.failed_exchange(request as usize, session, response, self.now_ns())
    }

    fn describe(
        &self,
        number: u64,
        request: u32,
        session: Option<&UserSession>,
        words: String,
    ) -> String {
        let request_set =
            &self.sockets.request_sets[self.sockets.load.like(self.sockets.load.address(number))];
        request_set.words_of(request as usize, session, self.sockets.load.route(number).to, &words)
    }

    fn advance(
        &mut self,
        connection: &mut HttpConnection,
        closed: bool,
        now_ns: u64,
    ) -> ExchangeStep {
        let request_set = &self.sockets.request_sets[self.sockets.load.like(connection.address())];
        connection.advance(
            self.sockets.pool.as_mut(),
            request_set,
            closed,
            (&mut self.sockets.buffers, now_ns),
        )
    }

    fn deadline(&self, connection: &HttpConnection, limits: Deadlines) -> u64 {
        connection.deadline(self.sockets.pool.as_ref(), limits)
    }

    fn time_out(
        &mut self,
        connection: &mut HttpConnection,
        limits: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome> {
        let request_set = &self.sockets.request_sets[self.sockets.load.like(connection.address())];
        connection.time_out(self.sockets.pool.as_mut(), request_set, limits, now_ns)
    }

    fn idle_event(&mut self, connection: &mut HttpConnection) {
        connection.idle_event(&mut self.sockets.buffers);
    }

    fn takes_a_request(&self, connection: &HttpConnection) -> bool {
        connection.takes_a_request(self.sockets.pool.as_ref())
    }

    fn bytes_moved(&self, connection: &HttpConnection) -> Transferred {
        connection.bytes_moved()
    }
}
