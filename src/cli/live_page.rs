//! The live page of a command: served from its start to its end, for all its runs.

use super::run::RunArgs;
use super::{ExitStatus, diagnostic};
use crate::observe::{LivePage, ProgressMode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;

/// Serves the page, if asked for, and prints its address.
pub(super) fn serve(args: &RunArgs) -> Result<Option<LivePage>, ExitStatus> {
    let Some(address) = args.dashboard else { return Ok(None) };
    let page = LivePage::serve(address, interrupt).map_err(|error| {
        let help = "take another address, or any free port of this machine: `--dashboard`";
        diagnostic::print_error(&error.to_string(), Some(help));
        ExitStatus::NotFit
    })?;
    // Programs that read JSON find it in the first object.
    if args.progress != ProgressMode::Json {
        let _ = writeln!(anstream::stderr(), "Live page  {}", page.url());
        if let Some(port) = page.beyond() {
            let _ = writeln!(
                anstream::stderr(),
                "           whoever has this token can watch and stop the run at port {port} of \
                 each of this machine's addresses"
            );
        }
    }
    Ok(Some(page))
}

/// The action of the page's button: the same as Ctrl-C.
fn interrupt() {
    // A process can always signal itself.
    let _ = kill(Pid::this(), Signal::SIGINT);
}
