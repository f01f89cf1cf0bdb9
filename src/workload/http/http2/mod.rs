//! Turns one connection of HTTP/2 into many exchanges at once.
//!
//! ```text
//!  Http2Connection ── one connection; the engine says when its socket is ready
//!    ├ begin, open, secure ▶ Ok, or a RequestError while connecting
//!    ├ send ──────────────▶ Http2Stream: one request and its response, among others
//!    ├ drive ─────────────▶ reads, writes, and wakes the streams on which something has come
//!    └ advance ───────────▶ RequestOutcome, as on a connection of its own
//! ```
//!
//! **Invariant:** nothing is asked before the peer has sent its settings, nor more at once than
//! they allow.
//! **Invariant:** what has come for a stream is taken at once and given back to the peer's window;
//! none of it is kept.

mod counted;
mod error;
mod request;
mod socket;
mod stream;

pub(super) use request::Http2Request;
pub(crate) use stream::Http2Stream;

use super::connect::{self, Opened};
use super::error::{PeerSettings, RequestError};
use super::transport::{Buffers, Handshake, Transport};
use crate::plan::AnswerLimits;
use crate::record::{ConnectionEnd, Failure, FailureStage};
use crate::units::{Address, visible_bytes};
use crate::workload::Route;
use counted::CountedBody;
use h2::Error;
use h2::client::{Builder, Connection, SendRequest};
use rustls::client::UnbufferedClientConnection;
use socket::{Socket, SocketStatus};
use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The flow-control windows of a stream and of a connection: bytes.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// The head of a frame of HTTP/2: bytes.
const FRAME_HEAD: u64 = 9;

/// The ALPN name of HTTP/2.
pub(crate) const ALPN: &str = "h2";

/// A context that wakes nothing: the engine's loop polls again.
fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A connection that many requests share.
pub(crate) struct Http2Connection {
    to: Address,
    socket_status: Rc<SocketStatus>,
    state: Http2State,
    in_flight: usize,
    /// Bytes that had come when a request was last sent while no other was in flight.
    received_when_idle: u64,
    served: u64,
    /// Whether a whole answer has come on it.
    answered: bool,
    limits: AnswerLimits,
    /// Bytes of answers that streams have taken.
    consumed: u64,
    /// It takes no other request.
    over: bool,
    /// Whether the peer's settings have come.
    settled: bool,
    /// Why it takes none, where that is an error.
    error: Option<RequestError>,
    /// Why it takes none, in a word.
    end: Option<ConnectionEnd>,
}

enum Http2State {
    /// Being opened or secured.
    Opening(Transport),
    Open(Box<H2Client>),
    Closed,
}

struct H2Client {
    connection: Connection<Socket, CountedBody>,
    requests: SendRequest<CountedBody>,
}

impl Http2Connection {
    /// Begins to open a connection.
    pub(crate) fn begin(route: Route<'_>, limits: AnswerLimits) -> Result<Self, RequestError> {
        let transport =
            connect::begin(route).map_err(|error| RequestError::connect(route, &error))?;
        Ok(Self {
            to: route.to.clone(),
            socket_status: Rc::default(),
            state: Http2State::Opening(transport),
            in_flight: 0,
            received_when_idle: 0,
            served: 0,
            answered: false,
            limits,
            consumed: 0,
            over: false,
            settled: false,
            error: None,
            end: None,
        })
    }

