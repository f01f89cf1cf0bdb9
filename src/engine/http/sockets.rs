//! The real world of a loop of requests: epoll, a timer, sockets, and the pipe to the coordinator.

#![expect(clippy::disallowed_methods, reason = "cookies expire by the wall clock")]

use super::super::Link;
use super::super::clock::Clock;
use super::super::load::Load;
use super::super::process_stats::{BEAT_NS, ProcessStats, StallDetector};
use super::super::wire::{Command, WorkerReport};
use super::connection::HttpConnection;
use super::host::{Capacity, Host, Ready, SlotId};
use super::pool::ConnectionPool;
use crate::plan::{Http, Protocol, Version};
use crate::record::{ConnectionEnd, WorkerFacts};
use crate::workload::http::{
    Buffers, Deadlines, ExchangeStep, Extracted, Handshake, Http1Connection, PeerSettings,
    RequestError, RequestOutcome, RequestSet, SessionUpdate, Transferred, UserSession,
};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LINK_IN: Token = Token(usize::MAX);
const LINK_OUT: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// A shorter wait is spent looking: to sleep and to wake takes as long.
const SHORTEST_NS: u64 = 20_000;

/// The largest read; most answers are much smaller.
const BUFFER: usize = 64 << 10;

/// Marks the connections that are shared among the places of events.
const POOLED: u32 = 1 << 31;

/// Epoll and the pipe.
pub struct Epoll {
    poll: Poll,
    events: Events,
    /// Waits end by it, exactly: those of epoll itself are rounded to milliseconds.
    timer: TimerFd,
    /// When it rings; in the past when it has rung.
    rings_ns: u64,
    clock: Clock,
    link: Link,
    load: Load,
    scripts: Vec<RequestSet>,
    process: ProcessStats,
    stalls: RefCell<StallDetector>,
    buffers: Buffers,
    /// Connections that are shared; `None`: each has its own.
    pool: Option<ConnectionPool>,
    /// Where requests that differ from sending to sending are written.
    sheet: Vec<u8>,
}

impl Epoll {
    /// A world whose clock starts as told, for the requests of `load`.
    pub fn new(clock: Clock, link: Link, load: Load, scripts: Vec<RequestSet>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        let (input, output) = (link.input().as_raw_fd(), link.output().as_raw_fd());
        registry.register(&mut SourceFd(&input), LINK_IN, Interest::READABLE)?;
        registry.register(&mut SourceFd(&output), LINK_OUT, Interest::WRITABLE)?;
        let fd = timer.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&fd), TIMER, Interest::READABLE)?;
        let buffers = || Buffers::new(BUFFER, load.tls.is_some());
        let pool = match &load.scenario().protocol {
            Protocol::Http(Http {
                version: Version::Http2 { streams },
                connection,
                limits,
                ..
            }) => Some(ConnectionPool::new(
                load.addresses.len(),
                *streams,
                (*connection, *limits),
                buffers(),
            )),
            _ => None,
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(512),
            timer,
            rings_ns: 0,
            clock,
            link,
            buffers: buffers(),
            pool,
            load,
            scripts,
            process: ProcessStats::open(),
            stalls: RefCell::default(),
            sheet: Vec::new(),
        })
    }

    /// Sends what is left to the coordinator.
    pub fn finish(mut self) -> io::Result<()> {
        self.link.flush_all()
    }

    /// How long epoll may wait; without end when the timer ends it.
    fn limit(&mut self, until_ns: u64) -> io::Result<Option<Duration>> {
        let now = self.clock.now_ns();
        let wait = until_ns.saturating_sub(now);
        if wait < SHORTEST_NS {
            return Ok(Some(Duration::ZERO));
        }
        if self.rings_ns <= now || self.rings_ns > until_ns {
            let once = Expiration::OneShot(Duration::from_nanos(wait).into());
            self.timer.set(once, TimerSetTimeFlags::empty())?;
            self.rings_ns = until_ns;
        }
        Ok(None)
    }
}

