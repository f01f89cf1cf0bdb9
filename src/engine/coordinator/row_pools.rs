//! Grants rows of data to workers, so that no row is used twice and no worker goes without while a
//! row is left anywhere.
//!
//! A worker asks ahead of its need and gets a block: large while there are many rows, one row at
//! the end. When none is left to grant, and a pass waits for a row, all others give back half of
//! what they hold. There is no row left when all have given back nothing.
//!
//! **Invariant:** a row is with the coordinator, with one worker, or on the way between them.

use super::super::rows::{RowSource, SharedRows};
use super::super::wire::WorkerCommand;
use std::collections::{BTreeSet, VecDeque};

/// A block is this part of a worker's even share of the rows that are left.
const PART_OF_FAIR: u64 = 4;

/// A command to one worker, by its number.
pub(super) type CommandTo = (usize, WorkerCommand);

/// The rows of all files whose rows are used once.
#[derive(Debug, Default)]
pub(super) struct RowPools {
    all: Vec<RowPool>,
    /// Of each worker, the pool that it takes from: an index into `all`.
    of_worker: Vec<Option<usize>>,
}

impl RowPools {
    /// The pools of these files. `workers`: how many each scenario has.
    pub(super) fn new(shared: Vec<SharedRows>, workers: &[u32]) -> Self {
        let pool = |rows: SharedRows| {
            let takers = rows.scenarios.iter().map(|scenario| u64::from(workers[*scenario])).sum();
            RowPool::new(rows, takers)
        };
        Self { all: shared.into_iter().map(pool).collect(), of_worker: Vec::new() }
    }

    /// Where the next worker, of this scenario, gets its rows. `at_once`: how many it may need
    /// before an answer can come.
    pub(super) fn first_rows(&mut self, scenario: usize, at_once: u64) -> RowSource {
        let worker = self.of_worker.len();
        let mut all = self.all.iter_mut().enumerate();
        let found = all.find_map(|(index, one)| {
            let at = one.rows.scenarios.iter().position(|taker| *taker == scenario)?;
            Some((index, at, one))
        });
        let Some((index, at, pool)) = found else {
            self.of_worker.push(None);
            return RowSource::Any;
        };
        self.of_worker.push(Some(index));
        if let Some(firsts) = &pool.rows.numbered {
            return RowSource::Numbered { first: firsts[at] };
        }
        pool.takers.insert(worker);
        let (first, count) = pool.first_block(at_once);
        RowSource::Granted { first, count }
    }

    fn pool_of(&mut self, worker: usize) -> Option<&mut RowPool> {
        let index = (*self.of_worker.get(worker)?)?;
        self.all.get_mut(index).filter(|pool| pool.takers.contains(&worker))
    }

    /// A worker asks for rows. `waits`: it has none, and an iteration waits for one.
    pub(super) fn request(&mut self, worker: usize, waits: bool) -> Vec<CommandTo> {
        self.pool_of(worker).map_or_else(Vec::new, |pool| {
            pool.asked.push_back((worker, waits));
            pool.serve()
        })
    }

    /// A worker returns rows, on request or because it has ended.
    pub(super) fn give_back(&mut self, worker: usize, blocks: &[(u64, u64)]) -> Vec<CommandTo> {
        self.pool_of(worker).map_or_else(Vec::new, |pool| {
            pool.blocks.extend(blocks.iter().filter(|(_, count)| *count > 0));
            pool.answering.remove(&worker);
            pool.serve()
        })
    }

    /// A worker is done or lost. The rows of a lost one are not granted again: it may have used
    /// them.
    pub(super) fn remove_worker(&mut self, worker: usize) -> Vec<CommandTo> {
        self.pool_of(worker).map_or_else(Vec::new, |pool| {
            pool.takers.remove(&worker);
            pool.answering.remove(&worker);
            pool.asked.retain(|(asker, _)| *asker != worker);
            pool.serve()
        })
    }
}

/// The rows of one file.
#[derive(Debug)]
struct RowPool {
    rows: SharedRows,
    /// Blocks that no worker has: first row, and how many.
    blocks: Vec<(u64, u64)>,
    /// Workers that are not gone.
    takers: BTreeSet<usize>,
    /// How many of them there will be.
    expected: u64,
    /// Workers that asked and have no answer, and whether an iteration waits there.
    asked: VecDeque<(usize, bool)>,
    /// Workers that were asked to return rows and have not.
    answering: BTreeSet<usize>,
    /// The worker that this is for: it gets none if all have answered and no row came back.
    asked_for: Option<usize>,
    /// No row is left anywhere.
    out: bool,
}

impl RowPool {
    fn new(rows: SharedRows, expected: u64) -> Self {
        Self {
            blocks: vec![(0, rows.rows)],
            rows,
            takers: BTreeSet::new(),
            expected: expected.max(1),
            asked: VecDeque::new(),
            answering: BTreeSet::new(),
            asked_for: None,
            out: false,
        }
    }

    fn left(&self) -> u64 {
        self.blocks.iter().map(|(_, count)| count).sum()
    }

    /// The first block of a worker.
    fn first_block(&mut self, at_once: u64) -> (u64, u64) {
        let fair = self.rows.rows / self.expected;
        self.take((fair / PART_OF_FAIR).max(at_once.min(fair)).max(1)).unwrap_or_default()
    }

    /// A block of at most `most` rows; `None` when none is left.
    fn take(&mut self, most: u64) -> Option<(u64, u64)> {
        let block = self.blocks.iter_mut().find(|(_, count)| *count > 0)?;
        let count = block.1.min(most);
        let granted = (block.0, count);
        *block = (block.0 + count, block.1 - count);
        self.blocks.retain(|(_, count)| *count > 0);
        Some(granted)
    }

