//! Turns a seed, a share and a number into whether a fault hits.
//!
//! **Invariant:** nothing random: the same seed hits the same numbers in every run, so that clients
//! can predict and count them.

use super::ServeError;
use crate::plan::{Builtin, FaultConflict, Faults};
use crate::units::Ratio;

/// The golden ratio's part behind the point, of 2^64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Whether the fault hits connection (or request) `number` of a server process, counted from 0.
///
/// The numbers walk round a circle in steps of the golden ratio, from a place that the seed
/// chooses; those that land in the first `share` of the circle are hit. So of any `n` numbers in a
/// row, up to 2,000, `n * share` are hit, give or take four, and never in step with anything else
/// that counts.
/// <https://en.wikipedia.org/wiki/Low-discrepancy_sequence#Additive_recurrence>
pub fn hits(seed: u64, number: u64, share: Ratio) -> bool {
    let place = scatter(seed).wrapping_add(number.wrapping_mul(GOLDEN));
    // 53 bits: exact as a float, and below 1.
    ((place >> 11) as f64 / (1_u64 << 53) as f64) < share.0
}

/// The finaliser of splitmix64: seeds that follow each other start far apart.
fn scatter(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// `bytes` with one bit of the first wrong: as long as the right ones, and never equal.
pub(super) fn spoil(bytes: &[u8]) -> Vec<u8> {
    let mut wrong = bytes.to_vec();
    if let Some(first) = wrong.first_mut() {
        *first ^= 1;
    }
    wrong
}

/// Whether there is any fault.
pub(super) fn any(faults: &Faults) -> bool {
    *faults != Faults { share: faults.share, seed: faults.seed, ..Faults::default() }
}

/// Refuses what cannot work, alone or together. A plan's servers have passed already.
pub fn check(builtin: &Builtin) -> Result<(), ServeError> {
    match builtin.fault_conflicts().into_iter().next() {
        Some(FaultConflict { message, help, .. }) => Err(ServeError::Options { message, help }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HttpServer, TcpHoldServer};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_stretch_is_hit_in_proportion(seed: u64, start in 0..u64::MAX / 2, share in 0.0..=1.0, length in 1..=2_000_u64) {
            let hit = (start..start + length).filter(|n| hits(seed, *n, Ratio(share))).count();
            let expected = length as f64 * share;
            prop_assert!((hit as f64 - expected).abs() <= MOST, "{hit} of {length}, not {expected}");
        }

        #[test]
        fn all_and_nothing_are_exact(seed: u64, number: u64) {
            prop_assert!(hits(seed, number, Ratio(1.0)));
            prop_assert!(!hits(seed, number, Ratio(0.0)));
        }
    }

    /// By how many of up to 2,000 numbers in a row a share is missed at most.
    const MOST: f64 = 4.1;

    /// Of so many steps, the arc with most places too many and the one with most too few, wherever
    /// they begin: the extreme discrepancy.
    #[test]
    fn no_stretch_and_no_share_are_further_from_proportion() {
        let mut places: Vec<f64> = Vec::new();
        for length in 1..=2_000_u32 {
            let place = u64::from(length).wrapping_mul(GOLDEN) as f64 / 2.0_f64.powi(64);
            places.insert(places.partition_point(|other| *other < place), place);
            let ahead = |(at, place): (u32, &f64)| f64::from(at) - f64::from(length) * place;
            let all = || (0..).zip(&places).map(ahead);
            let (most, least) = (all().fold(f64::MIN, f64::max), all().fold(f64::MAX, f64::min));
            let furthest = most + 1.0 - least;
            assert!(furthest <= MOST, "{furthest} of {length}");
        }
    }

    #[test]
    fn seeds_choose_others() {
        let chosen = |seed| (0..64).filter(|n| hits(seed, *n, Ratio(0.5))).collect::<Vec<u64>>();
        assert_eq!(chosen(1), chosen(1));
        assert_ne!(chosen(1), chosen(2));
    }

    #[test]
    fn contradictions_are_named() {
        let hold = |faults| {
            Builtin::TcpHold(TcpHoldServer {
                message: "ok".into(),
                greet: true,
                every: None,
                reply_to: None,
                tls: None,
                faults,
                websocket: None,
            })
        };
        let message = |builtin: &Builtin| check(builtin).unwrap_err().to_string();
        let some = Faults { refuse: true, share: Ratio(0.5), ..Faults::default() };
        assert!(message(&hold(some)).contains("cannot hit a share of 50%"));
        let both = Faults { refuse: true, never_accept: true, ..Faults::default() };
        assert!(message(&hold(both)).contains("exclude each other"));
        let status = Faults { status: Some(500), ..Faults::default() };
        assert!(message(&hold(status.clone())).contains("no status"));
        let http = |faults| Builtin::Http(HttpServer { body: String::new(), tls: None, faults });
        assert!(check(&http(status)).is_ok());
        let cut = Faults { truncate_body: true, ..Faults::default() };
        assert!(message(&http(cut)).contains("empty body"));
    }
}
