//! One stage as arithmetic: the number of attempts due by a time, counted from the stage's start.

use crate::plan::Spacing;
use crate::units::Rate;
use crate::units::SECOND_NS;

/// One stage: its ramp, then its hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// The change in the ramp.
    pub shape: Shape,
    /// The length of the hold.
    pub hold_ns: u64,
}

/// How the level of a stage is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Users start, or stop, one by one.
    Users {
        /// The level before.
        from: u64,
        /// The level of this stage.
        to: u64,
        /// How fast.
        pace: SpawnPace,
    },
    /// Arrivals: the rate changes in a straight line, then stays.
    Rate {
        /// Arrivals a second at the start.
        from: f64,
        /// Arrivals a second at the end of the ramp and through the hold.
        to: f64,
        /// The length of the ramp.
        ramp_ns: u64,
        /// Arrivals of all stages before this one: a real number, so that no fraction is lost
        /// between stages.
        before: f64,
        /// How far apart arrivals are.
        spacing: Spacing,
    },
}

/// How fast users start or stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpawnPace {
    /// As fast as the machine can: all are due at the start.
    Unpaced,
    /// At exactly this rate.
    Paced(Rate),
}

impl Segment {
    /// The length of the ramp; `None` where it ends once all users have started.
    pub fn ramp_ns(&self) -> Option<u64> {
        match self.shape {
            Shape::Rate { ramp_ns, .. } => Some(ramp_ns),
            Shape::Users { from, to, .. } if from == to => Some(0),
            Shape::Users { pace: SpawnPace::Unpaced, .. } => None,
            Shape::Users { from, to, pace: SpawnPace::Paced(rate) } => {
                let exact = u128::from(from.abs_diff(to)) * u128::from(rate.per_ns);
                Some(u64::try_from(exact.div_ceil(u128::from(rate.count))).unwrap_or(u64::MAX))
            }
        }
    }

    /// When user number `j` of the ramp starts or stops, from the ramp's start.
    pub fn user_due_ns(&self, j: u64) -> u64 {
        match self.shape {
            Shape::Users { pace: SpawnPace::Paced(rate), .. } => {
                let exact = u128::from(j) * u128::from(rate.per_ns) / u128::from(rate.count);
                u64::try_from(exact).unwrap_or(u64::MAX)
            }
            Shape::Users { pace: SpawnPace::Unpaced, .. } | Shape::Rate { .. } => 0,
        }
    }

    /// Arrivals from the scenario's start to `offset_ns` into this stage: a real number; zero for
    /// users.
    pub fn arrivals_by(&self, offset_ns: u64) -> f64 {
        let Shape::Rate { from, to, ramp_ns, before, .. } = self.shape else { return 0.0 };
        let second = SECOND_NS as f64;
        let ramp = ramp_ns as f64 / second;
        let in_ramp = (offset_ns.min(ramp_ns)) as f64 / second;
        let in_hold = offset_ns.saturating_sub(ramp_ns) as f64 / second;
        let slope = if ramp_ns == 0 { 0.0 } else { (to - from) / ramp };
        before + from * in_ramp + slope * in_ramp * in_ramp / 2.0 + to * in_hold
    }

    /// When arrival number `i` of the scenario is due, from this stage's start, if arrivals come
    /// evenly; `None` if it is not in this stage.
    pub fn arrival_due_ns(&self, i: u64) -> Option<u64> {
        let Shape::Rate { before, .. } = self.shape else { return None };
        let due = self.reached_ns(i as f64 - before)?;
        (due < self.rate_ns()).then_some(due)
    }

    /// When `ahead` arrivals, a real number, have come since this stage's start: the inverse of
    /// [`Self::arrivals_by`]. `None` for users, and where the rate is zero by then.
    pub(super) fn reached_ns(&self, ahead: f64) -> Option<u64> {
        let Shape::Rate { from, to, ramp_ns, .. } = self.shape else { return None };
        let second = SECOND_NS as f64;
        // Sums of rates times seconds carry errors far below one millionth of an arrival.
        let ramp = ramp_ns as f64 / second;
        let of_ramp = f64::midpoint(from, to) * ramp;
        let seconds = if ahead <= 0.0 {
            0.0
        } else if ahead < of_ramp {
            // The root of `from t + slope t²/2 = ahead` in the form that does not cancel, also for
            // a slope of zero.
            let slope = (to - from) / ramp;
            2.0 * ahead / (from + (from * from + 2.0 * slope * ahead).max(0.0).sqrt())
        } else {
            ramp + (ahead - of_ramp) / to
        };
        let due = (seconds * second).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "finite and not below zero; `as` saturates"
        )]
        due.is_finite().then_some(due as u64)
    }

    /// The length of a stage of arrivals; zero for users.
    pub(super) fn rate_ns(&self) -> u64 {
        match self.shape {
            Shape::Rate { ramp_ns, .. } => ramp_ns + self.hold_ns,
            Shape::Users { .. } => 0,
        }
    }

    /// The number of the first arrival that is not before this stage.
    pub fn first_arrival(&self) -> u64 {
        let Shape::Rate { before, .. } = self.shape else { return 0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of positive rates"
        )]
        let first = (before - 1e-6).ceil().max(0.0) as u64;
        first
    }

    /// The level `offset_ns` after the stage's start: users, or arrivals a second. An unpaced ramp
    /// counts as over at once.
    pub fn level_at(&self, offset_ns: u64) -> f64 {
        match self.shape {
            Shape::Users { from, to, .. } => {
                let ramp = self.ramp_ns().unwrap_or(0);
                between(from as f64, to as f64, offset_ns, ramp)
            }
            Shape::Rate { from, to, ramp_ns, .. } => between(from, to, offset_ns, ramp_ns),
        }
    }

    /// How many attempts fall due in this stage: users that come, or arrivals.
    pub fn attempts(&self) -> u64 {
        match self.shape {
            Shape::Users { from, to, .. } => to.saturating_sub(from),
            Shape::Rate { ramp_ns, .. } => {
                let end = self.arrivals_by(ramp_ns + self.hold_ns);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a sum of positive rates"
                )]
                let end = (end - 1e-6).ceil().max(0.0) as u64;
                end - self.first_arrival()
            }
        }
    }
}

fn between(from: f64, to: f64, offset_ns: u64, ramp_ns: u64) -> f64 {
    if offset_ns >= ramp_ns { to } else { from + (to - from) * (offset_ns as f64 / ramp_ns as f64) }
}
