//! The hidden `worker` subcommand.

use super::ExitStatus;

pub(super) fn worker() -> ExitStatus {
    ExitStatus::Internal
}
