//! The hidden `worker` subcommand.

use super::{ExitStatus, diagnostic};

pub(super) fn worker() -> ExitStatus {
    match crate::engine::work() {
        Ok(()) => ExitStatus::Pass,
        // The coordinator is gone: nobody is left to report to.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitStatus::Internal,
        Err(error) => {
            diagnostic::print_error(&format!("a worker cannot go on: {error}"), None);
            ExitStatus::Internal
        }
    }
}
