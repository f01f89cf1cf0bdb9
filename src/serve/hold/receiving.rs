//! Reads from a connection, and replies or ends it.

use super::conversation::{ConnectionHandler, Flushed, Late, ServerTimer, Why};
use super::talk::{Heard, Talk};
use super::tally::ServedEnd;
use std::io::ErrorKind;

/// Reads of one connection before others have their turn.
const READS: usize = 16;

impl<T: Talk> ConnectionHandler<T> {
    /// Reads the available data. `to_the_end`: a short read does not mean that there is no more,
    /// because an end may lie behind it.
    pub(super) fn receive(&mut self, slot: u32, to_the_end: bool) {
        for _ in 0..READS {
            let Some(one) = self.connections.get(slot) else { return };
            let number = one.number;
            if self.sessions.is_securing(one.stream()) && !self.secure(slot) {
                return;
            }
            let Some(one) = self.connections.get(slot) else { return };
            match self.sessions.receive(one.stream(), &mut self.buffer) {
                Ok(0) => return self.end(slot, ServedEnd::ClosedByClient),
                Ok(length) => {
                    self.tally.bytes_received += length as u64;
                    let bytes = &self.buffer[..length];
                    let heard = self.talk.receive(slot, &mut one.talk, bytes, &mut self.outgoing);
                    if heard != Heard::default() || !self.outgoing.is_empty() {
                        self.react(slot, number, heard);
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
        if let Some(one) = self.connections.get(slot) {
            self.unread.push((slot, one.number));
        }
    }

    /// Does what a client asks for; a silent connection is never sent a byte.
    fn react(&mut self, slot: u32, number: u32, heard: Heard) {
        if self.script.silent(number) {
            self.outgoing.clear();
        } else if heard.shaken && heard.end.is_none() {
            let delay_ms = self.script.delay_ms.filter(|_| self.script.hits(number));
            match delay_ms {
                None => self.finish_handshake(slot, number),
                Some(delay_ms) => {
                    let what = Late::Handshake(std::mem::take(&mut self.outgoing));
                    let at_ms = self.now_ms.wrapping_add(delay_ms);
                    self.late.push_back(ServerTimer { at_ms, slot, number, what });
                }
            }
        } else {
            self.send_at_once(slot);
        }
        if heard.replies > 0 && !self.script.silent(number) {
            self.say_registered(slot, number, heard.replies, Why::Reply);
        }
        if let Some(end) = heard.end {
            self.end(slot, end);
        }
    }

    /// Sends the end of the handshake, after which the conversation begins. A short greeting goes
    /// with it: a second write would wake the client a second time.
    pub(super) fn finish_handshake(&mut self, slot: u32, number: u32) {
        let together = self.script.greets_at_once(number);
        if together {
            self.outgoing.extend_from_slice(self.script.message(number));
        }
        let sent = self.send_at_once(slot);
        if self.connections.same(slot, number).is_none() {
            return;
        }
        self.begin_heartbeats(slot, number);
        if together {
            self.tally.greeted += u64::from(sent);
            self.tally.messages_sent += u64::from(sent);
        } else if self.greet(slot, number) == Flushed::Some {
            self.await_room(slot);
        }
    }
}
