//! Turns a port into a server of long connections: it greets, sends a message every so often,
//! answers, and holds.
//!
//! One thread, one epoll, edge-triggered. Connections cost three system calls at their start and
//! nothing while nothing is due.
//!
//! **Invariant:** no buffer, task or timer for a connection; one that is secured has its session,
//! which keeps no buffer either.
//! **Invariant:** when the process has no descriptors left it waits for one; it does not spin.

#![expect(clippy::disallowed_methods, reason = "heartbeats and faults of the server are timed")]

mod connection_table;
mod conversation;
mod receiving;
mod script;
mod securing;
mod sending;
mod talk;
mod tally;
mod websocket;

use super::listen::{self, BoundListener, Listen};
use super::{Counts, ServeError, Stop};
use crate::plan::TcpHoldServer;
use crate::serve::identity::identity;
use crate::workload::tls::Identity;
use connection_table::reached;
use conversation::ConnectionHandler;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;
use script::Script;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use talk::{Raw, Talk};
use websocket::WebSocketTalk;

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// Connections accepted before sockets and clocks have their turn.
const BATCH: usize = 256;

/// How long accepting rests when the machine, not the process, is out of something.
const REST_MS: u32 = 100;

/// How long the end waits at most for what has happened already and was not yet seen.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// A server of long connections that has its port.
#[derive(Debug)]
pub struct BoundHoldServer {
    bound: BoundListener,
    options: TcpHoldServer,
    identity: Option<Identity>,
}

impl BoundHoldServer {
    pub(super) fn bind(options: TcpHoldServer, listen: Listen) -> Result<Self, ServeError> {
        let bound = listen::bind(listen, &options.faults)?;
        let identity = identity(options.tls.as_ref(), bound.address)?;
        Ok(Self { bound, options, identity })
    }

    pub(super) fn certificate(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.certificate.as_str())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.bound.address
    }

    pub(super) fn run(self, stop: Stop) -> Result<Counts, ServeError> {
        let reply_to = self.options.reply_to.as_deref();
        match &self.options.websocket {
            None => {
                let raw = Raw::new(reply_to);
                serve(self, raw, stop)
            }
            Some(options) => {
                let status = self.options.faults.status;
                let websocket = WebSocketTalk::new(reply_to, options, status);
                serve(self, websocket, stop)
            }
        }
    }
}

/// Serves until `stop`; returns the counters.
fn serve<T: Talk>(server: BoundHoldServer, talk: T, stop: Stop) -> Result<Counts, ServeError> {
    let mut serving = Loop::new(server, talk, stop)?;
    serving.run()?;
    let conversations = &serving.conversations;
    let mut counts =
        conversations.tally.counts(conversations.connections.open(), conversations.tls.is_some());
    for (name, count) in conversations.talk.counts() {
        counts.add(name, count);
    }
    Ok(counts)
}

/// Whether, and when, to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepting {
    /// Connections may be waiting.
    Now,
    /// None is waiting.
    WhenTold,
    /// Some may be waiting, and a descriptor must become free first.
    WhenFreed,
    /// Some may be waiting, and the machine must recover first.
    At(u32),
}

struct Loop<T: Talk> {
    poll: Poll,
    listener: TcpListener,
    stop: Stop,
    conversations: ConnectionHandler<T>,
    accepting: Accepting,
    /// Connections accepted so far, modulo 2^32.
    number: u32,
    started: Instant,
}

