//! Counts connections by the target's address, where figures are kept of each.

use super::{HttpHost, HttpWorker};
use crate::record::CellKey;
use crate::units::Address;

impl<H: HttpHost> HttpWorker<H> {
    /// The address that the connection of a slot goes to; `None` where no figures are kept of each.
    pub(super) fn counted_address(&mut self, slot: u32) -> Option<Address> {
        if !self.load.per_address {
            return None;
        }
        let entry = self.slots.get(slot);
        let own = entry.connection.as_ref().and_then(|connection| self.host.address(connection));
        let at = own.unwrap_or_else(|| self.load.address(entry.number));
        Some(self.load.addresses[at].clone())
    }

    /// Counts a connection that took so long to open.
    pub(super) fn count_opened(&mut self, slot: u32, key: CellKey, took_ns: u64) {
        if let Some(address) = self.counted_address(slot) {
            self.recorder.cell(key).address(&address).open(took_ns);
        }
    }

    /// Counts a connection that did not open, unless that is the generator's own failure.
    pub(super) fn count_refused(&mut self, slot: u32, key: CellKey, local: bool) {
        if let Some(address) = self.counted_address(slot).filter(|_| !local) {
            self.recorder.cell(key).address(&address).failed += 1;
        }
    }

    /// Counts a request that failed on a connection to this address.
    pub(super) fn count_broken(&mut self, key: CellKey, address: Option<Address>) {
        if let Some(address) = address {
            self.recorder.cell(key).address(&address).broken += 1;
        }
    }
}
