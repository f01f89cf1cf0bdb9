//! The real world of a hold loop: epoll, sockets, and the pipe to the coordinator.

use super::super::Link;
use super::super::clock::Clock;
use super::super::load::Load;
use super::super::process_stats::{BEAT_NS, ProcessStats, StallDetector};
use super::super::wire::{Command, WorkerReport};
use super::{Host, Ready};
use crate::plan::Close;
use crate::record::WorkerFacts;
use crate::workload::socket;
use crate::workload::tls::Sessions;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustls::client::UnbufferedClientConnection;
use std::cell::RefCell;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

const LINK_IN: Token = Token(usize::MAX);
const LINK_OUT: Token = Token(usize::MAX - 1);

/// Epoll and the pipe.
pub struct Epoll {
    poll: Poll,
    events: Events,
    clock: Clock,
    link: Link,
    load: Load,
    process: ProcessStats,
    stalls: RefCell<StallDetector>,
    sessions: Sessions<UnbufferedClientConnection>,
}

impl Epoll {
    /// A world whose clock starts as told, for the connections of `load`.
    pub fn new(clock: Clock, link: Link, load: Load) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        registry.register(&mut SourceFd(&link.input().as_raw_fd()), LINK_IN, Interest::READABLE)?;
        registry.register(
            &mut SourceFd(&link.output().as_raw_fd()),
            LINK_OUT,
            Interest::WRITABLE,
        )?;
        // A handshake takes long: between few of them the loop looks at what is due.
        let events = Events::with_capacity(if load.tls.is_some() { 8 } else { 1024 });
        Ok(Self {
            poll,
            events,
            clock,
            link,
            load,
            process: ProcessStats::open(),
            stalls: RefCell::default(),
            sessions: Sessions::default(),
        })
    }

    /// Sends what is left to the coordinator.
    pub fn finish(mut self) -> io::Result<()> {
        self.link.flush_all()
    }
}

impl Host for Epoll {
    type Socket = TcpStream;

    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn connect(&mut self, slot: u32, user: u64) -> io::Result<TcpStream> {
        let route = self.load.route(user);
        // A plan holds TCP connections only.
        let to = route.to.tcp().ok_or(io::ErrorKind::Unsupported)?;
        let stream = socket::connect(to, route.from, route.port)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(
            &mut SourceFd(&stream.as_raw_fd()),
            Token(slot as usize),
            interest,
        )?;
        Ok(stream)
    }

    fn wait(&mut self, at_most_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        let at_most_ns = at_most_ns.min(BEAT_NS);
        let before = self.now_ns();
        self.stalls.get_mut().observe(before, before + at_most_ns);
        let polled = self.poll.poll(&mut self.events, Some(Duration::from_nanos(at_most_ns)));
        let after = self.now_ns();
        self.stalls.get_mut().observe(after, after);
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.events {
            match event.token() {
                LINK_IN => self.link.receive()?,
                LINK_OUT => self.link.flush()?,
                Token(slot) => ready.push(Ready {
                    slot: u32::try_from(slot).unwrap_or(u32::MAX),
                    readable: event.is_readable(),
                    writable: event.is_writable(),
                    closed: event.is_read_closed(),
                    failed: event.is_error(),
                }),
            }
        }
        Ok(())
    }

    fn order(&mut self) -> Option<Command> {
        self.link.order()
    }

    fn report(&mut self, notice: WorkerReport) {
        self.link.report(notice);
    }

    fn secure(&mut self, socket: &TcpStream, user: u64) -> io::Result<bool> {
        if !self.sessions.has(socket)
            && let Some(tls) = &self.load.tls
        {
            let end = tls.session(self.load.address(user)).map_err(io::Error::other)?;
            self.sessions.begin(socket, end);
        }
        self.sessions.secure(socket)
    }

    fn watch(&mut self, socket: &TcpStream, slot: u32) -> io::Result<()> {
        let interest = Interest::READABLE;
        let mut source = SourceFd(&socket.as_raw_fd());
        self.poll.registry().reregister(&mut source, Token(slot as usize), interest)
    }

    fn receive(&mut self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.sessions.receive(socket, buffer)
    }

    fn send(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.sessions.send(socket, bytes)
    }

    fn error(&mut self, socket: &TcpStream) -> Option<io::Error> {
        socket.take_error().ok().flatten()
    }

    fn close(&mut self, stream: TcpStream, how: Close) {
        self.sessions.close(&stream, how == Close::Fin);
        if how == Close::Rst {
            socket::reset(stream);
        }
    }

    fn facts(&self) -> WorkerFacts {
        let mut facts = self.process.facts();
        self.stalls.borrow_mut().drain_into(&mut facts);
        facts
    }
}
