//! Turns a pass of a user into the values that are generated for it.
//!
//! **Invariant:** every value but a time is a pure function of the plan's seed, the scenario, the
//! pass, and how the plan spells it: the same in every run, on every machine, by any worker, and in
//! all requests of the pass.

use crate::plan::{Generated, GeneratedKind, TimeFormat};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// A pass, as far as values are drawn from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PassIdentity {
    /// Unique among the passes of a scenario, as far as it has users alone or arrivals alone.
    pub pass: u64,
    /// The number of the user or arrival.
    pub user: u64,
    /// The passes of this user before.
    pub iteration: u64,
}

/// The source of a scenario's generated values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ValueGenerator {
    seed: u64,
}

impl ValueGenerator {
    /// That of a scenario, by its index in the plan.
    pub(crate) fn new(seed: u64, scenario: usize) -> Self {
        Self { seed: scatter(seed ^ scatter(scenario as u64)) }
    }

    /// The value for a pass, in a request that is sent `unix_ns` nanoseconds after 1970.
    pub(super) fn value(self, generated: &Generated, of: PassIdentity, unix_ns: i64) -> String {
        let word = |nth| {
            let spelling = hash(generated.spelling.as_bytes());
            scatter(self.seed ^ scatter(of.pass ^ scatter(spelling ^ scatter(nth))))
        };
        match &generated.kind {
            GeneratedKind::Uuid => uuid(word(0), word(1)),
            GeneratedKind::Integer(least, most) => {
                let span = u128::from(most.abs_diff(*least)) + 1;
                // The drawn word as a fraction of all words, in whole numbers of the span.
                let above = (u128::from(word(0)) * span) >> 64;
                (i128::from(*least) + i128::try_from(above).unwrap_or_default()).to_string()
            }
            GeneratedKind::Choice(choices) => {
                let at = (u128::from(word(0)) * choices.len() as u128) >> 64;
                let chosen = usize::try_from(at).ok().and_then(|at| choices.get(at));
                chosen.cloned().unwrap_or_default()
            }
            GeneratedKind::User { digits } => {
                format!("{:0width$}", of.user, width = usize::from(*digits))
            }
            GeneratedKind::Iteration => of.iteration.to_string(),
            GeneratedKind::Now(format) => time(format, unix_ns),
        }
    }
}

/// A UUID of version 4 (RFC 9562) of 128 random bits.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let digits = format!("{high:016x}{low:016x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

fn time(format: &TimeFormat, unix_ns: i64) -> String {
    let at = || Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default();
    match format {
        TimeFormat::UnixSeconds => (unix_ns / 1_000_000_000).to_string(),
        TimeFormat::UnixMilliseconds => (unix_ns / 1_000_000).to_string(),
        TimeFormat::Rfc3339 => format!("{:.3}", at()),
        TimeFormat::Pattern(pattern) => {
            // The plan's check has formatted another time by it.
            strtime::format(pattern, &at().to_zoned(TimeZone::UTC)).unwrap_or_default()
        }
    }
}

/// FNV-1a (Fowler, Noll, Vo): the same everywhere.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of splitmix64.
fn scatter(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn value(spelling: &str, kind: GeneratedKind, seed: u64, pass: u64) -> String {
        let generated = Generated { spelling: spelling.to_owned(), kind };
        let of = PassIdentity { pass, user: 3, iteration: 9 };
        ValueGenerator::new(seed, 0).value(&generated, of, 1_795_929_565_123_456_789)
    }

    #[test]
    fn values_are_the_same_in_every_run() {
        // Written down once: they must not change from one version to the next.
        assert_eq!(
            value("uuid", GeneratedKind::Uuid, 42, 0),
            "4b3a45df-3e5a-4388-82df-5705bd6760d0"
        );
        assert_eq!(value("random.int(1,100)", GeneratedKind::Integer(1, 100), 42, 0), "10");
        assert_eq!(value("user", GeneratedKind::User { digits: 0 }, 42, 0), "3");
        assert_eq!(value("user(4)", GeneratedKind::User { digits: 4 }, 42, 0), "0003");
        assert_eq!(value("iteration", GeneratedKind::Iteration, 42, 0), "9");
    }

    #[test]
    fn passes_spellings_and_seeds_differ() {
        let all: BTreeSet<String> =
            (0..10_000).map(|pass| value("uuid", GeneratedKind::Uuid, 1, pass)).collect();
        assert_eq!(all.len(), 10_000);
        for uuid in &all {
            assert!(uuid.len() == 36 && &uuid[14..15] == "4", "{uuid}");
            assert!(["8", "9", "a", "b"].contains(&&uuid[19..20]), "{uuid}");
        }
        let of = |spelling, seed| value(spelling, GeneratedKind::Uuid, seed, 0);
        assert_ne!(of("uuid", 1), of("uuid.order", 1));
        assert_ne!(of("uuid", 1), of("uuid", 2));
    }

    #[test]
    fn numbers_and_choices_are_drawn_evenly_to_both_ends() {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for pass in 0..60_000 {
            *seen.entry(value("i", GeneratedKind::Integer(-2, 3), 7, pass)).or_default() += 1;
        }
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["-1", "-2", "0", "1", "2", "3"]);
        assert!(seen.values().all(|count| (9_600..10_400).contains(count)), "{seen:?}");
        let extremes = GeneratedKind::Integer(i64::MIN, i64::MAX);
        assert!(value("i", extremes, 7, 0).parse::<i64>().is_ok());
        let choices = GeneratedKind::Choice(vec!["a".to_owned(), "b".to_owned()]);
        let first = (0..10_000).filter(|pass| value("c", choices.clone(), 7, *pass) == "a").count();
        assert!((4_800..5_200).contains(&first), "{first}");
    }

    #[test]
    fn times_have_formats() {
        let now = |format| value("now", GeneratedKind::Now(format), 1, 0);
        assert_eq!(now(TimeFormat::Rfc3339), "2026-11-29T05:19:25.123Z");
        assert_eq!(now(TimeFormat::UnixSeconds), "1795929565");
        assert_eq!(now(TimeFormat::UnixMilliseconds), "1795929565123");
        assert_eq!(now(TimeFormat::Pattern("%d.%m.%Y %H:%M".to_owned())), "29.11.2026 05:19");
    }
}
