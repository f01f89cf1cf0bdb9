//! The run's clock: nanoseconds since the start, on the machine's monotonic clock, which all
//! processes of a machine share.

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Now, in nanoseconds of `CLOCK_MONOTONIC`.
pub fn monotonic_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Processor time of this process, in nanoseconds.
pub(super) fn cpu_ns() -> u64 {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// How far the wall clock, and the clock that also counts sleep, are from the monotonic one, in
/// nanoseconds; absent when this process was held up every time it looked, so that the readings are
/// of different moments.
pub(super) fn offsets_ns() -> Option<(i64, i64)> {
    const TRIES: usize = 5;
    const CLOSE_NS: u64 = 1_000_000;
    (0..TRIES).find_map(|_| {
        let before = monotonic_ns();
        let wall = read(ClockId::CLOCK_REALTIME);
        let awake_or_not = read(ClockId::CLOCK_BOOTTIME);
        let together = monotonic_ns() - before < CLOSE_NS;
        let offset = |other: u64| i64::try_from(i128::from(other) - i128::from(before)).ok();
        together.then(|| Some((offset(wall)?, offset(awake_or_not)?)))?
    })
}

fn read(clock: ClockId) -> u64 {
    // All of them exist on every Linux that runs Rust's standard library.
    clock_gettime(clock)
        .map_or(0, |now| u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX))
}

/// The run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    t0_ns: u64,
}

impl Clock {
    /// A clock that starts at this reading of `CLOCK_MONOTONIC`.
    pub fn starting_at(t0_ns: u64) -> Self {
        Self { t0_ns }
    }

    /// Nanoseconds since the start; zero before it.
    pub fn now_ns(self) -> u64 {
        monotonic_ns().saturating_sub(self.t0_ns)
    }

    /// How long it is until the start; zero after it.
    pub fn until_start(self) -> Duration {
        Duration::from_nanos(self.t0_ns.saturating_sub(monotonic_ns()))
    }
}

/// A reading of some process's monotonic clock, as messages carry it, in nanoseconds.
///
/// It has neither order nor arithmetic: what another process has read means nothing here before a
/// [`ClockOffset`] has translated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClockReading(u64);

impl ClockReading {
    /// This process's clock, now.
    pub fn now() -> Self {
        Self(monotonic_ns())
    }

    /// The run's clock that starts at this reading of this process's own clock.
    pub fn starts(self) -> Clock {
        Clock::starting_at(self.0)
    }
}

/// How far a worker's monotonic clock is ahead of the coordinator's. Every reading that crosses a
/// channel is translated by the channel's offset; times on the run's clock need none, because each
/// process counts them from its own translated start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    ahead_ns: i64,
}

impl ClockOffset {
    /// All processes of a machine read the same clock.
    pub const SAME_MACHINE: Self = Self::ahead_by(0);

    /// The worker's clock shows this many nanoseconds more.
    pub const fn ahead_by(ahead_ns: i64) -> Self {
        Self { ahead_ns }
    }

    /// The worker's clock when this process's shows `here_ns`.
    pub fn there(self, here_ns: u64) -> ClockReading {
        ClockReading(here_ns.saturating_add_signed(self.ahead_ns))
    }

    /// This process's clock when the worker's showed `there`, in nanoseconds.
    pub fn here_ns(self, there: ClockReading) -> u64 {
        there.0.saturating_add_signed(-self.ahead_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_translated_there_and_back() {
        let hour_ns = 3_600_000_000_000;
        for offset in [0, hour_ns, -hour_ns].map(ClockOffset::ahead_by) {
            let here_ns = monotonic_ns() + 2 * hour_ns.unsigned_abs();
            assert_eq!(offset.here_ns(offset.there(here_ns)), here_ns);
        }
        assert_eq!(ClockOffset::ahead_by(7).there(10), ClockReading(17));
        assert_eq!(ClockOffset::ahead_by(-7).there(10), ClockReading(3));
        assert_eq!(ClockOffset::SAME_MACHINE.there(10), ClockReading(10));
    }

    #[test]
    fn a_worker_whose_clock_is_ahead_starts_at_the_same_moment() {
        let t0_ns = monotonic_ns() - 5_000_000_000;
        let here = Clock::starting_at(t0_ns);
        // The other machine booted an hour earlier: the same moment has a larger number there.
        let ahead = ClockOffset::ahead_by(3_600_000_000_000);
        let there = ahead.there(t0_ns).starts();
        assert_eq!(there.t0_ns - here.t0_ns, 3_600_000_000_000);
    }
}
