//! Turns what becomes of each attempt into facts of the part in which it was due.

use super::super::facts::Own;
use crate::plan::{Http, Part, TimeMetric};
use crate::protocol::http::{Fault, Level};
use crate::record::{
    Cell as FactCell, CellKey, Counter, Gauge, Gauges, Origin, Outcome, Recorder, Snapshot,
};
use crate::schedule::Timeline;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// What is under way; each place is counted up and down by those whom it counts.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) open: Rc<Cell<u64>>,
    pub(super) connecting: Rc<Cell<u64>>,
    pub(super) users: Rc<Cell<u64>>,
    pub(super) in_flight: Rc<Cell<u64>>,
}

/// A worker's book.
#[derive(Debug)]
pub(super) struct Book {
    t0: Instant,
    /// How long a request may take.
    pub(super) timeout: Duration,
    /// Whether requests are told apart.
    tallied: bool,
    pub(super) levels: Levels,
    recorder: RefCell<Recorder>,
    /// When which part begins, in order.
    parts: RefCell<Vec<(u64, CellKey)>>,
    own: Own,
}

impl Book {
    /// An empty book of a run that starts at `t0`.
    pub(super) fn new(t0: Instant, http: &Http, timeline: &Timeline, own: Own) -> Self {
        let book = Self {
            t0,
            timeout: http.timeout.0,
            tallied: http.requests.len() > 1,
            levels: Levels::default(),
            recorder: RefCell::default(),
            parts: RefCell::default(),
            own,
        };
        book.learn(timeline);
        book
    }

    /// Takes over what is known of the scenario's times.
    pub(super) fn learn(&self, timeline: &Timeline) {
        let begins = |(_, at)| timeline.part_at(at).map(|key| (at, key));
        *self.parts.borrow_mut() = timeline.marks().into_iter().filter_map(begins).collect();
    }

    /// Nanoseconds of the run's clock at a moment; zero before its start.
    pub(super) fn ns(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.t0);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The moment at which the run's clock shows so many nanoseconds.
    pub(super) fn moment(&self, ns: u64) -> Instant {
        // Ten years are enough for a moment that never comes.
        self.t0 + Duration::from_nanos(ns.min(315_360_000_000_000_000))
    }

    /// The part that is current at a moment; the first one before the scenario's start.
    pub(super) fn part_at(&self, ns: u64) -> CellKey {
        let parts = self.parts.borrow();
        let begun = parts.partition_point(|(at, _)| *at <= ns);
        let first = CellKey { stage: 0, part: Part::Ramp };
        begun.checked_sub(1).map_or(first, |last| parts[last].1)
    }

    /// Writes facts of one part.
    pub(super) fn write<T>(&self, key: CellKey, fact: impl FnOnce(&mut FactCell) -> T) -> T {
        fact(self.recorder.borrow_mut().cell(key))
    }

    /// Notes how late something was started.
    pub(super) fn lag(&self, key: CellKey, ns: u64) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.lag(ns);
        recorder.cell(key).time(TimeMetric::ScheduleLag, ns);
    }

    /// Books what was due and could not be started.
    pub(super) fn drop_due(&self, key: CellKey) {
        self.write(key, |cell| {
            cell.count(Counter::Due);
            cell.count(Counter::Dropped);
        });
    }

    /// Hands over the facts of a second.
    pub(super) fn take(&self, second: u32) -> Snapshot {
        let mut gauges = Gauges::default();
        gauges.set(Gauge::Open, self.levels.open.get());
        gauges.set(Gauge::Connecting, self.levels.connecting.get());
        gauges.set(Gauge::Users, self.levels.users.get());
        gauges.set(Gauge::InFlight, self.levels.in_flight.get());
        self.recorder.borrow_mut().take(second, gauges, self.own.facts())
    }
}

/// One request from when it is due: started, and not yet ended. Let go of, it is unfinished.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) book: Rc<Book>,
    pub(super) key: CellKey,
    /// Rate stages: when it was due by the schedule. Otherwise it is due when it begins.
    due_ns: Option<u64>,
    ended: bool,
    #[expect(dead_code, reason = "counts while the attempt lives")]
    in_flight: Level,
}

