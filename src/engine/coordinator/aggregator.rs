//! Merges the snapshots of all workers into seconds, and accounts for what lost workers leave
//! behind.

use crate::plan::{Phase, Protocol};
use crate::record::{
    Cell, CellKey, Counter, Counters, Gauges, ScenarioSecond, Second, Snapshot, WorkerFacts,
    under_way,
};
use crate::schedule::{Partition, ScenarioSchedule, ScheduledEvent, Shape};
use crate::units::{SECOND_NS, narrow};
use std::collections::BTreeMap;

/// How long a second waits for the last worker's snapshot before it is written without it, in
/// nanoseconds.
const PATIENCE_NS: u64 = 1_500_000_000;

/// The facts received from all workers.
#[derive(Debug, Default)]
pub(super) struct Aggregator {
    workers: Vec<WorkerTotals>,
    pending: BTreeMap<u32, Second>,
    /// The next second to be written.
    next_second: u32,
}

/// The facts reported by one worker so far.
#[derive(Debug)]
struct WorkerTotals {
    scenario: u16,
    live: bool,
    /// The first second that it has not reported.
    told: u32,
    counters: BTreeMap<CellKey, Counters>,
    /// Attempts that have started and not ended, by request where facts are kept by request.
    under_way: BTreeMap<(CellKey, u16), i64>,
    gauges: Gauges,
    facts: WorkerFacts,
}

impl Aggregator {
    /// Adds the next worker.
    pub(super) fn add_worker(&mut self, scenario: u16) {
        let (counters, under_way) = (BTreeMap::new(), BTreeMap::new());
        let (gauges, facts) = (Gauges::default(), WorkerFacts::default());
        let (live, told) = (true, 0);
        let totals = WorkerTotals { scenario, live, told, counters, under_way, gauges, facts };
        self.workers.push(totals);
    }

    /// Merges what a worker saw. What comes too late for its second counts in the next one that is
    /// written.
    pub(super) fn add(&mut self, worker: usize, snapshot: &Snapshot) {
        let totals = &mut self.workers[worker];
        for (key, cell) in &snapshot.cells {
            totals.counters.entry(*key).or_default().merge(&cell.counters);
            for (request, tally) in &cell.requests {
                *totals.under_way.entry((*key, *request)).or_default() += tally.under_way();
            }
        }
        debug_assert!(
            totals.counters.values().all(|counters| {
                let begun = counters.get(Counter::Started) + counters.get(Counter::Dropped);
                begun <= counters.get(Counter::Due)
            }),
            "worker {worker}: whatever has started or was dropped was due"
        );
        totals.told = snapshot.second + 1;
        totals.gauges = snapshot.gauges;
        // Facts of one second alone are reported once.
        totals.facts = WorkerFacts { stall_max_ns: None, stalled_ns: 0, ..snapshot.worker };
        let late = snapshot.second < self.next_second;
        let at = snapshot.second.max(self.next_second);
        debug_assert!(
            snapshot
                .cells
                .iter()
                .all(|(_, cell)| cell.counters.get(Counter::Dropped)
                    <= cell.counters.get(Counter::Due)),
            "what is dropped was due"
        );
        let facts = self.scenario(at, self.workers[worker].scenario);
        if late {
            let (cells, ended) = (snapshot.cells.clone(), snapshot.ended.clone());
            let mut only = Snapshot { second: at, cells, ended, ..Snapshot::default() };
            only.worker.lag_max_ns = snapshot.worker.lag_max_ns;
            only.worker.stall_max_ns = snapshot.worker.stall_max_ns;
            only.worker.stalled_ns = snapshot.worker.stalled_ns;
            let reporting = facts.reporting;
            facts.add(&only);
            facts.reporting = reporting;
        } else {
            facts.add(snapshot);
        }
    }

    fn scenario(&mut self, second: u32, scenario: u16) -> &mut ScenarioSecond {
        let entry =
            self.pending.entry(second).or_insert_with(|| Second { second, ..Second::default() });
        entry.scenarios.entry(scenario).or_default()
    }

    /// A worker has reported everything.
    pub(super) fn finish_worker(&mut self, worker: usize) {
        self.workers[worker].live = false;
    }

