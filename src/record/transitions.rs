//! Turns the transitions of a scenario, in order, into its phases: which was current when, and how
//! long each lasted.

use super::CellKey;
use crate::plan::Phase;
use serde::{Deserialize, Serialize};

/// A moment at which a scenario entered a phase of a stage, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTransition {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// What began.
    #[serde(rename = "mark")]
    pub transition: Transition,
    /// When, on the run's clock.
    pub at_ns: u64,
}

/// What begins at a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// The ramp of a stage.
    Ramp(u16),
    /// The hold of a stage.
    Hold(u16),
    /// The drain, after the last hold.
    Drain,
    /// Nothing more: the scenario has ended.
    End,
}

impl Transition {
    /// Its position in the order in which a scenario passes its transitions.
    pub fn order(self) -> u32 {
        match self {
            Self::Ramp(stage) => 2 * u32::from(stage),
            Self::Hold(stage) => 2 * u32::from(stage) + 1,
            Self::Drain => u32::MAX - 1,
            Self::End => u32::MAX,
        }
    }
}

/// The transitions that one scenario has passed so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PassedTransitions(Vec<StageTransition>);

impl PassedTransitions {
    /// Adds the next one.
    pub fn push(&mut self, transition: StageTransition) {
        self.0.push(transition);
    }

    /// All of them, in the order in which they were added.
    pub fn all(&self) -> &[StageTransition] {
        &self.0
    }

    /// When a transition happened, on the run's clock.
    pub fn at(&self, mark: Transition) -> Option<u64> {
        self.0
            .iter()
            .find(|transition| transition.transition == mark)
            .map(|transition| transition.at_ns)
    }

    /// The phase that was current at `at_ns`; `None` before the scenario's start and after its end.
    pub fn phase_at(&self, at_ns: u64) -> Option<CellKey> {
        let transition = self
            .0
            .iter()
            .filter(|transition| transition.at_ns <= at_ns)
            .max_by_key(|transition| transition.transition.order())?;
        let last = self.0.iter().filter_map(|transition| match transition.transition {
            Transition::Ramp(stage) | Transition::Hold(stage) => Some(stage),
            Transition::Drain | Transition::End => None,
        });
        match transition.transition {
            Transition::Ramp(stage) => Some(CellKey { stage, phase: Phase::Ramp }),
            Transition::Hold(stage) => Some(CellKey { stage, phase: Phase::Hold }),
            Transition::Drain => {
                Some(CellKey { stage: last.max().unwrap_or(0), phase: Phase::Drain })
            }
            Transition::End => None,
        }
    }

    /// When a phase began and ended, up to `end_ns` if it goes on; `None` if it never began.
    pub fn phase_time(&self, key: CellKey, end_ns: u64) -> Option<(u64, u64)> {
        let mark = match key.phase {
            Phase::Ramp => Transition::Ramp(key.stage),
            Phase::Hold => Transition::Hold(key.stage),
            Phase::Drain => Transition::Drain,
        };
        let from = self.at(mark)?;
        let later = self.0.iter().filter(|passed| passed.transition.order() > mark.order());
        let to = later.map(|passed| passed.at_ns).min().unwrap_or(end_ns);
        Some((from, to.max(from)))
    }

    /// How long a phase lasted, up to `end_ns` if it goes on; zero if it never began.
    pub fn phase_length_ns(&self, key: CellKey, end_ns: u64) -> u64 {
        self.phase_time(key, end_ns).map_or(0, |(from, to)| to - from)
    }
}
