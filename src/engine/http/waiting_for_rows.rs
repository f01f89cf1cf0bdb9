//! Lets passes wait whose row is on its way: the coordinator is asked ahead of need, so this is
//! rare, and takes moments.
//!
//! A user waits as if it thought a little longer. An arrival is late, which counts in its time; one
//! that still waits when the scenario ends was never started, and counts as dropped.

use super::super::wire::{Command, WorkerReport};
use super::super::worker::SlotId;
use super::slots::State;
use super::{HttpHost, HttpWorker};
use std::collections::VecDeque;

/// Who waits for rows.
#[derive(Debug, Default)]
pub(super) struct WaitingForRows {
    users: VecDeque<SlotId>,
    /// Numbers, and when they were due.
    arrivals: VecDeque<(u64, u64)>,
}

/// The end of a rest that no clock ends.
const UNTIL_ROWS_COME: u64 = u64::MAX;

impl<H: HttpHost> HttpWorker<H> {
    /// Lets a user wait for the row of its next pass.
    pub(super) fn await_row(&mut self, slot: u32) {
        let entry = self.slots.get(slot);
        (entry.state, entry.wake_ns) = (State::Thinking, UNTIL_ROWS_COME);
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
            self.host.report(WorkerReport::WantRows { waits });
        }
    }

    /// Does what the coordinator says about rows.
    pub(super) fn take_rows(&mut self, order: &Command, halted: bool) {
        let ending = halted || self.stages.is_draining();
        if let Some(blocks) = self.iterations.stock.obey(order, ending) {
            self.host.report(WorkerReport::ReturnedRows { blocks });
        }
        while !self.iterations.is_short_of_rows() {
            let now = self.host.now_ns();
            if let Some((number, due_ns)) = self.waiting_for_rows.arrivals.pop_front() {
                self.arrive(number, due_ns, now);
            } else if let Some(id) = self.waiting_for_rows.users.pop_front() {
                let waits = |state, rest_ns| state == State::Thinking && rest_ns == UNTIL_ROWS_COME;
                if self.slots.current(id).is_some_and(|entry| waits(entry.state, entry.wake_ns)) {
                    self.next_request(id.slot, now);
                }
            } else {
                break;
            }
        }
        self.ask_for_rows();
    }

    /// Drops what was due and has no row when the scenario ends; users that wait were told to go.
    pub(super) fn drop_what_waits_for_rows(&mut self) {
        self.waiting_for_rows.users.clear();
        for (number, due_ns) in std::mem::take(&mut self.waiting_for_rows.arrivals) {
            self.recorder.drop_due(due_ns, self.mix.of_arrival(number));
        }
    }

    /// Gives back what no pass has taken: others may need it.
    pub(super) fn return_rows(&mut self) {
        let blocks = self.iterations.stock.clear();
        if !blocks.is_empty() {
            self.host.report(WorkerReport::ReturnedRows { blocks });
        }
    }
}
