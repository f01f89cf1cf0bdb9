//! Turns a worker's attempts into one snapshot a second.

use super::{Cell, CellKey, Gauges, Snapshot, WorkerFacts};

/// A worker's own book: written to as things happen, handed over once a second.
#[derive(Debug, Default)]
pub struct Recorder {
    cells: Vec<(CellKey, Cell)>,
    ended: Vec<(CellKey, Gauges)>,
    lag_max_ns: u64,
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
        for (_, cell) in &mut cells {
            cell.fold_requests();
        }
        Snapshot { second, cells, gauges, ended, worker }
    }
}
