//! The `schema` subcommand.

use super::ExitStatus;

pub(super) fn schema() -> ExitStatus {
    ExitStatus::Internal
}