impl<T: Talk> Loop<T> {
    fn new(server: BoundHoldServer, talk: T, stop: Stop) -> Result<Self, ServeError> {
        let accepts = server.bound.accepts;
        let mut listener = TcpListener::from_std(server.bound.socket.into());
        let script = Script::new(&server.options, &talk);
        let secret = server.identity.map(|identity| identity.config);
        let mut open = || -> io::Result<(Poll, mio::Registry)> {
            let poll = Poll::new()?;
            let readable = Interest::READABLE;
            if accepts {
                poll.registry().register(&mut listener, LISTENER, readable)?;
            }
            for fd in stop.fds() {
                match poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), STOP, readable) {
                    // Standard input is a file, or nothing: its end was seen before the first wait.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                    result => result?,
                }
            }
            let registry = poll.registry().try_clone()?;
            Ok((poll, registry))
        };
        let (poll, registry) = open().map_err(ServeError::system("open an epoll"))?;
        Ok(Self {
            poll,
            listener,
            stop,
            conversations: ConnectionHandler::new((script, talk), secret, registry),
            accepting: Accepting::WhenTold,
            number: 0,
            started: Instant::now(),
        })
    }

    fn run(&mut self) -> Result<(), ServeError> {
        let mut events = Events::with_capacity(1024);
        // Data that arrived before the descriptors were registered causes no edge.
        let mut stopping = self.stop.requested()?;
        while !stopping {
            let timeout = self.timeout();
            stopping = self.turn(&mut events, timeout)?;
            self.conversations.on_time();
            self.recover();
            if self.accepting == Accepting::Now {
                self.accept();
            }
        }
        // Clients that are done have closed; what they did must be counted.
        let until = Instant::now() + LAST_LOOK;
        loop {
            self.turn(&mut events, Some(Duration::ZERO))?;
            self.recover();
            if self.accepting == Accepting::Now {
                self.accept();
            } else if (events.is_empty() && !self.conversations.has_unread())
                || Instant::now() > until
            {
                return Ok(());
            }
        }
    }

    /// Waits, and does what sockets ask for; whether to stop.
    fn turn(&mut self, events: &mut Events, timeout: Option<Duration>) -> Result<bool, ServeError> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            result => result.map_err(ServeError::system("wait for connections"))?,
        }
        self.conversations.now_ms = self.clock_ms();
        let mut stopping = false;
        for event in &*events {
            match event.token() {
                LISTENER => {
                    if self.accepting == Accepting::WhenTold {
                        self.accepting = Accepting::Now;
                    }
                }
                STOP => stopping = self.stop.requested()?,
                Token(slot) => {
                    if let Ok(slot) = u32::try_from(slot) {
                        self.conversations.on_event(slot, event);
                    }
                }
            }
        }
        self.conversations.read_on();
        Ok(stopping)
    }

    /// Resumes accepting once the resource that it waited for is free.
    fn recover(&mut self) {
        let recovered = match self.accepting {
            Accepting::WhenFreed => self.conversations.freed,
            Accepting::At(at_ms) => reached(at_ms, self.conversations.now_ms),
            Accepting::Now | Accepting::WhenTold => false,
        };
        if recovered {
            self.accepting = Accepting::Now;
        }
    }

    /// How long to wait for sockets before something is due; `None`: for ever.
    fn timeout(&self) -> Option<Duration> {
        if self.accepting == Accepting::Now || self.conversations.has_unread() {
            return Some(Duration::ZERO);
        }
        let now_ms = self.clock_ms();
        let rest = match self.accepting {
            Accepting::At(at_ms) => Some(at_ms),
            _ => None,
        };
        let until =
            |at_ms: u32| if reached(at_ms, now_ms) { 0 } else { at_ms.wrapping_sub(now_ms) };
        let wait_ms = self.conversations.next_due().into_iter().chain(rest).map(until).min()?;
        Some(Duration::from_millis(wait_ms.into()))
    }

    fn accept(&mut self) {
        for _ in 0..BATCH {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    self.conversations.welcome(TcpStream::from(stream), self.number);
                    self.number = self.number.wrapping_add(1);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.accepting = Accepting::WhenTold;
                    return;
                }
                Err(error) => {
                    if let Some(later) = self.after(&error) {
                        self.accepting = later;
                        return;
                    }
                }
            }
        }
    }

    /// How to proceed after a failed accept; `None`: only that one connection is gone.
    fn after(&mut self, error: &io::Error) -> Option<Accepting> {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EINTR) => return None,
            Some(Errno::ECONNABORTED | Errno::EPROTO) => {
                self.conversations.tally.accept_failed += 1;
                return None;
            }
            _ => self.conversations.tally.accept_failed += 1,
        }
        if error.raw_os_error() == Some(Errno::EMFILE as i32) {
            self.conversations.freed = false;
            return Some(Accepting::WhenFreed);
        }
        Some(Accepting::At(self.conversations.now_ms.wrapping_add(REST_MS)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a clock of 49 days that starts again")]
    fn clock_ms(&self) -> u32 {
        self.started.elapsed().as_millis() as u32
    }
}
