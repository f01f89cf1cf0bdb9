//! Turns the plan's seed into choices that do not depend on how many workers there are.

use crate::plan::{Http, Request, ThinkTime};
use fastrand::Rng;
use std::time::Duration;

/// What a user or an arrival chooses from.
#[derive(Debug)]
pub(super) struct Choices {
    seed: u64,
    /// Sums of the weights up to and with each request.
    sums: Vec<u64>,
    think_time: ThinkTime,
}

impl Choices {
    pub(super) fn new(seed: u64, scenario: usize, http: &Http) -> Self {
        let sums = http.requests.iter().scan(0, |sum, Request { weight, .. }| {
            *sum += u64::from(*weight);
            Some(*sum)
        });
        let seed = mix(seed ^ mix(scenario as u64));
        Self { seed, sums: sums.collect(), think_time: http.think_time }
    }

    /// The random numbers of user or arrival number `i`.
    pub(super) fn of(&self, i: u64) -> Rng {
        Rng::with_seed(mix(self.seed ^ mix(i)))
    }

    /// An index into the requests, by weight.
    pub(super) fn request(&self, rng: &mut Rng) -> usize {
        match self.sums.as_slice() {
            [] | [_] => 0,
            sums @ [.., total] => {
                let at = rng.u64(0..*total);
                sums.partition_point(|sum| *sum <= at)
            }
        }
    }

    /// A think time.
    pub(super) fn think(&self, rng: &mut Rng) -> Duration {
        let (min, max) = (self.think_time.min.as_nanos(), self.think_time.max.as_nanos());
        if max == 0 { Duration::ZERO } else { Duration::from_nanos(rng.u64(min..=max)) }
    }
}

/// Spreads neighbouring numbers over all numbers: the finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Expect;
    use crate::units::Time;

    fn choices(seed: u64, weights: &[u32]) -> Choices {
        let request = |weight: &u32| Request {
            name: String::new(),
            method: "GET".into(),
            path: None,
            weight: *weight,
            headers: Vec::new(),
            body: String::new(),
            expect: Expect::default(),
        };
        let time = |ms| Time(Duration::from_millis(ms));
        let http = Http {
            requests: weights.iter().map(request).collect(),
            think_time: ThinkTime { min: time(100), max: time(1_000) },
            timeout: time(1),
            connect_timeout: time(1),
            first_byte_timeout: time(1),
            max_in_flight: 1,
            on_full: crate::plan::OnFull::Invalid,
            connection: crate::plan::ConnectionUse::default(),
        };
        Choices::new(seed, 0, &http)
    }

    #[test]
    fn requests_are_chosen_by_weight() {
        let choices = choices(42, &[9, 1]);
        let mut rng = choices.of(7);
        let second = (0..10_000).filter(|_| choices.request(&mut rng) == 1).count();
        assert!((900..1_100).contains(&second), "{second}");
    }

    #[test]
    fn the_same_seed_chooses_the_same_and_another_does_not() {
        let draw = |seed, i| {
            let choices = choices(seed, &[1, 1, 1]);
            let mut rng = choices.of(i);
            (0..20)
                .map(|_| (choices.request(&mut rng), choices.think(&mut rng)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(42, 3), draw(42, 3));
        assert_ne!(draw(42, 3), draw(42, 4));
        assert_ne!(draw(42, 3), draw(43, 3));
        assert!(draw(1, 1).iter().all(|(_, think)| (100..=1_000).contains(&think.as_millis())));
    }
}
