//! Lets passes wait whose row is on its way: the coordinator is asked ahead of need, so this is
//! rare, and takes moments.
//!
//! A user waits as if it thought a little longer. An arrival is late, which counts in its time; one
//! that still waits when the scenario ends was never started, and counts as dropped.

use super::super::wire::{Command, WorkerReport};
use super::slots::State;
use super::{Host, Place, Requests};
use std::collections::VecDeque;

/// Who waits for rows.
#[derive(Debug, Default)]
pub(super) struct Short {
    users: VecDeque<Place>,
    /// Numbers, and when they were due.
    arrivals: VecDeque<(u64, u64)>,
}

/// The end of a rest that no clock ends.
const UNTIL_TOLD: u64 = u64::MAX;

impl<H: Host> Requests<H> {
    /// Lets a user wait for the row of its next pass.
    pub(super) fn await_row(&mut self, slot: u32) {
        let one = self.slots.get(slot);
        (one.state, one.rest_ns) = (State::Resting, UNTIL_TOLD);
        self.short.users.push_back(Place { slot, turn: one.turn });
        self.ask_for_rows();
    }

    /// Lets an arrival wait for its row.
    pub(super) fn let_arrival_wait(&mut self, number: u64, due_ns: u64) {
        self.short.arrivals.push_back((number, due_ns));
        self.ask_for_rows();
    }

    /// Asks for rows when few are left.
    pub(super) fn ask_for_rows(&mut self) {
        let waits = !self.short.users.is_empty() || !self.short.arrivals.is_empty();
        if let Some(waits) = self.passes.wants_rows(waits) {
            self.host.tell(WorkerReport::WantRows { waits });
        }
    }

    /// Does what the coordinator says about rows.
    pub(super) fn take_rows(&mut self, order: &Command) {
        let ending = self.halted || self.stages.is_draining();
        if let Some(blocks) = self.passes.stock.obey(order, ending) {
            self.host.tell(WorkerReport::ReturnedRows { blocks });
        }
        while !self.passes.is_short_of_rows() {
            let now = self.host.now_ns();
            if let Some((number, due_ns)) = self.short.arrivals.pop_front() {
                self.arrive(number, due_ns, now);
            } else if let Some(place) = self.short.users.pop_front() {
                let waits = |state, rest_ns| state == State::Resting && rest_ns == UNTIL_TOLD;
                if self.slots.at(place).is_some_and(|one| waits(one.state, one.rest_ns)) {
                    self.next_request(place.slot, now);
                }
            } else {
                break;
            }
        }
        self.ask_for_rows();
    }

    /// Drops what was due and has no row when the scenario ends; users that wait were told to go.
    pub(super) fn drop_what_waits_for_rows(&mut self) {
        self.short.users.clear();
        for (number, due_ns) in std::mem::take(&mut self.short.arrivals) {
            self.book.drop_due(due_ns, self.choices.of_arrival(number));
        }
    }

    /// Gives back what no pass has taken: others may need it.
    pub(super) fn return_rows(&mut self) {
        let blocks = self.passes.stock.clear();
        if !blocks.is_empty() {
            self.host.tell(WorkerReport::ReturnedRows { blocks });
        }
    }
}
