//! How long the parts of a scenario are and what they hold, as far as arithmetic knows.

use crate::plan::{Level, Ramp, Stage};
use crate::units::Time;

/// One part of one stage, as far as arithmetic knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub hold: bool,
    /// Nanoseconds; `None` when only the run will tell.
    pub length: Option<u64>,
    /// Levels of users at its ends; zero in an open stage.
    pub users: (u64, u64),
    /// Arrivals a second at its ends; zero in a closed stage.
    pub rates: (f64, f64),
    pub open: bool,
    /// Time from the scenario's start to this part's end.
    pub end: Option<u64>,
}

impl Extent {
    /// Whether it takes no time.
    pub(super) fn is_empty(&self) -> bool {
        self.length == Some(0)
    }

    /// The busiest stretch of this length.
    pub(super) fn cut(self, window: Time) -> Self {
        let Some(length) = self.length.filter(|length| *length > window.as_nanos()) else {
            return self;
        };
        let part = window.as_nanos() as f64 / length as f64;
        let (before, after) = self.users;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of it")]
        let before = match after.checked_sub(before) {
            Some(new) => after - (new as f64 * part).ceil() as u64,
            None => before,
        };
        let busiest = self.rates.0.max(self.rates.1);
        Self {
            length: Some(window.as_nanos()),
            users: (before, after),
            rates: (busiest, busiest),
            ..self
        }
    }
}

/// Ramp and hold of every stage.
pub(super) fn extents(stages: &[Stage]) -> Vec<[Extent; 2]> {
    let (mut users, mut rate, mut clock) = (0, 0.0, Some(0_u64));
    let mut extents = Vec::with_capacity(stages.len());
    for stage in stages {
        let (ramp, to_users, to_rate, open) = match stage.level {
            Level::Users { users: to, ramp } => (ramp_length(users, to, ramp), to, 0.0, false),
            Level::Rate { rate: to, ramp, .. } => (Some(ramp.as_nanos()), 0, to.value(), true),
        };
        let hold = stage.hold.as_nanos();
        let ramp_end = clock.zip(ramp).map(|(clock, ramp)| clock.saturating_add(ramp));
        let hold_end = ramp_end.map(|end| end.saturating_add(hold));
        let (from_users, from_rate) = if open { (0, rate) } else { (users, 0.0) };
        let ramp = Extent {
            hold: false,
            length: ramp,
            users: (from_users, to_users),
            rates: (from_rate, to_rate),
            open,
            end: ramp_end,
        };
        let hold = Extent {
            hold: true,
            length: Some(hold),
            users: (to_users, to_users),
            rates: (to_rate, to_rate),
            end: hold_end,
            ..ramp
        };
        extents.push([ramp, hold]);
        (users, rate, clock) = (to_users, to_rate, hold_end);
    }
    extents
}

/// The length of a ramp of users; `None` when it ends only when all are there.
fn ramp_length(from: u64, to: u64, ramp: Ramp) -> Option<u64> {
    let steps = from.abs_diff(to);
    match ramp {
        _ if steps == 0 => Some(0),
        Ramp::Unpaced => None,
        Ramp::Over(time) => Some(time.as_nanos()),
        Ramp::SpawnRate(rate) => {
            let exact = u128::from(steps) * u128::from(rate.per_ns) / u128::from(rate.count.max(1));
            Some(u64::try_from(exact).unwrap_or(u64::MAX))
        }
    }
}

/// How long the stages take together; `None` when only the run will tell.
pub(super) fn length(stages: &[Stage]) -> Option<Time> {
    let [_, hold] = extents(stages).pop()?;
    hold.end.map(|end| Time(std::time::Duration::from_nanos(end)))
}
