//! Grants rows of data to workers, so that no row is used twice and no worker goes without while a
//! row is left anywhere.
//!
//! A worker asks ahead of its need and gets a block: large while there are many rows, one row at
//! the end. When none is left to grant, and a pass waits for a row, all others give back half of
//! what they hold. There is no row left when all have given back nothing.
//!
//! **Invariant:** a row is with the coordinator, with one worker, or on the way between them.

use super::super::rows::{RowSource, SharedRows, Supply, counted_stages};
use super::super::wire::WorkerCommand;
use crate::plan::Plan;
use std::collections::{BTreeSet, VecDeque};

/// A block is this part of a worker's even share of the rows that are left.
const PART_OF_FAIR: u64 = 4;

/// A command to one worker, by its number.
pub(super) type CommandTo = (usize, WorkerCommand);

/// What is used once: the rows of files, and the iterations of stages.
#[derive(Debug, Default)]
pub(super) struct RowPools {
    all: Vec<RowPool>,
    /// Of each worker, the pools that it takes from: indices into `all`.
    of_worker: Vec<Vec<usize>>,
}

impl RowPools {
    /// The pools of these files. `workers`: how many each scenario has.
    pub(super) fn new(shared: Vec<SharedRows>, workers: &[u32]) -> Self {
        let pool = |rows: SharedRows| {
            let takers = rows.scenarios.iter().map(|scenario| u64::from(workers[*scenario])).sum();
            RowPool::new(Supply::Rows, rows, takers)
        };
        Self { all: shared.into_iter().map(pool).collect(), of_worker: Vec::new() }
    }

    /// Adds the iterations of all stages with a number of them.
    pub(super) fn add_iterations(&mut self, plan: &Plan, workers: &[u32]) {
        for (index, scenario) in plan.scenarios.iter().enumerate() {
            // Numbers go on from stage to stage, and rows in order with them.
            let mut first = 0;
            for (stage, count) in counted_stages(scenario) {
                let rows = SharedRows { rows: count, scenarios: vec![index], numbered: None };
                let of = Supply::Iterations { stage };
                let mut pool = RowPool::new(of, rows, u64::from(workers[index]));
                pool.blocks = vec![(first, count)];
                first += count;
                self.all.push(pool);
            }
        }
    }

    /// Where the next worker, of this scenario, gets its rows, and its first block of each stage
    /// with a number of iterations. `at_once`: how many it may need before an answer can come.
    pub(super) fn first_blocks(
        &mut self,
        scenario: usize,
        at_once: u64,
    ) -> (RowSource, Vec<(u64, u64)>) {
        let worker = self.of_worker.len();
        let (mut source, mut blocks, mut own) = (RowSource::Any, Vec::new(), Vec::new());
        for (index, pool) in self.all.iter_mut().enumerate() {
            let Some(at) = pool.rows.scenarios.iter().position(|taker| *taker == scenario) else {
                continue;
            };
            own.push(index);
            if let Some(firsts) = &pool.rows.numbered {
                source = RowSource::Numbered { first: firsts[at] };
                continue;
            }
            pool.takers.insert(worker);
            let (first, count) = pool.first_block(at_once);
            match pool.of {
                Supply::Rows => source = RowSource::Granted { first, count },
                Supply::Iterations { .. } => blocks.push((first, count)),
            }
        }
        self.of_worker.push(own);
        (source, blocks)
    }

    /// The pools that a worker takes from.
    fn pools_of(&mut self, worker: usize) -> impl Iterator<Item = &mut RowPool> {
        let own = self.of_worker.get(worker).cloned().unwrap_or_default();
        let all = self.all.iter_mut().enumerate();
        all.filter(move |(index, pool)| own.contains(index) && pool.takers.contains(&worker))
            .map(|(_, pool)| pool)
    }

    fn pool_of(&mut self, worker: usize, of: Supply) -> Option<&mut RowPool> {
        self.pools_of(worker).find(|pool| pool.of == of)
    }

    /// The rows that nobody took of the file of this scenario, once all who took from it have
    /// ended, and the scenarios that share it.
    pub(super) fn rows_left(&self, scenario: usize) -> Option<(u64, &[usize])> {
        let of_rows =
            |pool: &&RowPool| pool.of == Supply::Rows && pool.rows.scenarios.contains(&scenario);
        let pool = self.all.iter().find(of_rows)?;
        pool.takers.is_empty().then(|| (pool.left(), pool.rows.scenarios.as_slice()))
    }

