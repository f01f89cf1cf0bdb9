//! Turns the snapshots of many workers into one second after the other, and keeps the accounts of those that are lost.

use crate::plan::{Phase, Protocol};
use crate::record::{
    Cell, CellKey, Counter, Counters, Gauges, ScenarioSecond, Second, Snapshot, WorkerFacts,
};
use crate::schedule::{Partition, ScenarioSchedule, ScheduledEvent, Shape};
use crate::units::SECOND_NS;
use std::collections::BTreeMap;

/// How long a second waits for the last worker's snapshot before it is written without it.
const PATIENCE_NS: u64 = 1_500_000_000;

/// What has come in from every worker.
#[derive(Debug, Default)]
pub(super) struct Aggregator {
    accounts: Vec<WorkerTotals>,
    pending: BTreeMap<u32, Second>,
    /// The next second to be written.
    next_second: u32,
}

/// What one worker has told so far.
#[derive(Debug)]
struct WorkerTotals {
    scenario: u16,
    live: bool,
    /// The first second that it has not told of.
    told: u32,
    counters: BTreeMap<CellKey, Counters>,
    /// What was begun and has not ended, by request where they are told apart.
    under_way: BTreeMap<(CellKey, u16), i64>,
    gauges: Gauges,
    facts: WorkerFacts,
}

impl Aggregator {
    /// Opens the account of the next worker.
    pub(super) fn add_worker(&mut self, scenario: u16) {
        let (counters, under_way) = (BTreeMap::new(), BTreeMap::new());
        let (gauges, facts) = (Gauges::default(), WorkerFacts::default());
        let (live, told) = (true, 0);
        let account = WorkerTotals { scenario, live, told, counters, under_way, gauges, facts };
        self.accounts.push(account);
    }