    /// Answers the workers that have asked, as far as that can be done now.
    fn serve(&mut self) -> Vec<CommandTo> {
        let mut commands = Vec::new();
        while let Some((worker, waits)) = self.asked.front().copied() {
            let takers = self.takers.len().max(1) as u64;
            let fair = self.left() / (takers * PART_OF_FAIR);
            if let Some((first, count)) = self.take(fair.max(1)) {
                commands.push((worker, WorkerCommand::Rows { first, count }));
                self.asked_for = None;
            } else if self.out {
                commands.push((worker, WorkerCommand::NoRows));
            } else if !waits {
                commands.push((worker, WorkerCommand::Rows { first: 0, count: 0 }));
            } else if !self.answering.is_empty() {
                break;
            } else if self.asked_for == Some(worker) || self.takers.len() <= 1 {
                self.out = true;
                commands.push((worker, WorkerCommand::NoRows));
            } else {
                self.asked_for = Some(worker);
                self.answering = self.takers.iter().copied().filter(|one| *one != worker).collect();
                commands.extend(self.answering.iter().map(|one| (*one, WorkerCommand::ReturnRows)));
                break;
            }
            self.asked.pop_front();
        }
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rows::{RowStock, Taken};

    fn shared(rows: u64, scenarios: Vec<usize>) -> SharedRows {
        SharedRows { rows, scenarios, numbered: None }
    }

    /// Workers with stocks of their own, and the messages between them and the supply, in any order
    /// that pipes allow.
    struct Played {
        pools: RowPools,
        stocks: Vec<RowStock>,
        /// On the way to each worker.
        commands: Vec<VecDeque<WorkerCommand>>,
        rng: fastrand::Rng,
        used: Vec<u64>,
        starved: bool,
    }

    impl Played {
        fn new(rows: u64, workers: &[u32], seed: u64) -> Self {
            let scenarios = (0..workers.len()).collect();
            let mut pools = RowPools::new(vec![shared(rows, scenarios)], workers);
            let mut stocks = Vec::new();
            for (scenario, count) in workers.iter().enumerate() {
                for _ in 0..*count {
                    stocks.push(RowStock::new(pools.first_rows(scenario, 3)));
                }
            }
            let commands = vec![VecDeque::new(); stocks.len()];
            let rng = fastrand::Rng::with_seed(seed);
            Self { pools, stocks, commands, rng, used: Vec::new(), starved: false }
        }

        fn send(&mut self, commands: Vec<CommandTo>) {
            for (worker, command) in commands {
                self.commands[worker].push_back(command);
            }
        }

        /// A pass of this worker begins, or one order reaches it.
        fn step(&mut self, worker: usize) {
            if let Some(command) = self.commands[worker].pop_front() {
                if let Some(blocks) = self.stocks[worker].obey(&command, false) {
                    let commands = self.pools.give_back(worker, &blocks);
                    self.send(commands);
                }
                return;
            }
            let taken = self.stocks[worker].take();
            match taken {
                Taken::Row(row) => self.used.push(row),
                Taken::Out => self.starved = true,
                Taken::Later => {}
            }
            if let Some(waits) = self.stocks[worker].wants(taken == Taken::Later) {
                let commands = self.pools.request(worker, waits);
                self.send(commands);
            }
        }

        /// Whether all have been informed that no row is left.
        fn is_out(&self) -> bool {
            self.stocks.iter().all(RowStock::is_out)
        }
    }

    #[test]
    fn every_row_is_used_once_before_anybody_goes_without() {
        for seed in 0..200_usize {
            let workers: &[u32] = [&[1][..], &[2], &[3, 2], &[8]][seed % 4];
            let rows = [1, 7, 300, 5_000][seed / 4 % 4];
            let mut played = Played::new(rows, workers, seed as u64);
            // Some take ten times as often as others.
            let count = played.stocks.len();
            while !played.is_out() {
                let fast = played.rng.usize(0..count.div_ceil(2));
                let any = played.rng.usize(0..count);
                let worker = if played.rng.u8(0..10) > 0 { fast } else { any };
                played.step(worker);
                assert!(!played.starved || played.used.len() as u64 == rows, "seed {seed}");
            }
            played.used.sort_unstable();
            assert_eq!(played.used, (0..rows).collect::<Vec<_>>(), "seed {seed}");
        }
    }

    #[test]
    fn a_worker_that_is_gone_keeps_nobody_waiting() {
        let mut pools = RowPools::new(vec![shared(2, vec![0])], &[2]);
        assert_eq!(pools.first_rows(0, 9), RowSource::Granted { first: 0, count: 1 });
        assert_eq!(pools.first_rows(0, 9), RowSource::Granted { first: 1, count: 1 });
        assert_eq!(pools.request(0, true), [(1, WorkerCommand::ReturnRows)]);
        assert_eq!(pools.remove_worker(1), [(0, WorkerCommand::NoRows)]);
        assert_eq!(pools.request(0, true), [(0, WorkerCommand::NoRows)]);
        // Its messages after that are too late.
        assert_eq!(pools.give_back(1, &[(1, 1)]), []);
    }

    #[test]
    fn what_a_finished_scenario_has_left_goes_to_the_others() {
        let mut pools = RowPools::new(vec![shared(8, vec![0, 1])], &[1, 1]);
        assert_eq!(pools.first_rows(0, 4), RowSource::Granted { first: 0, count: 4 });
        assert_eq!(pools.first_rows(1, 4), RowSource::Granted { first: 4, count: 4 });
        assert_eq!(pools.give_back(0, &[(2, 2)]), []);
        assert_eq!(pools.remove_worker(0), []);
        assert_eq!(pools.request(1, false), [(1, WorkerCommand::Rows { first: 2, count: 1 })]);
    }
}