    /// A worker asks for rows. `waits`: it has none, and an iteration waits for one.
    pub(super) fn request(&mut self, worker: usize, of: Supply, waits: bool) -> Vec<CommandTo> {
        self.pool_of(worker, of).map_or_else(Vec::new, |pool| {
            pool.asked.push_back((worker, waits));
            pool.serve()
        })
    }

    /// A worker returns rows, on request or because it has ended.
    pub(super) fn give_back(
        &mut self,
        worker: usize,
        of: Supply,
        blocks: &[(u64, u64)],
    ) -> Vec<CommandTo> {
        self.pool_of(worker, of).map_or_else(Vec::new, |pool| {
            pool.blocks.extend(blocks.iter().filter(|(_, count)| *count > 0));
            pool.answering.remove(&worker);
            pool.serve()
        })
    }

    /// A worker is done or lost. The rows of a lost one are not granted again: it may have used
    /// them.
    pub(super) fn remove_worker(&mut self, worker: usize) -> Vec<CommandTo> {
        let mut commands = Vec::new();
        for pool in self.pools_of(worker) {
            pool.takers.remove(&worker);
            pool.answering.remove(&worker);
            pool.asked.retain(|(asker, _)| *asker != worker);
            commands.extend(pool.serve());
        }
        commands
    }
}

/// The rows of one file, or the iterations of one stage.
#[derive(Debug)]
struct RowPool {
    of: Supply,
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
    fn new(of: Supply, rows: SharedRows, expected: u64) -> Self {
        Self {
            of,
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
        let (of, mut commands) = (self.of, Vec::new());
        while let Some((worker, waits)) = self.asked.front().copied() {
            let takers = self.takers.len().max(1) as u64;
            let fair = self.left() / (takers * PART_OF_FAIR);
            if let Some((first, count)) = self.take(fair.max(1)) {
                commands.push((worker, WorkerCommand::Grant { of, first, count }));
                self.asked_for = None;
            } else if self.out {
                commands.push((worker, WorkerCommand::NothingLeft { of }));
            } else if !waits {
                commands.push((worker, WorkerCommand::Grant { of, first: 0, count: 0 }));
            } else if !self.answering.is_empty() {
                break;
            } else if self.asked_for == Some(worker) || self.takers.len() <= 1 {
                // Those that have not asked learn it, too: their stage may end by that.
                self.out = true;
                commands.extend(
                    self.takers.iter().map(|one| (*one, WorkerCommand::NothingLeft { of })),
                );
            } else {
                self.asked_for = Some(worker);
                self.answering = self.takers.iter().copied().filter(|one| *one != worker).collect();
                commands.extend(
                    self.answering.iter().map(|one| (*one, WorkerCommand::GiveBack { of })),
                );
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
                    stocks.push(RowStock::new(pools.first_blocks(scenario, 3).0));
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
                    let commands = self.pools.give_back(worker, Supply::Rows, &blocks);
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
                let commands = self.pools.request(worker, Supply::Rows, waits);
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
        assert_eq!(pools.first_blocks(0, 9).0, RowSource::Granted { first: 0, count: 1 });
        assert_eq!(pools.first_blocks(0, 9).0, RowSource::Granted { first: 1, count: 1 });
        assert_eq!(
            pools.request(0, Supply::Rows, true),
            [(1, WorkerCommand::GiveBack { of: Supply::Rows })]
        );
        assert_eq!(pools.remove_worker(1), [(0, WorkerCommand::NothingLeft { of: Supply::Rows })]);
        assert_eq!(
            pools.request(0, Supply::Rows, true),
            [(0, WorkerCommand::NothingLeft { of: Supply::Rows })]
        );
        // Its messages after that are too late.
        assert_eq!(pools.give_back(1, Supply::Rows, &[(1, 1)]), []);
    }

    #[test]
    fn what_a_finished_scenario_has_left_goes_to_the_others() {
        let mut pools = RowPools::new(vec![shared(8, vec![0, 1])], &[1, 1]);
        assert_eq!(pools.first_blocks(0, 4).0, RowSource::Granted { first: 0, count: 4 });
        assert_eq!(pools.first_blocks(1, 4).0, RowSource::Granted { first: 4, count: 4 });
        assert_eq!(pools.give_back(0, Supply::Rows, &[(2, 2)]), []);
        assert_eq!(pools.remove_worker(0), []);
        assert_eq!(
            pools.request(1, Supply::Rows, false),
            [(1, WorkerCommand::Grant { of: Supply::Rows, first: 2, count: 1 })]
        );
    }
}
