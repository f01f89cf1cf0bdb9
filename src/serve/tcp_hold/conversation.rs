//! Turns an accepted connection into what the script says happens on it, until it ends.
//!
//! **Invariant:** one buffer serves all reads, and the script's bytes all sends; a connection owns neither.
//! **Invariant:** a connection that ended is counted under exactly one end.

use super::crowd::{Crowd, reached};
use super::script::Script;
use super::tally::{End, Tally};
use crate::workload::tls::Sessions;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// Reads of one connection before others have their turn.
const READS: usize = 16;

/// Bytes read at once; fewer than a `u16` counts, so that as many messages of one byte can be owed.
const BUFFER: usize = 32_768;

/// Heartbeats sent before sockets have their turn.
const HEARTBEATS: usize = 256;

/// All conversations of a process.
#[derive(Debug)]
pub(super) struct Conversations {
    pub(super) crowd: Crowd<TcpStream>,
    pub(super) tally: Tally,
    /// Descriptors were given back since this was last cleared.
    pub(super) freed: bool,
    /// The server's clock, read once for each batch of work.
    pub(super) now_ms: u32,
    pub(super) script: Script,
    /// With what connections are secured; `None`: they are plain.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) sessions: Sessions<UnbufferedServerConnection>,
    registry: Registry,
    buffer: Box<[u8]>,
    /// Sends that a fault delays, by time; each delay is the same.
    late: VecDeque<Appointment<(u16, Why)>>,
    /// Ends that a fault makes, by time; each comes equally long after the accept.
    ends: VecDeque<Appointment<bool>>,
    /// Connections that had more to read than their turn allowed.
    unread: Vec<(u32, u32)>,
}

/// Something to do with a connection, if it is still there.
#[derive(Debug)]
struct Appointment<T> {
    at_ms: u32,
    slot: u32,
    number: u32,
    what: T,
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Greeting,
    Heartbeat,
    Reply,
}

/// What became of the messages that a connection was owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// The kernel has them all.
    All,
    /// Some wait until the socket has room.
    Some,
    /// The connection ended.
    Lost,
}

