//! The real host of a worker: epoll, a timer, the run's clock, and the pipe to the coordinator.

use super::super::Link;
use super::super::clock::Clock;
use super::super::process_stats::{BEAT_NS, ProcessStats, StallDetector};
use super::super::wire::{WorkerCommand, WorkerReport};
use super::host::{Host, Ready, SlotId};
use crate::record::WorkerFacts;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

const LINK_IN: Token = Token(usize::MAX);
const LINK_OUT: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// A shorter wait is spent polling: to sleep and to wake up takes as long.
const SHORTEST_WAIT_NS: u64 = 20_000;

/// How exactly waits end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// To the millisecond, rounded up: the time-out of epoll itself.
    Milliseconds,
    /// To tens of microseconds: a timer of the kernel, which costs a system call for each time that
    /// it is set.
    Timer,
}

/// The sockets of one protocol, which share an epoll.
pub(crate) trait Sockets {
    /// Writes out what waits for it, and adds what has happened without an event of a socket; true
    /// where more is to be done without waiting.
    fn flush(&mut self, _ready: &mut Vec<Ready>) -> bool {
        false
    }

    /// Adds what an event of a socket means.
    fn event(&mut self, event: Ready, ready: &mut Vec<Ready>) {
        ready.push(event);
    }
}

/// Epoll, the pipe to the coordinator, and the sockets of a protocol.
#[derive(Debug)]
pub(crate) struct Epoll<S> {
    poll: Poll,
    events: Events,
    timer: Option<WaitTimer>,
    clock: Clock,
    link: Link,
    process: ProcessStats,
    stalls: RefCell<StallDetector>,
    /// The protocol's sockets.
    pub sockets: S,
}

/// A timer that ends a wait.
#[derive(Debug)]
struct WaitTimer {
    fd: TimerFd,
    /// When it expires; in the past when it has.
    expires_ns: u64,
}

impl WaitTimer {
    fn new(registry: &Registry) -> io::Result<Self> {
        let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        watch(registry, fd.as_fd(), TIMER, Interest::READABLE)?;
        Ok(Self { fd, expires_ns: 0 })
    }

    /// Sees to it that a wait ends by `until_ns`: one that ends too early is cheaper than a timer
    /// that is set for each.
    fn end_by(&mut self, until_ns: u64, now_ns: u64) -> io::Result<()> {
        if self.expires_ns <= now_ns || self.expires_ns > until_ns {
            let wait = Duration::from_nanos(until_ns - now_ns);
            self.fd.set(Expiration::OneShot(wait.into()), TimerSetTimeFlags::empty())?;
            self.expires_ns = until_ns;
        }
        Ok(())
    }
}

impl<S> Epoll<S> {
    /// A host with the clock of a run. `events`: how many are taken from the kernel at once.
    ///
    /// # Errors
    /// If the kernel has no more descriptors.
    pub(crate) fn new(
        clock: Clock,
        link: Link,
        precision: Precision,
        events: usize,
        sockets: S,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        watch(registry, link.input().as_fd(), LINK_IN, Interest::READABLE)?;
        watch(registry, link.output().as_fd(), LINK_OUT, Interest::WRITABLE)?;
        let timer = match precision {
            Precision::Milliseconds => None,
            Precision::Timer => Some(WaitTimer::new(registry)?),
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(events),
            timer,
            clock,
            link,
            process: ProcessStats::open(),
            stalls: RefCell::default(),
            sockets,
        })
    }

    /// Reports the events of a new socket as those of `id`: that it can be written to once, what
    /// can be read always.
    ///
    /// # Errors
    /// As for `epoll_ctl`.
    pub(crate) fn register(&self, socket: BorrowedFd<'_>, id: SlotId) -> io::Result<()> {
        watch(self.poll.registry(), socket, token(id), Interest::READABLE | Interest::WRITABLE)
    }

    /// Reports what can be read from a registered socket as an event of `id` from now on.
    ///
    /// # Errors
    /// As for `epoll_ctl`.
    pub(crate) fn rename(&self, socket: BorrowedFd<'_>, id: SlotId) -> io::Result<()> {
        let mut source = SourceFd(&socket.as_raw_fd());
        self.poll.registry().reregister(&mut source, token(id), Interest::READABLE)
    }

    /// Sends what is left to the coordinator.
    ///
    /// # Errors
    /// If the coordinator is gone.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.link.flush_all()
    }

    /// How long epoll may wait; `None`: until the timer expires.
    fn time_out(&mut self, until_ns: u64, now_ns: u64) -> io::Result<Option<Duration>> {
        let wait_ns = until_ns.saturating_sub(now_ns);
        let Some(timer) = &mut self.timer else { return Ok(Some(Duration::from_nanos(wait_ns))) };
        if wait_ns < SHORTEST_WAIT_NS {
            return Ok(Some(Duration::ZERO));
        }
        timer.end_by(until_ns, now_ns)?;
        Ok(None)
    }
}

impl<S: Sockets> Host for Epoll<S> {
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        let more = self.sockets.flush(ready) || !ready.is_empty();
        let before = self.clock.now_ns();
        let until_ns = if more { before } else { until_ns.min(before + BEAT_NS) };
        self.stalls.get_mut().observe(before, until_ns.max(before));
        let time_out = self.time_out(until_ns, before)?;
        let waited = self.poll.poll(&mut self.events, time_out);
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
                        writable: event.is_writable(),
                        closed: event.is_read_closed(),
                        failed: event.is_error(),
                    };
                    self.sockets.event(event, ready);
                }
            }
        }
        self.sockets.flush(ready);
        Ok(())
    }

    fn order(&mut self) -> Option<WorkerCommand> {
        self.link.order()
    }

    fn report(&mut self, report: WorkerReport) {
        self.link.report(report);
    }

    fn facts(&self) -> WorkerFacts {
        let mut facts = self.process.facts();
        self.stalls.borrow_mut().drain_into(&mut facts);
        facts
    }
}

fn watch(
    registry: &Registry,
    fd: BorrowedFd<'_>,
    token: Token,
    interest: Interest,
) -> io::Result<()> {
    registry.register(&mut SourceFd(&fd.as_raw_fd()), token, interest)
}

fn token(SlotId { slot, generation }: SlotId) -> Token {
    Token((generation as usize) << 32 | slot as usize)
}

#[expect(clippy::cast_possible_truncation, reason = "a token is two numbers of 32 bits")]
fn slot_id(token: usize) -> SlotId {
    SlotId { slot: token as u32, generation: (token >> 32) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_carry_slots_and_generations() {
        for (slot, generation) in [(0, 0), (7, 9), (u32::MAX - 3, u32::MAX), (1 << 31, 1)] {
            let id = SlotId { slot, generation };
            assert_eq!(slot_id(token(id).0), id);
            assert!(![LINK_IN, LINK_OUT, TIMER].contains(&token(id)));
        }
    }
}
