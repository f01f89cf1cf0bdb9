//! The host of a worker's loop: a clock, events of sockets, a coordinator.

use super::super::wire::{WorkerCommand, WorkerReport};
use crate::record::WorkerFacts;
use std::io;

/// A slot of a worker, and one of the connections that it has in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotId {
    /// The slot.
    pub slot: u32,
    /// Changes with each connection of the slot, so that an event of an earlier one is recognised;
    /// zero where slots are not reused before their sockets are closed.
    pub generation: u32,
}

/// The readiness of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "epoll reports any combination of them")]
pub(crate) struct Ready {
    /// Which connection.
    pub id: SlotId,
    /// It can be read from, or its end can be seen.
    pub readable: bool,
    /// It can be written to: it is open.
    pub writable: bool,
    /// The peer has closed its side.
    pub closed: bool,
    /// The connection has failed.
    pub failed: bool,
}

/// The surroundings of a worker's loop: real in a worker process, simulated in tests.
pub(crate) trait Host {
    /// Now, on the run's clock.
    fn now_ns(&self) -> u64;

    /// Adds the events of sockets to `ready`. Waits for one until `until_ns` at the latest, and not
    /// at all if `ready` holds some already.
    ///
    /// # Errors
    /// If the coordinator is gone.
    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// The next command of the coordinator that has come in.
    fn order(&mut self) -> Option<WorkerCommand>;

    /// Sends the coordinator a report; never blocks.
    fn report(&mut self, report: WorkerReport);

    /// How this process is doing; the recorder fills in the lag.
    fn facts(&self) -> WorkerFacts;
}
