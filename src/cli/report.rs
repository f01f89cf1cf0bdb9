//! The `report` subcommand: writes every report of a saved run again.

#![expect(clippy::disallowed_methods, reason = "what CI this is stands in the environment")]

use super::ci::CiArgs;
use super::screen::Summary;
use super::{ExitStatus, diagnostic, screen};
use crate::report::page::Page;
use crate::report::{self, WrittenReports, text};
use crate::store::{Error, FolderLock, SavedRun};
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::io::Write;
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  the reports were written, whatever the run's verdict (see the summary and report.json)
  2  the directory is not a result folder, or its run is still active
  5  the folder could not be read, or a report could not be written";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct ReportArgs {
    /// Result folder of a finished or interrupted run: results/NAME/TIME-DIGEST.
    #[arg(value_name = "RESULT-DIR", add = ArgValueCompleter::new(super::complete::folders))]
    folder: PathBuf,
    /// Also print every validity rule with its measured value and limits.
    #[arg(long, short)]
    verbose: bool,
    /// Choose how much to print.
    #[arg(long, value_enum, default_value = "full")]
    summary: Summary,
    #[command(flatten)]
    ci: CiArgs,
}

pub(super) fn report(args: &ReportArgs) -> ExitStatus {
    let mut summary = Vec::new();
    let made = match make(args, &mut summary) {
        Ok(made) => made,
        Err(status) => return status,
    };
    // Whoever closes the pipe has read enough.
    let _ = anstream::stdout().write_all(&summary);
    for problem in &made.problems {
        diagnostic::print_error(&problem.to_string(), None);
    }
    if made.problems.is_empty() { ExitStatus::Pass } else { ExitStatus::Internal }
}

/// Judges a saved run and writes every report. Errors are on standard error by then.
fn make(args: &ReportArgs, summary: &mut Vec<u8>) -> Result<WrittenReports, ExitStatus> {
    // Locked before it is read: a run that ends meanwhile writes its own reports.
    let lock = if args.folder.is_dir() {
        FolderLock::take_after_run(&args.folder)
    } else {
        // The error of opening it says what it is instead.
        Ok(FolderLock::default())
    };
    let lock = lock.map_err(|error| refused(&error))?;
    let saved = SavedRun::open(&args.folder).map_err(|error| refused(&error))?;
    let outputs = args.ci.open(&saved.plan_file(), &|name| std::env::var_os(name));
    let mut made = report::write_again(&saved, &lock);
    let page = &mut Page::new(summary, screen::columns());
    if args.verbose {
        text::rules(&saved, page).map_err(|_| ExitStatus::Internal)?;
        writeln!(page).map_err(|_| ExitStatus::Internal)?;
    }
    made.problems.extend(match outputs {
        Ok(outputs) => outputs.of_run(&saved),
        Err(error) => vec![error],
    });
    text::write(&saved, &made, args.summary.into(), page).map_err(|_| ExitStatus::Internal)?;
    Ok(made)
}

pub(super) fn refused(error: &Error) -> ExitStatus {
    let (help, status) = match error {
        Error::Plan { errors, .. } => {
            diagnostic::print_plan_errors(errors);
            return ExitStatus::WrongPlan;
        }
        Error::NotResults { .. } => {
            let help = "give the folder of one run: results/NAME/TIME-DIGEST";
            (Some(help), ExitStatus::WrongPlan)
        }
        Error::StillRunning { .. } => {
            (Some("wait for its end; it writes its reports itself"), ExitStatus::WrongPlan)
        }
        Error::Folder { .. } | Error::Write { .. } | Error::Stalled { .. } | Error::Read { .. } => {
            (None, ExitStatus::Internal)
        }
    };
    diagnostic::print_error(&error.to_string(), help);
    status
}
