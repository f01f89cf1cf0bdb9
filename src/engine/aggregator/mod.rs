//! Merges the snapshots of all workers into seconds, and accounts for what lost workers leave
//! behind.

use crate::plan::{Phase, Protocol};
use crate::record::{
    Cell, CellKey, Counter, Counters, Gauges, HostId, HostPart, ScenarioSecond, Second, Snapshot,
    WorkerFacts, under_way,
};
use crate::schedule::{Partition, ScenarioSchedule, ScheduleCursor, ScheduledEvent, Shape};
use crate::units::{SECOND_NS, narrow};
use std::collections::BTreeMap;

/// How long a second waits for the last snapshot before it is written without it, in nanoseconds.
pub(super) const PATIENCE_NS: u64 = 1_500_000_000;

/// The facts received from all reporters: workers of this machine, or hosts.
#[derive(Debug)]
pub(super) struct Aggregator {
    reporters: Vec<ReporterTotals>,
    patience_ns: u64,
    pending: BTreeMap<u32, Second>,
    /// The next second to be written.
    next_second: u32,
}

/// The facts reported so far by one worker, or by a host for its workers of one scenario.
#[derive(Debug)]
struct ReporterTotals {
    scenario: u16,
    /// The host that it is; the coordinator's where it is a worker of one machine.
    host: HostId,
    /// How many workers report through it.
    workers: u32,
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
    /// Nobody reports yet. A second waits for so long, in nanoseconds.
    pub(super) fn new(patience_ns: u64) -> Self {
        Self { reporters: Vec::new(), patience_ns, pending: BTreeMap::new(), next_second: 0 }
    }

    /// Adds the next who reports, for so many workers of a scenario on a host; its number.
    pub(super) fn add_reporter(&mut self, scenario: u16, workers: u32, host: HostId) -> usize {
        let (counters, under_way) = (BTreeMap::new(), BTreeMap::new());
        let (gauges, facts) = (Gauges::default(), WorkerFacts::default());
        let (live, told) = (true, 0);
        self.reporters.push(ReporterTotals {
            scenario,
            host,
            workers,
            live,
            told,
            counters,
            under_way,
            gauges,
            facts,
        });
        self.reporters.len() - 1
    }

