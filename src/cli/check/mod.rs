//! The `check` subcommand: everything that is wrong, or what would be done.

mod churn;
mod curve;
mod needs;
mod outline;
mod session;

use super::{ExitStatus, OverrideArgs, plan_file::read_plan};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Its arguments.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The plans.
    #[arg(value_name = "PLAN.toml", required = true)]
    plans: Vec<PathBuf>,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Draw the curve without Unicode.
    #[arg(long)]
    ascii: bool,
}

pub(super) fn check(args: &CheckArgs) -> ExitStatus {
    let mut status = ExitStatus::Pass;
    for (number, path) in args.plans.iter().enumerate() {
        let plan = match read_plan(path, &args.overrides) {
            Ok((_, _, plan)) => plan,
            Err(wrong) => {
                status = wrong;
                continue;
            }
        };
        let mut text = outline::outline(&plan, args.ascii);
        if number > 0 {
            text.insert(0, '\n');
        }
        // Whoever closes the pipe has read enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
    status
}
