//! Turns new connections for arrivals into numbers, which give their routes: target addresses in turn, and for each of them the numbers
//! that have become free before new ones, so that source ports repeat.

/// The numbers of one worker's connections.
#[derive(Debug)]
pub(super) struct Numbers {
    /// One for each target address: numbers that are free, and how many there are in all.
    addresses: Vec<(Vec<u64>, u64)>,
    /// The address of the next connection.
    turn: usize,
}

impl Numbers {
    /// For a target with so many addresses, at least one.
    pub(super) fn new(addresses: usize) -> Self {
        Self { addresses: vec![(Vec::new(), 0); addresses.max(1)], turn: 0 }
    }

    /// The number of a new connection.
    pub(super) fn take(&mut self) -> u64 {
        let (turn, count) = (self.turn, self.addresses.len());
        self.turn = (turn + 1) % count;
        let (free, made) = &mut self.addresses[turn];
        free.pop().unwrap_or_else(|| {
            *made += 1;
            (*made - 1) * count as u64 + turn as u64
        })
    }

    /// The connection of that number has gone.
    pub(super) fn give_back(&mut self, number: u64) {
        let turn = usize::try_from(number % self.addresses.len() as u64).unwrap_or(0);
        self.addresses[turn].0.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_turns_and_numbers_repeat() {
        let mut numbers = Numbers::new(3);
        let mut seen = Vec::new();
        for _ in 0..7 {
            let number = numbers.take();
            seen.push(number);
            numbers.give_back(number);
        }
        assert_eq!(seen, [0, 1, 2, 0, 1, 2, 0]);
        let kept: Vec<u64> = (0..6).map(|_| numbers.take()).collect();
        assert_eq!(kept, [1, 2, 0, 4, 5, 3]);
    }
}