impl Host for Epoll {
    type Connection = HttpConnection;

    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        if let Some(pool) = &mut self.pool {
            pool.flush(ready);
        }
        let before = self.clock.now_ns();
        let again = !ready.is_empty() || self.pool.as_ref().is_some_and(ConnectionPool::is_dirty);
        let until_ns = if again { before } else { until_ns.min(before + BEAT_NS) };
        self.stalls.get_mut().observe(before, until_ns.max(before));
        let limit = self.limit(until_ns)?;
        let waited = self.poll.poll(&mut self.events, limit);
        let after = self.clock.now_ns();
        self.stalls.get_mut().observe(after, after);
        match waited {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.events {
            match event.token() {
                LINK_IN => self.link.receive()?,
                LINK_OUT => self.link.flush()?,
                TIMER => {}
                Token(token) => {
                    let event = Ready {
                        id: slot_id(token),
                        readable: event.is_readable(),
                        writable: event.is_writable() || event.is_error(),
                        closed: event.is_read_closed() || event.is_error(),
                    };
                    match &mut self.pool {
                        Some(pool) => pool.event(pooled_id(event.id), event, ready),
                        None => ready.push(event),
                    }
                }
            }
        }
        if let Some(pool) = &mut self.pool {
            pool.flush(ready);
        }
        Ok(())
    }

    fn order(&mut self) -> Option<Command> {
        self.link.order()
    }

    fn report(&mut self, notice: WorkerReport) {
        self.link.report(notice);
    }

    fn facts(&self) -> WorkerFacts {
        let mut facts = self.process.facts();
        self.stalls.borrow_mut().drain_into(&mut facts);
        facts
    }

    fn join(&mut self, id: SlotId, number: u64, now_ns: u64) -> Option<HttpConnection> {
        let address = self.load.address(number);
        let stream = self.pool.as_mut()?.join(address, id, now_ns)?;
        Some(HttpConnection::http2_stream(stream, address))
    }

    fn connect(&mut self, id: SlotId, number: u64) -> Result<HttpConnection, RequestError> {
        let route = self.load.route(number);
        let address = self.load.address(number);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        let Some(pool) = &mut self.pool else {
            let http1 = Http1Connection::begin(route)?;
            let fd = http1.socket().as_raw_fd();
            registry
                .register(&mut SourceFd(&fd), token(id), interest)
                .map_err(|error| RequestError::connect(route, &error))?;
            return Ok(HttpConnection::http1(http1, address));
        };
        let (stream, own) = pool.begin(address, id, route)?;
        let shared = token(SlotId { slot: own.slot | POOLED, ..own });
        let fd = pool.socket(stream).map(|socket| socket.as_raw_fd());
        let watched =
            fd.map_or(Ok(()), |fd| registry.register(&mut SourceFd(&fd), shared, interest));
        if let Err(error) = watched {
            pool.leave(stream, None);
            return Err(RequestError::connect(route, &error));
        }
        Ok(HttpConnection::http2_stream(stream, address))
    }

    fn open(&mut self, connection: &mut HttpConnection, number: u64) -> Result<bool, RequestError> {
        let route = self.load.route(number);
        connection.open(self.pool.as_mut(), route)
    }

    fn secure(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
    ) -> Result<Handshake, RequestError> {
        let route = self.load.route(number);
        let mut end = None;
        if let Some(tls) = self.load.tls.as_ref().filter(|_| connection.needs_tls_session()) {
            let begun = tls.session(self.load.address(number)).map_err(io::Error::other);
            end = Some(begun.map_err(|error| RequestError::handshake(route, &error))?);
        }
        let now_ns = self.clock.now_ns();
        connection.secure(self.pool.as_mut(), route, end, (&mut self.buffers, now_ns))
    }

    fn connect_timed_out(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
        securing: bool,
    ) -> RequestError {
        let route = self.load.route(number);
        let late = if securing {
            RequestError::handshake_timeout(route)
        } else {
            RequestError::connect_timeout(route)
        };
        connection.fail(self.pool.as_mut(), &late);
        late
    }

