//! The `serve` subcommand: a built-in server on its own.

use super::ExitStatus;
use clap::Subcommand;

/// Which server.
#[derive(Debug, Subcommand)]
pub enum ServeCommand {
    /// Long connections.
    TcpHold,
    /// HTTP.
    Http,
}

pub(super) fn serve(_command: &ServeCommand) -> ExitStatus {
    ExitStatus::Internal
}
