//! The program that made a recording.

use serde::{Deserialize, Serialize};

/// The program that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tool {
    /// `planrun`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from, where the build knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Tool {
    /// This program.
    pub fn this() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("PLANRUN_COMMIT").map(str::to_owned),
        }
    }
}
