//! Turns the facts so far into culprits that are worth telling: each once, when it has stood for a second.
//!
//! **Invariant:** nothing is looked at on the machine while nothing new has failed, or only a little more of the same.

use super::state::RunState;
use crate::machine::{Diagnosis, Limits, NetworkPath, RootCause, diagnose_scenario};
use std::collections::HashSet;

/// A scenario and what is at fault in it.
type Suspect = (usize, RootCause);

/// Follows who is to blame.
#[derive(Debug)]
pub(super) struct LiveDiagnosis {
    ways: Vec<NetworkPath>,
    limits: fn() -> Limits,
    /// Failures and lost workers at the last look.
    known: u64,
    /// Of how many kinds they were.
    kinds: usize,
    /// Those of the last look: the first failures may point at somebody else than all of them do.
    seen: HashSet<Suspect>,
    told: HashSet<Suspect>,
}

impl Default for LiveDiagnosis {
    fn default() -> Self {
        Self::new(Vec::new(), Limits::default)
    }
}

impl LiveDiagnosis {
    /// `ways`: of each scenario's connections. `limits`: reads this machine's.
    pub(super) fn new(ways: Vec<NetworkPath>, limits: fn() -> Limits) -> Self {
        Self { ways, limits, known: 0, kinds: 0, seen: HashSet::new(), told: HashSet::new() }
    }

    /// The culprits that are new, each with its scenario. `last`: no later look will confirm them.
    pub(super) fn look(&mut self, scene: &RunState, last: bool) -> Vec<(usize, Diagnosis)> {
        let cells = scene.recording.scenarios.iter().flat_map(|facts| facts.cells.values());
        let (mut known, mut kinds) =
            (scene.recording.lost.len() as u64, scene.recording.lost.len());
        for (_, tally) in cells.flat_map(|cell| &cell.failures) {
            known += tally.count;
            kinds += 1;
        }
        // A tenth more of what is known may shift the blame; less does not.
        let more = known > self.known + if last { 0 } else { self.known / 10 };
        if !more && kinds == self.kinds && self.seen.is_subset(&self.told) {
            return Vec::new();
        }
        self.kinds = kinds;
        self.known = known;
        let limits = (self.limits)();
        let mut new = Vec::new();
        let before = std::mem::take(&mut self.seen);
        for (index, _) in scene.scenarios() {
            let way = self.ways.get(index);
            for blame in diagnose_scenario(&scene.plan, &scene.recording, index, &limits, way) {
                let suspect = (index, blame.root_cause);
                // The cause of its failure stands there already, and there is nothing to add.
                if blame.root_cause == RootCause::Unknown {
                    continue;
                }
                self.seen.insert(suspect);
                if (last || before.contains(&suspect)) && self.told.insert(suspect) {
                    new.push((index, blame));
                }
            }
        }
        new
    }
}
