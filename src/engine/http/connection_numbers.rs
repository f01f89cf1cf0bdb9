//! Numbers the connections for arrivals. A number gives a route: target addresses in turn and, for
//! each address, freed numbers before new ones, so that source ports repeat. With a list of sources
//! there are at least as many numbers as sources, and the number that has been free for longest
//! comes next: a plan that opens a connection for each request then uses all sources.

use crate::units::index;
use std::collections::VecDeque;

/// The numbers of one worker's connections.
#[derive(Debug)]
pub(super) struct ConnectionNumbers {
    /// For each target address: the free numbers, and how many were ever made.
    addresses: Vec<(VecDeque<u64>, u64)>,
    /// How many numbers are made before one is used again.
    least: u64,
    /// The address of the next connection.
    turn: usize,
}

impl ConnectionNumbers {
    /// Numbers for a target with at least one address, and for connections that are spread over
    /// `sources`.
    pub(super) fn new(addresses: usize, sources: u64) -> Self {
        Self { addresses: vec![(VecDeque::new(), 0); addresses.max(1)], least: sources, turn: 0 }
    }

    /// Takes a number for a new connection.
    pub(super) fn take(&mut self) -> u64 {
        let (turn, count) = (self.turn, self.addresses.len());
        self.turn = (turn + 1) % count;
        let (free, made) = &mut self.addresses[turn];
        let again = if self.least <= 1 {
            free.pop_back()
        } else {
            free.pop_front_if(|_| *made >= self.least)
        };
        again.unwrap_or_else(|| {
            *made += 1;
            (*made - 1) * count as u64 + turn as u64
        })
    }

    /// Goes on with another number of turns. A number that was given out is not made again.
    pub(super) fn take_turns(&mut self, turns: usize) {
        let count = turns.max(1) as u64;
        if turns.max(1) == self.addresses.len() {
            return;
        }
        let before = self.addresses.len() as u64;
        let made = self.addresses.iter().map(|(_, made)| made * before).max().unwrap_or(0);
        let fresh = vec![(VecDeque::new(), made.div_ceil(count)); turns.max(1)];
        let all = std::mem::replace(&mut self.addresses, fresh);
        self.turn %= self.addresses.len();
        all.into_iter().flat_map(|(free, _)| free).for_each(|number| self.give_back(number));
    }

    /// Frees the number of a connection that has ended.
    pub(super) fn give_back(&mut self, number: u64) {
        let turn = index(number % self.addresses.len() as u64);
        self.addresses[turn].0.push_back(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven numbers, each given back before the next is taken.
    fn one_by_one(numbers: &mut ConnectionNumbers) -> Vec<u64> {
        let next = |_| {
            let number = numbers.take();
            numbers.give_back(number);
            number
        };
        (0..7).map(next).collect()
    }

    #[test]
    fn addresses_take_turns_and_numbers_repeat() {
        let mut numbers = ConnectionNumbers::new(3, 1);
        assert_eq!(one_by_one(&mut numbers), [0, 1, 2, 0, 1, 2, 0]);
        let kept: Vec<u64> = (0..6).map(|_| numbers.take()).collect();
        assert_eq!(kept, [1, 2, 0, 4, 5, 3]);
    }

    #[test]
    fn numbers_in_use_are_not_given_out_again_when_there_are_more_addresses() {
        let mut numbers = ConnectionNumbers::new(1, 1);
        let mut used: Vec<u64> = (0..5).map(|_| numbers.take()).collect();
        numbers.give_back(used.remove(2));
        numbers.take_turns(3);
        let more: Vec<u64> = (0..6).map(|_| numbers.take()).collect();
        assert!(more.iter().all(|number| !used.contains(number)), "{used:?} {more:?}");
        assert_eq!(more.iter().filter(|number| *number % 3 == 1).count(), 2, "{more:?}");
    }

    #[test]
    fn sources_take_turns_where_connections_do_not_last() {
        let mut numbers = ConnectionNumbers::new(1, 3);
        assert_eq!(one_by_one(&mut numbers), [0, 1, 2, 0, 1, 2, 0]);
    }
}
