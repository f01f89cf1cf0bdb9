//! Knows the target's address of each connection, and counts connections by it where figures are
//! kept of each.
//!
//! **Invariant:** where names are not looked up again, an address follows from the user's number,
//! and nothing is kept of a connection.

use super::{HoldHost, HoldWorker};
use crate::record::CellKey;
use crate::units::{Address, slot as narrow};
use crate::workload::hold::Conversation;

/// The addresses of connections.
#[derive(Debug, Default)]
pub(super) struct ChosenAddresses {
    /// By slot; empty where they follow from the user's number.
    by_slot: Vec<u32>,
}

impl ChosenAddresses {
    /// For so many slots, where addresses can change.
    pub(super) fn new(slots: u32, can_change: bool) -> Self {
        let room = if can_change { slots as usize } else { 0 };
        Self { by_slot: vec![0; room] }
    }
}

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// A connection of this user begins.
    pub(super) fn choose_address(&mut self, slot: u32, user: u64) {
        if let Some(chosen) = self.chosen.by_slot.get_mut(slot as usize) {
            *chosen = narrow(self.load.address(user));
        }
    }

    /// Where the connection of a slot goes, or went.
    pub(super) fn address_of(&self, slot: u32) -> &Address {
        let chosen = self.chosen.by_slot.get(slot as usize).map(|at| *at as usize);
        &self.load.addresses[chosen.unwrap_or_else(|| self.load.address(self.slots.user(slot)))]
    }

    /// Counts a connection that took so long to open, or did not.
    pub(super) fn count_connect(&mut self, slot: u32, key: CellKey, took_ns: Option<u64>) {
        if !self.load.per_address {
            return;
        }
        let address = self.address_of(slot).clone();
        let tally = self.recorder.cell(key).address(&address);
        match took_ns {
            Some(took_ns) => tally.open(took_ns),
            None => tally.failed += 1,
        }
    }

    /// Counts a connection that was lost.
    pub(super) fn count_broken(&mut self, slot: u32, key: CellKey) {
        if self.load.per_address {
            let address = self.address_of(slot).clone();
            self.recorder.cell(key).address(&address).broken += 1;
        }
    }
}
