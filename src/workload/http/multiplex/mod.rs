//! Turns one connection of HTTP/2 into many exchanges at once.
//!
//! ```text
//!  Multiplex ── one connection; whoever has a loop says when its socket is ready
//!    ├ begin, open, secure ▶ Ok, or a Fault while connecting
//!    ├ ask ───────────────▶ Stream: one request and its answer, among others
//!    ├ drive ─────────────▶ reads, writes, and wakes the streams on which something has come
//!    └ advance ───────────▶ Answer, as on a connection of its own
//! ```
//!
//! **Invariant:** nothing is asked before the peer has sent its settings, nor more at once than
//! they allow.
//! **Invariant:** what has come for a stream is taken at once and given back to the peer's window;
//! none of it is kept.

mod counted;
mod framed;
mod socket;
mod stream;

pub(super) use framed::Framed;
pub(crate) use stream::Stream;

use super::connect::{self, Opened};
use super::ends::Ends;
use super::exchange::Unseen;
use super::fault::{Fault, Opening};
use super::wire::{Buffers, Secured, Wire, broken};
use crate::plan::AnswerLimits;
use crate::record::{ConnectionEnd, Failure, FailureStage};
use crate::units::Address;
use counted::Counted;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Error, Reason};
use rustls::client::UnbufferedClientConnection;
use socket::{Line, Socket};
use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// So much of an answer may be under way: of one stream, and of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// The head of a frame of HTTP/2: bytes.
const FRAME_HEAD: u64 = 9;

/// What is spoken inside TLS, in the words of ALPN.
pub(crate) const ALPN: &str = "h2";

/// What waits for nothing: whoever has a loop asks again.
fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A connection that many requests share.
pub(crate) struct Multiplex {
    to: Address,
    line: Rc<Line>,
    state: State,
    in_flight: usize,
    /// Bytes that had come when a request was last sent while no other was under way.
    rested: u64,
    served: u64,
    /// Whether a whole answer has come on it.
    answered: bool,
    limits: AnswerLimits,
    /// Bytes of answers that streams have taken.
    taken: u64,
    /// It takes no other request.
    over: bool,
    /// Whether the peer's settings have come.
    settled: bool,
    /// Why it takes none, when that is the fault of somebody.
    fault: Option<Fault>,
    /// Why it takes none, in a word.
    end: Option<ConnectionEnd>,
}

enum State {
    /// Being opened or secured.
    Raw(Wire),
    Speaks(Box<Speech>),
    Gone,
}

struct Speech {
    connection: Connection<Socket, Counted>,
    requests: SendRequest<Counted>,
}

impl Multiplex {
    /// Begins to open a connection.
    pub(crate) fn begin(ends: &Ends, limits: AnswerLimits) -> Result<Self, Fault> {
        let wire = connect::begin(ends).map_err(|error| Fault::connect(ends, &error))?;
        Ok(Self {
            to: ends.to.clone(),
            line: Rc::default(),
            state: State::Raw(wire),
            in_flight: 0,
            rested: 0,
            served: 0,
            answered: false,
            limits,
            taken: 0,
            over: false,
            settled: false,
            fault: None,
            end: None,
        })
    }

