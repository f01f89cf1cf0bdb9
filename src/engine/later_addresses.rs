//! The addresses of a target since its names were looked up again during a run.
//!
//! **Invariant:** the place of an address in the list of all never changes, and a user stays with
//! the URL that it began with, whatever its name resolves to.

use crate::units::{Address, index};

/// Which addresses new connections go to.
#[derive(Debug, Clone)]
pub(super) struct LaterAddresses {
    /// How many addresses the run began with.
    first: usize,
    /// By address: the first of those at the start that belongs to the same URL of the plan.
    like: Vec<usize>,
    /// By the same first address: those that its name has now.
    now: Vec<Vec<usize>>,
}

impl LaterAddresses {
    /// Those of the start: `origins` says which of the plan's addresses each belongs to.
    pub(super) fn new(origins: &[u16]) -> Self {
        let first_of = |origin: &u16| origins.iter().position(|one| one == origin).unwrap_or(0);
        let like: Vec<usize> = origins.iter().map(first_of).collect();
        let mut now = vec![Vec::new(); like.len()];
        for (at, first) in like.iter().enumerate() {
            now[*first].push(at);
        }
        Self { first: like.len(), like, now }
    }

    /// Takes in what a lookup has found: `all` and `origins` grow by what is new. Nothing changes
    /// for an address of the plan that has none.
    pub(super) fn learn(
        &mut self,
        found: &[(Address, u16)],
        (all, origins): (&mut Vec<Address>, &mut Vec<u16>),
    ) {
        let mut now = vec![Vec::new(); self.first];
        for (address, origin) in found {
            let Some(first) = origins.iter().position(|one| one == origin) else { continue };
            let mut known = all.iter().zip(&*origins);
            let at = known.position(|(one, of)| (one, of) == (address, origin));
            let at = at.unwrap_or_else(|| {
                all.push(address.clone());
                origins.push(*origin);
                self.like.push(first);
                all.len() - 1
            });
            now[first].push(at);
        }
        for (mine, new) in self.now.iter_mut().zip(now).filter(|(_, new)| !new.is_empty()) {
            *mine = new;
        }
    }

    /// The address of the connections that have this turn.
    pub(super) fn of_turn(&self, turn: u64) -> usize {
        let at = index(turn % self.first as u64);
        let first = self.like[at];
        let (same, before) = self.same(first, at);
        let rank = turn / self.first as u64 * same + before;
        let now = &self.now[first];
        now[index(rank % now.len() as u64)]
    }

    /// How many addresses of the start belong to the same URL as `first`, and how many of them come
    /// before `at`.
    fn same(&self, first: usize, at: usize) -> (u64, u64) {
        let mine = |places: &[usize]| places.iter().filter(|one| **one == first).count() as u64;
        (mine(&self.like[..self.first]), mine(&self.like[..at]))
    }

    /// The address of the start that stands for one: its URL, its name in TLS.
    pub(super) fn like(&self, address: usize) -> usize {
        self.like[address]
    }

    /// How many turns pass until all addresses had theirs.
    pub(super) fn turns(&self) -> usize {
        self.first * self.now.iter().map(Vec::len).max().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn turns_go_over_the_addresses_that_each_url_has_now() {
        let mut all = vec![address("10.0.0.1:80"), address("10.0.0.2:80"), address("10.0.1.1:81")];
        let mut origins = vec![0, 0, 1];
        let mut later = LaterAddresses::new(&origins);
        let turns = |later: &LaterAddresses| (0..6).map(|turn| later.of_turn(turn)).collect();
        let before: Vec<usize> = turns(&later);
        assert_eq!(before, [0, 1, 2, 0, 1, 2], "as without it");
        let found = [(address("10.0.0.2:80"), 0), (address("10.0.0.3:80"), 0)];
        later.learn(&found, (&mut all, &mut origins));
        assert_eq!((all[3].clone(), origins[3]), (address("10.0.0.3:80"), 0));
        // The first URL has two others now; the second, for which nothing was found, its old one.
        let after: Vec<usize> = turns(&later);
        assert_eq!(after, [1, 3, 2, 1, 3, 2]);
        assert_eq!((0..4).map(|at| later.like(at)).collect::<Vec<_>>(), [0, 0, 2, 0]);
        assert_eq!(later.turns(), 6);
        later.learn(&found, (&mut all, &mut origins));
        assert_eq!(all.len(), 4, "nothing is added twice");
    }
}
