//! Turns what happens to connections and requests into the server's counters.

use crate::serve::Counts;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters of one process. Atomic because tasks share them, not because there is a second
/// thread.
#[derive(Debug, Default)]
pub(super) struct HttpTally {
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) peak_open: AtomicU64,
    /// Requests whose head was read whole.
    pub(super) requests: AtomicU64,
    /// Data received that was not a request.
    pub(super) bad_requests: AtomicU64,
    /// Bytes handed to the kernel, heads included.
    pub(super) bytes_sent: AtomicU64,
    pub(super) bytes_received: AtomicU64,
    pub(super) closed_by_client: AtomicU64,
    pub(super) reset_by_client: AtomicU64,
    pub(super) closed_by_us: AtomicU64,
    pub(super) reset_by_us: AtomicU64,
    /// Connections hit by faults of connections, and requests hit by faults of answers.
    pub(super) affected: AtomicU64,
    /// Times that accepting failed.
    pub(super) accept_failed: AtomicU64,
    /// Handshakes that were done, those among them that went on with an earlier session, and those
    /// that failed.
    pub(super) secured: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) tls_failed: AtomicU64,
    statuses: Mutex<BTreeMap<u16, u64>>,
}

impl HttpTally {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.peak_open.fetch_max(open, Relaxed);
    }

    /// An answer was begun.
    pub(super) fn answered(&self, status: u16) {
        if let Ok(mut statuses) = self.statuses.lock() {
            *statuses.entry(status).or_default() += 1;
        }
    }

    pub(super) fn counts(&self, is_secured: bool) -> Counts {
        let mut counts = Counts::default();
        for (name, count) in [
            ("accepted", &self.accepted),
            ("open_at_end", &self.open),
            ("peak_open", &self.peak_open),
            ("requests", &self.requests),
            ("bad_requests", &self.bad_requests),
            ("bytes_sent", &self.bytes_sent),
            ("bytes_received", &self.bytes_received),
            ("closed_by_client", &self.closed_by_client),
            ("reset_by_client", &self.reset_by_client),
            ("closed_by_us", &self.closed_by_us),
            ("reset_by_us", &self.reset_by_us),
            ("affected", &self.affected),
            ("accept_failed", &self.accept_failed),
        ] {
            counts.add(name, count.load(Relaxed));
        }
        let of_tls = [
            ("secured", &self.secured),
            ("resumed", &self.resumed),
            ("tls_failed", &self.tls_failed),
        ];
        for (name, count) in of_tls.into_iter().filter(|_| is_secured) {
            counts.add(name, count.load(Relaxed));
        }
        if let Ok(statuses) = self.statuses.lock() {
            for (status, count) in &*statuses {
                counts.add(&format!("status.{status}"), *count);
            }
        }
        counts
    }
}
