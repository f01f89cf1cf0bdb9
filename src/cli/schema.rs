//! The `schema` subcommand.

use super::ExitStatus;
use crate::plan::Plan;
use std::io::Write;

pub(super) fn schema() -> ExitStatus {
    let text = format!("{:#}\n", Plan::schema());
    // Whoever closes the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitStatus::Pass
}
