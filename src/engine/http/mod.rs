//! Turns what is due for one worker into HTTP requests, and their outcomes into facts.
//!
//! ```text
//!  HttpWorker ── driven by worker::drive: commands, transitions, what is due, time-outs, events
//!    ├ users stage:  a slot for each user: request, think, request …      (due when it is started)
//!    └ rate stage:   a slot for each connection; an arrival takes the one idle last, or a new one
//!         └ attempts ── one request: connect, send, receive ─▶ HttpRecorder ─▶ Snapshot, every second
//! ```
//!
//! **Invariant:** an attempt is recorded as due when it is, and ends in exactly one outcome: an
//! abandoned one ends as unfinished.
//!
//! **Invariant:** all facts of a request belong to the phase of the stage in which it was due.
//!
//! **Invariant:** no task, timer or buffer belongs to a user: only one small record, and one entry
//! in the queue of time-outs.

mod addresses;
mod attempts;
mod connection;
mod connection_numbers;
mod failing;
mod fixed_work;
mod host;
mod iterations;
mod observed;
mod one_pass;
mod pool;
mod recorder;
mod request_mix;
mod resend;
mod slots;
mod sockets;
mod stages;
mod timers;
mod tunnels;
mod users;
mod waiting_for_rows;

use host::{Capacity, HttpHost};
pub(super) use one_pass::one_pass;
pub(super) use request_mix::RequestMix;
pub(super) use sockets::HttpSockets;

use super::load::Load;
use super::rows::Supply;
use super::wire::WorkerCommand;
use super::worker::{LoopStep, Ready, SlotId, Worker};
use crate::plan::{
    ConnectionUse, Endpoint, HostHeader, HostPort, Http, HttpUrl, RequestPath, Site,
};
use crate::record::{ConnectionEnd, Snapshot, Transition, WorkerFacts};
use crate::units::Address;
use crate::workload::http::{RequestSet, RequestSetError, Rows};
use connection_numbers::ConnectionNumbers;
use failing::KeptExchanges;
use fixed_work::FixedStages;
use iterations::Iterations;
use recorder::HttpRecorder;
use slots::UserSlots;
use stages::HttpStages;
use std::net::SocketAddr;
use timers::Timers;
use waiting_for_rows::WaitingForRows;

/// Time limits of a request, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct TimeLimits {
    connect: u64,
    first_byte: u64,
    total: u64,
}

/// One worker's part of a scenario of HTTP requests.
pub(super) struct HttpWorker<H: HttpHost> {
    host: H,
    load: Load,
    limits: TimeLimits,
    recorder: HttpRecorder,
    mix: RequestMix,
    iterations: Iterations,
    slots: UserSlots<H::Connection>,
    stages: HttpStages,
    /// Iterations of arrivals that are in progress, and how many may be.
    in_flight: u64,
    max_in_flight: u64,
    /// Idle connections for arrivals, the one used last at the end; some may have closed.
    idle: Vec<SlotId>,
    /// Numbers of connections for arrivals.
    numbers: ConnectionNumbers,
    /// Connections end after the request in progress.
    close_after_use: bool,
    /// How long and how often a connection is used.
    connection_use: ConnectionUse,
    /// Time-outs.
    timeouts: Timers,
    /// Ends of think times and other waits.
    wake_ups: Timers,
    /// Slots whose connections are known to have more to read.
    ready_again: Vec<SlotId>,
    /// Users, and arrivals with their due times, that wait for a row.
    waiting_for_rows: WaitingForRows,
    /// What the users of stages do together.
    fixed: FixedStages,
    /// The exchanges that failed and were kept.
    kept: KeptExchanges,
}

impl<H: HttpHost> HttpWorker<H> {
    /// A worker at the start of the run, for the scenario of `load`, which sends `http`.
    pub(super) fn new(host: H, load: Load, http: &Http) -> Self {
        Self {
            host,
            limits: TimeLimits {
                connect: http.connect_timeout.as_nanos(),
                first_byte: http.first_byte_timeout.as_nanos(),
                total: http.timeout.as_nanos(),
            },
            recorder: HttpRecorder::new(http, &load.timeline),
            mix: RequestMix::new(load.plan.seed, load.scenario, http),
            iterations: Iterations::new(
                http,
                &load.scenario().stages,
                load.rows,
                load.stock.rows.as_ref().map_or(0, Rows::len),
            ),
            fixed: FixedStages::new(&load.scenario().stages, &load.iterations),
            slots: UserSlots::new(),
            stages: HttpStages::default(),
            in_flight: 0,
            max_in_flight: load.partition.part_of(http.max_in_flight, 1),
            numbers: ConnectionNumbers::new(load.turns(), load.sources.spread_over()),
            load,
            idle: Vec::new(),
            close_after_use: false,
            connection_use: http.connection,
            timeouts: Timers::default(),
            wake_ups: Timers::default(),
            ready_again: Vec::new(),
            waiting_for_rows: WaitingForRows::default(),
            kept: KeptExchanges::default(),
        }
    }

