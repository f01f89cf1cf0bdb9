//! The `report` subcommand: every report again, from what a run saved.

use super::{ExitStatus, diagnostic, screen};
use crate::plan::{Plan, Source};
use crate::report::page::Page;
use crate::report::{Error, Made, Recovered, Run, text};
use crate::verdict::Judge;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0  the reports are written, whatever the run's verdict (it is on the screen and in report.json)
  2  the folder is no result folder, or its run is still going on
  5  the folder could not be read, or a report not be written";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub struct ReportArgs {
    /// The folder of a run, finished or interrupted: results/NAME/TIME-DIGEST.
    #[arg(value_name = "RESULT-DIR")]
    folder: PathBuf,
    /// Shows every rule of validity, too: what was measured, and its limits.
    #[arg(long, short)]
    verbose: bool,
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

/// Judges what was saved and writes every report. What keeps it from that is on standard error by then.
fn make(args: &ReportArgs, summary: &mut Vec<u8>) -> Result<Made, ExitStatus> {
    let recovered = Recovered::open(&args.folder).map_err(|error| refused(&error))?;
    let plan = plan(args, &recovered)?;
    let mut judge = Judge::new(&plan);
    let (replayed, remade) =
        recovered.replay(&plan, &mut |entry| judge.add(entry)).map_err(|error| refused(&error))?;
    let verdict = judge.verdict();
    let run = Run {
        plan: &plan,
        recording: judge.recording(),
        verdict: &verdict,
        exit_code: ExitStatus::of_run(judge.recording(), &verdict).code(),
        header: recovered.header(),
        started: replayed.started.as_ref(),
        finished: replayed.finished.as_ref(),
        damage: replayed.damage.as_ref(),
    };
    let made = remade.finish(&run);
    let page = &mut Page::new(summary, screen::columns());
    if args.verbose {
        text::rules(&run, page).map_err(|_| ExitStatus::Internal)?;
        writeln!(page).map_err(|_| ExitStatus::Internal)?;
    }
    text::write(&run, &made, page).map_err(|_| ExitStatus::Internal)?;
    Ok(made)
}

/// The plan as it was run. A value of the environment that is gone by now is only needed where a report shows it; there its absence is
/// noticed, as the plan reads differently then.
fn plan(args: &ReportArgs, recovered: &Recovered) -> Result<Plan, ExitStatus> {
    let name = args.folder.join("plan.toml").display().to_string();
    let source = Source { name, text: recovered.text().to_owned() };
    let overrides = &recovered.header().overrides;
    let set = |name: &str| std::env::var(name).ok();
    Plan::parse(&source, overrides, &set).or_else(|errors| {
        let any = |name: &str| set(name).or_else(|| Some("unset".to_owned()));
        Plan::parse(&source, overrides, &any).map_err(|_| {
            diagnostic::print_plan_errors(&errors);
            ExitStatus::WrongPlan
        })
    })
}

fn refused(error: &Error) -> ExitStatus {
    let (help, status) = match error {
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
