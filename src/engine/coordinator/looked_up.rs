//! Passes on what later lookups of names have found.

use super::super::channel::wire::WorkerCommand;
use super::super::lookups::NewLookup;
use super::Run;
use crate::record::Entry;
use crate::units::narrow;

impl Run<'_, '_> {
    /// Tells the workers of a target the addresses of its names, and records them.
    pub(super) fn looked_up(&mut self, new: NewLookup) {
        let NewLookup { lookup, found } = new;
        let command = WorkerCommand::Addresses { found };
        let scenarios = self.spec.manifest.plan.scenarios.iter().enumerate();
        let mine = scenarios.filter(|(_, one)| one.target == usize::from(lookup.target));
        for index in mine.map(|(index, _)| narrow(index)).filter(|_| lookup.is_change) {
            self.workers.send_to_scenario(index, &command);
        }
        self.record(Entry::LookedUp(lookup));
    }
}
