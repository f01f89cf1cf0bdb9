//! Serves an accepted connection as the script says, until it ends.
//!
//! **Invariant:** one buffer serves all reads, and the script's bytes all sends; a connection owns
//! neither.
//! **Invariant:** a connection that ended is counted under exactly one end.

use super::connection_table::{ConnectionTable, reached};
use super::script::Script;
use super::talk::Talk;
use super::tally::{HoldTally, ServedEnd};
use crate::workload::tls::Sessions;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use std::collections::VecDeque;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Bytes read at once; fewer than a `u16` counts, so that as many messages of one byte can be owed.
const BUFFER: usize = 32_768;

/// Heartbeats sent before sockets have their turn.
const HEARTBEATS: usize = 256;

/// All conversations of a process.
#[derive(Debug)]
pub(super) struct ConnectionHandler<T: Talk> {
    pub(super) connections: ConnectionTable<TcpStream, T::State>,
    pub(super) talk: T,
    pub(super) tally: HoldTally,
    /// Descriptors were given back since this was last cleared.
    pub(super) freed: bool,
    /// The server's clock, read once for each batch of work.
    pub(super) now_ms: u32,
    pub(super) script: Script,
    /// With what connections are secured; `None`: they are plain.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) sessions: Sessions<UnbufferedServerConnection>,
    pub(super) registry: Registry,
    pub(super) buffer: Box<[u8]>,
    /// Bytes that the conversation sends at once.
    pub(super) outgoing: Vec<u8>,
    /// Sends that a fault delays, by time; each delay is the same.
    pub(super) late: VecDeque<ServerTimer<Late>>,
    /// Ends that a fault makes, by time; each comes equally long after the accept.
    ends: VecDeque<ServerTimer<bool>>,
    /// Connections that had more to read than their turn allowed.
    pub(super) unread: Vec<(u32, u32)>,
}

/// Something to do with a connection, if it is still there.
#[derive(Debug)]
pub(super) struct ServerTimer<W> {
    pub(super) at_ms: u32,
    pub(super) slot: u32,
    pub(super) number: u32,
    pub(super) what: W,
}

/// Sends that a fault delays.
#[derive(Debug)]
pub(super) enum Late {
    /// Messages.
    Messages(u16, Why),
    /// The end of the handshake.
    Handshake(Vec<u8>),
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Greeting,
    Heartbeat,
    Reply,
}

/// The outcome of the messages owed to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// The kernel has them all.
    All,
    /// Some wait until the socket has room.
    Some,
    /// The connection ended.
    Lost,
}

impl<T: Talk> ConnectionHandler<T> {
    pub(super) fn new(
        (script, talk): (Script, T),
        tls: Option<Arc<ServerConfig>>,
        registry: Registry,
    ) -> Self {
        Self {
            connections: ConnectionTable::new(),
            talk,
            outgoing: Vec::new(),
            tally: HoldTally::default(),
            freed: false,
            now_ms: 0,
            script,
            tls,
            sessions: Sessions::default(),
            registry,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            late: VecDeque::new(),
            ends: VecDeque::new(),
            unread: Vec::new(),
        }
    }

    /// Takes a connection in and greets it; three system calls with the accept.
    pub(super) fn welcome(&mut self, stream: TcpStream, number: u32) {
        let hit = self.script.hits(number);
        self.tally.accepted += 1;
        self.tally.affected += u64::from(hit);
        let fd = stream.as_raw_fd();
        let left = self.script.reset_after_bytes.unwrap_or(u32::MAX);
        let Some(slot) = self.connections.insert(stream, number, left) else {
            // The stream is closed by now; there are no 2^32 descriptors anyway.
            self.tally.ended(ServedEnd::ClosedByUs);
            return;
        };
        self.tally.peak_open = self.tally.peak_open.max(self.connections.open());
        if let Some(end) = self.script.end.filter(|_| hit) {
            let at_ms = self.now_ms.wrapping_add(end.after_ms);
            self.ends.push_back(ServerTimer { at_ms, slot, number, what: end.reset });
        }
        let secured = self.begin_session(slot, number);
        let waits = secured || T::SHAKES_HANDS;
        let flushed = if waits { Flushed::All } else { self.greet(slot, number) };
        let interest = match flushed {
            Flushed::All => Interest::READABLE,
            Flushed::Some => Interest::READABLE | Interest::WRITABLE,
            Flushed::Lost => return,
        };
        if self.registry.register(&mut SourceFd(&fd), Token(slot as usize), interest).is_err() {
            self.tally.accept_failed += 1;
            self.end(slot, ServedEnd::ResetByUs);
            return;
        }
        if !waits {
            self.begin_heartbeats(slot, number);
        }
    }