    /// A worker is lost: what it had started is unfinished. What falls due for its partition is
    /// added by [`Self::drop_partition`].
    pub(super) fn lose_worker(&mut self, worker: usize, protocol: &Protocol) {
        self.workers[worker].live = false;
        let mut missing: BTreeMap<CellKey, Cell> = BTreeMap::new();
        for (key, counters) in &self.workers[worker].counters {
            let (unfinished, open) = under_way(counters, protocol.row().level);
            let cell = missing.entry(*key).or_default();
            cell.counters.add(Counter::Unfinished, unfinished);
            cell.counters.add(Counter::UnfinishedOpen, open);
        }
        for ((key, request), under_way) in &self.workers[worker].under_way {
            debug_assert!(*under_way >= 0, "a request ends at most once: {under_way}");
            let unfinished = u64::try_from(*under_way).unwrap_or(0);
            if unfinished > 0 {
                let cell = missing.entry(*key).or_default();
                cell.requests.entry(*request).or_default().unfinished = unfinished;
            }
        }
        self.record(worker, missing);
    }

    /// Counts as dropped what fell due for the partition of a lost worker after it was lost: up to
    /// `end_ns`, by `ramps`, when each stage's ramp began. `chosen`: which request an arrival would
    /// have sent, where facts are kept by request.
    pub(super) fn drop_partition(
        &mut self,
        worker: usize,
        partition: Partition,
        schedule: &ScenarioSchedule,
        (ramps, end_ns): (&[Option<u64>], u64),
        chosen: impl Fn(u64) -> Option<u16>,
    ) {
        let mut missing: BTreeMap<CellKey, Cell> = BTreeMap::new();
        let known: BTreeMap<CellKey, u64> = self.workers[worker]
            .counters
            .iter()
            .map(|(key, counters)| (*key, counters.get(Counter::Due)))
            .collect();
        for (stage, begun) in ramps.iter().enumerate() {
            let Some(begun) = begun else { continue };
            let mut due: BTreeMap<CellKey, u64> = BTreeMap::new();
            let mut cursor = schedule.cursor(stage, partition);
            let ramp_ns = match schedule.segments[stage].shape {
                Shape::Rate { ramp_ns, .. } => ramp_ns,
                Shape::Users { .. } => u64::MAX,
            };
            while let Some((what, offset)) =
                cursor.peek().filter(|(_, offset)| begun + offset < end_ns)
            {
                if !matches!(what, ScheduledEvent::UserStop(_)) {
                    let phase = if offset < ramp_ns { Phase::Ramp } else { Phase::Hold };
                    let key = CellKey { stage: narrow(stage), phase };
                    let nth = due.entry(key).or_default();
                    *nth += 1;
                    if *nth > known.get(&key).copied().unwrap_or(0) {
                        let arrival = match what {
                            ScheduledEvent::Arrival(number) => chosen(number),
                            ScheduledEvent::UserStart(_) | ScheduledEvent::UserStop(_) => None,
                        };
                        missing.entry(key).or_default().drop_due(arrival);
                    }
                }
                cursor.advance();
            }
        }
        self.record(worker, missing);
    }

    fn record(&mut self, worker: usize, missing: BTreeMap<CellKey, Cell>) {
        let (scenario, next) = (self.workers[worker].scenario, self.next_second);
        let facts = self.scenario(next, scenario);
        for (key, cell) in missing.into_iter().filter(|(_, cell)| !cell.counters.is_zero()) {
            let place =
                facts.cells.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                    facts.cells.push((key, Cell::default()));
                    facts.cells.len() - 1
                });
            facts.cells[place].1.merge(&cell);
        }
    }

    /// The next second that can be written: all live workers have reported it, or have had the time
    /// to.
    pub(super) fn complete_second(&mut self, now_ns: u64) -> Option<Second> {
        let end_ns = (u64::from(self.next_second) + 1) * SECOND_NS;
        let mut live = self.workers.iter().filter(|totals| totals.live);
        let complete =
            live.clone().next().is_some() && live.all(|totals| totals.told > self.next_second);
        (complete || now_ns >= end_ns + PATIENCE_NS).then(|| self.write())
    }

    /// The next second of what is left once all workers are gone.
    pub(super) fn remaining_second(&mut self) -> Option<Second> {
        (!self.pending.is_empty()).then(|| self.write())
    }

    fn write(&mut self) -> Second {
        let number = self.next_second;
        self.next_second += 1;
        let mut second =
            self.pending.remove(&number).unwrap_or(Second { second: number, ..Second::default() });
        for totals in &self.workers {
            let facts = second.scenarios.entry(totals.scenario).or_default();
            if !totals.live {
                // Its usage still counts.
                let missing = totals.told <= number;
                let used = if missing { totals.facts.cpu_ns } else { 0 };
                facts.workers.cpu_ns += used;
                continue;
            }
            facts.at_work += 1;
            if totals.told <= number {
                // One that is late still holds what it held.
                facts.gauges.merge(&totals.gauges);
                facts.workers.merge(&totals.facts);
            }
        }
        second
    }
}
