//! Identifies this program and its build, so that a run can be traced to its binary.

use crate::units::hex;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;

/// The program that made a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Program {
    /// SHA-256 of the executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The compiler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rustc: Option<&'static str>,
    /// The platform that it was built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'static str>,
}

impl Program {
    /// The one that runs.
    pub fn this() -> Self {
        Self {
            sha256: digest().ok(),
            rustc: option_env!("PLANRUN_RUSTC"),
            target: option_env!("PLANRUN_TARGET"),
        }
    }
}

/// The file may be gone or replaced by now: the kernel still has the one that runs.
fn digest() -> io::Result<String> {
    let mut hasher = Hasher(Sha256::new());
    io::copy(&mut File::open("/proc/self/exe")?, &mut hasher)?;
    Ok(hex(&hasher.0.finalize()))
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
