//! Lets iterations wait for rows that are on their way. The coordinator is asked ahead of need, so
//! waits are rare and short.
//!
//! A waiting user seems to think a little longer. A waiting arrival is late, which counts in its
//! time; if it still waits at the end of the scenario, it was never started and counts as dropped.

use super::super::rows::Supply;
use super::super::wire::{WorkerCommand, WorkerReport};
use super::super::worker::SlotId;
use super::slots::HttpSlotState;
use super::{HttpHost, HttpWorker};
use std::collections::VecDeque;

/// Users and arrivals that wait for rows.
#[derive(Debug, Default)]
pub(super) struct WaitingForRows {
    users: VecDeque<SlotId>,
    /// Their numbers, and when they were due.
    arrivals: VecDeque<(u64, u64)>,
}

/// The end of a pause that ends when something is granted.
pub(super) const UNTIL_GRANTED: u64 = u64::MAX;

impl<H: HttpHost> HttpWorker<H> {
    /// Lets a user wait for the row of its next iteration.
    pub(super) fn await_row(&mut self, slot: u32) {
        let entry = self.slots.get(slot);
        (entry.state, entry.wake_ns) = (HttpSlotState::Thinking, UNTIL_GRANTED);
        self.waiting_for_rows.users.push_back(SlotId { slot, generation: entry.generation });
        self.ask_for_rows();
    }

    /// Lets an arrival wait for its row.
    pub(super) fn let_arrival_wait(&mut self, number: u64, due_ns: u64) {
        self.waiting_for_rows.arrivals.push_back((number, due_ns));
        self.ask_for_rows();
    }

    /// Asks for rows when few are left.
    pub(super) fn ask_for_rows(&mut self) {
        let waits =
            !self.waiting_for_rows.users.is_empty() || !self.waiting_for_rows.arrivals.is_empty();
        if let Some(waits) = self.iterations.wants_rows(waits) {
            self.host.report(WorkerReport::Want { of: Supply::Rows, waits });
        }
    }

    /// Obeys what the coordinator says about rows.
    pub(super) fn take_rows(&mut self, order: &WorkerCommand, halted: bool) {
        let ending = halted || self.stages.is_draining();
        if let Some(blocks) = self.iterations.stock.obey(order, ending) {
            self.host.report(WorkerReport::Returned { of: Supply::Rows, blocks });
        }
        while !self.iterations.is_short_of_rows() {
            let now = self.host.now_ns();
            if let Some((number, due_ns)) = self.waiting_for_rows.arrivals.pop_front() {
                self.arrive(number, due_ns, now);
            } else if let Some(id) = self.waiting_for_rows.users.pop_front() {
                let waits =
                    |state, rest_ns| state == HttpSlotState::Thinking && rest_ns == UNTIL_GRANTED;
                if self.slots.current(id).is_some_and(|entry| waits(entry.state, entry.wake_ns)) {
                    self.next_request(id.slot, now);
                }
            } else {
                break;
            }
        }
        self.ask_for_rows();
        if self.iterations.stock.is_out() {
            self.rows_ran_out();
        }
    }

    /// Drops arrivals that still wait at the end of the scenario; users have stopped by then.
    pub(super) fn drop_what_waits_for_rows(&mut self) {
        self.waiting_for_rows.users.clear();
        self.fixed.clear();
        for (number, due_ns) in std::mem::take(&mut self.waiting_for_rows.arrivals) {
            self.recorder.drop_due(due_ns, self.mix.of_arrival(number));
        }
    }

    /// Returns rows that no iteration has taken: others may need them.
    pub(super) fn return_rows(&mut self) {
        let blocks = self.iterations.stock.clear();
        if !blocks.is_empty() {
            self.host.report(WorkerReport::Returned { of: Supply::Rows, blocks });
        }
    }
}
