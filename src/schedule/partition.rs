//! Divides a scenario among its workers, on one host or on several.

use serde::{Deserialize, Serialize};

/// Lanes `first..first + width` of `of`: blocks of users or arrivals go to the lanes in turn.
/// Whatever is divided is divided by index, never by rounding, so that the parts sum to the whole
/// exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    first: u32,
    width: u32,
    of: u32,
}

/// The contribution of one host to a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostShare {
    /// Its part of the load is this weight over the sum of all weights; at least 1.
    pub weight: u32,
    /// Worker processes that its part is divided among; at least 1.
    pub workers: u32,
}

impl Partition {
    /// The whole.
    pub const WHOLE: Self = Self { first: 0, width: 1, of: 1 };

    /// Part `index`, from 0, of `of` equal ones.
    pub const fn equal(index: u32, of: u32) -> Self {
        Self { first: index, width: 1, of }
    }

    /// The parts of the workers of each host, in the order of `hosts`. A host's workers share its
    /// part evenly. Neighbouring parts belong to different hosts where the workers are of equal
    /// weight, so that each host is busy all the time.
    ///
    /// `None`: the weights and workers have no common divisor that counts fewer than 2³² lanes.
    pub fn of_hosts(hosts: &[HostShare]) -> Option<Vec<Vec<Self>>> {
        debug_assert!(hosts.iter().all(|host| host.weight > 0 && host.workers > 0), "{hosts:?}");
        // The smallest number of lanes for each unit of weight that every host can divide evenly.
        let lanes = hosts.iter().try_fold(1_u32, |lanes, host| {
            lcm(lanes, host.workers / gcd(host.workers, host.weight))
        })?;
        let widths: Option<Vec<u32>> =
            hosts.iter().map(|host| Some(host.weight.checked_mul(lanes)? / host.workers)).collect();
        let widths = widths?;
        // There are no more lanes than necessary.
        let common = widths.iter().fold(0, |common, width| gcd(common, *width)).max(1);
        let total = |(host, width): (&HostShare, &u32)| host.workers.checked_mul(width / common);
        let of =
            hosts.iter().zip(&widths).try_fold(0_u32, |sum, host| sum.checked_add(total(host)?))?;
        let mut parts: Vec<Vec<Self>> = hosts.iter().map(|_| Vec::new()).collect();
        let (mut first, rounds) = (0, hosts.iter().map(|host| host.workers).max().unwrap_or(0));
        for nth in 0..rounds {
            for (at, host) in hosts.iter().enumerate().filter(|(_, host)| nth < host.workers) {
                let width = widths[at] / common;
                debug_assert_eq!(parts[at].len(), nth as usize, "{host:?}");
                parts[at].push(Self { first, width, of });
                first += width;
            }
        }
        Some(parts)
    }

    /// Where it begins among the lanes.
    pub fn first_lane(self) -> u32 {
        self.first
    }

    /// Whether it is a part at all.
    pub fn is_valid(self) -> bool {
        self.width > 0 && self.first.checked_add(self.width).is_some_and(|end| end <= self.of)
    }

    fn lanes(self) -> (u64, u64, u64) {
        (u64::from(self.first), u64::from(self.width), u64::from(self.of))
    }

    /// Whether user or arrival number `i` belongs to this partition, where blocks of `block` stay
    /// together.
    pub fn owns(self, i: u64, block: u64) -> bool {
        let (first, width, of) = self.lanes();
        (first..first + width).contains(&((i / block) % of))
    }

    /// The first number at or after `i` that belongs to this partition.
    pub fn next_owned(self, i: u64, block: u64) -> u64 {
        let (first, width, of) = self.lanes();
        let at = i / block;
        let past = (at % of + of - first) % of;
        if past < width { i } else { (at + of - past) * block }
    }

    /// The last number below `end` that belongs to this partition, plus one; zero: there is none.
    pub fn end_of_owned(self, end: u64, block: u64) -> u64 {
        let (first, width, of) = self.lanes();
        let Some(last) = end.checked_sub(1) else { return 0 };
        let at = last / block;
        let past = (at % of + of - first) % of;
        if past < width {
            return end;
        }
        // Down to the end of this partition's last lane.
        (at + 1).saturating_sub(past - width + 1) * block
    }

