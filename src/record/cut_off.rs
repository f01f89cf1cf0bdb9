//! Counts attempts in progress as unfinished, if facts end before a run or a worker reported of its
//! end.

use super::{Cell, Counter, Counters, Gauge, Recording};

/// Attempts that were started and have not ended, and how many of these have an open connection.
/// `level`: the level of the scenario.
pub fn under_way(counters: &Counters, level: Gauge) -> (u64, u64) {
    let get = |counter| counters.get(counter);
    let ended =
        get(Counter::Ok) + get(Counter::Failed) + get(Counter::TimedOut) + get(Counter::Unfinished);
    let unfinished = get(Counter::Started).saturating_sub(ended);
    let never_open = get(Counter::ConnectFailed) + get(Counter::ConnectFailedLocal);
    let lost = (get(Counter::Failed) + get(Counter::TimedOut)).saturating_sub(never_open);
    let open = get(Counter::ConnectOk)
        .saturating_sub(get(Counter::Ok) + lost + get(Counter::UnfinishedOpen));
    (unfinished, if level == Gauge::Open { open.min(unfinished) } else { 0 })
}

impl Cell {
    /// Counts attempts in progress as unfinished, and due attempts that were not started as
    /// dropped.
    fn cut_off(&mut self, level: Gauge) {
        let (unfinished, open) = under_way(&self.counters, level);
        self.counters.add(Counter::Unfinished, unfinished);
        self.counters.add(Counter::UnfinishedOpen, open);
        let get = |counter| self.counters.get(counter);
        let begun = get(Counter::Started) + get(Counter::Dropped);
        self.counters.add(Counter::Dropped, get(Counter::Due).saturating_sub(begun));
        for tally in self.requests.values_mut() {
            // Recordings of earlier versions do not have the number of those started.
            tally.unfinished += u64::try_from(tally.under_way()).unwrap_or(0);
        }
    }
}

impl Recording {
    /// Completes the counters of an interrupted run: nothing follows, and attempts in progress did
    /// not end. `level`: the level of each scenario.
    pub fn cut_off(&mut self, level: impl Fn(usize) -> Gauge) {
        for (index, scenario) in self.scenarios.iter_mut().enumerate() {
            scenario.cells.values_mut().for_each(|cell| cell.cut_off(level(index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;
    use crate::record::{CellKey, RequestTally};

    #[test]
    fn what_was_under_way_is_unfinished_and_the_books_are_closed() {
        let mut cell = Cell::default();
        for (counter, count) in [
            (Counter::Due, 12),
            (Counter::Started, 9),
            (Counter::Dropped, 1),
            (Counter::Ok, 3),
            (Counter::Failed, 2),
            (Counter::ConnectOk, 6),
            (Counter::ConnectFailed, 1),
        ] {
            cell.counters.add(counter, count);
        }
        cell.requests
            .insert(0, RequestTally { started: 9, ok: 3, failed: 2, ..Default::default() });
        cell.requests.insert(1, RequestTally { ok: 3, ..Default::default() });
        for (level, open) in [(Gauge::Open, 2), (Gauge::Users, 0)] {
            let mut recording = Recording::new(1);
            let key = CellKey { stage: 0, phase: Phase::Hold };
            recording.scenarios[0].cells.insert(key, cell.clone());
            recording.cut_off(|_| level);
            let once = recording.clone();
            recording.cut_off(|_| level);
            assert_eq!(recording, once, "books that are closed stay as they are");
            let cell = &recording.scenarios[0].cells[&key];
            let get = |counter| cell.counters.get(counter);
            assert_eq!([get(Counter::Unfinished), get(Counter::UnfinishedOpen)], [4, open]);
            assert_eq!(get(Counter::Dropped), 3);
            assert_eq!([cell.requests[&0].unfinished, cell.requests[&1].unfinished], [4, 0]);
        }
    }
}
