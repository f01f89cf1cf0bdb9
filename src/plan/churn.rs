//! What ends held connections before their stage does, and whether others take their places.

use super::Close;
use crate::units::{Ratio, Time};
use serde::{Deserialize, Serialize};

/// How a scenario's connections come and go while its level is held. The default: they stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Churn {
    /// What follows a connection that was lost, dropped by an event, or not opened.
    pub reconnect: Reconnect,
    /// How long each connection is kept before another one takes its place; `None`: as long as the level is held.
    pub lifetime: Option<Lifetime>,
    /// Planned drops, in the order of their times.
    pub events: Vec<DisconnectEvent>,
}

impl Churn {
    /// Whether connections are opened outside of ramps.
    pub fn reopens(&self) -> bool {
        self.reconnect != Reconnect::Never || self.lifetime.is_some()
    }

    /// Whether connections come or go outside of ramps.
    pub fn is_any(&self) -> bool {
        self.reopens() || !self.events.is_empty()
    }
}

/// When a user without a connection tries again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reconnect {
    /// Not at all.
    #[default]
    Never,
    /// At once; after an attempt that failed, in a moment.
    AtOnce,
    /// After a pause that doubles with each attempt that fails.
    Backoff {
        /// The first pause; not zero.
        first: Time,
        /// The longest; not shorter.
        longest: Time,
        /// How the pause is blurred.
        jitter: Jitter,
    },
}

/// How a pause is blurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Jitter {
    /// Not at all: users that were lost together come back together.
    None,
    /// To a uniform time from zero to the pause.
    Full,
}

/// How long a connection is kept; drawn anew for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifetime {
    /// Uniform; both ends alike make it fixed. Never zero.
    Uniform {
        /// The shortest.
        min: Time,
        /// The longest.
        max: Time,
    },
    /// Exponential: at every moment each connection is as likely to end.
    Exponential {
        /// Their mean; not zero.
        mean: Time,
    },
}

impl Lifetime {
    /// How long connections are kept on average.
    pub fn mean(self) -> Time {
        match self {
            Self::Uniform { min, max } => Time((min.0 + max.0) / 2),
            Self::Exponential { mean } => mean,
        }
    }
}

/// A share of the open connections is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DisconnectEvent {
    /// When, from the scenario's start.
    pub at: Time,
    /// Which part of the users lose their connection; not zero.
    pub share: Ratio,
    /// How it ends.
    pub by: Close,
    /// The time over which the drops are spread; zero: all at once.
    pub over: Time,
}
