//! The `completions` and `man` subcommands, both made from the command line's own definition.

use super::{Cli, ExitStatus, print_result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// For which shell.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell to complete for.
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs) -> ExitStatus {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "planrun", &mut script);
    print_result(&script)
}

pub(super) fn man() -> ExitStatus {
    let mut page = Vec::new();
    match clap_mangen::Man::new(Cli::command()).render(&mut page) {
        Ok(()) => print_result(&page),
        Err(_) => ExitStatus::Internal,
    }
}