    /// How many of the numbers `0..count` belong to this partition.
    pub fn part_of(self, count: u64, block: u64) -> u64 {
        let (first, width, of) = self.lanes();
        let (rounds, rest) = (count / (block * of), count % (block * of));
        rounds * block * width + rest.saturating_sub(first * block).min(block * width)
    }

    /// Number `nth`, from 0, of those that belong to this partition.
    pub fn nth_owned(self, nth: u64, block: u64) -> u64 {
        let (first, width, of) = self.lanes();
        let (round, within) = (nth / (block * width), nth % (block * width));
        (round * of + first) * block + within
    }

    /// How many numbers of this partition come before `i`, which is one of them.
    pub fn place_of(self, i: u64, block: u64) -> u64 {
        let (first, width, of) = self.lanes();
        debug_assert!(self.owns(i, block), "{i} is one of {self:?}");
        let at = i / block;
        (at / of * width + (at % of - first)) * block + i % block
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn lcm(a: u32, b: u32) -> Option<u32> {
    (a / gcd(a, b).max(1)).checked_mul(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(weight: u32, workers: u32) -> HostShare {
        HostShare { weight, workers }
    }

    #[test]
    fn equal_hosts_take_turns_and_one_host_is_as_ever() {
        let equal = Partition::equal;
        assert_eq!(
            Partition::of_hosts(&[share(1, 2), share(1, 2)]).unwrap(),
            [[equal(0, 4), equal(2, 4)], [equal(1, 4), equal(3, 4)]]
        );
        let one = [equal(0, 3), equal(1, 3), equal(2, 3)];
        assert_eq!(Partition::of_hosts(&[share(7, 3)]).unwrap(), [one]);
    }

    #[test]
    fn a_host_has_its_weight_whatever_its_workers() {
        let hosts = [share(3, 2), share(1, 4), share(2, 1)];
        let parts = Partition::of_hosts(&hosts).unwrap();
        let owned = |parts: &[Partition]| parts.iter().map(|one| one.part_of(72, 1)).sum::<u64>();
        assert_eq!(parts.iter().map(|one| owned(one)).collect::<Vec<_>>(), [36, 12, 24]);
        assert_eq!(Partition::of_hosts(&[share(u32::MAX, 1), share(1, u32::MAX - 1)]), None);
    }

    proptest! {
        #[test]
        fn every_number_has_one_owner_and_one_place(
            hosts in prop::collection::vec((1_u32..6, 1_u32..5), 1..5),
            block in prop::sample::select(vec![1_u64, 3, 64]),
            count in 0_u64..2_000,
        ) {
            let hosts: Vec<HostShare> = hosts.into_iter().map(|(weight, workers)| share(weight, workers)).collect();
            let parts: Vec<Partition> = Partition::of_hosts(&hosts).unwrap().concat();
            prop_assert!(parts.iter().all(|part| part.is_valid()));
            for i in 0..count {
                prop_assert_eq!(parts.iter().filter(|part| part.owns(i, block)).count(), 1);
            }
            for part in parts {
                let owned: Vec<u64> = (0..count).filter(|i| part.owns(*i, block)).collect();
                prop_assert_eq!(owned.len() as u64, part.part_of(count, block));
                for (nth, i) in (0..).zip(&owned) {
                    prop_assert_eq!(part.nth_owned(nth, block), *i);
                    prop_assert_eq!(part.place_of(*i, block), nth);
                }
                for i in 0..count {
                    let next = (i..i + 100_000 * block).find(|i| part.owns(*i, block)).unwrap();
                    prop_assert_eq!(part.next_owned(i, block), next);
                    let end = owned.iter().rev().find(|one| **one < i).map_or(0, |last| last + 1);
                    prop_assert_eq!(part.end_of_owned(i, block), end);
                }
            }
        }
    }
}
