//! Turns requests, one after the other, into answers over one connection.

use super::body::Check;
use super::connect::{self, Ends};
use super::fault::Fault;
use super::parse::Parser;
use super::script::{Prepared, Script};
use super::wire::{self, Buffers, Secured, Wire};
use crate::record::{Failure, Phase};
use rustls::client::UnbufferedClientConnection;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};

/// What came of one request that was sent. Moments are the caller's, in nanoseconds.
#[derive(Debug)]
pub struct Answer {
    /// What is wrong with it; `None` is a success.
    pub fault: Option<Fault>,
    /// The status, once a head has come.
    pub status: Option<u16>,
    /// Bytes of the body that came, without their framing.
    pub body_bytes: u64,
    /// When the first byte of the answer came.
    pub first_byte_ns: Option<u64>,
    /// When the last byte came, or the fault.
    pub ended_ns: u64,
    /// The connection had served before, and was closed or reset without one byte of an answer: the server may have closed it for
    /// idleness while the request was on its way, and may not have seen the request.
    pub idle_close: bool,
}

/// How far a request has come.
#[derive(Debug)]
pub enum Step {
    /// More must come.
    Wait,
    /// More has come already; others have their turn first.
    Again,
    /// Nothing more will come.
    Ended(Answer),
}

/// When a request is out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the first byte has come.
    pub first_byte_ns: u64,
    /// Until the last byte has come.
    pub whole_ns: u64,
}

/// Reads from one connection before others have their turn.
const TURN: u32 = 16;

/// A connection: opening, idle, or with one request under way.
#[derive(Debug)]
pub struct Lane {
    wire: Wire,
    to: SocketAddr,
    /// What the next use of the socket comes to: its error has been taken from it already.
    doom: Option<i32>,
    /// Whether an answer has come on it.
    used: bool,
    /// It takes no other request.
    over: bool,
    request: u32,
    written: u32,
    bytes: u64,
    first_byte_ns: Option<u64>,
    parser: Parser,
    check: Check,
}

impl Lane {
    /// Begins to open a connection.
    pub fn begin(ends: Ends) -> Result<Self, Fault> {
        let stream = connect::begin(ends).map_err(|error| Fault::connect(ends, &error))?;
        Ok(Self {
            wire: Wire::new(stream),
            to: ends.to,
            doom: None,
            used: false,
            over: false,
            request: 0,
            written: 0,
            bytes: 0,
            first_byte_ns: None,
            parser: Parser::new(false),
            check: Check::default(),
        })
    }

    /// Its socket.
    pub fn stream(&self) -> &TcpStream {
        self.wire.socket()
    }

    /// Whether the connection is open, once its socket can be written to.
    pub fn open(&mut self, ends: Ends) -> Result<(), Fault> {
        self.doom =
            connect::end(self.wire.socket(), ends).map_err(|error| Fault::connect(ends, &error))?;
        Ok(())
    }

    /// The connection, which is open, is to be secured by `end` first.
    pub fn secure_by(&mut self, end: UnbufferedClientConnection) {
        self.wire.secure_by(end);
    }

    /// Begins, or goes on with, what secures an open connection.
    pub fn secure(&mut self, ends: Ends, buffers: &mut Buffers) -> Result<Secured, Fault> {
        self.wire.secure(ends, buffers)
    }

    /// Whether another request can be sent.
    pub fn takes_a_request(&self) -> bool {
        !self.over
    }

    /// The socket of an idle connection is ready: nothing good can have come.
    pub fn disturb(&mut self, buffers: &mut Buffers) {
        self.over |= match self.wire.read(buffers) {
            Ok(_) => true,
            Err(error) => !is_nothing(&error),
        };
    }

    /// Sends a request, by its index in the plan, as far as there is room.
    pub fn send(&mut self, script: &Script, request: usize) {
        let prepared = &script.requests[request];
        self.request = u32::try_from(request).unwrap_or(u32::MAX);
        (self.written, self.bytes, self.first_byte_ns) = (0, 0, None);
        self.parser = Parser::new(prepared.is_head);
        self.check = Check::default();
        self.write(prepared);
    }

    fn write(&mut self, prepared: &Prepared) {
        while self.doom.is_none() {
            let unsent = &prepared.bytes[self.written as usize..];
            if unsent.is_empty() {
                return;
            }
            match self.wire.write(unsent) {
                // Requests are much smaller than 4 GiB: plans are text.
                Ok(length) => self.written += u32::try_from(length).unwrap_or(u32::MAX),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.doom = error.raw_os_error().or(Some(0)),
            }
        }
    }

