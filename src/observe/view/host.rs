//! A host of a run on several, as it is now.

use serde::Serialize;
use std::cmp::Ordering;

/// Starts that are later by more than this put a host before others, in nanoseconds.
const LATE_NS: u64 = 10_000_000;

/// One host, in the last second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::observe) struct HostView {
    /// Its name.
    pub(in crate::observe) name: String,
    pub(in crate::observe) state: HostState,
    /// Part of its processors that the run used in the last five seconds; `None` while unknown.
    pub(in crate::observe) cpu_ratio: Option<f64>,
    /// The latest start, against the schedule.
    pub(in crate::observe) lag_max_ns: u64,
    /// Attempts that started.
    pub(in crate::observe) rate: f64,
    /// Users or connections, as the level of each scenario counts them.
    pub(in crate::observe) level: u64,
    /// Attempts that failed so far, of those that have ended; `None` while none has.
    pub(in crate::observe) failure_ratio: Option<f64>,
}

/// Whether a host takes part; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::observe) enum HostState {
    /// Its workers have ended.
    Ended,
    /// It makes load.
    Running,
    /// Workers of it have not reported the last second.
    Late,
    /// It is gone.
    Lost,
}

impl HostState {
    /// The word on screen; none for one that runs.
    pub(in crate::observe) fn word(self) -> Option<&'static str> {
        match self {
            Self::Running => None,
            Self::Ended => Some("ended"),
            Self::Late => Some("late"),
            Self::Lost => Some("lost"),
        }
    }
}

impl HostView {
    /// The order in which hosts are shown: what needs attention first.
    pub(in crate::observe) fn worst_first(&self, other: &Self) -> Ordering {
        let late = |one: &Self| if one.lag_max_ns > LATE_NS { one.lag_max_ns } else { 0 };
        let failed = |one: &Self| one.failure_ratio.unwrap_or(0.0);
        let cpu = |one: &Self| one.cpu_ratio.unwrap_or(0.0);
        (other.state.cmp(&self.state))
            .then_with(|| late(other).cmp(&late(self)))
            .then_with(|| failed(other).total_cmp(&failed(self)))
            .then_with(|| cpu(other).total_cmp(&cpu(self)))
    }
}
