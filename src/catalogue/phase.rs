//! The phases of a stage.

use std::fmt;

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
    /// After the scenario's last hold, while attempts in progress end.
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
