//! Carries messages between the coordinator and one worker.
//!
//! The coordinator knows workers by [`Channel`] alone; [`Pipe`] is a process of this machine,
//! [`FarWorker`] one of another host, whose agent passes on what its pipe carries. The worker's end
//! is [`Link`], which its loop polls with its sockets.

pub(super) mod broker;
mod far;
pub(super) mod host_wire;
mod link;
mod pipe;
pub mod wire;

pub use broker::BrokerError;
pub(super) use far::{FarWorker, HostLink};
pub use link::Link;
pub(super) use pipe::Pipe;

use super::clock::ClockOffset;
use crate::machine::HostRequirement;
use crate::record::{CellKey, Counters, HostSample};
use bytes::Bytes;
use host_wire::HostSecond;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc;
use wire::FromWorker;

/// An event of a channel.
#[derive(Debug)]
pub(super) enum WorkerEvent {
    /// The worker sent a message.
    Message(FromWorker),
    /// Nothing more will come, and why.
    Gone(String),
    /// The host of this worker, its first one, sent a message.
    Host(HostEvent),
}

/// The counters of a host's workers, by scenario.
pub(super) type Totals = Vec<(u16, Vec<(CellKey, Counters)>)>;

/// The messages of a host as a whole.
#[derive(Debug)]
pub(super) enum HostEvent {
    /// One second of one scenario.
    Second(Box<HostSecond>),
    /// How the machine is.
    Sample(Box<HostSample>),
    /// It is as far as it was told to be: with warnings, in words, and what was checked.
    Passed(Vec<String>, Vec<HostRequirement>),
    /// The counters of all its workers.
    Ended(Totals),
    /// It is gone, and why.
    Gone(String),
}

/// The queue for the events of all workers, each with the worker's number.
pub(super) type Events = mpsc::Sender<(usize, WorkerEvent)>;

/// The end of a worker's process.
pub(super) type Joined<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The coordinator's end of a channel to one worker.
pub(super) trait Channel {
    /// Queues a frame; never waits. A worker that is gone is noticed by its event or by its
    /// silence.
    fn send(&self, frame: Bytes);

    /// Ends the worker at once; says how it had ended if it had.
    fn kill(&mut self) -> Option<String>;

    /// Waits for the worker to end, and ends it after `within`.
    fn join(&mut self, within: Duration) -> Joined<'_>;

    /// How far the worker's clock is ahead of this process's.
    fn clock_offset(&self) -> ClockOffset;
}