    /// Takes in what a worker saw. What comes too late for its second is booked in the next one that is written.
    pub(super) fn add(&mut self, worker: usize, snapshot: &Snapshot) {
        let account = &mut self.accounts[worker];
        for (key, cell) in &snapshot.cells {
            account.counters.entry(*key).or_default().merge(&cell.counters);
            for (request, tally) in &cell.requests {
                *account.under_way.entry((*key, *request)).or_default() += tally.under_way();
            }
        }
        account.told = snapshot.second + 1;
        account.gauges = snapshot.gauges;
        // What a second alone has seen is told once.
        account.facts = WorkerFacts { stall_max_ns: None, stalled_ns: 0, ..snapshot.worker };
        let late = snapshot.second < self.next_second;
        let at = snapshot.second.max(self.next_second);
        let facts = self.scenario(at, self.accounts[worker].scenario);
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

    /// Closes the account of a worker that has told everything.
    pub(super) fn finish_worker(&mut self, worker: usize) {
        self.accounts[worker].live = false;
    }

    /// Closes the account of a worker that will not tell any more: what it had begun is unfinished, what would have been due for its
    /// share up to `end_ns` of the run is dropped.
    pub(super) fn lose_worker(&mut self, worker: usize, protocol: &Protocol) {
        self.accounts[worker].live = false;
        let mut missing: BTreeMap<CellKey, Cell> = BTreeMap::new();
        for (key, counters) in &self.accounts[worker].counters {
            let (unfinished, open) = open_attempts(counters, protocol);
            let cell = missing.entry(*key).or_default();
            cell.counters.add(Counter::Unfinished, unfinished);
            cell.counters.add(Counter::UnfinishedOpen, open);
        }
        for ((key, request), under_way) in &self.accounts[worker].under_way {
            let unfinished = u64::try_from(*under_way).unwrap_or(0);
            if unfinished > 0 {
                let cell = missing.entry(*key).or_default();
                cell.requests.entry(*request).or_default().unfinished = unfinished;
            }
        }
        self.record(worker, missing);
    }

    /// Books what fell due for the share of a lost worker after it was lost, by `ramps`: when each stage's ramp began, up to `end_ns`.
    /// `chosen`: which request an arrival would have sent, where they are told apart.
    pub(super) fn drop_partition(
        &mut self,
        worker: usize,
        share: Partition,
        schedule: &ScenarioSchedule,
        (ramps, end_ns): (&[Option<u64>], u64),
        chosen: impl Fn(u64) -> Option<u16>,
    ) {
        let mut missing: BTreeMap<CellKey, Cell> = BTreeMap::new();
        let known: BTreeMap<CellKey, u64> = self.accounts[worker]
            .counters
            .iter()
            .map(|(key, counters)| (*key, counters.get(Counter::Due)))
            .collect();
        for (stage, begun) in ramps.iter().enumerate() {
            let Some(begun) = begun else { continue };
            let mut due: BTreeMap<CellKey, u64> = BTreeMap::new();
            let mut walk = schedule.cursor(stage, share);
            let ramp_ns = match schedule.segments[stage].shape {
                Shape::Rate { ramp_ns, .. } => ramp_ns,
                Shape::Users { .. } => u64::MAX,
            };
            while let Some((what, offset)) =
                walk.peek().filter(|(_, offset)| begun + offset < end_ns)
            {
                if !matches!(what, ScheduledEvent::UserStop(_)) {
                    let phase = if offset < ramp_ns { Phase::Ramp } else { Phase::Hold };
                    let key = CellKey { stage: u16::try_from(stage).unwrap_or(u16::MAX), phase };
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
                walk.advance();
            }
        }
        self.record(worker, missing);
    }

    fn record(&mut self, worker: usize, missing: BTreeMap<CellKey, Cell>) {
        let (scenario, next) = (self.accounts[worker].scenario, self.next_second);
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

    /// The next second that can be written: all live workers have told of it, or it is time to go on without them.
    pub(super) fn next(&mut self, now_ns: u64) -> Option<Second> {
        let end_ns = (u64::from(self.next_second) + 1) * SECOND_NS;
        let mut live = self.accounts.iter().filter(|account| account.live);
        let complete =
            live.clone().next().is_some() && live.all(|account| account.told > self.next_second);
        (complete || now_ns >= end_ns + PATIENCE_NS).then(|| self.write())
    }

    /// Everything that is left, once all workers are gone.
    pub(super) fn remaining_second(&mut self) -> Option<Second> {
        (!self.pending.is_empty()).then(|| self.write())
    }

    fn write(&mut self) -> Second {
        let number = self.next_second;
        self.next_second += 1;
        let mut second =
            self.pending.remove(&number).unwrap_or(Second { second: number, ..Second::default() });
        for account in &self.accounts {
            let facts = second.scenarios.entry(account.scenario).or_default();
            if !account.live {
                // What it used stays used.
                let missing = account.told <= number;
                let used = if missing { account.facts.cpu_ns } else { 0 };
                facts.workers.cpu_ns += used;
                continue;
            }
            facts.at_work += 1;
            if account.told <= number {
                // One that is late still holds what it held.
                facts.gauges.merge(&account.gauges);
                facts.workers.merge(&account.facts);
            }
        }
        second
    }
}

/// Attempts that were begun and have not ended, and how many of them have an open connection.
fn open_attempts(counters: &Counters, protocol: &Protocol) -> (u64, u64) {
    let get = |counter| counters.get(counter);
    let ended =
        get(Counter::Ok) + get(Counter::Failed) + get(Counter::TimedOut) + get(Counter::Unfinished);
    let unfinished = get(Counter::Started).saturating_sub(ended);
    let never_open = get(Counter::ConnectFailed) + get(Counter::ConnectFailedLocal);
    let lost = (get(Counter::Failed) + get(Counter::TimedOut)).saturating_sub(never_open);
    let open = get(Counter::ConnectOk)
        .saturating_sub(get(Counter::Ok) + lost + get(Counter::UnfinishedOpen));
    match protocol {
        Protocol::TcpHold(_) => (unfinished, open.min(unfinished)),
        Protocol::Http(_) => (unfinished, 0),
    }
}