    /// Its socket, until it speaks.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            Http2State::Opening(transport) => Some(transport.as_fd()),
            Http2State::Open(_) | Http2State::Closed => None,
        }
    }

    /// Whether the connection is open, once its socket is writable; false: try again after a while.
    pub(crate) fn open(&mut self, route: Route<'_>) -> Result<bool, RequestError> {
        let Http2State::Opening(transport) = &self.state else { return Ok(true) };
        match connect::end(transport, route).map_err(|error| RequestError::connect(route, &error)) {
            Ok(Opened::Now) => Ok(true),
            Ok(Opened::Doomed(errno)) => {
                self.fail(RequestError::errno(errno, 0));
                Ok(true)
            }
            Ok(Opened::Later) => Ok(false),
            Err(error) => {
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Secures the open connection with the TLS session `end` before it is used.
    pub(crate) fn secure_by(&mut self, end: UnbufferedClientConnection) {
        if let Http2State::Opening(transport) = &mut self.state {
            transport.secure_by(end);
        }
    }

    /// Begins or continues the TLS handshake of an open connection, then that of HTTP/2.
    pub(crate) fn secure(
        &mut self,
        route: Route<'_>,
        buffers: &Rc<RefCell<Buffers>>,
    ) -> Result<Handshake, RequestError> {
        let Http2State::Opening(transport) = &mut self.state else {
            return Ok(Handshake::NotNeeded);
        };
        let secured = match transport.secure(route, &mut buffers.borrow_mut()) {
            Ok(Handshake::Pending) => return Ok(Handshake::Pending),
            Ok(secured) => secured,
            Err(error) => {
                self.fail(error.clone());
                return Err(error);
            }
        };
        match transport.spoken() {
            Ok(said) if said != Some(ALPN.as_bytes()) => {
                let said = said.map_or_else(
                    || "nothing".to_owned(),
                    |said| format!("`{}`", visible_bytes(said, 64)),
                );
                let words = format!("{}: the server chose {said} in place of HTTP/2", self.to);
                let error = RequestError::new(Failure::Tls, FailureStage::Tls, words);
                self.fail(error.clone());
                return Err(error);
            }
            _ => {}
        }
        self.start_http2(buffers);
        Ok(secured)
    }

    /// Sends the preface and our settings.
    fn start_http2(&mut self, buffers: &Rc<RefCell<Buffers>>) {
        let Http2State::Opening(transport) = std::mem::replace(&mut self.state, Http2State::Closed)
        else {
            return;
        };
        let socket = Socket::new(transport, Rc::clone(&self.socket_status), Rc::clone(buffers));
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // A head within twice the limit is rejected here, not by an error that may mean
            // anything.
            .max_header_list_size(self.limits.head.saturating_mul(2))
            // None before the peer has announced its limit.
            .initial_max_send_streams(0);
        let greeting = pin!(builder.handshake::<_, CountedBody>(socket));
        match greeting.poll(&mut idle()) {
            Poll::Ready(Ok((requests, connection))) => {
                self.state = Http2State::Open(Box::new(H2Client { connection, requests }));
            }
            Poll::Ready(Err(error)) => {
                let (error, _) = self.error_of(&error, 0);
                self.fail(error);
            }
            Poll::Pending => {
                let words = "the socket has no room for its first bytes";
                self.fail(RequestError::new(Failure::OtherErrno, FailureStage::Connect, words));
            }
        }
    }

    /// Its socket can be read; `closed`: and may have ended.
    pub(crate) fn socket_ready(&self, closed: bool) {
        self.socket_status.notify(closed);
    }

    /// Reads and writes as far as possible; true if there is more to do after other connections had
    /// their turn.
    pub(crate) fn drive(&mut self) -> bool {
        let Http2State::Open(speech) = &mut self.state else { return false };
        self.socket_status.begin_turn();
        let driven = Pin::new(&mut speech.connection).poll(&mut idle());
        self.settled |= speech.requests.current_max_send_streams() > 0;
        let failed = match driven {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => Some(None),
            Poll::Ready(Err(error)) => Some(Some(error)),
        };
        let Some(error) = failed else {
            // A GOAWAY, or no number is left for a stream.
            if let Poll::Ready(Err(error)) = speech.requests.poll_ready(&mut idle()) {
                let end = self.end_reason_of(Some(&error));
                let (error, _) = self.error_of(&error, 0);
                self.retire(end);
                self.error.get_or_insert(error);
            }
            return self.socket_status.has_more();
        };
        // After a GOAWAY without an error h2 ends as if the socket had; its streams know better.
        let goaway = match speech.requests.poll_ready(&mut idle()) {
            Poll::Ready(Err(error)) if error.is_go_away() => Some(error),
            _ => None,
        };
        let end = self.end_reason_of(error.as_ref().or(goaway.as_ref()));
        let error = match error {
            Some(error) => self.error_of(&error, 0).0,
            None => self.ended(0),
        };
        self.retire(end);
        self.error.get_or_insert(error);
        self.state = Http2State::Closed;
        false
    }

    /// Takes no other request for this reason.
    pub(crate) fn fail(&mut self, error: RequestError) {
        self.retire(ConnectionEnd::Failed);
        self.error.get_or_insert(error);
        self.state = Http2State::Closed;
    }

    /// Takes no other request; why, unless it takes none already.
    pub(crate) fn retire(&mut self, end: ConnectionEnd) {
        self.over = true;
        self.end.get_or_insert(end);
    }

    /// Why it takes no other request.
    pub(crate) fn end_reason(&self) -> Option<ConnectionEnd> {
        self.end
    }

    /// The reason that the end of the connection counts under; `None`: its socket ended.
    fn end_reason_of(&self, error: Option<&Error>) -> ConnectionEnd {
        match error {
            Some(error) if error.is_go_away() && error.is_remote() => ConnectionEnd::GoAway,
            Some(error) if !error.is_io() => ConnectionEnd::Failed,
            _ if self.in_flight == 0 => ConnectionEnd::Idle,
            _ => ConnectionEnd::Failed,
        }
    }

    /// Whether it takes no other request.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The limit on concurrent requests that the peer has announced. Its settings are the first
    /// that it may send: when something came, and nothing was wrong with it, they allow none.
    pub(crate) fn peer_settings(&self) -> PeerSettings {
        if self.settled {
            PeerSettings::Received
        } else if self.socket_status.came() >= FRAME_HEAD && self.error.is_none() {
            PeerSettings::NoStreams
        } else {
            PeerSettings::Pending
        }
    }

    /// Requests that were sent on it.
    pub(crate) fn served(&self) -> u64 {
        self.served
    }

    /// Whether a whole answer has come on it.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered
    }

    /// The error of a connection that never carried a request.
    pub(crate) fn connect_error(&self) -> Option<RequestError> {
        let mut error = self.error.clone().filter(|_| !self.settled)?;
        if error.cause.at == FailureStage::Request {
            let words = "before it sent the settings of HTTP/2";
            error.sample = format!("{}: {words}: {}", self.to, error.sample);
            // So that it is not asked again and again without a pause.
            error.cause.at = FailureStage::Connect;
        }
        Some(error)
    }

    /// How many more requests it takes at once; at most `streams` in all.
    pub(crate) fn room(&mut self, streams: usize) -> usize {
        let Http2State::Open(speech) = &mut self.state else { return 0 };
        if self.over || !self.settled {
            return 0;
        }
        // Until the previous request is sent.
        if speech.requests.poll_ready(&mut idle()).is_pending() {
            return 0;
        }
        let most = speech.requests.current_max_send_streams().min(streams);
        most.saturating_sub(self.in_flight)
    }
}

impl Drop for Http2Connection {
    fn drop(&mut self) {
        if let Http2State::Open(speech) = std::mem::replace(&mut self.state, Http2State::Closed) {
            let H2Client { mut connection, requests } = *speech;
            // Without senders the connection sends GOAWAY, if the socket has room for it.
            drop(requests);
            self.socket_status.begin_turn();
            let _ = Pin::new(&mut connection).poll(&mut idle());
        }
    }
}
