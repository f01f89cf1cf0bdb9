//! The run's clock: nanoseconds since the start, on the machine's monotonic clock, which all processes of a machine share.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Now, in nanoseconds of `CLOCK_MONOTONIC`.
pub fn monotonic_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Processor time of this process, in nanoseconds.
pub fn cpu_ns() -> u64 {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// How far the wall clock, and the clock that also counts sleep, are from the monotonic one, in nanoseconds; absent when this process
/// was held up every time it looked, so that the readings are of different moments.
pub fn offsets_ns() -> Option<(i64, i64)> {
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
