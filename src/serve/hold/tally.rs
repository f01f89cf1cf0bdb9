//! Turns what happens on connections into the server's counters.

use crate::serve::Counts;

/// How a connection ended. Together with `open_at_end` these make up all that were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServedEnd {
    /// The client's FIN came.
    ClosedByClient,
    /// The client's RST came, or the kernel gave the client up.
    ResetByClient,
    /// Closed by a fault, or because its TLS failed.
    ClosedByUs,
    /// Reset by a fault, or for want of a slot.
    ResetByUs,
}

/// The counters of one process.
#[derive(Debug, Default)]
pub(super) struct HoldTally {
    pub(super) accepted: u64,
    pub(super) peak_open: u64,
    /// Greetings handed to the kernel or owed.
    pub(super) greeted: u64,
    /// Messages whose last byte was handed to the kernel.
    pub(super) messages_sent: u64,
    /// Answers handed to the kernel or owed.
    pub(super) replies: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    closed_by_client: u64,
    reset_by_client: u64,
    closed_by_us: u64,
    reset_by_us: u64,
    /// Messages that were never sent whole: the connection ended first, or its client does not
    /// read.
    pub(super) send_failed: u64,
    /// Connections that faults were to hit.
    pub(super) affected: u64,
    /// TLS handshakes that were done.
    pub(super) secured: u64,
    /// Connections that ended before their handshake was done, or whose TLS failed later.
    pub(super) tls_failed: u64,
    /// Times that accepting failed.
    pub(super) accept_failed: u64,
}

impl HoldTally {
    pub(super) fn ended(&mut self, end: ServedEnd) {
        match end {
            ServedEnd::ClosedByClient => self.closed_by_client += 1,
            ServedEnd::ResetByClient => self.reset_by_client += 1,
            ServedEnd::ClosedByUs => self.closed_by_us += 1,
            ServedEnd::ResetByUs => self.reset_by_us += 1,
        }
    }

    /// All counters; those of TLS where connections are secured.
    pub(super) fn counts(&self, open_at_end: u64, secured: bool) -> Counts {
        let mut counts = Counts::default();
        for (name, count) in [
            ("accepted", self.accepted),
            ("open_at_end", open_at_end),
            ("peak_open", self.peak_open),
            ("greeted", self.greeted),
            ("messages_sent", self.messages_sent),
            ("replies", self.replies),
            ("bytes_sent", self.bytes_sent),
            ("bytes_received", self.bytes_received),
            ("closed_by_client", self.closed_by_client),
            ("reset_by_client", self.reset_by_client),
            ("closed_by_us", self.closed_by_us),
            ("reset_by_us", self.reset_by_us),
            ("send_failed", self.send_failed),
            ("affected", self.affected),
            ("accept_failed", self.accept_failed),
        ] {
            counts.add(name, count);
        }
        if secured {
            counts.add("secured", self.secured);
            counts.add("tls_failed", self.tls_failed);
        }
        counts
    }
}