    /// When something is due next; in the past if that time has come meanwhile.
    fn next_ns(&self) -> u64 {
        let own =
            [self.stages.next_ns(&self.load), self.timeouts.next_ns(), self.wake_ups.next_ns()];
        own.into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

impl<H: HttpHost> Worker for HttpWorker<H> {
    type Host = H;

    fn host(&mut self) -> &mut H {
        &mut self.host
    }

    fn into_host(self) -> H {
        self.host
    }

    fn obey(&mut self, command: &WorkerCommand, halted: bool) {
        match command {
            WorkerCommand::Transition { mark, at_ns } => {
                if *mark == Transition::Drain {
                    self.stages.end_at(*at_ns);
                }
                self.load.timeline.learn(*mark, *at_ns);
                self.recorder.learn(&self.load.timeline);
            }
            // Users connect as fast as they are answered: only workers that hold connections take
            // turns.
            WorkerCommand::StartRamp { .. } | WorkerCommand::StartClosing | WorkerCommand::Halt => {
            }
            WorkerCommand::Addresses { found } => {
                self.load.learn_addresses(found);
                self.host.learn_addresses(found);
                self.numbers.take_turns(self.load.turns());
            }
            WorkerCommand::Grant { of, .. }
            | WorkerCommand::NothingLeft { of }
            | WorkerCommand::GiveBack { of } => match of {
                Supply::Rows => self.take_rows(command, halted),
                Supply::Iterations { stage } => {
                    let ending = halted || self.stages.is_draining();
                    self.take_iterations(*stage, command, ending);
                }
            },
        }
    }

    fn do_what_is_due(&mut self, now: u64, halted: bool) -> LoopStep {
        self.pass_marks(now);
        self.expire_timers(now);
        self.wake_thinkers(now);
        self.settle_overdue(now);
        let more = !halted && !self.stages.is_draining() && self.release(now);
        if !more {
            self.begin_drain(now);
        }
        if self.is_drained(now) {
            LoopStep::Finished
        } else if more || !self.ready_again.is_empty() {
            LoopStep::AtOnce
        } else {
            LoopStep::At(self.next_ns())
        }
    }

    fn take_pending(&mut self, ready: &mut Vec<Ready>) {
        ready.extend(self.ready_again.drain(..).map(ready_again));
    }

    fn react(&mut self, events: &[Ready]) {
        for event in events {
            let now = self.host.now_ns();
            self.react_to(*event, now);
        }
    }

    fn snapshot(&mut self, second: u32, _until_ns: u64, facts: WorkerFacts) -> Snapshot {
        self.iterations.stock.second_ended();
        self.fixed.second_ended();
        self.recorder.take(second, facts)
    }

    fn end_all(&mut self, _now_ns: u64) {
        self.drop_what_waits_for_rows();
        for slot in 0..self.slots.len() {
            self.free_slot(slot, ConnectionEnd::Planned);
        }
    }

    fn report_rest(&mut self) {
        self.return_rows();
    }
}

/// The event of a connection that is known to have more to read.
fn ready_again(id: SlotId) -> Ready {
    Ready { id, readable: true, writable: false, closed: true, failed: false }
}

/// The URL of a server that listens at this address.
fn own_url(address: SocketAddr, is_secure: bool) -> HttpUrl {
    HttpUrl {
        is_secure,
        site: Site::Host(HostPort { host: address.ip().to_string(), port: address.port() }),
        host_header: HostHeader::of_address(address, is_secure),
        path: RequestPath::root(),
    }
}

/// One request set for each address of a load, made from the URL that the address belongs to; a
/// built-in server has a URL made from its address.
pub(super) fn request_sets(load: &Load, http: &Http) -> Result<Vec<RequestSet>, RequestSetError> {
    let request_set = |url: &HttpUrl, all: &[HttpUrl]| RequestSet::new(http, url, all, &load.stock);
    match &load.plan.target(load.scenario()).endpoint {
        Endpoint::Urls(urls) => load
            .origins
            .iter()
            .map(|origin| request_set(&urls[usize::from(*origin)], urls))
            .collect(),
        Endpoint::Hosts(_) | Endpoint::Builtin(_) => {
            let own = load.addresses.iter().filter_map(Address::tcp);
            own.map(|address| request_set(&own_url(address, load.tls.is_some()), &[])).collect()
        }
    }
}

#[cfg(test)]
mod tests;
