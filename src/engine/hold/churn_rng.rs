//! Draws pauses, lifetimes and drops from the plan's seed, independent of the number of workers.
//!
//! **Invariant:** every draw is a pure function of the seed, the scenario, the user and a number.

use crate::plan::{DisconnectEvent, Jitter, Lifetime};

/// 2^64 divided by the golden ratio: steps of this size spread numbers over a circle as evenly as
/// steps can.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The draws of one scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChurnRng {
    seed: u64,
}

impl ChurnRng {
    pub(super) fn new(seed: u64, scenario: usize) -> Self {
        Self { seed: scatter(seed ^ scatter(scenario as u64)) }
    }

    /// A number in [0, 1) for the `nth` draw of a user.
    fn unit(self, user: u64, nth: u32) -> f64 {
        let word = scatter(self.seed ^ scatter(user ^ scatter(u64::from(nth))));
        (word >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How long a connection is held: nanoseconds, at least one.
    pub(super) fn lifetime_ns(self, lifetime: Lifetime, user: u64, nth: u32) -> u64 {
        let unit = self.unit(user, nth);
        match lifetime {
            Lifetime::Uniform { min, max } => {
                min.as_nanos() + part(unit, max.as_nanos() - min.as_nanos())
            }
            Lifetime::Exponential { mean } => part(-(1.0 - unit).ln(), mean.as_nanos()).max(1),
        }
    }

    /// The pause before attempt number `tries`, from 0, in a row of failures: nanoseconds.
    pub(super) fn pause_ns(
        self,
        (first_ns, longest_ns): (u64, u64),
        jitter: Jitter,
        (user, nth): (u64, u32),
        tries: u8,
    ) -> u64 {
        let doubled = first_ns.saturating_mul(1_u64.checked_shl(tries.into()).unwrap_or(u64::MAX));
        let pause = doubled.min(longest_ns);
        match jitter {
            Jitter::None => pause,
            Jitter::Full => part(self.unit(user, nth), pause),
        }
    }

    /// When event number `number` drops the connection of a user, relative to the event; `None` if
    /// it does not. Among any consecutive users almost exactly the event's share is dropped, and
    /// evenly over its time.
    pub(super) fn drop_ns(self, number: usize, event: &DisconnectEvent, user: u64) -> Option<u64> {
        let start = scatter(self.seed ^ scatter(!(number as u64)));
        let place = start.wrapping_add(user.wrapping_mul(GOLDEN)) as f64 / u64::MAX as f64;
        let share = event.share.0;
        (share >= 1.0 || place < share).then(|| part(place / share, event.over.as_nanos()))
    }
}

/// A fraction of a time.
fn part(unit: f64, ns: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let part = (unit * ns as f64) as u64;
    part
}

/// The finaliser of splitmix64.
fn scatter(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(GOLDEN);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Close;
    use crate::units::{Ratio, Time};
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    fn draws() -> ChurnRng {
        ChurnRng::new(42, 0)
    }

    fn event(share: f64, over: u64) -> DisconnectEvent {
        let time = |seconds| Time(Duration::from_secs(seconds));
        DisconnectEvent { at: time(0), share: Ratio(share), by: Close::Rst, over: time(over) }
    }

    #[test]
    fn an_event_drops_its_share_of_any_stretch_and_spreads_it_evenly() {
        for share in [0.01, 0.1, 0.5, 1.0] {
            let event = event(share, 10);
            let mut times: Vec<u64> =
                (0..10_000).filter_map(|user| draws().drop_ns(0, &event, user)).collect();
            assert!((times.len() as f64 - share * 1e4).abs() <= 3.0, "{share}: {}", times.len());
            times.sort_unstable();
            let middle = times[times.len() / 2] as f64 / SECOND as f64;
            assert!((middle - 5.0).abs() < 0.2, "{middle}");
            assert!(times[times.len() - 1] <= 10 * SECOND);
        }
        let chosen = |number| -> Vec<u64> {
            (0..100)
                .filter(|user| draws().drop_ns(number, &event(0.1, 0), *user).is_some())
                .collect()
        };
        assert_ne!(chosen(0), chosen(1), "each event chooses for itself");
        assert_eq!(chosen(0), chosen(0));
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_jitter_spreads_them() {
        let bounds = (SECOND, 30 * SECOND);
        let exact = |tries| draws().pause_ns(bounds, Jitter::None, (7, 1), tries) / SECOND;
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 63, 64, 255].map(exact),
            [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]
        );
        let mean = (0..10_000)
            .map(|user| draws().pause_ns(bounds, Jitter::Full, (user, 1), 2) as f64 / 1e9)
            .sum::<f64>()
            / 1e4;
        assert!((mean - 2.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn lifetimes_have_the_mean_that_was_asked_for() {
        let time = |seconds| Time(Duration::from_secs(seconds));
        let mean = |lifetime| {
            (0..20_000_u64)
                .map(|user| draws().lifetime_ns(lifetime, user / 2, (user % 2) as u32) as f64 / 1e9)
                .sum::<f64>()
                / 2e4
        };
        let fixed = Lifetime::Uniform { min: time(60), max: time(60) };
        assert!((mean(fixed) - 60.0).abs() < 1e-9);
        assert!((mean(Lifetime::Uniform { min: time(30), max: time(90) }) - 60.0).abs() < 0.5);
        assert!((mean(Lifetime::Exponential { mean: time(60) }) - 60.0).abs() < 1.5);
    }
}
