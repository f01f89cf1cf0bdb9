//! Carries messages between the coordinator and one worker.
//!
//! The coordinator knows workers by [`Channel`] alone; [`Pipe`] is a process of this machine. The
//! worker's end is [`Link`], which its loop polls with its sockets.

mod link;
mod pipe;
pub mod wire;

pub use link::Link;
pub(super) use pipe::Pipe;

use super::clock::ClockOffset;
use bytes::Bytes;
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
