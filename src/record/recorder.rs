//! Turns a worker's attempts into one snapshot a second.

use super::{Cause, Cell, CellKey, CookieLoss, FailureTally, Gauges, Snapshot, WorkerFacts};
use std::collections::BTreeSet;

/// A worker's own book: written to as things happen, handed over once a second.
#[derive(Debug, Default)]
pub struct Recorder {
    cells: Vec<(CellKey, Cell)>,
    ended: Vec<(CellKey, Gauges)>,
    lag_max_ns: u64,
    told: BTreeSet<SampleId>,
}

/// What an example in words is of: the words are handed over once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SampleId {
    Failure(CellKey, Option<u16>, Cause),
    Cookie(CellKey, CookieLoss),
}

impl Recorder {
    /// The facts of one phase of one stage since the last snapshot.
    pub fn cell(&mut self, key: CellKey) -> &mut Cell {
        // A handful of cells at most, and the last one is the usual one.
        let place = self.cells.iter().rposition(|(known, _)| *known == key).unwrap_or_else(|| {
            self.cells.push((key, Cell::default()));
            self.cells.len() - 1
        });
        &mut self.cells[place].1
    }

    /// Notes how late something was started.
    pub fn lag(&mut self, ns: u64) {
        self.lag_max_ns = self.lag_max_ns.max(ns);
    }

    /// Notes the levels at the end of a phase.
    pub fn phase_ended(&mut self, key: CellKey, gauges: Gauges) {
        self.ended.push((key, gauges));
    }

    /// Hands over all facts since the last time, and starts anew.
    pub fn take(&mut self, second: u32, gauges: Gauges, mut worker: WorkerFacts) -> Snapshot {
        worker.lag_max_ns = std::mem::take(&mut self.lag_max_ns);
        let (mut cells, ended) = (std::mem::take(&mut self.cells), std::mem::take(&mut self.ended));
        for (key, cell) in &mut cells {
            cell.fold_requests();
            self.keep_new_samples(*key, cell);
        }
        Snapshot { second, cells, gauges, ended, worker }
    }

    /// Removes samples that were sent before: they would be most of a failing second.
    fn keep_new_samples(&mut self, key: CellKey, cell: &mut Cell) {
        let mut keep = |of: SampleId, tally: &mut FailureTally| {
            if !self.told.insert(of) {
                tally.sample = String::new();
            }
        };
        for (cause, tally) in &mut cell.failures {
            keep(SampleId::Failure(key, None, *cause), tally);
        }
        for (request, facts) in &mut cell.requests {
            for (cause, tally) in &mut facts.failures {
                keep(SampleId::Failure(key, Some(*request), *cause), tally);
            }
        }
        for (loss, tally) in &mut cell.cookies {
            keep(SampleId::Cookie(key, *loss), tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;
    use crate::record::{AttemptOutcome, Failure, FailureStage};

    #[test]
    fn an_example_is_handed_over_once_and_stays() {
        let mut recorder = Recorder::default();
        let mut whole = Cell::default();
        let key = |stage| CellKey { stage, phase: Phase::Hold };
        let cause = Cause::new(Failure::Status, FailureStage::Request);
        let mut words = Vec::new();
        for second in 0..3 {
            for stage in 0..2 {
                let cell = recorder.cell(key(stage));
                let sample = || format!("second {second}");
                cell.end(AttemptOutcome::Failed(cause), u64::from(second), sample);
                let request = cell.requests.entry(7).or_default();
                request.end(AttemptOutcome::Failed(cause), u64::from(second), sample);
                cell.lose_cookie(CookieLoss::Domain, u64::from(second), sample());
            }
            let snapshot = recorder.take(second, Gauges::default(), WorkerFacts::default());
            for (_, cell) in &snapshot.cells {
                words.push(cell.failures[0].1.sample.clone());
                words.push(cell.requests[&7].failures[0].1.sample.clone());
                words.push(cell.cookies[0].1.sample.clone());
                // Whichever is merged first.
                let before = std::mem::replace(&mut whole, cell.clone());
                whole.merge(&before);
            }
        }
        assert_eq!(words[..6], vec!["second 0"; 6]);
        assert_eq!(words[6..], vec![""; 12]);
        for tally in [&whole.failures[0].1, &whole.requests[&7].failures[0].1, &whole.cookies[0].1]
        {
            assert_eq!((tally.count, tally.first_ns, tally.last_ns), (6, 0, 2));
            assert_eq!(tally.sample, "second 0");
        }
    }
}
