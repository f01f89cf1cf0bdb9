//! Turns one figure of each run into the interval of the change, by drawing runs again.
//!
//! **Invariant:** the same figures give the same interval: the generator's seed is fixed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schemars::JsonSchema;
use serde::Serialize;

/// With fewer runs on either side there is no interval.
pub const FEWEST_RUNS: usize = 4;

/// Draws; the interval's ends vary by less than a rounded percent of its width.
const DRAWS: usize = 10_000;

const SEED: u64 = 2026;

/// The part of draws that lies inside.
const CONFIDENCE: f64 = 0.95;

/// A range of changes that the runs agree with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ConfidenceInterval {
    /// Its lower end.
    #[schemars(with = "Option<f64>")]
    pub low: f64,
    /// Its upper end.
    #[schemars(with = "Option<f64>")]
    pub high: f64,
}

/// The middle of some figures, of two the mean; 0 of none.
pub(in crate::results) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    middle(&mut sorted)
}

fn middle(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures {
        [] => 0.0,
        all if all.len() % 2 == 1 => all[half],
        all => f64::midpoint(all[half - 1], all[half]),
    }
}

/// The 95 % percentile bootstrap interval of the effect of the medians; `None` with too few runs.
pub(super) fn interval(
    base: &[f64],
    new: &[f64],
    effect: fn(f64, f64) -> f64,
) -> Option<ConfidenceInterval> {
    interval_by(DRAWS, base, new, effect)
}

/// The interval of the median of one set; `None` with too few runs.
pub(in crate::results) fn interval_of_median(figures: &[f64]) -> Option<ConfidenceInterval> {
    interval(figures, figures, |_, one| one)
}

/// The same with this many draws.
pub(super) fn interval_by(
    draws: usize,
    base: &[f64],
    new: &[f64],
    effect: fn(f64, f64) -> f64,
) -> Option<ConfidenceInterval> {
    if base.len() < FEWEST_RUNS || new.len() < FEWEST_RUNS {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = Vec::with_capacity(base.len().max(new.len()));
    let mut draw = |from: &[f64]| {
        drawn.clear();
        drawn.extend((0..from.len()).map(|_| from[below(random.next_u64(), from.len())]));
        middle(&mut drawn)
    };
    let mut effects: Vec<f64> = (0..draws).map(|_| effect(draw(base), draw(new))).collect();
    effects.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of 10,000")]
    let outside = ((1.0 - CONFIDENCE) / 2.0 * draws as f64) as usize;
    Some(ConfidenceInterval { low: effects[outside], high: effects[draws - 1 - outside] })
}

/// A number below `count`, each as likely to a part in 2^60.
fn below(random: u64, count: usize) -> usize {
    let scaled = (u128::from(random) * count as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}