    pub(super) fn greet(&mut self, slot: u32, number: u32) -> Flushed {
        if !self.script.greet || self.script.silent(number) {
            return Flushed::All;
        }
        self.say(slot, number, 1, Why::Greeting)
    }

    pub(super) fn begin_heartbeats(&mut self, slot: u32, number: u32) {
        let silent = self.script.silent(number);
        if let Some(every_ms) = self.script.every_ms.filter(|_| !silent) {
            self.connections.queue(slot, self.now_ms.wrapping_add(every_ms));
        }
    }

    /// A socket has something to say, or room again. Events of a connection that is gone find
    /// nothing to do.
    pub(super) fn on_event(&mut self, slot: u32, event: &Event) {
        if event.is_writable() && self.connections.get(slot).is_some_and(|one| one.owed > 0) {
            self.flush_later(slot);
        }
        // A TLS session sends its pending data when it is read.
        let secured = self.tls.is_some();
        if event.is_readable() || event.is_read_closed() || event.is_error() || secured {
            self.receive(slot, event.is_read_closed() || secured);
        }
    }

    /// Runs what is due: heartbeats, delayed sends, planned ends.
    pub(super) fn on_time(&mut self) {
        for _ in 0..HEARTBEATS {
            let Some((slot, due_ms)) = self.connections.take_due(self.now_ms) else { break };
            let (Some(every_ms), Some(one)) = (self.script.every_ms, self.connections.get(slot))
            else {
                continue;
            };
            let number = one.number;
            // Whole periods that a stopped process slept through are skipped, not made up for in a
            // burst.
            let late_ms = self.now_ms.wrapping_sub(due_ms);
            let periods = late_ms / every_ms + 1;
            self.connections.queue(slot, due_ms.wrapping_add(periods.wrapping_mul(every_ms)));
            match &self.script.beat {
                Some(beat) => {
                    self.outgoing.extend_from_slice(beat);
                    self.send_at_once(slot);
                }
                None => self.say_registered(slot, number, 1, Why::Heartbeat),
            }
        }
        while let Some(one) = self.late.pop_front_if(|one| reached(one.at_ms, self.now_ms)) {
            if self.connections.same(one.slot, one.number).is_none() {
                continue;
            }
            match one.what {
                Late::Messages(messages, why) => {
                    if self.speak(one.slot, messages, why) == Flushed::Some {
                        self.await_room(one.slot);
                    }
                }
                Late::Handshake(response) => {
                    self.outgoing.extend_from_slice(&response);
                    self.finish_handshake(one.slot, one.number);
                }
            }
        }
        while let Some(one) = self.ends.pop_front_if(|one| reached(one.at_ms, self.now_ms)) {
            if self.connections.same(one.slot, one.number).is_some() {
                if !one.what {
                    self.outgoing = self.talk.goodbye();
                    self.send_at_once(one.slot);
                }
                self.end(
                    one.slot,
                    if one.what { ServedEnd::ResetByUs } else { ServedEnd::ClosedByUs },
                );
            }
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<u32> {
        let late = self.late.front().map(|one| one.at_ms);
        let ends = self.ends.front().map(|one| one.at_ms);
        let due = [self.connections.first_due(), late, ends].into_iter().flatten();
        // Overdue entries come first: they lie up to half the clock's range back.
        due.min_by_key(|at_ms| {
            if reached(*at_ms, self.now_ms) { 0 } else { at_ms.wrapping_sub(self.now_ms) }
        })
    }

    /// Whether some connection waits for another turn of reading.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Gives those another turn.
    pub(super) fn read_on(&mut self) {
        for (slot, number) in std::mem::take(&mut self.unread) {
            if self.connections.same(slot, number).is_some() {
                self.receive(slot, true);
            }
        }
    }
}
