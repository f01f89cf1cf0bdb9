//! How long the parts of a scenario are and what they hold, as far as arithmetic knows.

use crate::plan::{During, FixedWork, Level, Ramp, Scope, Stage, Threshold};
use crate::units::Time;

/// One phase of one stage, as far as the schedule determines it.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct Extent {
    pub hold: bool,
    /// Nanoseconds; `None` when only the run will tell.
    pub length: Option<u64>,
    /// Levels of users at its ends; zero in an open stage.
    pub users: (u64, u64),
    /// Arrivals a second at its ends; zero in a closed stage.
    pub rates: (f64, f64),
    pub open: bool,
    /// The iterations that users share, if they are counted.
    pub iterations: Option<u64>,
    /// Time from the scenario's start to this part's end.
    pub end: Option<u64>,
}

impl Extent {
    /// Whether it takes no time.
    pub(in crate::plan) fn is_empty(&self) -> bool {
        self.length == Some(0)
    }

    /// The busiest stretch of this length.
    pub(in crate::plan) fn cut(self, window: Time) -> Self {
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
pub(in crate::plan) fn extents(stages: &[Stage]) -> Vec<[Extent; 2]> {
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
            iterations: match stage.work {
                Some(FixedWork::Iterations(count)) => Some(count),
                Some(FixedWork::Data) | None => None,
            },
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
pub(in crate::plan) fn length(stages: &[Stage]) -> Option<Time> {
    let [_, hold] = extents(stages).pop()?;
    hold.end.map(|end| Time(std::time::Duration::from_nanos(end)))
}

/// A part, and when it begins on the scenario's clock, where ramps without a pace take no time.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct Placed {
    pub extent: Extent,
    pub begin_ns: u64,
}

impl Placed {
    /// Nanoseconds.
    pub(in crate::plan) fn length_ns(&self) -> u64 {
        self.extent.length.unwrap_or(0)
    }
}

/// Ramp and hold of every stage, with their beginnings.
pub(in crate::plan) fn placed(stages: &[Stage]) -> Vec<[Placed; 2]> {
    let mut begin_ns = 0_u64;
    let mut place = |extent: Extent| {
        let placed = Placed { extent, begin_ns };
        begin_ns = begin_ns.saturating_add(placed.length_ns());
        placed
    };
    extents(stages).into_iter().map(|parts| parts.map(&mut place)).collect()
}

/// The stages in which a threshold is evaluated, each with the phases that it covers: all stages
/// but warm-ups together, or one by one.
pub(in crate::plan) fn looked_at(
    threshold: &Threshold,
    stages: &[Stage],
) -> Vec<(String, Vec<Placed>)> {
    let judged: Vec<usize> = (0..stages.len()).filter(|index| !stages[*index].warmup).collect();
    let scopes: Vec<Vec<usize>> = match threshold.scope {
        Scope::Scenario => vec![judged],
        Scope::EachStage => judged.into_iter().map(|index| vec![index]).collect(),
        Scope::Stage(index) => vec![vec![index]],
    };
    let places = placed(stages);
    let of = |scope: Vec<usize>| {
        let whom = match (&threshold.scope, scope.as_slice()) {
            (Scope::Scenario, _) | (_, []) => "this scenario".to_owned(),
            (_, [index, ..]) => format!("stage `{}`", stages[*index].name),
        };
        let parts =
            scope.iter().flat_map(|index| places[*index]).filter(|part| match threshold.during {
                During::All => true,
                During::Hold => part.extent.hold,
                During::Ramp => !part.extent.hold,
            });
        (whom, parts.collect())
    };
    scopes.into_iter().map(of).collect()
}
