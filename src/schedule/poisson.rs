//! Turns a seed into independent arrivals.

use super::{Segment, Shape};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// The random arrivals of one stage, in order: a Poisson process of the stage's rate, conditioned
/// on the planned number of arrivals.
///
/// Given its number of points, a Poisson process is that many independent points, distributed as
/// the rate is. Their distances are drawn one after the other, as those of ordered uniform numbers
/// (Lurie and Hartley, 1972). Numbers come from `ChaCha8` with the plan's seed, the scenario in its
/// key and the stage as its stream, and logarithms from `libm`: they are the same on every machine
/// and for every worker, which steps over those of others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Poisson {
    rng: ChaCha8Rng,
    /// Arrivals that are still to come.
    left: u64,
    /// How much of the stage's arrivals, a real number, lies before the last one.
    passed: f64,
    total: f64,
    /// From the stage's start; `None` when no more come.
    due_ns: Option<u64>,
}

impl Poisson {
    pub(super) fn new(segment: &Segment, seed: u64, scenario: u64, stage: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&scenario.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stage);
        let before = match segment.shape {
            Shape::Rate { before, .. } => before,
            Shape::Users { .. } => 0.0,
        };
        let total = segment.arrivals_by(segment.rate_ns()) - before;
        let mut poisson = Self { rng, left: segment.attempts(), passed: 0.0, total, due_ns: None };
        poisson.advance(segment);
        poisson
    }

    /// When the next arrival is due, from the stage's start.
    pub(super) fn due_ns(&self) -> Option<u64> {
        self.due_ns
    }

    /// Steps to the next arrival.
    pub(super) fn advance(&mut self, segment: &Segment) {
        self.due_ns = None;
        if self.left == 0 {
            return;
        }
        // The middle of one of 2^53 equal intervals: neither zero nor one.
        let uniform = ((self.rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        // The smallest of the uniform numbers that are left: 1 - u^(1/left), of what is left.
        let step = -libm::expm1(libm::log(uniform) / self.left as f64);
        self.passed += (self.total - self.passed) * step;
        self.left -= 1;
        let last = segment.rate_ns().saturating_sub(1);
        self.due_ns = segment.reached_ns(self.passed).map(|due| due.min(last));
    }
}