    /// Its socket, until it speaks.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Raw(wire) => Some(wire.as_fd()),
            State::Speaks(_) | State::Gone => None,
        }
    }

    /// Whether the connection is open, once its socket can be written to; false: to be asked again
    /// after a while.
    pub(crate) fn open(&mut self, ends: &Ends) -> Result<bool, Fault> {
        let State::Raw(wire) = &self.state else { return Ok(true) };
        match connect::end(wire, ends).map_err(|error| Fault::connect(ends, &error)) {
            Ok(Opened::Now) => Ok(true),
            Ok(Opened::Doomed(errno)) => {
                self.fail(Fault::errno(errno, 0));
                Ok(true)
            }
            Ok(Opened::Later) => Ok(false),
            Err(fault) => {
                self.fail(fault.clone());
                Err(fault)
            }
        }
    }

    /// The connection, which is open, is to be secured by `end` first.
    pub(crate) fn secure_by(&mut self, end: UnbufferedClientConnection) {
        if let State::Raw(wire) = &mut self.state {
            wire.secure_by(end);
        }
    }

    /// Begins, or goes on with, what secures an open connection; then it speaks.
    pub(crate) fn secure(
        &mut self,
        ends: &Ends,
        buffers: &Rc<RefCell<Buffers>>,
    ) -> Result<Secured, Fault> {
        let State::Raw(wire) = &mut self.state else { return Ok(Secured::Plain) };
        let secured = match wire.secure(ends, &mut buffers.borrow_mut()) {
            Ok(Secured::Waits) => return Ok(Secured::Waits),
            Ok(secured) => secured,
            Err(fault) => {
                self.fail(fault.clone());
                return Err(fault);
            }
        };
        match wire.spoken() {
            Ok(said) if said != Some(ALPN.as_bytes()) => {
                let said = said.map_or_else(
                    || "nothing".to_owned(),
                    |said| format!("`{}`", said.escape_ascii()),
                );
                let words = format!("{}: the server chose {said} in place of HTTP/2", self.to);
                let fault = Fault::new(Failure::Tls, FailureStage::Tls, words);
                self.fail(fault.clone());
                return Err(fault);
            }
            _ => {}
        }
        self.speak(buffers);
        Ok(secured)
    }

    /// Sends the preface and our settings.
    fn speak(&mut self, buffers: &Rc<RefCell<Buffers>>) {
        let State::Raw(wire) = std::mem::replace(&mut self.state, State::Gone) else { return };
        let socket = Socket::new(wire, Rc::clone(&self.line), Rc::clone(buffers));
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // A head within twice the limit is told to be beyond it here, not by an error that may
            // mean anything.
            .max_header_list_size(self.limits.head.saturating_mul(2))
            // None before the peer has said how many.
            .initial_max_send_streams(0);
        let greeting = pin!(builder.handshake::<_, Counted>(socket));
        match greeting.poll(&mut idle()) {
            Poll::Ready(Ok((requests, connection))) => {
                self.state = State::Speaks(Box::new(Speech { connection, requests }));
            }
            Poll::Ready(Err(error)) => {
                let (fault, _) = self.fault_of(&error, 0);
                self.fail(fault);
            }
            Poll::Pending => {
                let words = "the socket has no room for its first bytes";
                self.fail(Fault::new(Failure::OtherErrno, FailureStage::Connect, words));
            }
        }
    }

    /// Its socket can be read; `closed`: and may have ended.
    pub(crate) fn happened(&self, closed: bool) {
        self.line.happened(closed);
    }

    /// Reads and writes what it can; true when there is more, after others had their turn.
    pub(crate) fn drive(&mut self) -> bool {
        let State::Speaks(speech) = &mut self.state else { return false };
        self.line.begin();
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
                let (fault, _) = self.fault_of(&error, 0);
                let end = self.end_by(Some(&error));
                self.retire(end);
                self.fault.get_or_insert(fault);
            }
            return self.line.has_more();
        };
        let end = self.end_by(error.as_ref());
        let fault = match error {
            Some(error) => self.fault_of(&error, 0).0,
            None => self.ended(0),
        };
        self.retire(end);
        self.fault.get_or_insert(fault);
        self.state = State::Gone;
        false
    }

    /// Takes no other request for this reason.
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.retire(ConnectionEnd::Failed);
        self.fault.get_or_insert(fault);
        self.state = State::Gone;
    }

    /// Takes no other request; why, unless it takes none already.
    pub(crate) fn retire(&mut self, end: ConnectionEnd) {
        self.over = true;
        self.end.get_or_insert(end);
    }

    /// Why it takes no other request.
    pub(crate) fn ended_by(&self) -> Option<ConnectionEnd> {
        self.end
    }

    /// What the end of the connection is counted as; `None`: its socket ended.
    fn end_by(&self, error: Option<&Error>) -> ConnectionEnd {
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

    /// What the peer has said of how many requests it takes at once. Its settings are the first
    /// that it may send: when something came, and nothing was wrong with it, they allow none.
    pub(crate) fn opening(&self) -> Opening {
        if self.settled {
            Opening::Settled
        } else if self.line.came() >= FRAME_HEAD && self.fault.is_none() {
            Opening::Closed
        } else {
            Opening::Silent
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

    /// What is wrong with a connection on which nothing was ever asked.
    pub(crate) fn trouble(&self) -> Option<Fault> {
        let mut fault = self.fault.clone().filter(|_| !self.settled)?;
        if fault.cause.at == FailureStage::Request {
            let words = "before it sent the settings of HTTP/2";
            fault.sample = format!("{}: {words}: {}", self.to, fault.sample);
            // So that it is not asked again and again without a pause.
            fault.cause.at = FailureStage::Connect;
        }
        Some(fault)
    }

    /// How many more requests it takes at once; at most `streams` in all.
    pub(crate) fn room(&mut self, streams: usize) -> usize {
        let State::Speaks(speech) = &mut self.state else { return 0 };
        if self.over || !self.settled {
            return 0;
        }
        // Until what was asked before is on its way.
        if speech.requests.poll_ready(&mut idle()).is_pending() {
            return 0;
        }
        let most = speech.requests.current_max_send_streams().min(streams);
        most.saturating_sub(self.in_flight)
    }

    /// What an error of a stream or of the connection is counted as, after so many bytes of an
    /// answer.
    fn fault_of(&self, error: &Error, bytes: u64) -> (Fault, Unseen) {
        let of = |failure, code| {
            let words = format!("{error}, after {bytes} bytes");
            let mut fault = Fault::new(failure, FailureStage::Request, words);
            fault.cause.code = code;
            fault
        };
        let reason = error.reason().unwrap_or(Reason::NO_ERROR);
        if error.is_reset() && error.is_remote() {
            let unseen = if reason == Reason::REFUSED_STREAM { Unseen::Surely } else { Unseen::No };
            let code = i32::try_from(u32::from(reason)).unwrap_or(i32::MAX);
            return (of(Failure::StreamReset, code), unseen);
        }
        if error.is_go_away() && error.is_remote() {
            // Only those streams end by it that the server has not processed, whatever its reason
            // (RFC 9113, 6.8).
            return (of(Failure::ClosedByServer, 0), Unseen::Surely);
        }
        if error.is_io() {
            return (self.ended(bytes), Unseen::No);
        }
        // What the library calls a lack of calm are its own limits; of what else is not the peer's
        // it says so.
        let data = error.to_string();
        let of_head = ["header_list_way_too_large", "too_many_continuations"];
        let fault = match reason {
            Reason::COMPRESSION_ERROR if error.is_library() => self.over_head(),
            Reason::ENHANCE_YOUR_CALM if of_head.iter().any(|one| data.contains(one)) => {
                self.over_head()
            }
            Reason::ENHANCE_YOUR_CALM => of(Failure::ClientError, 0),
            _ if !error.is_library() => of(Failure::ClientError, 0),
            _ => of(Failure::BadHttp, 0),
        };
        (fault, Unseen::No)
    }

    /// A head that is larger than this side takes.
    fn over_head(&self) -> Fault {
        let head = self.limits.head;
        let words = format!("more than {head} bytes of head");
        Fault::over_limit(&words, "head", head.into())
    }

    /// The end that the socket met.
    fn ended(&self, bytes: u64) -> Fault {
        let closed = || {
            let words = format!("the connection ended, after {bytes} bytes");
            Fault::new(Failure::ClosedByServer, FailureStage::Request, words)
        };
        let end = self.line.end(|end| match end {
            Ok(()) => closed(),
            Err(error) => broken(error, bytes),
        });
        end.unwrap_or_else(closed)
    }
}

impl Drop for Multiplex {
    fn drop(&mut self) {
        if let State::Speaks(speech) = std::mem::replace(&mut self.state, State::Gone) {
            let Speech { mut connection, requests } = *speech;
            // Without anybody who asks it says goodbye, if there is room for it.
            drop(requests);
            self.line.begin();
            let _ = Pin::new(&mut connection).poll(&mut idle());
        }
    }
}
