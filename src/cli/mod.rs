//! Turns a command line into work and an exit status: reads files, wires, prints.

mod agent;
mod calibrate;
mod check;
mod ci;
mod cluster;
mod compare;
mod complete;
mod diagnostic;
mod doctor;
mod elsewhere;
mod exit;
mod explain;
mod hosts;
mod import;
mod index;
mod init;
mod live_page;
mod load;
mod man;
mod plan_file;
mod preflight;
mod repeat;
mod replay;
mod report;
mod run;
mod saving;
mod schema;
mod screen;
mod search;
mod serve;
mod signals;
mod try_plan;
mod verify;
mod worker;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::ArgValueCompleter;
#[cfg(any(test, fuzzing))]
pub(crate) use diagnostic::rendered;
pub use exit::ExitStatus;
#[cfg(any(test, fuzzing))]
pub(crate) use import::{IMPORT_FORMATS, imported_plan};
#[cfg(test)]
pub(crate) use man::{commands_with_statuses, statuses_of_runs};
#[cfg(test)]
pub(crate) use schema::SchemaFormat;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Run a load test from a plan file and report PASS, FAIL or INVALID.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a plan, as `planrun PLAN.toml` does.
    #[command(hide = true)]
    Run(Box<run::RunArgs>),
    /// Check plans without sending anything: print every error, the schedule and the requirements.
    Check(check::CheckArgs),
    /// Send one pass of each scenario and show it: every request and response, what was extracted,
    /// which checks held, how long each part took.
    Try(try_plan::TryArgs),
    /// Compare this machine's limits with what a plan needs, and print the command that fixes each
    /// shortfall.
    Doctor(doctor::DoctorArgs),
    /// Make one host's part of a run on several hosts.
    Agent(agent::AgentArgs),
    /// Prepare a NATS server for runs on several hosts.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Start a built-in server on its own.
    #[command(subcommand)]
    Serve(serve::ServeCommand),
    /// Write every report again from a run's result folder.
    Report(report::ReportArgs),
    /// Check that result folders say what their data say: recompute every figure, the verdict and
    /// every file, and compare checksums.
    Verify(verify::VerifyArgs),
    /// Explain a word of reports or of plans: a metric, a validity rule, a failure, an exit status,
    /// a key.
    Explain(explain::ExplainArgs),
    /// Compare two sets of runs: regressed, not regressed or inconclusive.
    Compare(compare::CompareArgs),
    /// Run the load of a saved run again, and compare the results.
    Replay(replay::ReplayArgs),
    /// Write the list of published runs: README.md and index.html of their directory.
    Index(index::IndexArgs),
    /// Turn curl commands, a recording of a browser, an OpenAPI document or a list of URLs into a
    /// plan.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Write a commented plan to start from.
    Init(init::InitArgs),
    /// Print the schema of plans, or of a file that runs write: JSON Schema, Table Schema for CSV.
    Schema(schema::SchemaArgs),
    /// Print the completion script of a shell.
    Completions(man::CompletionsArgs),
    /// Print the manual page of planrun or of a command.
    Man(man::ManArgs),
    /// Generate one share of a run's load; started by the coordinator.
    #[command(hide = true)]
    Worker,
}

/// Changes to a plan from the command line; recorded in the report.
#[derive(Debug, Clone, Default, Args)]
pub struct OverrideArgs {
    /// Override a key of the plan, by its dotted path; may be given several times.
    #[arg(
        long = "set",
        value_name = "KEY=VALUE",
        add = ArgValueCompleter::new(complete::settings)
    )]
    pub set: Vec<String>,
    /// Scale every `users` and `rate` of the plan.
    #[arg(long, value_name = "PERCENT")]
    pub scale: Option<String>,
    /// Use another address for a target of the plan; may be given several times.
    #[arg(
        long = "target",
        value_name = "NAME=ADDRESS",
        add = ArgValueCompleter::new(complete::targets)
    )]
    pub target: Vec<String>,
    /// Run only this scenario; may be given several times.
    #[arg(
        long = "only",
        value_name = "SCENARIO",
        add = ArgValueCompleter::new(complete::scenarios)
    )]
    pub only: Vec<String>,
    /// Hold thresholds like `service_time.p99 <= +5%` against the run in this result folder.
    #[arg(
        long,
        value_name = "RESULT-DIR",
        add = ArgValueCompleter::new(complete::folders)
    )]
    pub baseline: Option<String>,
}

/// The commands that people type, the main form apart.
const SUBCOMMANDS: &[&str] = &[
    "check",
    "try",
    "doctor",
    "agent",
    "cluster",
    "serve",
    "report",
    "verify",
    "explain",
    "compare",
    "replay",
    "index",
    "import",
    "init",
    "schema",
    "completions",
    "man",
];

/// Whether a word is one of this program's own commands, the main form apart.
fn is_subcommand(word: &str) -> bool {
    Cli::command().find_subcommand(word).is_some_and(|command| command.get_name() != "run")
}

/// Prints a result. A closed pipe is no error, since its reader has read enough; a full disk is.
fn print_result(bytes: &[u8]) -> ExitStatus {
    let mut stdout = anstream::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            diagnostic::print_error(&format!("cannot write to standard output: {error}"), None);
            ExitStatus::Internal
        }
        _ => ExitStatus::Pass,
    }
}

/// Prints what to type instead of this command line.
fn refuse(answer: &elsewhere::Answer) -> ExitStatus {
    diagnostic::print_error(&answer.message, Some(&answer.help));
    if let Some(plan) = &answer.plan {
        // A closed pipe is no error: its reader has read enough.
        let _ = anstream::stdout().write_all(plan.as_bytes());
    }
    ExitStatus::WrongPlan
}

/// The whole program.
pub fn main() -> ExitCode {
    if complete::answered() {
        return ExitStatus::Pass.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let unknown = matches!(
                error.kind(),
                ErrorKind::UnknownArgument
                    | ErrorKind::InvalidSubcommand
                    | ErrorKind::ArgumentConflict
            );
            let words: Vec<OsString> = std::env::args_os().skip(1).collect();
            if let Some(answer) = elsewhere::of_command_line(&words).filter(|_| unknown) {
                return refuse(&answer).into();
            }
            // A closed pipe behind `--help` is not an error.
            let _ = error.print();
            return if error.use_stderr() {
                ExitStatus::WrongPlan.into()
            } else {
                ExitStatus::Pass.into()
            };
        }
    };
    let status = match cli.command {
        None => search::run(&cli.run),
        Some(Command::Run(args)) => search::run(&args),
        Some(Command::Check(args)) => check::check(&args),
        Some(Command::Try(args)) => try_plan::try_plan(&args),
        Some(Command::Doctor(args)) => doctor::doctor(&args),
        Some(Command::Agent(args)) => agent::agent(&args),
        Some(Command::Cluster(command)) => cluster::cluster(&command),
        Some(Command::Serve(command)) => serve::serve(&command),
        Some(Command::Report(args)) => report::report(&args),
        Some(Command::Verify(args)) => verify::verify(&args),
        Some(Command::Explain(args)) => explain::explain(&args),
        Some(Command::Compare(args)) => compare::compare(&args),
        Some(Command::Replay(args)) => replay::replay(&args),
        Some(Command::Index(args)) => index::index(&args),
        Some(Command::Import(command)) => import::import(&command),
        Some(Command::Init(args)) => init::init(&args),
        Some(Command::Schema(args)) => schema::schema(&args),
        Some(Command::Completions(args)) => man::completions(&args),
        Some(Command::Man(args)) => man::man(&args),
        Some(Command::Worker) => worker::worker(),
    };
    status.into()
}
