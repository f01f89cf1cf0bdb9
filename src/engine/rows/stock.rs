//! Keeps the rows that this worker alone may take, and says when it wants more.

use super::super::wire::WorkerCommand;
use super::RowSource;
use std::collections::VecDeque;

/// Rows of this worker alone.
#[derive(Debug, Default)]
pub(crate) struct RowStock {
    /// First row, and how many.
    blocks: VecDeque<(u64, u64)>,
    count: u64,
    /// It asks when it has no more than this.
    low: u64,
    /// It has asked, and has no answer yet.
    asked: bool,
    /// Nothing is left but what others hold: it asks when a pass waits.
    dry: bool,
    /// No row is left anywhere.
    out: bool,
    /// Rows taken in this second, and in the one before it.
    taken: u64,
    taken_before: u64,
}

/// How a pass that needs a row continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It has this one.
    Row(u64),
    /// It waits for an answer of the coordinator.
    Later,
    /// There is none.
    Out,
}

impl RowStock {
    /// The stock at the start.
    pub(crate) fn new(source: RowSource) -> Self {
        match source {
            RowSource::Granted { first, count } => Self::of_block((first, count)),
            RowSource::Any | RowSource::Numbered { .. } => Self::default(),
        }
    }

    /// A stock that begins with this block: the first, and how many.
    pub(crate) fn of_block((first, count): (u64, u64)) -> Self {
        let mut stock = Self::default();
        stock.add(first, count);
        stock
    }

    /// Whether none is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, first: u64, count: u64) {
        if count > 0 {
            self.blocks.push_back((first, count));
            self.count += count;
            self.low = count / 2;
        }
        self.dry = count == 0;
    }

    /// Whether a pass that begins now would have to wait.
    pub(crate) fn is_short(&self) -> bool {
        self.count == 0 && !self.out
    }

    /// A row for a pass.
    pub(crate) fn take(&mut self) -> Taken {
        let Some(block) = self.blocks.front_mut() else {
            return if self.out { Taken::Out } else { Taken::Later };
        };
        let row = block.0;
        *block = (block.0 + 1, block.1 - 1);
        if block.1 == 0 {
            self.blocks.pop_front();
        }
        self.count -= 1;
        self.taken += 1;
        Taken::Row(row)
    }

    /// Whether to ask for rows now, and if so, whether a pass waits for one.
    pub(crate) fn wants(&mut self, waits: bool) -> Option<bool> {
        let low = self.low.max(self.taken).max(self.taken_before);
        let short = waits && self.count == 0;
        let wants = short || (!self.dry && self.count <= low);
        (wants && !self.asked && !self.out).then(|| {
            self.asked = true;
            short
        })
    }

    /// Handles a message of the coordinator; returns the rows to give back, if it asks for them.
    /// `all`: no pass begins any more.
    pub(crate) fn obey(&mut self, order: &WorkerCommand, all: bool) -> Option<Vec<(u64, u64)>> {
        match order {
            WorkerCommand::Grant { first, count, .. } => {
                self.asked = false;
                self.add(*first, *count);
            }
            WorkerCommand::NothingLeft { .. } => (self.asked, self.out) = (false, true),
            WorkerCommand::GiveBack { .. } if all => return Some(self.give_back(self.count)),
            WorkerCommand::GiveBack { .. } => return Some(self.give_back(self.count.div_ceil(2))),
            _ => {}
        }
        None
    }

    /// Lets all rows go.
    pub(crate) fn clear(&mut self) -> Vec<(u64, u64)> {
        self.give_back(self.count)
    }

    fn give_back(&mut self, mut count: u64) -> Vec<(u64, u64)> {
        let mut given = Vec::new();
        self.count -= count;
        while let Some(block) = self.blocks.back_mut().filter(|_| count > 0) {
            let part = block.1.min(count);
            block.1 -= part;
            count -= part;
            given.push((block.0 + block.1, part));
            if block.1 == 0 {
                self.blocks.pop_back();
            }
        }
        given
    }

    /// A second has ended.
    pub(crate) fn second_ended(&mut self) {
        self.taken_before = std::mem::take(&mut self.taken);
    }

    /// Whether none is left anywhere.
    pub(crate) fn is_out(&self) -> bool {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::super::Supply;
    use super::*;

    #[test]
    fn it_asks_ahead_of_need_once_and_again_only_when_a_pass_waits() {
        let mut stock = RowStock::new(RowSource::Granted { first: 0, count: 8 });
        assert_eq!(stock.wants(false), None);
        let taken: Vec<Taken> = (0..4).map(|_| stock.take()).collect();
        assert_eq!(taken, [0, 1, 2, 3].map(Taken::Row));
        assert_eq!((stock.wants(false), stock.wants(false)), (Some(false), None));
        assert_eq!(
            stock.obey(&WorkerCommand::Grant { of: Supply::Rows, first: 0, count: 0 }, false),
            None
        );
        assert_eq!(stock.wants(false), None);
        (0..4).for_each(|_| assert_ne!(stock.take(), Taken::Later));
        assert_eq!((stock.take(), stock.is_short()), (Taken::Later, true));
        assert_eq!((stock.wants(false), stock.wants(true)), (None, Some(true)));
        stock.obey(&WorkerCommand::NothingLeft { of: Supply::Rows }, false);
        assert_eq!((stock.take(), stock.is_short(), stock.wants(true)), (Taken::Out, false, None));
    }

    #[test]
    fn it_keeps_a_second_of_rows_ahead() {
        let mut stock = RowStock::new(RowSource::Granted { first: 0, count: 100 });
        (0..30).for_each(|_| assert_ne!(stock.take(), Taken::Later));
        stock.second_ended();
        stock.obey(&WorkerCommand::Grant { of: Supply::Rows, first: 500, count: 2 }, false);
        (0..41).for_each(|_| assert_ne!(stock.take(), Taken::Later));
        assert_eq!((stock.count, stock.wants(false)), (31, Some(false)));
    }

    #[test]
    fn it_gives_back_half_and_all_at_the_end() {
        let mut stock = RowStock::new(RowSource::Granted { first: 10, count: 3 });
        stock.obey(&WorkerCommand::Grant { of: Supply::Rows, first: 20, count: 2 }, false);
        assert_eq!(
            stock.obey(&WorkerCommand::GiveBack { of: Supply::Rows }, false),
            Some(vec![(20, 2), (12, 1)])
        );
        assert_eq!(stock.take(), Taken::Row(10));
        assert_eq!(
            stock.obey(&WorkerCommand::GiveBack { of: Supply::Rows }, true),
            Some(vec![(11, 1)])
        );
        assert_eq!(stock.clear(), []);
        assert_eq!(stock.take(), Taken::Later);
    }
}
