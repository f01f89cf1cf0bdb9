//! Sends the messages owed to a connection as far as the kernel accepts them, and ends connections.

use super::conversation::{ConnectionHandler, Flushed, Late, ServerTimer, Why};
use super::talk::Talk;
use super::tally::ServedEnd;
use crate::units::narrow32;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use socket2::SockRef;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::Duration;

impl<T: Talk> ConnectionHandler<T> {
    /// Sends the conversation's own bytes, which are not messages. It goes out as a whole, between
    /// messages, or not at all: a client that does not read misses it. Whether it went out.
    pub(super) fn send_at_once(&mut self, slot: u32) -> bool {
        let outgoing = std::mem::take(&mut self.outgoing);
        let Some(one) = self.connections.get(slot) else { return false };
        if one.owed > 0 || outgoing.is_empty() {
            return false;
        }
        let mut whole = false;
        match self.sessions.send(one.stream(), &outgoing) {
            Ok(length) => {
                self.tally.bytes_sent += length as u64;
                whole = length == outgoing.len();
                if !whole {
                    self.end(slot, ServedEnd::ResetByUs);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.end_by(slot, &error),
        }
        self.outgoing = outgoing;
        self.outgoing.clear();
        whole
    }

    pub(super) fn say_registered(&mut self, slot: u32, number: u32, messages: u32, why: Why) {
        if self.say(slot, number, messages, why) == Flushed::Some {
            self.await_room(slot);
        }
    }

    /// Sends messages now, or after the delay of a fault.
    pub(super) fn say(&mut self, slot: u32, number: u32, messages: u32, why: Why) -> Flushed {
        let messages = u16::try_from(messages).unwrap_or(u16::MAX);
        let Some(delay_ms) = self.script.delay_ms.filter(|_| self.script.hits(number)) else {
            return self.speak(slot, messages, why);
        };
        let at_ms = self.now_ms.wrapping_add(delay_ms);
        let what = Late::Messages(messages, why);
        self.late.push_back(ServerTimer { at_ms, slot, number, what });
        Flushed::All
    }

    pub(super) fn speak(&mut self, slot: u32, messages: u16, why: Why) -> Flushed {
        let Some(one) = self.connections.get(slot) else { return Flushed::Lost };
        match why {
            Why::Greeting => self.tally.greeted += u64::from(messages),
            Why::Reply => self.tally.replies += u64::from(messages),
            Why::Heartbeat => {}
        }
        let waiting = one.owed;
        one.owed = waiting.saturating_add(messages);
        // Beyond 65535 messages that a client did not read they are given up.
        self.tally.send_failed += u64::from(messages - (one.owed - waiting));
        // A connection that already waits for room is woken when there is some.
        if waiting == 0 { self.flush(slot) } else { Flushed::All }
    }

    pub(super) fn flush_later(&mut self, slot: u32) {
        if self.flush(slot) == Flushed::Some {
            self.await_room(slot);
        }
    }

    /// Requests an event when the socket has room; a new request gets a new edge, also when it has
    /// room already.
    pub(super) fn await_room(&mut self, slot: u32) {
        let Some(one) = self.connections.get(slot) else { return };
        let fd = one.stream().as_raw_fd();
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.registry.reregister(&mut SourceFd(&fd), Token(slot as usize), both).is_err() {
            self.end(slot, ServedEnd::ResetByUs);
        }
    }

    /// Sends the messages owed to the connection, as far as there is room.
    fn flush(&mut self, slot: u32) -> Flushed {
        loop {
            let Some(one) = self.connections.get(slot) else { return Flushed::Lost };
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
                    one.offset = narrow32((start + length) % self.script.length);
                    one.owed -= u16::try_from(whole).unwrap_or(one.owed);
                    one.left = one.left.saturating_sub(narrow32(length));
                    self.tally.bytes_sent += length as u64;
                    self.tally.messages_sent += whole as u64;
                    if limited && one.left == 0 {
                        self.end(slot, ServedEnd::ResetByUs);
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

    pub(super) fn end(&mut self, slot: u32, end: ServedEnd) {
        let owed = self.connections.get(slot).map_or(0, |one| one.owed);
        let Some(stream) = self.connections.remove(slot) else { return };
        self.talk.forget(slot);
        self.sessions.close(&stream, end == ServedEnd::ClosedByUs);
        self.tally.send_failed += u64::from(owed);
        self.tally.tls_failed += u64::from(self.sessions.is_securing(&stream));
        self.tally.ended(end);
        if end == ServedEnd::ResetByUs {
            // Cannot fail on an open socket; without it the close is a FIN.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        self.freed = true;
    }
}