    /// Merges what so many workers of a reporter saw. What comes too late for its second counts in
    /// the next one that is written.
    pub(super) fn add(&mut self, reporter: usize, snapshot: &Snapshot, workers: u32) {
        let totals = &mut self.reporters[reporter];
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
            "reporter {reporter}: whatever has started or was dropped was due"
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
        let facts = self.scenario(at, self.reporters[reporter].scenario);
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
            let reporting = facts.reporting + workers;
            facts.add(snapshot);
            facts.reporting = reporting;
        }
        self.add_part(reporter, snapshot, at, workers);
    }

    /// Notes what a host did, beside what all did.
    fn add_part(&mut self, reporter: usize, snapshot: &Snapshot, at: u32, workers: u32) {
        let ReporterTotals { host, scenario, .. } = self.reporters[reporter];
        if host.is_coordinator() {
            return;
        }
        let mut counters = Counters::default();
        snapshot.cells.iter().for_each(|(_, cell)| counters.merge(&cell.counters));
        let late = snapshot.second < at;
        let second =
            self.pending.entry(at).or_insert_with(|| Second { second: at, ..Second::default() });
        let part = part_of(second, (host, scenario));
        if late {
            // Its levels are those of a second that has been written.
            part.counters.merge(&counters);
            part.workers.lag_max_ns = part.workers.lag_max_ns.max(snapshot.worker.lag_max_ns);
        } else {
            part.merge(&counters, &snapshot.gauges, &snapshot.worker);
            part.reporting += workers;
        }
    }

    fn scenario(&mut self, second: u32, scenario: u16) -> &mut ScenarioSecond {
        let entry =
            self.pending.entry(second).or_insert_with(|| Second { second, ..Second::default() });
        entry.scenarios.entry(scenario).or_default()
    }

    /// Everything has been reported.
    pub(super) fn finish(&mut self, reporter: usize) {
        self.reporters[reporter].live = false;
    }

    /// The sum of a reporter's counters.
    pub(super) fn counted(&self, reporter: usize) -> &BTreeMap<CellKey, Counters> {
        &self.reporters[reporter].counters
    }

    /// A reporter is lost: what its workers had started is unfinished. What falls due for their
    /// partitions is added by [`Self::drop_partitions`].
    pub(super) fn lose(&mut self, reporter: usize, protocol: &Protocol) {
        if !std::mem::take(&mut self.reporters[reporter].live) {
            return;
        }
        let mut missing: BTreeMap<CellKey, Cell> = BTreeMap::new();
        for (key, counters) in &self.reporters[reporter].counters {
            let (unfinished, open) = under_way(counters, protocol.row().level);
            let cell = missing.entry(*key).or_default();
            cell.counters.add(Counter::Unfinished, unfinished);
            cell.counters.add(Counter::UnfinishedOpen, open);
        }
        for ((key, request), under_way) in &self.reporters[reporter].under_way {
            debug_assert!(*under_way >= 0, "a request ends at most once: {under_way}");
            let unfinished = u64::try_from(*under_way).unwrap_or(0);
            if unfinished > 0 {
                let cell = missing.entry(*key).or_default();
                cell.requests.entry(*request).or_default().unfinished = unfinished;
            }
        }
        self.record(reporter, missing);
    }

    /// Counts as dropped what fell due for the partitions of a lost reporter after it was lost: up
    /// to `end_ns`, by `ramps`, when each stage's ramp began. `chosen`: which request an arrival
    /// would have sent, where facts are kept by request.
    pub(super) fn drop_partitions(
        &mut self,
        reporter: usize,
        partitions: &[Partition],
        schedule: &ScenarioSchedule,
        (ramps, end_ns): (&[Option<u64>], u64),
        chosen: impl Fn(u64) -> Option<u16>,
    ) {
        let mut missing: BTreeMap<CellKey, Cell> = BTreeMap::new();
        let known: BTreeMap<CellKey, u64> = self.reporters[reporter]
            .counters
            .iter()
            .map(|(key, counters)| (*key, counters.get(Counter::Due)))
            .collect();
        for (stage, begun) in ramps.iter().enumerate() {
            let Some(begun) = begun else { continue };
            let mut due: BTreeMap<CellKey, u64> = BTreeMap::new();
            let mut cursors: Vec<ScheduleCursor> =
                partitions.iter().map(|one| schedule.cursor(stage, *one)).collect();
            let ramp_ns = match schedule.segments[stage].shape {
                Shape::Rate { ramp_ns, .. } => ramp_ns,
                Shape::Users { .. } => u64::MAX,
            };
            while let Some((cursor, (what, offset))) =
                next_due(&mut cursors).filter(|(_, (_, offset))| begun + offset < end_ns)
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
        self.record(reporter, missing);
    }

    /// Adds what only the coordinator knows to the facts of a scenario.
    pub(super) fn count(&mut self, scenario: u16, key: CellKey, counter: Counter, count: u64) {
        let mut cell = Cell::default();
        cell.counters.add(counter, count);
        self.record_of(scenario, [(key, cell)]);
    }

    fn record(&mut self, reporter: usize, missing: BTreeMap<CellKey, Cell>) {
        let ReporterTotals { scenario, host, .. } = self.reporters[reporter];
        let next = self.next_second;
        if !host.is_coordinator() {
            let second = self
                .pending
                .entry(next)
                .or_insert_with(|| Second { second: next, ..Second::default() });
            let part = part_of(second, (host, scenario));
            for cell in missing.values() {
                part.counters.merge(&cell.counters);
            }
        }
        self.record_of(scenario, missing);
    }

    fn record_of(&mut self, scenario: u16, added: impl IntoIterator<Item = (CellKey, Cell)>) {
        let facts = self.scenario(self.next_second, scenario);
        for (key, cell) in added.into_iter().filter(|(_, cell)| !cell.counters.is_zero()) {
            let place =
                facts.cells.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                    facts.cells.push((key, Cell::default()));
                    facts.cells.len() - 1
                });
            facts.cells[place].1.merge(&cell);
        }
    }

    /// The next second that can be written: all live reporters have reported it, or have had the
    /// time to.
    pub(super) fn complete_second(&mut self, now_ns: u64) -> Option<Second> {
        let end_ns = (u64::from(self.next_second) + 1) * SECOND_NS;
        let mut live = self.reporters.iter().filter(|totals| totals.live);
        let complete =
            live.clone().next().is_some() && live.all(|totals| totals.told > self.next_second);
        (complete || now_ns >= end_ns + self.patience_ns).then(|| self.write())
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
        for totals in &self.reporters {
            let facts = second.scenarios.entry(totals.scenario).or_default();
            if !totals.live {
                // Its usage still counts.
                let missing = totals.told <= number;
                let used = if missing { totals.facts.cpu_ns } else { 0 };
                facts.workers.cpu_ns += used;
                continue;
            }
            facts.at_work += totals.workers;
            let late = totals.told <= number;
            if late {
                // One that is late still holds what it held.
                facts.gauges.merge(&totals.gauges);
                facts.workers.merge(&totals.facts);
            }
            if !totals.host.is_coordinator() {
                let part = part_of(&mut second, (totals.host, totals.scenario));
                part.at_work += totals.workers;
                if late {
                    part.merge(&Counters::default(), &totals.gauges, &totals.facts);
                }
            }
        }
        second.parts.sort_unstable_by_key(|part| (part.host, part.scenario));
        second
    }
}

/// The part of a host in a second.
fn part_of(second: &mut Second, (host, scenario): (HostId, u16)) -> &mut HostPart {
    let parts = &mut second.parts;
    let known = parts.iter().position(|part| (part.host, part.scenario) == (host, scenario));
    let at = known.unwrap_or_else(|| {
        parts.push(HostPart { host, scenario, ..HostPart::default() });
        parts.len() - 1
    });
    &mut parts[at]
}

/// What is due first, and the cursor that is to be moved on behind it.
fn next_due(
    cursors: &mut [ScheduleCursor],
) -> Option<(&mut ScheduleCursor, (ScheduledEvent, u64))> {
    let due = cursors.iter_mut().filter_map(|cursor| cursor.peek().map(|due| (cursor, due)));
    due.min_by_key(|(_, (_, offset))| *offset)
}

#[cfg(test)]
mod tests;
