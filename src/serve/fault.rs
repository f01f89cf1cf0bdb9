//! Turns a seed, a share and a number into whether a fault hits.
//!
//! **Invariant:** nothing random: the same seed hits the same numbers in every run, so that clients can predict and count them.

use super::ServeError;
use crate::plan::{Builtin, Faults};
use crate::units::Ratio;
use std::time::Duration;

/// The longest time that the tcp-hold server's clock of milliseconds can plan ahead.
const LONGEST: Duration = Duration::from_hours(24 * 24);

/// Bytes of the longest text; the kernel's own limit for an argument is 131,072.
const TEXT: usize = 100_000;

/// Whether the fault hits connection (or request) `number` of a server process, counted from 0.
///
/// The numbers walk round a circle in steps of the golden ratio, from a place that the seed chooses; those that land in the first `share` of
/// the circle are hit. So of any `n` numbers in a row `n * share` are hit, give or take three, and never in step with anything else that counts.
/// <https://en.wikipedia.org/wiki/Low-discrepancy_sequence#Additive_recurrence>
pub fn hits(seed: u64, number: u64, share: Ratio) -> bool {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
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

/// Refuses what cannot work, alone or together.
pub fn check(builtin: &Builtin) -> Result<(), ServeError> {
    match builtin {
        Builtin::TcpHold(server) => {
            if server.message.is_empty() {
                return Err(wrong("an empty message says nothing", "give a message"));
            }
            check_text(&server.message)?;
            check_text(server.reply_to.as_deref().unwrap_or(""))?;
            if server
                .reply_to
                .as_ref()
                .is_some_and(|text| text.is_empty() || u16::try_from(text.len()).is_err())
            {
                let help = "give 1 to 65535 bytes to reply to";
                return Err(wrong("no reply can be given to this message", help));
            }
            check_times(server.every.map(|every| every.0), &server.faults)?;
            if server.faults.status.is_some()
                || server.faults.slow_body.is_some()
                || server.faults.truncate_body
            {
                let help = "leave `status`, `slow_body` and `truncate_body` to http";
                return Err(wrong("a tcp-hold server has no status and no body", help));
            }
            check_faults(&server.faults)
        }
        Builtin::Http(server) => {
            check_text(&server.body)?;
            check_times(None, &server.faults)?;
            if server.body.is_empty() && (server.faults.truncate_body || server.faults.wrong_data) {
                return Err(wrong("an empty body cannot be truncated or wrong", "give a body"));
            }
            if server.faults.status.is_some_and(|status| !(200..=599).contains(&status)) {
                return Err(wrong("an answer cannot have this status", "200 to 599 are"));
            }
            check_faults(&server.faults)
        }
    }
}

/// Texts travel to the server's processes on their command lines.
fn check_text(text: &str) -> Result<(), ServeError> {
    if text.contains('\0') {
        return Err(wrong("a server cannot be given a text with a NUL byte", "leave it out"));
    }
    if text.len() > TEXT {
        let message = format!("a server cannot be given a text of {} bytes", text.len());
        return Err(wrong(&message, &format!("at most {TEXT} bytes go")));
    }
    Ok(())
}

fn check_faults(faults: &Faults) -> Result<(), ServeError> {
    if faults.refuse && faults.never_accept {
        let help = "choose one of them";
        return Err(wrong("`refuse` and `never_accept` exclude each other", help));
    }
    if (faults.refuse || faults.never_accept) && faults.share.0 < 1.0 {
        let what = if faults.refuse { "refuse" } else { "never_accept" };
        return Err(wrong(
            &format!(
                "`{what}` is done by the kernel, for a whole port: it cannot hit a share of {}",
                faults.share
            ),
            "drop the share, or take `reset_after = \"0s\"`, which resets a share of connections as soon as they are open",
        ));
    }
    Ok(())
}

fn check_times(every: Option<Duration>, faults: &Faults) -> Result<(), ServeError> {
    if every.is_some_and(|every| every < Duration::from_millis(1)) {
        return Err(wrong(
            "messages cannot go out more often than each 1ms",
            "give a longer period",
        ));
    }
    let times = [faults.reset_after, faults.close_after, faults.delay, faults.slow_body];
    let times = times.into_iter().flatten().map(|time| time.0).chain(every);
    if times.into_iter().any(|time| time > LONGEST) {
        return Err(wrong("a server plans at most 24 days ahead", "give a shorter time"));
    }
    if faults.reset_after_bytes.is_some_and(|bytes| u32::try_from(bytes).is_err()) {
        return Err(wrong("a server counts at most 4 GiB before a reset", "give fewer bytes"));
    }
    Ok(())
}

fn wrong(message: &str, help: &str) -> ServeError {
    ServeError::Options { message: message.into(), help: help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HttpServer, TcpHoldServer};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_stretch_is_hit_in_proportion(seed: u64, start in 0..u64::MAX / 2, share in 0.0..=1.0, length in 1..2_000_u64) {
            let hit = (start..start + length).filter(|n| hits(seed, *n, Ratio(share))).count();
            let expected = length as f64 * share;
            prop_assert!((hit as f64 - expected).abs() <= 3.0, "{hit} of {length}, not {expected}");
        }

        #[test]
        fn all_and_nothing_are_exact(seed: u64, number: u64) {
            prop_assert!(hits(seed, number, Ratio(1.0)));
            prop_assert!(!hits(seed, number, Ratio(0.0)));
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
            })
        };
        let message = |builtin: &Builtin| check(builtin).unwrap_err().to_string();
        let some = Faults { refuse: true, share: Ratio(0.5), ..Faults::default() };
        assert!(message(&hold(some)).contains("cannot hit a share of 50%"));
        let both = Faults { refuse: true, never_accept: true, ..Faults::default() };
        assert!(message(&hold(both)).contains("exclude each other"));
        let status = Faults { status: Some(500), ..Faults::default() };
        assert!(message(&hold(status.clone())).contains("no status"));
        let http = |faults| Builtin::Http(HttpServer { body: String::new(), faults });
        assert!(check(&http(status)).is_ok());
        let cut = Faults { truncate_body: true, ..Faults::default() };
        assert!(message(&http(cut)).contains("empty body"));
    }
}
