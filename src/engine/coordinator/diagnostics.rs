//! Diagnoses the failures so far during the run, as entries.
//!
//! **Invariant:** the machine's limits are read only when something new has failed, or noticeably
//! more of the same.

use crate::machine::{MachineLimits, NetworkPath, diagnose_scenario};
use crate::plan::Plan;
use crate::record::{Diagnosis, Entry, Recording, RootCause};
use std::collections::BTreeSet;

/// Decides when to diagnose, and does it.
#[derive(Debug)]
pub(super) struct Diagnostics {
    /// Of each scenario's connections.
    paths: Vec<NetworkPath>,
    limits: fn() -> MachineLimits,
    /// Failures and lost workers at the last diagnosis.
    known: u64,
    /// Of how many kinds they were.
    kinds: usize,
    /// Root causes of the last diagnosis.
    found: BTreeSet<(usize, RootCause)>,
    /// Causes that two diagnoses have found: no third is needed to confirm them.
    confirmed: BTreeSet<(usize, RootCause)>,
    /// The last recorded diagnoses, by scenario.
    recorded: Vec<Vec<Diagnosis>>,
}

impl Diagnostics {
    /// `paths`: of each scenario's connections; `limits` reads this machine's.
    pub(super) fn new(paths: Vec<NetworkPath>, limits: fn() -> MachineLimits) -> Self {
        Self {
            paths,
            limits,
            known: 0,
            kinds: 0,
            found: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            recorded: Vec::new(),
        }
    }

    /// The diagnoses that are to be recorded now. `last`: these are the run's own.
    pub(super) fn look(
        &mut self,
        plan: &Plan,
        recording: &Recording,
        at_ns: u64,
        last: bool,
    ) -> Vec<Entry> {
        let (known, kinds) = failures(recording);
        // A tenth more of what is known may change the diagnosis; less does not.
        let more = known > self.known + if last { 0 } else { self.known / 10 };
        if !more && kinds == self.kinds && self.found.is_subset(&self.confirmed) {
            return Vec::new();
        }
        (self.known, self.kinds) = (known, kinds);
        let limits = (self.limits)();
        self.recorded.resize(plan.scenarios.len(), Vec::new());
        let before = std::mem::take(&mut self.found);
        let mut entries = Vec::new();
        for (index, recorded) in self.recorded.iter_mut().enumerate() {
            let path = self.paths.get(index);
            let diagnoses = diagnose_scenario(plan, recording, index, &limits, path);
            let found: BTreeSet<_> = diagnoses.iter().map(|one| (index, one.root_cause)).collect();
            let mut again = found.intersection(&before);
            let confirms = again.any(|one| !self.confirmed.contains(one));
            self.found.extend(found);
            if diagnoses != *recorded || confirms {
                recorded.clone_from(&diagnoses);
                let scenario = crate::units::narrow(index);
                entries.push(Entry::Diagnosed { scenario, at_ns, diagnoses });
            }
        }
        self.confirmed.extend(self.found.intersection(&before).copied());
        entries
    }
}

/// How many failures and lost workers there are, and of how many kinds.
fn failures(recording: &Recording) -> (u64, usize) {
    let lost = recording.lost_workers.len();
    let cells = recording.scenarios.iter().flat_map(|facts| facts.cells.values());
    let tallies = cells.flat_map(|cell| &cell.failures);
    tallies.fold((lost as u64, lost), |(known, kinds), (_, tally)| (known + tally.count, kinds + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Cause, Cell, CellKey, Failure, FailureStage};
    use crate::schedule::testing;
    use std::sync::atomic::{AtomicU32, Ordering};

    static READ: AtomicU32 = AtomicU32::new(0);

    fn counted() -> MachineLimits {
        READ.fetch_add(1, Ordering::Relaxed);
        MachineLimits::default()
    }

    #[test]
    fn the_machine_is_looked_at_only_when_the_diagnosis_may_have_changed() {
        let plan = testing::plan(testing::scenario(testing::http(), &[]));
        let mut recording = Recording::new(1);
        let mut diagnostics = Diagnostics::new(Vec::new(), counted);
        let key = CellKey { stage: 0, phase: crate::plan::Phase::Hold };
        let mut look = |failures: &[(Failure, u64)], last: bool| {
            for (failure, count) in failures {
                let cell: &mut Cell = recording.scenarios[0].cells.entry(key).or_default();
                let cause = Cause::new(*failure, FailureStage::Connect);
                (0..*count).for_each(|_| cell.add_failure(cause, 0, String::new));
            }
            let before = READ.load(Ordering::Relaxed);
            let entries = diagnostics.look(&plan, &recording, 0, last);
            (READ.load(Ordering::Relaxed) - before, entries.len())
        };
        assert_eq!(look(&[], false), (0, 0), "nothing has failed");
        assert_eq!(look(&[(Failure::Refused, 100)], false), (1, 1));
        assert_eq!(look(&[], false), (1, 1), "confirmed");
        assert_eq!(look(&[], false), (0, 0));
        assert_eq!(look(&[(Failure::Refused, 10)], false), (0, 0), "little more of the same");
        assert_eq!(look(&[(Failure::Refused, 1)], false), (1, 1), "noticeably more");
        assert_eq!(look(&[(Failure::Status, 1)], false), (1, 1), "another kind");
        assert_eq!(look(&[], false), (1, 1), "and confirmed");
        assert_eq!(look(&[(Failure::Refused, 1)], true), (1, 1), "the last has every failure");
        assert_eq!(look(&[], true), (0, 0));
    }
}