/// How a request ended.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Index into the plan's requests.
    pub(super) request: usize,
    /// When its carrying out began.
    pub(super) begun_ns: u64,
    /// When it was first sent.
    pub(super) sent_ns: Option<u64>,
    pub(super) first_byte_ns: Option<u64>,
    pub(super) ended_ns: u64,
    pub(super) status: Option<u16>,
    pub(super) body_bytes: u64,
    /// `None` is a success.
    pub(super) fault: Option<Fault>,
}

/// Where the time of a request went, in nanoseconds: `response = lag + wait + service`, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) lag: u64,
    pub(super) wait: u64,
    /// `None`: never sent.
    pub(super) service: Option<u64>,
    pub(super) response: u64,
}

impl Ending {
    /// Where the time went since `due_ns`, which is not after the beginning.
    pub(super) fn split(&self, due_ns: u64) -> Split {
        let sent = self.sent_ns.unwrap_or(self.ended_ns);
        Split {
            lag: self.begun_ns - due_ns,
            wait: sent - self.begun_ns,
            service: self.sent_ns.map(|sent| self.ended_ns - sent),
            response: self.ended_ns - due_ns,
        }
    }
}

impl Attempt {
    /// A request that begins now, in the part that is current.
    pub(super) fn now(book: &Rc<Book>, ns: u64) -> Self {
        Self::start(book, book.part_at(ns), None)
    }

    /// A request that the schedule wants at `due_ns`.
    pub(super) fn due(book: &Rc<Book>, due_ns: u64) -> Self {
        Self::start(book, book.part_at(due_ns), Some(due_ns))
    }

    fn start(book: &Rc<Book>, key: CellKey, due_ns: Option<u64>) -> Self {
        book.write(key, |cell| {
            cell.count(Counter::Due);
            cell.count(Counter::Started);
        });
        let in_flight = Level::up(&book.levels.in_flight);
        Self { book: Rc::clone(book), key, due_ns, ended: false, in_flight }
    }

    /// Books how it ended. Times of the generator's own failures say nothing about the target and are left out.
    pub(super) fn end(mut self, mut ending: Ending) {
        self.ended = true;
        let split = ending.split(self.due_ns.unwrap_or(ending.begun_ns));
        if self.due_ns.is_some() {
            self.book.lag(self.key, split.lag);
        }
        let (open, tallied) = (self.due_ns.is_some(), self.book.tallied);
        self.book.write(self.key, |cell| {
            let fault = ending.fault.take();
            let cause = fault.as_ref().map(|fault| fault.cause);
            if cause.is_none_or(|cause| cause.failure.origin() != Origin::Local) {
                record_times(cell, &ending, split, open);
                if let Some(service) = split.service.filter(|_| tallied) {
                    let tally = cell.requests.entry(request_number(&ending)).or_default();
                    tally.times.record(TimeMetric::ServiceTime, service);
                }
            }
            cell.counters.add(Counter::BytesReceived, ending.body_bytes);
            if let Some(status) = ending.status {
                *cell.statuses.entry(status).or_default() += 1;
            }
            if tallied {
                let tally = cell.requests.entry(request_number(&ending)).or_default();
                match cause {
                    None => tally.ok += 1,
                    Some(cause) if cause.failure.is_timeout() => tally.timed_out += 1,
                    Some(_) => tally.failed += 1,
                }
            }
            let outcome = cause.map_or(Outcome::Ok, Outcome::Failed);
            cell.end(outcome, ending.ended_ns, || fault.map_or_else(String::new, |f| f.sample));
        });
    }
}

fn request_number(ending: &Ending) -> u16 {
    u16::try_from(ending.request).unwrap_or(u16::MAX)
}

fn record_times(cell: &mut FactCell, ending: &Ending, split: Split, open: bool) {
    if let Some(service) = split.service {
        cell.time(TimeMetric::ServiceTime, service);
    }
    if let (Some(first), Some(sent)) = (ending.first_byte_ns, ending.sent_ns) {
        cell.time(TimeMetric::FirstByte, first.saturating_sub(sent));
    }
    if open {
        cell.time(TimeMetric::QueueWait, split.wait);
        cell.time(TimeMetric::ResponseTime, split.response);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            self.book.write(self.key, |cell| cell.end(Outcome::Unfinished, 0, String::new));
        }
    }
}
