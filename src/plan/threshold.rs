//! What must hold for a PASS.

use super::Metric;
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `metric comparison bound`, and where and when it is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The condition as the plan has it, printed everywhere as it is written: `connect.time.p99 < 1s`.
    pub condition: String,
    /// The line in the plan's file, from 1.
    pub line: usize,
    /// Whether it is there because the scenario says nothing of thresholds.
    pub is_default: bool,
    /// What is measured.
    pub metric: Metric,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub bound: Bound,
    /// Which stages it looks at.
    pub scope: Scope,
    /// Which requests of them.
    pub requests: RequestScope,
    /// Which parts of them.
    pub during: During,
    /// It must hold in every window of this length inside its scope; `None` looks at the scope as a whole. At least one second.
    pub window: Option<Time>,
    /// Ends the run as soon as it is broken.
    pub abort: bool,
    /// Live checks are not made this long after the scope's start.
    pub grace: Time,
}

/// The relation that must hold between value and bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Whether `value comparison bound` is so.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        #[expect(clippy::float_cmp, reason = "`== 0` and `== 100%` are asked of exact counts")]
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Greater => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}

/// The bound in the metric's unit: a ratio 0 to 1, nanoseconds, a count, things a second, bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound(pub f64);

/// Which stages a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All stages but warm-ups, as one.
    Scenario,
    /// Each stage but warm-ups, by itself.
    EachStage,
    /// One stage: index into `Scenario::stages`.
    Stage(usize),
}

/// http: which requests a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RequestScope {
    /// All of them, as one.
    #[default]
    All,
    /// Each by itself.
    Each,
    /// One: index into `Http::requests`.
    One(u16),
}

/// Which parts of its stages a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum During {
    /// The ramps.
    Ramp,
    /// The holds.
    Hold,
    /// Ramps, holds and the drain.
    All,
}

impl During {
    /// The word in plans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Hold => "hold",
            Self::All => "all",
        }
    }
}
