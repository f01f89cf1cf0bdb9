//! The `init` subcommand.

use super::ExitStatus;
use clap::Args;

/// Its arguments.
#[derive(Debug, Args)]
pub struct InitArgs {}

pub(super) fn init(_args: &InitArgs) -> ExitStatus {
    ExitStatus::Internal
}
