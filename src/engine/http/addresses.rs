//! Counts connections by the target's address, where figures are kept of each.

use super::{HttpHost, HttpWorker};
use crate::record::{AddressTally, CellKey};

impl<H: HttpHost> HttpWorker<H> {
    /// The index of the address that the connection of a slot goes to; `None` where no figures are
    /// kept of each.
    pub(super) fn counted_address(&mut self, slot: u32) -> Option<usize> {
        if !self.load.per_address {
            return None;
        }
        let entry = self.slots.get(slot);
        let own = entry.connection.as_ref().and_then(|connection| self.host.address(connection));
        Some(own.unwrap_or_else(|| self.load.address(entry.number)))
    }

    fn tally(&mut self, key: CellKey, address: usize) -> &mut AddressTally {
        self.recorder.cell(key).address(&self.load.addresses[address])
    }

    /// Counts a connection that took so long to open.
    pub(super) fn count_opened(&mut self, slot: u32, key: CellKey, took_ns: u64) {
        if let Some(address) = self.counted_address(slot) {
            self.tally(key, address).open(took_ns);
        }
    }

    /// Counts a connection that did not open, unless that is the generator's own failure.
    pub(super) fn count_refused(&mut self, slot: u32, key: CellKey, local: bool) {
        if let Some(address) = self.counted_address(slot).filter(|_| !local) {
            self.tally(key, address).failed += 1;
        }
    }

    /// Counts a request that failed on a connection to this address.
    pub(super) fn count_broken(&mut self, key: CellKey, address: Option<usize>) {
        if let Some(address) = address {
            self.tally(key, address).broken += 1;
        }
    }
}
