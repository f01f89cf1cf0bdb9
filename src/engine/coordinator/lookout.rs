//! Looks at the machine while a run goes on: what the servers and the kernel use, and what the kernel counted.

use crate::machine::{Counters, Host, Reading};
use crate::record::HostSample;

/// Remembers the last look, so that counters become changes.
#[derive(Debug)]
pub(super) struct Lookout {
    host: Host,
    servers: Vec<u32>,
    before: Counters,
}

impl Lookout {
    /// A lookout that begins now. `servers` are the processes of the built-in servers.
    pub(super) fn new(servers: Vec<u32>) -> Self {
        let host = Host::default();
        Self { before: Counters::read(&host), host, servers }
    }

    /// One look: a few milliseconds at most, also with a hundred servers.
    pub(super) fn look(&mut self, at_ns: u64) -> HostSample {
        let reading = Reading::take(&self.host, &self.servers);
        let now = Counters::read(&self.host);
        let changes = now.since(&self.before);
        self.before = now;
        HostSample {
            at_ns,
            servers_cpu_ns: reading.cpu_ns,
            servers_rss_bytes: reading.rss_bytes,
            kernel_bytes: reading.slab_bytes,
            available_bytes: reading.available_bytes,
            counters: changes.telling().map(|(name, change)| (name.to_owned(), change)).collect(),
            ..HostSample::default()
        }
    }
}
