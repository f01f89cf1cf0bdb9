//! Turns an accepted connection into a secured one, after which its conversation begins.

use super::conversation::{ConnectionHandler, Flushed};
use super::talk::Talk;
use super::tally::ServedEnd;
use crate::workload::tls;
use rustls::server::UnbufferedServerConnection;
use std::io::{Error, ErrorKind};
use std::sync::Arc;

impl<T: Talk> ConnectionHandler<T> {
    /// Gives the connection a TLS session, if it is secured; a silent one never answers its
    /// handshake.
    pub(super) fn begin_session(&mut self, slot: u32, number: u32) -> bool {
        let (Some(tls), Some(one)) = (&self.tls, self.connections.get(slot)) else { return false };
        if !self.script.silent(number)
            && let Ok(end) = UnbufferedServerConnection::new(Arc::clone(tls))
        {
            self.sessions.begin(one.stream(), end);
        }
        true
    }

    /// Goes on with a handshake, after which the conversation begins; false while it must wait, or
    /// once it has failed.
    pub(super) fn secure(&mut self, slot: u32) -> bool {
        let Some(one) = self.connections.get(slot) else { return false };
        let number = one.number;
        match self.sessions.secure(one.stream()) {
            Ok(true) => {
                self.tally.secured += 1;
                if T::SHAKES_HANDS {
                    return true;
                }
                self.begin_heartbeats(slot, number);
                if self.greet(slot, number) == Flushed::Some {
                    self.await_room(slot);
                }
                true
            }
            Ok(false) => {
                if self.sessions.has_unsent(one.stream()) {
                    self.await_room(slot);
                }
                false
            }
            Err(error) => {
                self.end_by(slot, &error);
                false
            }
        }
    }

    /// Ends a connection that failed.
    pub(super) fn end_by(&mut self, slot: u32, error: &Error) {
        let tls_failed = tls::is_tls(error);
        // A handshake that is not done is counted at its end.
        let secured =
            self.connections.get(slot).is_some_and(|one| !self.sessions.is_securing(one.stream()));
        self.tally.tls_failed += u64::from(tls_failed && secured);
        self.end(
            slot,
            match error.kind() {
                _ if tls_failed => ServedEnd::ClosedByUs,
                ErrorKind::UnexpectedEof => ServedEnd::ClosedByClient,
                _ => ServedEnd::ResetByClient,
            },
        );
    }
}
