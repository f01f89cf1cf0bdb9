//! Draws requests and think times from the plan's seed, independent of the number of workers.

use crate::plan::{Http, Plan, Request, ThinkTime};
use crate::units::narrow;
use fastrand::Rng;
use std::time::Duration;

/// The requests of a scenario with their weights, and its think times.
#[derive(Debug)]
pub(crate) struct RequestMix {
    seed: u64,
    /// Sums of the weights up to each request, inclusive.
    cumulative_weights: Vec<u64>,
    think_time: ThinkTime,
    in_steps: bool,
}

impl RequestMix {
    /// The mix of a scenario, by its index in the plan.
    pub(crate) fn new(seed: u64, scenario: usize, http: &Http) -> Self {
        let sums = http.requests.iter().scan(0, |sum, Request { weight, .. }| {
            *sum += u64::from(*weight);
            Some(*sum)
        });
        let seed = mix(seed ^ mix(scenario as u64));
        Self {
            seed,
            cumulative_weights: sums.collect(),
            think_time: http.think_time,
            in_steps: http.in_steps,
        }
    }

    /// The mix of a scenario with several requests; `None` for others.
    pub(crate) fn where_several(plan: &Plan, scenario: usize) -> Option<Self> {
        let http = plan.scenarios[scenario].protocol.http()?;
        (http.requests.len() > 1).then(|| Self::new(plan.seed, scenario, http))
    }

    /// The random numbers of user or arrival number `i`.
    pub(super) fn rng(&self, i: u64) -> Rng {
        Rng::with_seed(mix(self.seed ^ mix(i)))
    }

    /// The first request of an arrival or an iteration: an index into the plan's requests.
    pub(super) fn first(&self, rng: &mut Rng) -> usize {
        if self.in_steps { 0 } else { self.request(rng) }
    }

    /// The first request of arrival number `i`: a pure function of `i`.
    pub(crate) fn of_arrival(&self, i: u64) -> u16 {
        narrow(self.first(&mut self.rng(i)))
    }

    /// Draws an index into the requests, by weight.
    pub(super) fn request(&self, rng: &mut Rng) -> usize {
        match self.cumulative_weights.as_slice() {
            [] | [_] => 0,
            sums @ [.., total] => {
                let at = rng.u64(0..*total);
                sums.partition_point(|sum| *sum <= at)
            }
        }
    }

    /// Draws a think time; `own`: that of a step.
    pub(super) fn think(&self, rng: &mut Rng, own: Option<ThinkTime>) -> Duration {
        let think_time = own.unwrap_or(self.think_time);
        let (min, max) = (think_time.min.as_nanos(), think_time.max.as_nanos());
        if max == 0 { Duration::ZERO } else { Duration::from_nanos(rng.u64(min..=max)) }
    }
}

/// Spreads neighbouring numbers over all numbers: the finalizer of `SplitMix64` (Steele, Lea, Flood
/// 2014).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Time;

    fn choices(seed: u64, weights: &[u32]) -> RequestMix {
        let request = |weight: &u32| Request { weight: *weight, ..Request::default() };
        let time = |ms| Time(Duration::from_millis(ms));
        let http = Http {
            requests: weights.iter().map(request).collect(),
            think_time: ThinkTime { min: time(100), max: time(1_000) },
            ..Http::default()
        };
        RequestMix::new(seed, 0, &http)
    }

    #[test]
    fn requests_are_chosen_by_weight() {
        let choices = choices(42, &[9, 1]);
        let mut rng = choices.rng(7);
        let second = (0..10_000).filter(|_| choices.request(&mut rng) == 1).count();
        assert!((900..1_100).contains(&second), "{second}");
    }

    #[test]
    fn the_same_seed_chooses_the_same_and_another_does_not() {
        let draw = |seed, i| {
            let choices = choices(seed, &[1, 1, 1]);
            let mut rng = choices.rng(i);
            (0..20)
                .map(|_| (choices.request(&mut rng), choices.think(&mut rng, None)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(42, 3), draw(42, 3));
        assert_ne!(draw(42, 3), draw(42, 4));
        assert_ne!(draw(42, 3), draw(43, 3));
        assert!(draw(1, 1).iter().all(|(_, think)| (100..=1_000).contains(&think.as_millis())));
    }
}
