//! The `check` subcommand.

use super::ExitStatus;
use clap::Args;

/// Its arguments.
#[derive(Debug, Args)]
pub struct CheckArgs {}

pub(super) fn check(_args: &CheckArgs) -> ExitStatus {
    ExitStatus::Internal
}
