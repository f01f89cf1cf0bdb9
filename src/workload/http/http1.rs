//! Turns requests, one after the other, into answers over one connection.

use super::assertions::FilledValues;
use super::connect::{self, Opened};
use super::error::RequestError;
use super::exchange::{Deadlines, Exchange, RequestOutcome, RetrySafety, Transferred};
use super::parse::Parser;
use super::request_set::{PreparedRequest, RequestSet};
use super::session::UserSession;
use super::transport::{self, Buffers, Handshake, Transport};
use crate::record::Failure;
use crate::units::{index, narrow32};
use crate::workload::Route;
use rustls::client::UnbufferedClientConnection;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

/// How far a request has come.
#[derive(Debug)]
pub(crate) enum ExchangeStep {
    /// More must come.
    Wait,
    /// More has come already; others have their turn first.
    Again,
    /// Nothing more will come.
    Ended(RequestOutcome),
}

/// Reads from one connection before others have their turn.
const TURN: u32 = 16;

/// A connection: opening, idle, or with one request in flight.
#[derive(Debug)]
pub(crate) struct Http1Connection {
    transport: Transport,
    /// The errno that the socket's next use fails with: it was taken from the socket already.
    doom: Option<i32>,
    /// Whether an answer has come on it.
    used: bool,
    /// It takes no other request.
    over: bool,
    exchange: Exchange,
    /// Bytes of the request: all of them, those of its head, and those that were written. They are
    /// much fewer than 4 GiB: plans are text, and their files are bounded.
    whole: u32,
    head: u32,
    written: u32,
    parser: Parser,
    /// What could not be sent at once of a request that was written for this sending: its last
    /// bytes.
    rest: Option<Box<[u8]>>,
}

impl Http1Connection {
    /// Begins to open a connection.
    pub(crate) fn begin(route: Route<'_>) -> Result<Self, RequestError> {
        let transport =
            connect::begin(route).map_err(|error| RequestError::connect(route, &error))?;
        Ok(Self {
            transport,
            doom: None,
            used: false,
            over: false,
            exchange: Exchange::none(0),
            whole: 0,
            head: 0,
            written: 0,
            parser: Parser::new(false),
            rest: None,
        })
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }

    /// Whether the connection is open, once its socket is writable; false: try again after a while.
    pub(crate) fn open(&mut self, route: Route<'_>) -> Result<bool, RequestError> {
        match connect::end(&self.transport, route)
            .map_err(|error| RequestError::connect(route, &error))?
        {
            Opened::Now => {}
            Opened::Doomed(errno) => self.doom = Some(errno),
            Opened::Later => return Ok(false),
        }
        Ok(true)
    }

    /// Secures the open connection with the TLS session `end` before it is used.
    pub(crate) fn secure_by(&mut self, end: UnbufferedClientConnection) {
        self.transport.secure_by(end);
    }

    /// Begins or continues the TLS handshake of an open connection.
    pub(crate) fn secure(
        &mut self,
        route: Route<'_>,
        buffers: &mut Buffers,
    ) -> Result<Handshake, RequestError> {
        self.transport.secure(route, buffers)
    }

    /// Whether an answer has come on it.
    pub(crate) fn has_answered(&self) -> bool {
        self.used
    }

    /// Whether another request can be sent.
    pub(crate) fn takes_a_request(&self) -> bool {
        !self.over
    }

    /// The socket of an idle connection is ready: nothing good can have come.
    pub(crate) fn disturb(&mut self, buffers: &mut Buffers) {
        self.over |= match self.transport.read(buffers) {
            Ok(_) => true,
            Err(error) => !is_nothing(&error),
        };
    }

    /// Sends a request, by its index in the plan, as far as there is room.
    pub(crate) fn send(&mut self, request_set: &RequestSet, request: usize) {
        let prepared = &request_set.requests[request];
        self.begin_request(request, prepared, FilledValues::new());
        self.write(prepared);
    }

    /// Sends a request of a session. `room` is written over.
    pub(crate) fn send_for(
        &mut self,
        request_set: &RequestSet,
        request: usize,
        session: &mut UserSession,
        room: &mut Vec<u8>,
        now_ns: u64,
    ) -> Result<(), RequestError> {
        let prepared = &request_set.requests[request];
        let expected = request_set.expected_values(request, session)?;
        let filled = request_set.fill(request, session, room, now_ns)?;
        self.begin_request(request, prepared, expected);
        let Some(body_bytes) = filled else {
            self.write(prepared);
            return Ok(());
        };
        (self.whole, self.head) = sizes(room.len(), body_bytes);
        // Nothing of it is kept, unless the socket is full.
        let sent = self.push(room);
        if sent < room.len() {
            self.rest = Some(room[sent..].into());
        }
        Ok(())
    }

    fn begin_request(
        &mut self,
        request: usize,
        prepared: &PreparedRequest,
        expected: FilledValues,
    ) {
        self.exchange = Exchange::new(request, prepared, expected);
        (self.whole, self.head) = sizes(prepared.bytes.len(), prepared.body_bytes);
        self.written = 0;
        self.parser = Parser::within(prepared.is_head, prepared.limits);
        self.rest = None;
    }

    /// Whether part of the request is still to be sent.
    fn is_sending(&self) -> bool {
        self.written < self.whole
    }

    fn write(&mut self, prepared: &PreparedRequest) {
        let rest = self.rest.take();
        let bytes = rest.as_ref().unwrap_or(&prepared.bytes);
        let left = (self.whole - self.written) as usize;
        self.push(&bytes[bytes.len() - left..]);
        self.rest = rest;
    }