    fn end_reason(&self, connection: &HttpConnection) -> Option<ConnectionEnd> {
        connection.end_reason(self.pool.as_ref())
    }

    fn leave(&mut self, connection: HttpConnection) -> bool {
        connection.leave(self.pool.as_mut())
    }

    fn capacity(
        &mut self,
        connection: &mut HttpConnection,
        since_ns: u64,
        now_ns: u64,
    ) -> Capacity {
        connection.capacity(self.pool.as_mut(), since_ns, now_ns)
    }

    fn has_answered(&self, connection: &HttpConnection) -> bool {
        connection.has_answered(self.pool.as_ref())
    }

    fn refusal(&self, connection: &HttpConnection) -> Option<RequestError> {
        connection.refusal(self.pool.as_ref())
    }

    fn stream_timed_out(&mut self, connection: &mut HttpConnection, number: u64) -> RequestError {
        let opening = connection.opening(self.pool.as_ref());
        let fault = RequestError::unsent(self.load.route(number), opening);
        if opening != PeerSettings::Received {
            connection.fail(self.pool.as_mut(), &fault);
        }
        fault
    }

    fn send(&mut self, connection: &mut HttpConnection, request: u32) -> bool {
        let script = &self.scripts[connection.script()];
        connection.send(self.pool.as_mut(), script, request as usize)
    }

    fn send_with_session(
        &mut self,
        connection: &mut HttpConnection,
        request: u32,
        session: &mut UserSession,
        now_ns: u64,
    ) -> Result<bool, RequestError> {
        let script = &self.scripts[connection.script()];
        let sheet = (&mut self.sheet, now_ns);
        connection.send_with_session(self.pool.as_mut(), script, request as usize, session, sheet)
    }

    fn update_session(
        &mut self,
        number: u64,
        session: &mut UserSession,
        gains: Extracted,
        now_ns: u64,
    ) -> SessionUpdate {
        let script = &self.scripts[self.load.address(number)];
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_s = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX);
        script.give(session, gains, now_ns, unix_s)
    }

    fn describe(
        &self,
        number: u64,
        request: u32,
        session: Option<&UserSession>,
        words: String,
    ) -> String {
        let script = &self.scripts[self.load.address(number)];
        script.words_of(request as usize, session, self.load.route(number).to, &words)
    }

    fn advance(
        &mut self,
        connection: &mut HttpConnection,
        closed: bool,
        now_ns: u64,
    ) -> ExchangeStep {
        let script = &self.scripts[connection.script()];
        connection.advance(self.pool.as_mut(), script, closed, (&mut self.buffers, now_ns))
    }

    fn deadline(&self, connection: &HttpConnection, limits: Deadlines) -> u64 {
        connection.deadline(self.pool.as_ref(), limits)
    }

    fn time_out(
        &mut self,
        connection: &mut HttpConnection,
        limits: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome> {
        let script = &self.scripts[connection.script()];
        connection.time_out(self.pool.as_mut(), script, limits, now_ns)
    }

    fn idle_event(&mut self, connection: &mut HttpConnection) {
        connection.idle_event(&mut self.buffers);
    }

    fn takes_a_request(&self, connection: &HttpConnection) -> bool {
        connection.takes_a_request(self.pool.as_ref())
    }

    fn bytes_moved(&self, connection: &HttpConnection) -> Transferred {
        connection.bytes_moved()
    }
}

fn token(SlotId { slot, generation }: SlotId) -> Token {
    Token((generation as usize) << 32 | slot as usize)
}

/// The place of a connection that is shared, among its like.
fn pooled_id(id: SlotId) -> SlotId {
    SlotId { slot: id.slot & !POOLED, ..id }
}

fn slot_id(token: usize) -> SlotId {
    let half = |bits: usize| u32::try_from(bits & 0xffff_ffff).unwrap_or(u32::MAX);
    SlotId { slot: half(token), generation: half(token >> 32) }
}
