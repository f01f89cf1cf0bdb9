//! The current phase of a scenario, and its progress.

use crate::plan::Phase;
use serde::Serialize;

/// The phase of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(in crate::observe) enum Progression {
    /// It has not started.
    Waiting {
        /// When it will, where that is known.
        starts_ns: Option<u64>,
    },
    /// In a phase of a stage.
    Running(PhaseView),
    /// At its end.
    Ended,
}

/// The current phase of a scenario by the plan's times, on the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(in crate::observe) struct PhaseView {
    /// Index into `Scenario::stages`.
    pub(in crate::observe) stage: u16,
    pub(in crate::observe) phase: Phase,
    /// When the phase began.
    pub(in crate::observe) began_ns: u64,
    /// When it ends; `None` where only the run can tell.
    pub(in crate::observe) ends_ns: Option<u64>,
    /// When its stage began.
    pub(in crate::observe) stage_began_ns: u64,
    /// When its stage ends; `None` where only the run can tell.
    pub(in crate::observe) stage_ends_ns: Option<u64>,
    /// When the scenario's last stage ends; `None` where only the run can tell.
    pub(in crate::observe) drains_ns: Option<u64>,
    /// How much of the way to the stage's level is behind, 0 to 1.
    pub(in crate::observe) reached: f64,
}

/// How far a phase of a stage has come by the plan's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::observe) struct StageProgress {
    /// How much of the whole stage is behind, 0 to 1.
    pub(in crate::observe) fraction: f64,
    /// Time since the phase began.
    pub(in crate::observe) elapsed_ns: u64,
    /// The phase's length by the plan; `None` where only the run can tell.
    pub(in crate::observe) length_ns: Option<u64>,
    /// Until the scenario's planned end; `None` where only the run can tell.
    pub(in crate::observe) left_ns: Option<u64>,
}

impl PhaseView {
    /// How far it has come at `now_ns`.
    pub(in crate::observe) fn progress(&self, now_ns: u64) -> StageProgress {
        let fraction = match (self.phase, self.stage_ends_ns) {
            (Phase::Drain, _) => 1.0,
            (_, Some(end)) if end > self.stage_began_ns => {
                now_ns.saturating_sub(self.stage_began_ns) as f64
                    / (end - self.stage_began_ns) as f64
            }
            (_, Some(_)) => 1.0,
            // Only an unpaced ramp has no planned end: its course is how many are there.
            (_, None) => self.reached,
        };
        let left = self.drains_ns.map(|end| end.saturating_sub(now_ns));
        StageProgress {
            fraction: fraction.clamp(0.0, 1.0),
            elapsed_ns: now_ns.saturating_sub(self.began_ns),
            length_ns: self.ends_ns.map(|end| end.saturating_sub(self.began_ns)),
            left_ns: left.filter(|_| self.phase != Phase::Drain),
        }
    }
}
