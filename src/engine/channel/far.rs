//! A channel to a worker of another host: its agent passes frames on.

use super::super::clock::ClockOffset;
use super::broker::LogWriter;
use super::host_wire::ToHost;
use super::{Channel, Joined};
use bytes::Bytes;
use std::time::Duration;

/// The coordinator's line to one host.
#[derive(Debug, Clone)]
pub(in super::super) struct HostLink {
    pub(in super::super) log: LogWriter,
    pub(in super::super) offset: ClockOffset,
}

/// One worker of a host.
#[derive(Debug)]
pub(in super::super) struct FarWorker {
    host: HostLink,
    /// Which of the host's workers.
    worker: u32,
}

impl HostLink {
    /// Its worker number `worker`.
    pub(in super::super) fn worker(&self, worker: u32) -> FarWorker {
        FarWorker { host: self.clone(), worker }
    }

    /// Sends a message; a host that is gone is noticed by its silence.
    pub(in super::super) fn send(&self, message: &ToHost) {
        // A host that takes nothing is noticed by its silence.
        let _ = self.log.send(message);
    }
}

impl Channel for FarWorker {
    fn send(&self, frame: Bytes) {
        self.host.send(&ToHost::Worker { worker: self.worker, frame: frame.into() });
    }

    fn kill(&mut self) -> Option<String> {
        self.host.send(&ToHost::Kill { worker: self.worker });
        None
    }

    fn join(&mut self, _: Duration) -> Joined<'_> {
        // Its agent waits for it.
        Box::pin(std::future::ready(()))
    }

    fn clock_offset(&self) -> ClockOffset {
        self.host.offset
    }
}