    /// Body bytes received and sent for the request in flight: those that the socket accepted, and
    /// those that it gave.
    pub(crate) fn moved(&self) -> Transferred {
        Transferred { sent: self.sent(), received: self.exchange.received() }
    }

    fn sent(&self) -> u64 {
        self.written.saturating_sub(self.head).into()
    }

    /// Writes as far as there is room; how much that was. What TLS took counts as written: at most
    /// a record of it waits for room.
    fn push(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while self.doom.is_none() && sent < bytes.len() {
            match self.transport.write(&bytes[sent..]) {
                Ok(length) => sent += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => self.doom = error.raw_os_error().or(Some(0)),
            }
        }
        self.written += narrow32(sent);
        sent
    }

    /// Whether sending failed: no event will say so.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    /// Goes on with the request in flight, as far as the socket lets it. `closed`: the server may
    /// have closed its side.
    pub(crate) fn advance(
        &mut self,
        request_set: &RequestSet,
        closed: bool,
        buffers: &mut Buffers,
        now_ns: u64,
    ) -> ExchangeStep {
        let prepared = &request_set.requests[self.exchange.request as usize];
        if self.is_sending() {
            self.write(prepared);
        }
        for _ in 0..TURN {
            let length = match self.transport.read(buffers) {
                Ok(0) => {
                    self.over = true;
                    let error = match (self.parser.close(), self.doom) {
                        (Ok(true), _) => {
                            return ExchangeStep::Ended(self.complete(prepared, now_ns));
                        }
                        (Err(wrong), _) => RequestError::parse(wrong, self.exchange.bytes()),
                        (Ok(false), Some(errno)) => {
                            RequestError::errno(errno, self.exchange.bytes())
                        }
                        (Ok(false), None) => {
                            self.exchange.error(Failure::ClosedByServer, "the connection ended")
                        }
                    };
                    return ExchangeStep::Ended(self.broken(prepared, error, now_ns));
                }
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let Some(errno) = self.doom else { return ExchangeStep::Wait };
                    return ExchangeStep::Ended(self.broken(
                        prepared,
                        RequestError::errno(errno, self.exchange.bytes()),
                        now_ns,
                    ));
                }
                Err(error) => {
                    let error = transport::broken(&error, self.exchange.bytes());
                    return ExchangeStep::Ended(self.broken(prepared, error, now_ns));
                }
            };
            self.exchange.came(length, now_ns);
            let reader = self.exchange.sink(prepared);
            match self.parser.feed(&buffers.plain[..length], reader) {
                Err(wrong) => {
                    let error = RequestError::parse(wrong, self.exchange.bytes());
                    return ExchangeStep::Ended(self.broken(prepared, error, now_ns));
                }
                Ok(taken) if self.parser.is_done() => {
                    // Bytes behind the response belong to no request.
                    self.over |= taken < length;
                    // A full buffer may have left more behind.
                    if closed || length == buffers.plain.len() {
                        self.disturb(buffers);
                    }
                    return ExchangeStep::Ended(self.complete(prepared, now_ns));
                }
                // A read that does not fill the buffer has emptied the socket, unless TLS stands
                // between.
                Ok(_)
                    if length < buffers.plain.len()
                        && !closed
                        && self.doom.is_none()
                        && !self.transport.is_secured() =>
                {
                    return ExchangeStep::Wait;
                }
                Ok(_) => {}
            }
        }
        ExchangeStep::Again
    }

    /// When the request in flight is out of time.
    pub(crate) fn deadline(&self, limits: Deadlines) -> u64 {
        self.exchange.deadline(limits)
    }

    /// Gives up the request in flight: it is out of time.
    pub(crate) fn give_up(
        &mut self,
        request_set: &RequestSet,
        limits: Deadlines,
        now_ns: u64,
    ) -> RequestOutcome {
        let error = self.exchange.late(limits);
        self.broken(&request_set.requests[self.exchange.request as usize], error, now_ns)
    }

    fn complete(&mut self, prepared: &PreparedRequest, now_ns: u64) -> RequestOutcome {
        // A response to a request that is still being sent was made without reading it.
        let unsent = self.is_sending();
        self.rest = None;
        self.used = true;
        self.over |= unsent || prepared.closes || !self.parser.keeps();
        let sent_bytes = self.sent();
        let whole = self.exchange.whole(prepared, self.parser.status(), now_ns);
        RequestOutcome { sent_bytes, ..whole }
    }

    fn broken(
        &mut self,
        prepared: &PreparedRequest,
        error: RequestError,
        now_ns: u64,
    ) -> RequestOutcome {
        self.over = true;
        self.rest = None;
        let closed = matches!(error.cause.failure, Failure::ClosedByServer | Failure::Reset);
        let idle_close = closed && self.used && self.exchange.bytes() == 0;
        let (error, retry_safety) = if idle_close {
            Exchange::idle_close(prepared, error)
        } else {
            (error, RetrySafety::Unsafe)
        };
        let (status, sent_bytes) = (self.parser.status(), self.sent());
        RequestOutcome {
            sent_bytes,
            retry_safety,
            ..self.exchange.broken(prepared, error, status, now_ns)
        }
    }
}

/// The bytes of a request, and those of its head.
fn sizes(whole: usize, body: u64) -> (u32, u32) {
    (narrow32(whole), narrow32(whole - index(body)))
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
