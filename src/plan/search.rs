//! What `[search]` says: between which levels the highest one is looked for that passes.

use crate::units::Ratio;
use serde::{Deserialize, Serialize};

/// A search for the highest level of one stage that passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The scenario whose level is searched.
    pub scenario: String,
    /// The stage: index into `Scenario::stages`.
    pub stage: usize,
    /// What the levels count.
    pub unit: LevelUnit,
    /// The first level that is run; at least 1.
    pub min: u64,
    /// The highest level that is run; above `min`.
    pub max: u64,
    /// How levels follow each other.
    pub way: SearchWay,
    /// How often the highest level that passed is run again, and has to pass.
    pub confirm: u64,
    /// The level that must be reached for a PASS; from `min` to `max`.
    pub at_least: u64,
}

/// What a level counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LevelUnit {
    /// Connections or virtual users.
    Users,
    /// Arrivals a second.
    PerSecond,
}

/// How levels follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum SearchWay {
    /// Up by so much until one does not pass.
    Step(u64),
    /// Doubled until one does not pass, then halved between until the gap is at most this share of the level that passed.
    Bisect(Ratio),
}

impl Search {
    /// The override by which a run of the plan is one of this level: what stands behind `--set`.
    pub fn setting(&self, level: u64) -> String {
        let (key, value) = match self.unit {
            LevelUnit::Users => ("users", level.to_string()),
            LevelUnit::PerSecond => ("rate", format!("{level}/s")),
        };
        format!("scenarios.{}.stages.{}.{key}={value}", self.scenario, self.stage)
    }
}
