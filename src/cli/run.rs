//! The main form: `planrun PLAN.toml`.

use super::ExitStatus;
use clap::Args;

/// Its arguments.
#[derive(Debug, Args)]
pub struct RunArgs {}

pub(super) fn run(_args: &RunArgs) -> ExitStatus {
    ExitStatus::Internal
}
