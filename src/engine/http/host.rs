//! What the loop of requests lives in: a clock, connections, a coordinator. Real ones in a worker, simulated ones in tests.

use super::super::wire::{Notice, Order};
use crate::protocol::http::{Answer, Fault, Limits, Secured, Step};
use crate::record::WorkerFacts;
use std::io;

/// A slot, and which of its connections is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The slot.
    pub slot: u32,
    /// Changes with each connection of the slot.
    pub turn: u32,
}

/// Something became possible on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Which one.
    pub place: Place,
    /// It can be read from, or its end can be seen.
    pub readable: bool,
    /// It is open, or will never be.
    pub writable: bool,
    /// The server has closed its side, or the connection has failed.
    pub closed: bool,
}

/// The world of a loop of requests. `number` is that of a user or of a connection for arrivals: it gives the route.
pub trait Host {
    /// A connection; dropped, it is closed. Small: one is kept for each user.
    type Lane;

    /// Now, on the run's clock.
    fn now_ns(&self) -> u64;

    /// Waits for something to happen, at most until then. An error means that the coordinator is gone.
    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// The next order of the coordinator that has come in.
    fn order(&mut self) -> Option<Order>;

    /// Tells the coordinator something; never waits for it.
    fn tell(&mut self, notice: Notice);

    /// How this worker is; the lag is filled in by the recorder.
    fn facts(&self) -> WorkerFacts;

    /// Begins to open a connection.
    fn begin(&mut self, place: Place, number: u64) -> Result<Self::Lane, Fault>;

    /// Whether a connection is open, once it can be written to.
    fn open(&mut self, lane: &mut Self::Lane, number: u64) -> Result<(), Fault>;

    /// Begins, or goes on with, what secures an open connection.
    fn secure(&mut self, lane: &mut Self::Lane, number: u64) -> Result<Secured, Fault>;

    /// A connection that was not open in time, or not secured in time.
    fn late(&self, number: u64, securing: bool) -> Fault;

    /// Sends a request; false when that failed, which no event will say.
    fn send(&mut self, lane: &mut Self::Lane, request: u32) -> bool;

    /// Goes on with the request under way.
    fn advance(&mut self, lane: &mut Self::Lane, closed: bool, now_ns: u64) -> Step;

    /// When the request under way is out of time.
    fn deadline(&self, lane: &Self::Lane, limits: Limits) -> u64;

    /// Gives up the request under way.
    fn give_up(&mut self, lane: &mut Self::Lane, limits: Limits, now_ns: u64) -> Answer;

    /// Something happened on an idle connection.
    fn disturb(&mut self, lane: &mut Self::Lane);

    /// Whether another request can be sent.
    fn takes_a_request(&self, lane: &Self::Lane) -> bool;

    /// Whether a request may be sent twice.
    fn is_idempotent(&self, request: u32) -> bool;

    /// Bytes of a request's body.
    fn body_bytes(&self, request: u32) -> u64;
}
