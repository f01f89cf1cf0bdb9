//! What requests need of a worker's host.

use super::super::worker::{Host, SlotId};
use crate::record::ConnectionEnd;
use crate::workload::http::{
    Deadlines, ExchangeStep, Extracted, Handshake, RequestError, RequestOutcome, SessionUpdate,
    Transferred, UserSession,
};

/// Whether a request can be sent on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// At once.
    Now,
    /// Others have to end first, or the peer has to say something: an event tells when.
    Later,
    /// It takes no other request.
    Never,
}

/// A host with connections for requests. `number` is that of a user or of a connection for
/// arrivals: it gives the route.
pub(crate) trait HttpHost: Host {
    /// A connection; dropped, it is closed. Small: one is kept for each user.
    type Connection;

    /// A place on a connection that others opened, where they are shared.
    fn join(&mut self, _place: SlotId, _number: u64, _now_ns: u64) -> Option<Self::Connection> {
        None
    }

    /// Begins to open a connection.
    fn connect(&mut self, id: SlotId, number: u64) -> Result<Self::Connection, RequestError>;

    /// Whether a connection is open, once it can be written to. False: it waits for room where it
    /// goes, and no event tells when there is.
    fn open(
        &mut self,
        connection: &mut Self::Connection,
        number: u64,
    ) -> Result<bool, RequestError>;

    /// Begins, or goes on with, what secures an open connection.
    fn secure(
        &mut self,
        connection: &mut Self::Connection,
        number: u64,
    ) -> Result<Handshake, RequestError>;

    /// A connection that was not open in time, or not secured in time.
    fn connect_timed_out(
        &mut self,
        connection: &mut Self::Connection,
        number: u64,
        securing: bool,
    ) -> RequestError;

    /// Why a connection ended, or is about to, where that is known better than by the last request.
    fn end_reason(&self, _lane: &Self::Connection) -> Option<ConnectionEnd> {
        None
    }

    /// Leaves a connection; true when it has gone with that: nobody else shares it.
    fn leave(&mut self, _lane: Self::Connection) -> bool {
        true
    }

    /// Whether a request, which began at `since_ns`, can be sent now.
    fn capacity(&mut self, _lane: &mut Self::Connection, _since_ns: u64, _now_ns: u64) -> Capacity {
        Capacity::Now
    }

    /// Whether anything was answered on a connection.
    fn has_answered(&self, _lane: &Self::Connection) -> bool {
        false
    }

    /// Why a shared connection never took a request.
    fn refusal(&self, _lane: &Self::Connection) -> Option<RequestError> {
        None
    }

    /// What a request ends with that was never sent, because there was no room for it in time.
    fn stream_timed_out(&mut self, connection: &mut Self::Connection, number: u64) -> RequestError {
        self.connect_timed_out(connection, number, false)
    }

    /// Sends a request; false when that failed, which no event will say.
    fn send(&mut self, connection: &mut Self::Connection, request: u32) -> bool;

    /// Sends a request of a user that carries something along: whether that worked. An error: it
    /// was not sent.
    fn send_with_session(
        &mut self,
        connection: &mut Self::Connection,
        request: u32,
        _session: &mut UserSession,
        _now_ns: u64,
    ) -> Result<bool, RequestError> {
        Ok(self.send(connection, request))
    }

    /// Gives what an answer has to the session of a user or connection.
    fn update_session(
        &mut self,
        _number: u64,
        _session: &mut UserSession,
        _gains: Extracted,
        _now_ns: u64,
    ) -> SessionUpdate {
        SessionUpdate { follows: Ok(false), lost: Vec::new() }
    }

    /// The words of a failure with the request that it is of.
    fn describe(
        &self,
        _number: u64,
        _request: u32,
        _session: Option<&UserSession>,
        words: String,
    ) -> String {
        words
    }

    /// Goes on with the request under way.
    fn advance(
        &mut self,
        connection: &mut Self::Connection,
        closed: bool,
        now_ns: u64,
    ) -> ExchangeStep;

    /// When the request under way is out of time.
    fn deadline(&self, connection: &Self::Connection, limits: Deadlines) -> u64;

    /// Gives up the request under way; `None` when there is none.
    fn time_out(
        &mut self,
        connection: &mut Self::Connection,
        limits: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome>;

    /// Something happened on an idle connection.
    fn idle_event(&mut self, connection: &mut Self::Connection);

    /// Whether another request can be sent.
    fn takes_a_request(&self, connection: &Self::Connection) -> bool;

    /// Body bytes that the request under way has moved: of one that is let go of, nobody else
    /// tells.
    fn bytes_moved(&self, connection: &Self::Connection) -> Transferred;
}