    /// Whether sending failed: no event will say so.
    pub fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    /// Goes on with the request under way, as far as the socket lets it. `closed`: the server may have closed its side.
    pub fn advance(
        &mut self,
        script: &Script,
        closed: bool,
        buffers: &mut Buffers,
        now_ns: u64,
    ) -> Step {
        let prepared = &script.requests[self.request as usize];
        if (self.written as usize) < prepared.bytes.len() {
            self.write(prepared);
        }
        for _ in 0..TURN {
            let length = match self.wire.read(buffers) {
                Ok(0) => {
                    self.over = true;
                    let fault = match (self.parser.close(), self.doom) {
                        (Ok(true), _) => return Step::Ended(self.complete(prepared, now_ns)),
                        (Err(wrong), _) => self.fault(Failure::BadHttp, &wrong.to_string()),
                        (Ok(false), Some(errno)) => Fault::errno(errno, self.bytes),
                        (Ok(false), None) => {
                            self.fault(Failure::ClosedByServer, "the connection ended")
                        }
                    };
                    return Step::Ended(self.broken(prepared, fault, now_ns));
                }
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let Some(errno) = self.doom else { return Step::Wait };
                    return Step::Ended(self.broken(
                        prepared,
                        Fault::errno(errno, self.bytes),
                        now_ns,
                    ));
                }
                Err(error) => {
                    let fault = wire::broken(&error, self.bytes);
                    return Step::Ended(self.broken(prepared, fault, now_ns));
                }
            };
            self.first_byte_ns.get_or_insert(now_ns);
            self.bytes += length as u64;
            let (check, expected) = (&mut self.check, prepared.expected.as_deref());
            match self.parser.feed(&buffers.plain[..length], |piece| check.feed(expected, piece)) {
                Err(wrong) => {
                    let fault = self.fault(Failure::BadHttp, &wrong.to_string());
                    return Step::Ended(self.broken(prepared, fault, now_ns));
                }
                Ok(taken) if self.parser.is_done() => {
                    // Nobody asked for what is behind the answer.
                    self.over |= taken < length;
                    // A full buffer may have left more behind.
                    if closed || length == buffers.plain.len() {
                        self.disturb(buffers);
                    }
                    return Step::Ended(self.complete(prepared, now_ns));
                }
                // A read that does not fill the buffer has emptied the socket, unless TLS stands between.
                Ok(_)
                    if length < buffers.plain.len()
                        && !closed
                        && self.doom.is_none()
                        && !self.wire.is_secured() =>
                {
                    return Step::Wait;
                }
                Ok(_) => {}
            }
        }
        Step::Again
    }

    /// When the request under way is out of time.
    pub fn deadline(&self, limits: Limits) -> u64 {
        if self.bytes == 0 { limits.first_byte_ns.min(limits.whole_ns) } else { limits.whole_ns }
    }

    /// Gives up the request under way: it is out of time.
    pub fn give_up(&mut self, script: &Script, limits: Limits, now_ns: u64) -> Answer {
        let waits = self.bytes == 0 && limits.first_byte_ns < limits.whole_ns;
        let failure = if waits { Failure::FirstByteTimeout } else { Failure::RequestTimeout };
        let fault = self.fault(failure, "out of time");
        self.broken(&script.requests[self.request as usize], fault, now_ns)
    }

    fn fault(&self, failure: Failure, what: &str) -> Fault {
        Fault::new(failure, Phase::Request, format!("{what} after {} bytes", self.bytes))
    }

    /// An answer that is whole, be it the right one or not.
    fn complete(&mut self, prepared: &Prepared, now_ns: u64) -> Answer {
        let status = self.parser.status().unwrap_or(0);
        // What answers a request that is still being sent has not read it.
        let unsent = (self.written as usize) < prepared.bytes.len();
        self.used = true;
        self.over |= unsent || prepared.closes || !self.parser.keeps();
        let fault = if prepared.takes(status) {
            let wrong = |what| format!("{} at {}: the body {what}", prepared.words(), self.to);
            let wrong = |what| Fault::new(Failure::WrongBody, Phase::Request, wrong(what));
            self.check.finish(prepared.expected.as_deref()).err().map(wrong)
        } else {
            let words = format!("{} at {}: status {status}", prepared.words(), self.to);
            let mut fault = Fault::new(Failure::Status, Phase::Request, words);
            fault.cause.code = i32::from(status);
            Some(fault)
        };
        self.answer(fault, false, now_ns)
    }

    /// An exchange that did not end in order.
    fn broken(&mut self, prepared: &Prepared, mut fault: Fault, now_ns: u64) -> Answer {
        self.over = true;
        let closed = matches!(fault.cause.failure, Failure::ClosedByServer | Failure::Reset);
        let idle_close = closed && self.used && self.bytes == 0;
        fault.sample = format!("{} at {}: {}", prepared.words(), self.to, fault.sample);
        self.answer(Some(fault), idle_close, now_ns)
    }

    fn answer(&self, fault: Option<Fault>, idle_close: bool, ended_ns: u64) -> Answer {
        Answer {
            fault,
            status: self.parser.status(),
            body_bytes: self.check.received(),
            first_byte_ns: self.first_byte_ns,
            ended_ns,
            idle_close,
        }
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
