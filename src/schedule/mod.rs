//! Computes from a plan which attempts are due when, and for which worker, by arithmetic alone.
//!
//! ```text
//!  level
//!   20k ┤                       ┌──────────┐
//!   15k ┤           ┌──────────╱           │
//!   10k ┤ ┌────────╱                       ╲  a lower level is ramped down, the newest users first
//!       └─╱────────┴───────────┴───────────┴─▶ time
//!       ramp hold   ramp hold   ramp hold   drain
//! ```
//!
//! **Invariant:** no clock is read here, and no error accumulates: every due time is a closed form
//! of an index, or of an index and what was drawn from the seed before it.
//! **Invariant:** due times do not depend on the number of workers, and partitions sum to the whole
//! exactly.

mod cursor;
mod digest;
mod partition;
mod poisson;
mod segment;
mod stage_times;

pub(crate) use cursor::{ScheduleCursor, ScheduledEvent};
pub(crate) use digest::Digests;
pub(crate) use partition::{HostShare, Partition};
pub(crate) use segment::{Segment, Shape, SpawnPace};
pub(crate) use stage_times::StageTimes;

use crate::catalogue::ProtocolRow;
use crate::plan::{Level, Plan, Ramp, Scenario, Spacing, StartAfter};
use crate::units::Rate;
use poisson::Poisson;

/// How many consecutive users one worker owns, of a scenario that holds at most `users`.
///
/// They open in one burst, which wakes two processes instead of all. Larger blocks (256 at 20,000 a
/// second: 13 ms) keep a late worker from competing with the next ones for a core. Small scenarios
/// use small blocks, so that every worker gets some.
pub(crate) fn user_block(protocol: &ProtocolRow, users: u64) -> u64 {
    let (least, most) = protocol.users_in_block;
    (users / 2048).next_power_of_two().clamp(least, most)
}

/// The schedules of all scenarios of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    scenarios: Vec<ScenarioSchedule>,
}

/// The due times of one scenario, counted from each stage's own start.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioSchedule {
    /// When the scenario starts.
    pub start_after: StartAfter,
    /// How many consecutive users belong to the same worker.
    pub block: u64,
    /// The plan's seed, from which random arrivals are drawn.
    seed: u64,
    /// Its index in the plan.
    scenario: u64,
    /// One for each stage.
    pub segments: Vec<Segment>,
}

impl Schedule {
    /// The schedule of a plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            scenarios: (0..)
                .zip(&plan.scenarios)
                .map(|(index, scenario)| ScenarioSchedule::new(scenario, plan.seed, index))
                .collect(),
        }
    }

    /// The schedule of one scenario: index into `Plan::scenarios`.
    pub(crate) fn scenario(&self, index: usize) -> &ScenarioSchedule {
        &self.scenarios[index]
    }

    /// All of them, in the plan's order.
    pub(crate) fn scenarios(&self) -> &[ScenarioSchedule] {
        &self.scenarios
    }

    /// The times of each scenario that are known before the run: all, except those that follow the
    /// end of an unpaced ramp.
    pub(crate) fn timelines(&self) -> Vec<StageTimes> {
        let mut timelines: Vec<StageTimes> = self.scenarios.iter().map(StageTimes::new).collect();
        if let Some(start) = Self::hold_start(&timelines) {
            timelines
                .iter_mut()
                .filter(|timeline| timeline.waits_for_hold())
                .for_each(|timeline| timeline.start_at(start));
        }
        timelines
    }

    /// When scenarios that wait for the hold start: when every other one has reached its first.
    /// `None` while one has not said.
    pub(crate) fn hold_start(timelines: &[StageTimes]) -> Option<u64> {
        let mut latest = 0;
        for timeline in timelines.iter().filter(|timeline| !timeline.waits_for_hold()) {
            latest = latest.max(timeline.at(crate::record::Transition::Hold(0))?);
        }
        Some(latest)
    }
}

impl ScenarioSchedule {
    fn new(scenario: &Scenario, seed: u64, index: u64) -> Self {
        let mut segments = Vec::with_capacity(scenario.stages.len());
        let (mut users, mut rate, mut arrivals) = (0, 0.0, 0.0);
        for stage in &scenario.stages {
            let hold_ns = stage.hold.as_nanos();
            let segment = match stage.level {
                Level::Users { users: to, ramp } => {
                    let pace = match ramp {
                        Ramp::Unpaced => SpawnPace::Unpaced,
                        Ramp::SpawnRate(rate) => SpawnPace::Paced(rate),
                        Ramp::Over(time) => SpawnPace::Paced(Rate {
                            count: to.abs_diff(users).max(1),
                            per_ns: time.as_nanos(),
                        }),
                    };
                    let segment =
                        Segment { shape: Shape::Users { from: users, to, pace }, hold_ns };
                    (users, rate) = (to, 0.0);
                    segment
                }
                Level::Rate { rate: to, ramp, spacing } => {
                    let ramp_ns = ramp.as_nanos();
                    let shape = Shape::Rate {
                        from: rate,
                        to: to.value(),
                        ramp_ns,
                        before: arrivals,
                        spacing,
                    };
                    let segment = Segment { shape, hold_ns };
                    arrivals = segment.arrivals_by(ramp_ns + hold_ns);
                    (users, rate) = (0, to.value());
                    segment
                }
            };
            segments.push(segment);
        }
        let start_after = scenario.start_after;
        let mut schedule = Self { start_after, block: 1, seed, scenario: index, segments };
        schedule.block = user_block(scenario.protocol.row(), schedule.peak_users());
        schedule
    }

    /// The highest number of users of any stage; zero for an open scenario.
    pub fn peak_users(&self) -> u64 {
        let level = |segment: &Segment| match segment.shape {
            Shape::Users { to, .. } => to,
            Shape::Rate { .. } => 0,
        };
        self.segments.iter().map(level).max().unwrap_or(0)
    }

    /// Whether these partitions have every user of the highest level, and none twice.
    pub fn is_shared_by(&self, partitions: impl IntoIterator<Item = Partition>) -> bool {
        let users = self.peak_users();
        let part = |one: Partition| one.part_of(users, self.block);
        partitions.into_iter().map(part).sum::<u64>() == users
    }

    /// The highest arrivals a second of any stage; zero for a closed scenario.
    fn peak_rate(&self) -> f64 {
        let rate = |segment: &Segment| match segment.shape {
            Shape::Users { .. } => 0.0,
            Shape::Rate { from, to, .. } => from.max(to),
        };
        self.segments.iter().map(rate).fold(0.0, f64::max)
    }

    /// The most passes that may begin within a second without one that has ended before.
    pub fn at_once(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive rate; `as` saturates"
        )]
        let arrivals = self.peak_rate().ceil() as u64;
        self.peak_users().saturating_add(arrivals)
    }

    /// What falls due for one share in one stage's ramp (of users), or in its ramp and hold (of
    /// arrivals).
    pub fn cursor(&self, stage: usize, share: Partition) -> ScheduleCursor {
        let segment = &self.segments[stage];
        let poisson = matches!(segment.shape, Shape::Rate { spacing: Spacing::Poisson, .. })
            .then(|| Poisson::new(segment, self.seed, self.scenario, stage as u64));
        ScheduleCursor::new(segment, share, self.block, poisson)
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
