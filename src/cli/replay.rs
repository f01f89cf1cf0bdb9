//! The `replay` subcommand: runs the load of a saved run again, and compares the results.

use super::plan_file::PlanFile;
use super::run::{RunArgs, run_once};
use super::{ExitStatus, compare, diagnostic, report, screen};
use crate::engine::{FileDigest, file_digests};
use crate::observe::ProgressMode;
use crate::report::page::Page;
use crate::results::compare::{reproduced, write_reproduction};
use crate::store::{SavedRun, UsedFile};
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::io::Write;
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  reproduced: the same verdict, and every figure within its tolerance
     (2% for rates, 2 points for ratios, 10% for p50, 25% for other figures of times)
  1  not reproduced
  2  the directory is not a result folder, or a file that the plan names has changed
  3  incomparable: a run is INVALID, or the machine is another one
  others as for `planrun PLAN.toml`";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct ReplayArgs {
    /// Result folder whose plan, overrides and seed are run again.
    #[arg(value_name = "RESULT-DIR", add = ArgValueCompleter::new(super::complete::folders))]
    folder: PathBuf,
    /// Read the files that the plan names from this directory.
    #[arg(long, value_name = "DIR", default_value = ".")]
    files: PathBuf,
    /// Create the new run's result folder below this directory.
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Use another address for a target of the plan; may be given several times.
    #[arg(long = "target", value_name = "NAME=ADDRESS")]
    target: Vec<String>,
    /// Choose how to show progress on standard error.
    #[arg(long, value_enum, default_value_t)]
    progress: ProgressMode,
    /// Start even if this machine or a target fails the preflight checks.
    #[arg(long)]
    force: bool,
}

pub(super) fn replay(args: &ReplayArgs) -> ExitStatus {
    replayed(args).unwrap_or_else(|status| status)
}

fn replayed(args: &ReplayArgs) -> Result<ExitStatus, ExitStatus> {
    let before = SavedRun::open(&args.folder).map_err(|error| report::refused(&error))?;
    let file = PlanFile::of_saved(&before, &args.files, &args.target)?;
    check_files(&before, &file)?;
    let run = RunArgs::again(args.out.clone(), args.progress, args.force);
    let ran = run_once(&run, file, None, None, &mut anstream::stdout());
    let (ExitStatus::Pass | ExitStatus::Fail | ExitStatus::Invalid, Some(after)) =
        (ran.status, ran.saved)
    else {
        return Err(ran.status);
    };
    let reproduction = reproduced(&before, &after).map_err(|error| report::refused(&error))?;
    let mut text = Vec::new();
    let mut page = Page::new(&mut text, screen::columns());
    let (was, is) = (before.folder.display(), after.folder.display());
    let written = writeln!(page, "\nReplay of {was}\n     now {is}")
        .and_then(|()| write_reproduction(&reproduction, &mut page))
        .and_then(|()| anstream::stdout().write_all(&text));
    // Whoever closes the pipe has read enough.
    drop(written);
    Ok(compare::status(reproduction.outcome()))
}

/// Requests are made of the same files, to the byte.
fn check_files(before: &SavedRun, file: &PlanFile) -> Result<(), ExitStatus> {
    let used = before.started.as_ref().map_or(&[][..], |started| &started.files);
    let digests = file_digests(&file.plan, &file.files);
    let is_other = |used: &&UsedFile| {
        let same = |one: &FileDigest<'_>| {
            one.scenario == used.scenario && one.path.display().to_string() == used.path
        };
        digests.iter().find(|one| same(one)).is_none_or(|one| one.sha256 != used.sha256)
    };
    let Some(other) = used.iter().find(is_other) else { return Ok(()) };
    let message = format!(
        "{} of scenario `{}` is another file than in the run, whose SHA-256 is {}",
        other.path, other.scenario, other.sha256
    );
    diagnostic::print_error(
        &message,
        Some("give the directory with the run's files: `--files DIR`"),
    );
    Err(ExitStatus::WrongPlan)
}
