//! Keeps what later lookups of a target's names have found.

use crate::units::Address;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Lookups that are kept of a target, the latest ones.
const MOST_KEPT: usize = 100;

/// A lookup whose result differs from that of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Index into `Plan::targets`.
    pub target: u16,
    /// When, on the run's clock.
    pub at_ns: u64,
    /// The addresses that new connections go to from now on.
    pub addresses: Vec<Address>,
    /// Whether these are others than before.
    pub is_change: bool,
    /// The names that could not be looked up, and addresses that do not accept connections, each
    /// with the reason: what was known before stays.
    pub failures: Vec<String>,
}

/// The later lookups of one target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LookupRecording {
    /// How many changed the addresses.
    pub changes: u64,
    /// How many of those recorded had failures.
    pub failed: u64,
    /// The first failure: when, and why.
    pub first_failure: Option<(u64, String)>,
    /// The latest lookups with a different result, in order.
    pub latest: VecDeque<Lookup>,
}

impl LookupRecording {
    pub(super) fn add(&mut self, lookup: &Lookup) {
        self.changes += u64::from(lookup.is_change);
        if let Some(why) = lookup.failures.first() {
            self.failed += 1;
            self.first_failure.get_or_insert_with(|| (lookup.at_ns, why.clone()));
        }
        if self.latest.len() == MOST_KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(lookup.clone());
    }
}
