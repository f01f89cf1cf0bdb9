//! The loop of workers, the same for all protocols, and the host that it runs in.
//!
//! ```text
//!  drive ── orders, seconds, what is due, waiting, events ──▶ trait Worker: HoldWorker, HttpWorker
//!    └ trait Host: clock, wait, orders, reports
//!        ├ Epoll<S>: a real one; S are the sockets of a protocol
//!        └ testing::Simulated<P>: time passes only when nothing is left to do
//! ```

mod drive;
mod epoll;
mod host;
#[cfg(test)]
pub(super) mod testing;

pub(super) use drive::{LoopStep, Worker, drive};
pub(super) use epoll::{Epoll, Precision, Sockets};
pub(super) use host::{Host, Ready, SlotId};
