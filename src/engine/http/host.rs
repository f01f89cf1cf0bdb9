//! The part of a worker's host that requests need.

use super::super::worker::{Host, SlotId};
use crate::record::ConnectionEnd;
use crate::units::Address;
use crate::workload::http::{
    Deadlines, ExchangeStep, Extracted, FailedResponse, Handshake, RequestError, RequestOutcome,
    SessionUpdate, Transferred, UserSession,
};

/// Whether a request can be sent on a connection now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// Yes.
    Now,
    /// Not before other requests end or the peer's settings arrive; an event follows.
    Later,
    /// The connection accepts no more requests.
    Never,
}

/// A host with connections for requests. `number` is that of a user or of a connection for
/// arrivals: it gives the route.
pub(crate) trait HttpHost: Host {
    /// A connection; dropped, it is closed. Small: one is kept for each user.
    type Connection;

    /// A stream of a shared connection that is open or opening.
    fn join(&mut self, _place: SlotId, _number: u64, _now_ns: u64) -> Option<Self::Connection> {
        None
    }

    /// Begins to open a connection.
    fn connect(&mut self, id: SlotId, number: u64) -> Result<Self::Connection, RequestError>;

    /// Whether a connection is open, once it is writable. False: the server's queue is full, and no
    /// event says when there is room.
    fn open(
        &mut self,
        connection: &mut Self::Connection,
        number: u64,
    ) -> Result<bool, RequestError>;

    /// Begins or continues the TLS handshake of an open connection.
    fn secure(
        &mut self,
        connection: &mut Self::Connection,
        number: u64,
    ) -> Result<Handshake, RequestError>;

    /// Fails a connection that was not open, or not secured, in time.
    fn connect_timed_out(
        &mut self,
        connection: &mut Self::Connection,
        number: u64,
        securing: bool,
    ) -> RequestError;

    /// Why a connection ended, or is about to, where the connection knows better than its last
    /// request.
    fn end_reason(&self, _lane: &Self::Connection) -> Option<ConnectionEnd> {
        None
    }

    /// Leaves a connection; true if it ended with that, because nobody else shares it.
    fn leave(&mut self, _lane: Self::Connection) -> bool {
        true
    }

    /// Whether a request that began at `since_ns` can be sent now.
    fn capacity(&mut self, _lane: &mut Self::Connection, _since_ns: u64, _now_ns: u64) -> Capacity {
        Capacity::Now
    }

    /// The index of the address that a connection goes to; `None` where the number gives it.
    fn address(&self, _lane: &Self::Connection) -> Option<usize> {
        None
    }

    /// Takes in the addresses that a lookup during the run has found.
    fn learn_addresses(&mut self, _found: &[(Address, u16)]) {}

    /// Whether the connection has answered any request.
    fn has_answered(&self, _lane: &Self::Connection) -> bool {
        false
    }

    /// Why a shared connection never accepted a request.
    fn refusal(&self, _lane: &Self::Connection) -> Option<RequestError> {
        None
    }

    /// The error of a request that was never sent because no stream became free in time.
    fn stream_timed_out(&mut self, connection: &mut Self::Connection, number: u64) -> RequestError {
        self.connect_timed_out(connection, number, false)
    }

    /// Sends a request; false if that failed, which no event will say.
    fn send(&mut self, connection: &mut Self::Connection, request: u32) -> bool;

    /// Sends a request that depends on its user's session; false if sending failed, an error if it
    /// could not be written.
    fn send_with_session(
        &mut self,
        connection: &mut Self::Connection,
        request: u32,
        _session: &mut UserSession,
        _now_ns: u64,
    ) -> Result<bool, RequestError> {
        Ok(self.send(connection, request))
    }

    /// Updates a session with what a response contained.
    fn update_session(
        &mut self,
        _number: u64,
        _session: &mut UserSession,
        _gains: Extracted,
        _now_ns: u64,
    ) -> SessionUpdate {
        SessionUpdate { follows: Ok(false), lost: Vec::new() }
    }

    /// Describes a failure together with the request that failed.
    fn describe(
        &self,
        _number: u64,
        _request: u32,
        _session: Option<&UserSession>,
        words: String,
    ) -> String {
        words
    }

    /// A request that failed and its response, as text without secrets.
    fn failed_exchange(
        &self,
        _number: u64,
        _request: u32,
        _session: Option<&mut UserSession>,
        _response: FailedResponse,
    ) -> Option<String> {
        None
    }

    /// Hears of the end of an attempt: what is wrong with it, and the checks that do not hold, as
    /// bits; `None` without a response to check.
    fn attempt_ended(
        &mut self,
        _request: u32,
        _fault: Option<&RequestError>,
        _failed_checks: Option<u64>,
    ) {
    }

    /// Continues the exchange in progress.
    fn advance(
        &mut self,
        connection: &mut Self::Connection,
        closed: bool,
        now_ns: u64,
    ) -> ExchangeStep;

    /// When the exchange in progress times out.
    fn deadline(&self, connection: &Self::Connection, limits: Deadlines) -> u64;

    /// Times out the exchange in progress; `None` if there is none.
    fn time_out(
        &mut self,
        connection: &mut Self::Connection,
        limits: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome>;

    /// Handles an event of an idle connection.
    fn idle_event(&mut self, connection: &mut Self::Connection);

    /// Whether another request can be sent.
    fn takes_a_request(&self, connection: &Self::Connection) -> bool;

    /// Body bytes transferred by the exchange in progress: an abandoned one reports them nowhere
    /// else.
    fn bytes_moved(&self, connection: &Self::Connection) -> Transferred;
}
