//! Turns lifetimes at death into the moments that too many of them share: a timer on the way, a
//! restart, a storm.

use super::{Bins, CurveKey, LifeEnd, Survival, begins_s, ends_s};
use std::fmt;

/// Fewer deaths are never a spike.
const FEWEST: u64 = 10;

/// How many times as dense as its neighbourhood a spike is.
const DENSER: f64 = 5.0;

/// The neighbourhood: this many bins on either side.
const AROUND: u32 = 20;

/// The neighbours of a spike are together at most one in this many of it.
const STEEPER: u64 = 3;

/// How many of the fullest bins are examined.
const CANDIDATES: usize = 10;

/// The most spikes reported of each kind, the largest first.
const MOST: usize = 3;

/// Idle timeouts that are common in balancers, proxies, firewalls and address translators: seconds.
const KNOWN_TIMERS: [u64; 8] = [30, 60, 120, 300, 350, 600, 900, 3_600];

/// The common cause of a spike's deaths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpikeKind {
    /// How long the connection had been open.
    Age,
    /// How long nothing had come.
    Quiet,
    /// When in the run.
    Moment,
}

impl SpikeKind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Quiet => "quiet",
            Self::Moment => "moment",
        }
    }
}

/// Deaths that cannot be chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spike {
    /// What they have in common.
    pub kind: SpikeKind,
    /// Where: seconds of life, of silence, or of the run.
    pub at_s: u64,
    /// To how many seconds that is known.
    pub within_s: u64,
    /// How many.
    pub count: u64,
    /// Whether they were opened together, too, so that their age may be what they share.
    pub same_age: bool,
}

impl Spike {
    /// Whether it is at a usual idle timeout.
    pub fn is_known_timer(&self) -> bool {
        self.kind != SpikeKind::Moment
            && KNOWN_TIMERS.iter().any(|timer| self.at_s.abs_diff(*timer) <= self.within_s)
    }
}

impl fmt::Display for Spike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, at_s, within_s, count, same_age } = self;
        match kind {
            SpikeKind::Age => write!(f, "{count} connections died at {at_s} ± {within_s} s: ")?,
            SpikeKind::Quiet => {
                write!(f, "{count} connections died after {at_s} ± {within_s} s of silence: ")?;
            }
            SpikeKind::Moment => {
                write!(f, "{count} connections died in the run's second {at_s} (± {within_s})")?;
                return f.write_str(if *same_age {
                    ", all of about the same age: a limit on their age, or a restart?"
                } else {
                    ": a restart or a storm?"
                });
            }
        }
        f.write_str(match kind {
            SpikeKind::Age if !self.is_known_timer() => "a limit on their age?",
            _ => "an idle timeout on the way?",
        })
    }
}

/// The spikes among the deaths, the largest first. Deaths that this side found by its own timer (a
/// missed heartbeat) is no spike of age: it stands where the plan put it.
pub fn spikes(survival: &Survival) -> Vec<Spike> {
    let none = Bins::new();
    let mut ages = Bins::new();
    for end in LifeEnd::DEATHS.into_iter().filter(|end| end.is_from_outside()) {
        for (bin, count) in survival.row(CurveKey::Life(end)).unwrap_or(&none) {
            *ages.entry(*bin).or_default() += count;
        }
    }
    let mut ages = found(&ages, SpikeKind::Age);
    let mut quiet = found(survival.row(CurveKey::Quiet).unwrap_or(&none), SpikeKind::Quiet);
    let mut moments = found(survival.row(CurveKey::Moment).unwrap_or(&none), SpikeKind::Moment);
    // Connections that were opened together and died together share everything: without a timer
    // that is known, the moment says it.
    let together = |spike: &Spike| moments.iter().any(|moment| is_most(moment.count, spike.count));
    let together_at = |moment: &Spike| ages.iter().any(|age| is_most(age.count, moment.count));
    let same_age: Vec<bool> = moments.iter().map(together_at).collect();
    ages.retain(|spike| spike.is_known_timer() || !together(spike));
    quiet.retain(|spike| spike.is_known_timer() || !together(spike));
    for (moment, same_age) in moments.iter_mut().zip(same_age) {
        moment.same_age = same_age;
    }
    // Those that never received anything were silent all their life: then their age tells.
    quiet.retain(|spike| !ages.iter().any(|age| is_most(age.count, spike.count)));
    ages.retain(|age| !quiet.iter().any(|spike| is_most(spike.count, age.count)));
    // Connections that were all opened at the start die of age at that very second of the run.
    moments.retain(|moment| {
        let same = |age: &Spike| age.at_s.abs_diff(moment.at_s) <= age.within_s + 1;
        !ages.iter().any(|age| same(age) && age.count >= moment.count)
    });
    let mut all = [ages, quiet, moments].concat();
    all.sort_by_key(|spike| (std::cmp::Reverse(spike.count), spike.kind, spike.at_s));
    all
}

/// Whether `part` is nearly all of `whole`.
fn is_most(part: u64, whole: u64) -> bool {
    part.saturating_mul(5) >= whole.saturating_mul(4)
}

fn found(bins: &Bins, kind: SpikeKind) -> Vec<Spike> {
    let mut left = bins.clone();
    let mut spikes = Vec::new();
    for _ in 0..CANDIDATES {
        let Some((&at, _)) = left.iter().max_by_key(|(bin, count)| (**count, u32::MAX - **bin))
        else {
            break;
        };
        let (from, to) = (at.saturating_sub(1), at + 1);
        let count: u64 = left.range(from..=to).map(|(_, count)| *count).sum();
        if count < FEWEST {
            break;
        }
        if spikes.len() < MOST && stands_out(bins, count, from, to) {
            let within_s = ends_s(at) - begins_s(at);
            spikes.push(Spike { kind, at_s: begins_s(at), within_s, count, same_age: false });
        }
        left.retain(|bin, _| !(from..=to).contains(bin));
    }
    spikes
}

/// Whether this many deaths between two bins are many more than around them, and fall off at once
/// on both sides: the edge of a time in which many died is no spike.
fn stands_out(bins: &Bins, count: u64, from: u32, to: u32) -> bool {
    let sum = |from: u32, to: u32| bins.range(from..=to).map(|(_, count)| *count).sum::<u64>();
    let within = sum(from, to);
    let (first, last) = (from.saturating_sub(AROUND), to + AROUND);
    let beside = sum(first, last) - within;
    let width = to - from + 1;
    let usual = beside as f64 / f64::from(last - first + 1 - width) * f64::from(width);
    let shoulders = sum(from.saturating_sub(width), to + width) - within;
    (count as f64) >= DENSER * usual && shoulders.saturating_mul(STEEPER) <= count
}
