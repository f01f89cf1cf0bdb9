//! Turns what falls due for one worker into HTTP requests, and these into facts.
//!
//! ```text
//!  Requests ── one loop over a Host: orders, marks, what is due, what is late, what has happened
//!    ├ users stage:  a slot a user: request, think, request …      (due when it is started)
//!    └ rate stage:   a slot a connection; an arrival takes the one idle last, or a new one
//!         └ carry ── one request: connection, sending, answer ─▶ Book ─▶ Snapshot, once a second
//! ```
//!
//! **Invariant:** an attempt is booked when it falls due and ends in exactly one outcome: one that
//! is let go of ends as unfinished.
//! **Invariant:** all of a request belongs to the phase of the stage in which it was due.
//! **Invariant:** no task, timer or buffer belongs to a user: one small record, and one alarm for
//! its time-outs.

mod attempts;
mod connection;
mod connection_numbers;
mod host;
mod iterations;
mod pool;
mod recorder;
mod request_mix;
mod resend;
mod slots;
mod sockets;
mod stages;
mod timers;
mod users;
mod waiting_for_rows;

pub use connection::HttpConnection;
pub use host::{Capacity, Host, Ready, SlotId};
pub use request_mix::RequestMix;
pub use sockets::Epoll;

use super::load::Load;
use super::wire::{Command, WorkerReport};
use crate::plan::{ConnectionUse, Endpoint, HostPort, Http, HttpUrl, Protocol, Site};
use crate::record::{ConnectionEnd, Transition};
use crate::units::SECOND_NS;
use crate::units::{Address, uri};
use crate::workload::http::{RequestSet, RequestSetError, Rows};
use connection_numbers::ConnectionNumbers;
use iterations::Iterations;
use recorder::HttpRecorder;
use slots::Slots;
use stages::Stages;
use std::io;
use std::net::SocketAddr;
use timers::Timers;
use waiting_for_rows::WaitingForRows;

/// How long requests may take, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct TimeLimits {
    connect: u64,
    first_byte: u64,
    total: u64,
}

/// The loop of one worker.
pub struct HttpWorker<H: Host> {
    host: H,
    load: Load,
    limits: TimeLimits,
    recorder: HttpRecorder,
    mix: RequestMix,
    iterations: Iterations,
    slots: Slots<H::Connection>,
    stages: Stages,
    /// Requests of arrivals that are under way, and how many may be.
    in_flight: u64,
    max_in_flight: u64,
    /// Connections that wait for an arrival, the one that was used last behind the others; some
    /// have gone.
    idle: Vec<SlotId>,
    /// Those of connections for arrivals.
    numbers: ConnectionNumbers,
    /// Connections end after their request.
    close_after_use: bool,
    /// How long connections are used.
    connection_use: ConnectionUse,
    /// Time-outs.
    timeouts: Timers,
    /// Ends of think times and other waits.
    wake_ups: Timers,
    /// Those on whose connections something is known to have happened.
    ready_again: Vec<SlotId>,
    /// The next second to hand over.
    second: u32,
    halted: bool,
    /// Users, and arrivals with the times when they were due, that wait for a row.
    waiting_for_rows: WaitingForRows,
}

impl<H: Host> HttpWorker<H> {
    /// A loop at the start of the run. The scenario must be one of HTTP requests.
    pub fn new(host: H, load: Load) -> Option<Self> {
        let Protocol::Http(http) = load.scenario().protocol.clone() else { return None };
        Some(Self {
            host,
            limits: TimeLimits {
                connect: http.connect_timeout.as_nanos(),
                first_byte: http.first_byte_timeout.as_nanos(),
                total: http.timeout.as_nanos(),
            },
            recorder: HttpRecorder::new(&http, &load.timeline),
            mix: RequestMix::new(load.plan.seed, load.scenario, &http),
            iterations: Iterations::new(
                &http,
                &load.scenario().stages,
                load.rows,
                load.stock.rows.as_ref().map_or(0, Rows::len),
            ),
            slots: Slots::new(),
            stages: Stages::default(),
            in_flight: 0,
            max_in_flight: load.partition.part_of(http.max_in_flight, 1),
            numbers: ConnectionNumbers::new(load.addresses.len(), load.sources.spread_over()),
            load,
            idle: Vec::new(),
            close_after_use: false,
            connection_use: http.connection,
            timeouts: Timers::default(),
            wake_ups: Timers::default(),
            ready_again: Vec::new(),
            second: 0,
            halted: false,
            waiting_for_rows: WaitingForRows::default(),
        })
    }