impl Conversations {
    pub(super) fn new(script: Script, tls: Option<Arc<ServerConfig>>, registry: Registry) -> Self {
        Self {
            crowd: Crowd::new(),
            tally: Tally::default(),
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
        let Some(slot) = self.crowd.insert(stream, number, left) else {
            // The stream is closed by now; there are no 2^32 descriptors anyway.
            self.tally.ended(End::ClosedByUs);
            return;
        };
        self.tally.peak_open = self.tally.peak_open.max(self.crowd.open());
        if let Some(end) = self.script.end.filter(|_| hit) {
            let at_ms = self.now_ms.wrapping_add(end.after_ms);
            self.ends.push_back(Appointment { at_ms, slot, number, what: end.reset });
        }
        let secured = self.begin_session(slot, number);
        let flushed = if secured { Flushed::All } else { self.greet(slot, number) };
        let interest = match flushed {
            Flushed::All => Interest::READABLE,
            Flushed::Some => Interest::READABLE | Interest::WRITABLE,
            Flushed::Lost => return,
        };
        if self.registry.register(&mut SourceFd(&fd), Token(slot as usize), interest).is_err() {
            self.tally.accept_failed += 1;
            self.end(slot, End::ResetByUs);
            return;
        }
        if !secured {
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
            self.crowd.queue(slot, self.now_ms.wrapping_add(every_ms));
        }
    }

    /// A socket has something to say, or room again. Events of a connection that is gone find nothing to do.
    pub(super) fn on_event(&mut self, slot: u32, event: &Event) {
        if event.is_writable() && self.crowd.get(slot).is_some_and(|one| one.owed > 0) {
            self.flush_later(slot);
        }
        // What a session has to send goes out when it is read from.
        let secured = self.tls.is_some();
        if event.is_readable() || event.is_read_closed() || event.is_error() || secured {
            self.receive(slot, event.is_read_closed() || secured);
        }
    }

    /// Does what is due: heartbeats, delayed sends, planned ends.
    pub(super) fn on_time(&mut self) {
        for _ in 0..HEARTBEATS {
            let Some((slot, due_ms)) = self.crowd.take_due(self.now_ms) else { break };
            let (Some(every_ms), Some(one)) = (self.script.every_ms, self.crowd.get(slot)) else {
                continue;
            };
            let number = one.number;
            // Whole periods that a stopped process slept through are skipped, not made up for in a burst.
            let late_ms = self.now_ms.wrapping_sub(due_ms);
            let periods = late_ms / every_ms + 1;
            self.crowd.queue(slot, due_ms.wrapping_add(periods.wrapping_mul(every_ms)));
            self.say_registered(slot, number, 1, Why::Heartbeat);
        }
        while let Some(one) = self.late.pop_front_if(|one| reached(one.at_ms, self.now_ms)) {
            let (messages, why) = one.what;
            if self.crowd.same(one.slot, one.number).is_some()
                && self.speak(one.slot, messages, why) == Flushed::Some
            {
                self.await_room(one.slot);
            }
        }
        while let Some(one) = self.ends.pop_front_if(|one| reached(one.at_ms, self.now_ms)) {
            if self.crowd.same(one.slot, one.number).is_some() {
                self.end(one.slot, if one.what { End::ResetByUs } else { End::ClosedByUs });
            }
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<u32> {
        let late = self.late.front().map(|one| one.at_ms);
        let ends = self.ends.front().map(|one| one.at_ms);
        let due = [self.crowd.first_due(), late, ends].into_iter().flatten();
        // What is overdue comes first: it lies half the clock's circle ahead.
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
            if self.crowd.same(slot, number).is_some() {
                self.receive(slot, true);
            }
        }
    }

    /// Reads what has come. `to_the_end`: a short read does not mean that there is no more, because an end may lie behind it.
    fn receive(&mut self, slot: u32, to_the_end: bool) {
        for _ in 0..READS {
            let Some(one) = self.crowd.get(slot) else { return };
            let number = one.number;
            if self.sessions.is_securing(one.stream()) && !self.secure(slot) {
                return;
            }
            let Some(one) = self.crowd.get(slot) else { return };
            match self.sessions.receive(one.stream(), &mut self.buffer) {
                Ok(0) => return self.end(slot, End::ClosedByClient),
                Ok(length) => {
                    self.tally.bytes_received += length as u64;
                    if let Some(pattern) = &self.script.reply_to {
                        let found = pattern.count(&mut one.matched, &self.buffer[..length]);
                        if found > 0 && !self.script.silent(number) {
                            self.say_registered(slot, number, found, Why::Reply);
                        }
                    }
                    if length < self.buffer.len() && !to_the_end {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.end_by(slot, &error),
            }
        }
        if let Some(one) = self.crowd.get(slot) {
            self.unread.push((slot, one.number));
        }
    }

    fn say_registered(&mut self, slot: u32, number: u32, messages: u32, why: Why) {
        if self.say(slot, number, messages, why) == Flushed::Some {
            self.await_room(slot);
        }
    }

    /// Sends messages now, or after the delay of a fault.
    fn say(&mut self, slot: u32, number: u32, messages: u32, why: Why) -> Flushed {
        let messages = u16::try_from(messages).unwrap_or(u16::MAX);
        let Some(delay_ms) = self.script.delay_ms.filter(|_| self.script.hits(number)) else {
            return self.speak(slot, messages, why);
        };
        let at_ms = self.now_ms.wrapping_add(delay_ms);
        self.late.push_back(Appointment { at_ms, slot, number, what: (messages, why) });
        Flushed::All
    }

    fn speak(&mut self, slot: u32, messages: u16, why: Why) -> Flushed {
        let Some(one) = self.crowd.get(slot) else { return Flushed::Lost };
        match why {
            Why::Greeting => self.tally.greeted += u64::from(messages),
            Why::Reply => self.tally.replies += u64::from(messages),
            Why::Heartbeat => {}
        }
        let waiting = one.owed;
        one.owed = waiting.saturating_add(messages);
        // Beyond 65535 messages that a client did not read they are given up.
        self.tally.send_failed += u64::from(messages - (one.owed - waiting));
        // Whoever waits for room already is woken when there is some.
        if waiting == 0 { self.flush(slot) } else { Flushed::All }
    }

    fn flush_later(&mut self, slot: u32) {
        if self.flush(slot) == Flushed::Some {
            self.await_room(slot);
        }
    }

    /// Asks to be told when the socket has room; asking again gets a new edge, also when it has room already.
    pub(super) fn await_room(&mut self, slot: u32) {
        let Some(one) = self.crowd.get(slot) else { return };
        let fd = one.stream().as_raw_fd();
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.registry.reregister(&mut SourceFd(&fd), Token(slot as usize), both).is_err() {
            self.end(slot, End::ResetByUs);
        }
    }

    /// Hands to the kernel what the connection is owed, as far as there is room.
    fn flush(&mut self, slot: u32) -> Flushed {
        loop {
            let Some(one) = self.crowd.get(slot) else { return Flushed::Lost };
            if one.owed == 0 {
                let unsent = self.tls.is_some() && self.sessions.has_unsent(one.stream());
                return if unsent { Flushed::Some } else { Flushed::All };
            }
            let batch = self.script.messages(one.number);
            let start = one.offset as usize;
            let mut end = (usize::from(one.owed) * self.script.length).min(batch.len());
            let limited = self.script.reset_after_bytes.is_some() && self.script.hits(one.number);
            if limited {
                end = end.min(start + one.left as usize);
            }
            let part = &batch[start..end];
            let written =
                if part.is_empty() { Ok(0) } else { self.sessions.send(one.stream(), part) };
            match written {
                Ok(length) => {
                    let whole = (start + length) / self.script.length;
                    one.offset = narrow((start + length) % self.script.length);
                    one.owed -= u16::try_from(whole).unwrap_or(one.owed);
                    one.left = one.left.saturating_sub(narrow(length));
                    self.tally.bytes_sent += length as u64;
                    self.tally.messages_sent += whole as u64;
                    if limited && one.left == 0 {
                        self.end(slot, End::ResetByUs);
                        return Flushed::Lost;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flushed::Some,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.end_by(slot, &error);
                    return Flushed::Lost;
                }
            }
        }
    }

    pub(super) fn end(&mut self, slot: u32, end: End) {
        let owed = self.crowd.get(slot).map_or(0, |one| one.owed);
        let Some(stream) = self.crowd.remove(slot) else { return };
        self.sessions.close(&stream, end == End::ClosedByUs);
        self.tally.send_failed += u64::from(owed);
        self.tally.tls_failed += u64::from(self.sessions.is_securing(&stream));
        self.tally.ended(end);
        if end == End::ResetByUs {
            // Cannot fail on an open socket; without it the close is a FIN.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        self.freed = true;
    }
}

/// Lengths here are at most a message or a batch, both far below 4 GiB.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
