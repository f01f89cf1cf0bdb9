//! The `init` subcommand: a commented plan to start from.

use super::{ExitStatus, diagnostic};
use clap::Args;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// The plan that is written.
const STARTER: &str = include_str!("starter.toml");

const EXIT_STATUS: &str = "\
Exit status:
  0  the plan is written
  2  the file exists already
  5  the file could not be written";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct InitArgs {
    /// Write the plan to this file; an existing file is never overwritten.
    #[arg(short, long, value_name = "FILE", default_value = "plan.toml")]
    output: PathBuf,
}

pub(super) fn init(args: &InitArgs) -> ExitStatus {
    let shown = args.output.display();
    let written =
        File::create_new(&args.output).and_then(|mut file| file.write_all(STARTER.as_bytes()));
    match written {
        Ok(()) => {
            let _ = writeln!(
                anstream::stderr(),
                "wrote {}; look at it, then: planrun check {0}",
                crate::units::visible(&shown.to_string())
            );
            ExitStatus::Pass
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            diagnostic::print_error(
                &format!("{shown} exists already, and is left as it is"),
                Some("give another name: `planrun init -o FILE`"),
            );
            ExitStatus::WrongPlan
        }
        Err(error) => {
            diagnostic::print_error(&format!("cannot write {shown}: {error}"), None);
            ExitStatus::Internal
        }
    }
}