    /// Runs to the end of the scenario, or until the coordinator says stop or is gone.
    pub fn run(&mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(512);
        loop {
            while let Some(order) = self.host.order() {
                self.obey(&order);
            }
            let now = self.host.now_ns();
            // First, so that nothing that is due after a second's end is counted in it.
            self.hand_over(now);
            self.pass_marks(now);
            self.expire_timers(now);
            self.wake_thinkers(now);
            self.settle_overdue(now);
            let busy = !self.halted && !self.stages.is_draining() && self.release(now);
            if !busy {
                self.begin_drain(now);
            }
            if self.halted || self.is_drained(now) {
                self.finish(now);
                return Ok(());
            }
            let idle = !busy && self.ready_again.is_empty();
            let until = if idle { self.next_ns() } else { 0 };
            ready.clear();
            ready.extend(self.ready_again.drain(..).map(ready_again));
            self.host.wait(until, &mut ready)?;
            for event in &ready {
                let now = self.host.now_ns();
                self.react(*event, now);
            }
        }
    }

    /// The world, when all is over.
    pub fn into_host(self) -> H {
        self.host
    }

    fn obey(&mut self, order: &Command) {
        match order {
            Command::Transition { mark, at_ns } => {
                if *mark == Transition::Drain {
                    self.stages.end_at(*at_ns);
                }
                self.load.timeline.learn(*mark, *at_ns);
                self.recorder.learn(&self.load.timeline);
            }
            // Users connect as fast as they are answered; turns are for those who only hold.
            Command::StartRamp { .. } | Command::StartClosing => {}
            Command::Halt => self.halted = true,
            Command::Rows { .. } | Command::NoRows | Command::ReturnRows => self.take_rows(order),
        }
    }

    /// Hands over every second that has ended.
    fn hand_over(&mut self, now: u64) {
        while now >= (u64::from(self.second) + 1) * SECOND_NS {
            let snapshot = self.recorder.take(self.second, self.host.facts());
            self.host.report(WorkerReport::Snapshot(Box::new(snapshot)));
            self.iterations.stock.second_ended();
            self.second += 1;
        }
    }

    /// Lets go of what has not ended, and hands over the rest.
    fn finish(&mut self, now: u64) {
        self.drop_what_waits_for_rows();
        for slot in 0..self.slots.len() {
            self.free_slot(slot, ConnectionEnd::Planned);
        }
        let snapshot = self.recorder.take(self.second, self.host.facts());
        self.host.report(WorkerReport::Snapshot(Box::new(snapshot)));
        self.return_rows();
        self.host.report(WorkerReport::Done);
        debug_assert!(now < (u64::from(self.second) + 1) * SECOND_NS);
    }

    /// When the loop has to look again even if nothing happens; in the past when that time has come
    /// meanwhile.
    fn next_ns(&self) -> u64 {
        let second = (u64::from(self.second) + 1) * SECOND_NS;
        let own =
            [self.stages.next_ns(&self.load), self.timeouts.next_ns(), self.wake_ups.next_ns()];
        own.into_iter().flatten().fold(second, u64::min)
    }
}

/// What is said of a connection on which more is known to have come.
fn ready_again(id: SlotId) -> Ready {
    Ready { id, readable: true, writable: false, closed: true }
}

/// The URL of a server that listens at this address.
fn own_url(address: SocketAddr, is_secure: bool) -> HttpUrl {
    HttpUrl {
        is_secure,
        site: Site::Host(HostPort { host: address.ip().to_string(), port: address.port() }),
        host_header: uri::authority(&address.ip().to_string(), address.port(), is_secure),
        path: "/".into(),
    }
}

/// One script for each address of a load, by the URL that it belongs to; a server that planrun
/// started itself is known by its address.
pub fn scripts(load: &Load, http: &Http) -> Result<Vec<RequestSet>, RequestSetError> {
    let script = |url: &HttpUrl, all: &[HttpUrl]| RequestSet::new(http, url, all, &load.stock);
    match &load.plan.target(load.scenario()).endpoint {
        Endpoint::Urls(urls) => {
            load.origins.iter().map(|origin| script(&urls[usize::from(*origin)], urls)).collect()
        }
        Endpoint::Hosts(_) | Endpoint::Builtin(_) => {
            let own = load.addresses.iter().filter_map(Address::tcp);
            own.map(|address| script(&own_url(address, load.tls.is_some()), &[])).collect()
        }
    }
}

#[cfg(test)]
mod tests;
