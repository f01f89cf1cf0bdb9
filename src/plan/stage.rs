//! One stage: a level, how it is reached, how long it is held.

use crate::units::{Rate, Time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A level that is reached and then held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Unique in its scenario; its number from 1 when the plan gives none.
    pub name: String,
    /// What is held, and how it is reached from the stage before.
    pub level: Level,
    /// How long the level is held once it is reached; zero for a peak.
    pub hold: Time,
    /// Keeps this stage out of thresholds.
    pub warmup: bool,
}

/// What a stage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// So many concurrent connections (tcp-hold) or virtual users (http).
    Users {
        /// The level, not an addition; zero ramps all down.
        users: u64,
        /// How it is reached.
        ramp: Ramp,
    },
    /// So many arrivals a second (open model; http only).
    Rate {
        /// The rate at the end of the ramp and through the hold.
        rate: Rate,
        /// Time in which the rate changes in a straight line from that of the stage before (zero at first).
        ramp: Time,
        /// How far apart they are.
        spacing: Spacing,
    },
}

/// How far apart arrivals are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Spacing {
    /// As the rate says: at 100/s always 10 ms.
    #[default]
    Constant,
    /// By chance: a Poisson process of that rate, given its number of arrivals.
    Poisson,
}

/// How a level of users is reached, up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ramp {
    /// As fast as the machine can: the hold begins when all are there.
    Unpaced,
    /// So many users a second.
    SpawnRate(Rate),
    /// Evenly in this time; not zero.
    Over(Time),
}

/// The phases of a stage. What happens is accounted for each by itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// On the way to the level.
    Ramp,
    /// At the level.
    Hold,
    /// After the scenario's last hold, while what is under way ends.
    Drain,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ramp => "ramp",
            Self::Hold => "hold",
            Self::Drain => "drain",
        })
    }
}
