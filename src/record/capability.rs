//! The load that a machine was able to generate, measured before a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The attempts that one scenario's workers started, at full speed against a built-in server on the
/// same machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorCapability {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Requests or connections.
    pub started: u64,
    /// In how long.
    pub length_ns: u64,
}

impl GeneratorCapability {
    /// Requests or connections a second.
    pub fn per_second(self) -> f64 {
        self.started as f64 * 1e9 / self.length_ns.max(1) as f64
    }
}
