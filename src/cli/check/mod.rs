//! The `check` subcommand: everything that is wrong, or what would be done.

mod churn;
mod curve;
mod needs;
mod outline;
mod repeated;
mod session;

use super::ci::When;
use super::{ExitStatus, OverrideArgs, plan_file::PlanFile, print_result, repeat, screen};
use crate::report::page::Page;
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  every plan is right
  2  a plan is wrong; every error is printed";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct CheckArgs {
    /// Plans to check.
    #[arg(value_name = "PLAN.toml", required = true, add = ArgValueCompleter::new(super::complete::plans))]
    plans: Vec<PathBuf>,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Draw the curve in ASCII.
    #[arg(long)]
    ascii: bool,
    /// Annotate lines of a wrong plan in GitHub Actions.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    ci: When,
}

pub(super) fn check(args: &CheckArgs) -> ExitStatus {
    let mut status = ExitStatus::Pass;
    for (number, path) in args.plans.iter().enumerate() {
        let read = PlanFile::read(path, &args.overrides, args.ci)
            .and_then(|file| repeat::check_sides(&file).map(|()| file));
        let (plan, files) = match read {
            Ok(PlanFile { plan, files, .. }) => (plan, files),
            Err(wrong) => {
                status = wrong;
                continue;
            }
        };
        let mut text = Vec::new();
        if number > 0 {
            text.push(b'\n');
        }
        let page = &mut Page::new(&mut text, screen::terminal().unwrap_or(usize::MAX));
        let written = outline::outline(page, &plan, &files, args.ascii);
        let printed = if written.is_ok() { print_result(&text) } else { ExitStatus::Internal };
        if printed != ExitStatus::Pass {
            status = printed;
        }
    }
    status
}
