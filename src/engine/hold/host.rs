//! What the hold loop lives in: a clock, sockets, a coordinator. Real ones in a worker, simulated
//! ones in tests.

use super::super::wire::{Command, WorkerReport};
use crate::plan::Close;
use crate::record::WorkerFacts;
use std::io;

/// What became possible on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "epoll reports any combination of them")]
pub struct Ready {
    /// The connection's slot.
    pub slot: u32,
    /// It can be read from, or its end can be seen.
    pub readable: bool,
    /// It is open.
    pub writable: bool,
    /// The peer has closed its side, or the connection has failed.
    pub closed: bool,
    /// The connection has failed.
    pub failed: bool,
}

/// The world of a hold loop.
pub trait Host {
    /// An open or opening connection. Small: one is kept for each connection.
    type Socket;

    /// Now, on the run's clock.
    fn now_ns(&self) -> u64;

    /// Begins to open the connection of `user` and watches it as `slot`.
    fn connect(&mut self, slot: u32, user: u64) -> io::Result<Self::Socket>;

    /// Waits for something to happen, at most so long. An error means that the coordinator is gone.
    fn wait(&mut self, at_most_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// The next order of the coordinator that has come in.
    fn order(&mut self) -> Option<Command>;

    /// Tells the coordinator something; never waits for it.
    fn report(&mut self, notice: WorkerReport);

    /// Begins, or goes on with, the TLS handshake of an open connection of `user`; true once it is
    /// done.
    fn secure(&mut self, socket: &Self::Socket, user: u64) -> io::Result<bool>;

    /// Watches an open connection as another slot from now on.
    fn watch(&mut self, socket: &Self::Socket, slot: u32) -> io::Result<()>;

    /// Reads what is there.
    fn receive(&mut self, socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what fits.
    fn send(&mut self, socket: &Self::Socket, bytes: &[u8]) -> io::Result<usize>;

    /// Why a connection failed.
    fn error(&mut self, socket: &Self::Socket) -> Option<io::Error>;

    /// Ends a connection.
    fn close(&mut self, socket: Self::Socket, how: Close);

    /// How this worker is; the lag is filled in by the recorder.
    fn facts(&self) -> WorkerFacts;
}
