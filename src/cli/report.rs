//! The `report` subcommand.

use super::ExitStatus;
use clap::Args;

/// Its arguments.
#[derive(Debug, Args)]
pub struct ReportArgs {}

pub(super) fn report(_args: &ReportArgs) -> ExitStatus {
    ExitStatus::Internal
}
