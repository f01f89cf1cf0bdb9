//! A pause between requests.

use crate::units::Time;
use serde::{Deserialize, Serialize};

/// A uniform pause; both ends alike make it fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ThinkTime {
    /// The shortest pause.
    pub min: Time,
    /// The longest pause; not below `min`.
    pub max: Time,
}
