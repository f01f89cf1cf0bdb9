//! The `compare` subcommand: what changed between two sets of runs.

use super::{ExitStatus, diagnostic, print_result, report, screen};
use crate::plan::{Metric, nearest};
use crate::report::page::Page;
use crate::results::compare::{
    ComparisonOutcome, DifferenceKind, Margin, Options, RunComparison, compare as compare_runs,
    markdown, page, write, write_noise,
};
use crate::results::runs_below;
use crate::store::{self, SavedRun};
use crate::units::Ratio;
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

const EXIT_STATUS: &str = "\
Exit status:
  0  no figure is worse by more than the margin
  1  a figure is worse by more than the margin
  2  wrong command line, or a directory is not a result folder
  3  inconclusive (too few runs, or too much noise), or the runs cannot be compared
  5  a file could not be read";

/// Differences below this are what histograms round to.
const SMALLEST_MARGIN: f64 = 0.005;

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct CompareArgs {
    /// Result folder to compare with, or a directory with several runs of the same plan.
    #[arg(value_name = "BASE", add = ArgValueCompleter::new(super::complete::folders))]
    base: PathBuf,
    /// Result folder that is new, or a directory with several.
    #[arg(value_name = "NEW", required_unless_present = "aa", add = ArgValueCompleter::new(super::complete::folders))]
    new: Option<PathBuf>,
    /// Add another folder to BASE; may be given several times.
    #[arg(long = "base", value_name = "DIR")]
    more_base: Vec<PathBuf>,
    /// Add another folder to NEW; may be given several times.
    #[arg(long = "new", value_name = "DIR")]
    more_new: Vec<PathBuf>,
    /// Compare BASE with itself: print the smallest change that its runs can show.
    #[arg(long, conflicts_with_all = ["new", "more_new"])]
    aa: bool,
    /// Let times and rates get worse by this much.
    #[arg(long, value_name = "PERCENT", default_value = "5%")]
    margin: Ratio,
    /// Let ratios, such as `failure_ratio`, get worse by this difference.
    #[arg(long, value_name = "PERCENT", default_value = "0.1%")]
    points: Ratio,
    /// Compare this metric instead of the default ones; may be given several times.
    #[arg(
        long = "metric",
        value_name = "METRIC",
        add = ArgValueCompleter::new(super::complete::metrics)
    )]
    metrics: Vec<String>,
    /// Compare even if the runs differ in this; may be given several times.
    #[arg(long, value_enum)]
    accept: Vec<DifferenceKind>,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown.
    #[arg(long)]
    markdown: bool,
    /// Write a page as well: each figure against its margin, and the runs of both sides over each
    /// other.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn compare(args: &CompareArgs) -> ExitStatus {
    compared(args).unwrap_or_else(|status| status)
}

fn compared(args: &CompareArgs) -> Result<ExitStatus, ExitStatus> {
    let options = options(args)?;
    let base = folders(args.base.iter_all(&args.more_base))?;
    let new = match &args.new {
        Some(new) => folders(new.iter_all(&args.more_new))?,
        None => Vec::new(),
    };
    if let Some(twice) = base.iter().find(|folder| new.contains(folder)) {
        let message = format!("{} is on both sides", twice.display());
        let help = "give each run to one side; `--aa` compares a set with itself";
        return Err(wrong(&message, help));
    }
    let base = open(&base)?;
    let new = if args.aa { open_again(&base)? } else { open(&new)? };
    let comparison =
        compare_runs(&base, &new, &options).map_err(|error| report::refused(&error))?;
    if let Some(path) = &args.html {
        write_page(path, &comparison, [&base, &new])?;
    }
    let text = printed(args, &comparison).map_err(|error| {
        diagnostic::print_error(&format!("cannot write the comparison: {error}"), None);
        ExitStatus::Internal
    })?;
    match print_result(&text) {
        ExitStatus::Pass if args.aa && comparison.outcome != ComparisonOutcome::Incomparable => {
            Ok(ExitStatus::Pass)
        }
        ExitStatus::Pass => Ok(status(comparison.outcome)),
        other => Err(other),
    }
}

/// Writes the page of a comparison.
pub(super) fn write_page(
    path: &Path,
    comparison: &RunComparison,
    [base, new]: [&[SavedRun]; 2],
) -> Result<(), ExitStatus> {
    let written = path.file_name().map(|name| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        store::write(folder, &name.to_string_lossy(), &page(comparison, base, new))
    });
    match written {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            diagnostic::print_error(&error.to_string(), Some("give another file: `--html FILE`"));
            Err(ExitStatus::Internal)
        }
        None => Err(wrong("`--html` takes a file", "write for example `--html comparison.html`")),
    }
}

/// The exit status of a decision.
pub(super) fn status(outcome: ComparisonOutcome) -> ExitStatus {
    match outcome {
        ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => ExitStatus::Pass,
        ComparisonOutcome::Regressed => ExitStatus::Fail,
        ComparisonOutcome::Inconclusive | ComparisonOutcome::Incomparable => ExitStatus::Invalid,
    }
}

/// A path and more of them.
trait All {
    fn iter_all<'a>(&'a self, more: &'a [PathBuf]) -> Vec<&'a Path>;
}

impl All for PathBuf {
    fn iter_all<'a>(&'a self, more: &'a [PathBuf]) -> Vec<&'a Path> {
        std::iter::once(self).chain(more).map(PathBuf::as_path).collect()
    }
}

fn wrong(message: &str, help: &str) -> ExitStatus {
    diagnostic::print_error(message, Some(help));
    ExitStatus::WrongPlan
}

fn options(args: &CompareArgs) -> Result<Options, ExitStatus> {
    let margin = Margin { relative: args.margin.0, points: args.points.0 };
    if margin.relative < SMALLEST_MARGIN {
        let message = format!("a margin of {} is finer than what is measured", args.margin);
        return Err(wrong(&message, "give at least `--margin 0.5%`"));
    }
    let metric = |name: &String| {
        Metric::named(name).ok_or_else(|| {
            let names: Vec<String> = Metric::all().map(|one| one.to_string()).collect();
            let near = nearest(name, names.iter().map(String::as_str));
            let help = near.map_or_else(
                || "the metrics are those of thresholds: `service_time.p99`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            wrong(&format!("there is no metric `{name}`"), &help)
        })
    };
    let metrics = args.metrics.iter().map(metric).collect::<Result<_, _>>()?;
    Ok(Options { margin, metrics, accept: args.accept.clone() })
}

/// The runs below some paths, by their real paths; naming one twice is an error.
fn folders(paths: Vec<&Path>) -> Result<Vec<PathBuf>, ExitStatus> {
    let mut seen = BTreeSet::new();
    for path in paths {
        for run in runs_below(path).map_err(|error| report::refused(&error))? {
            let real = run.canonicalize().unwrap_or(run);
            if !seen.insert(real.clone()) {
                let message = format!("{} is named twice", real.display());
                return Err(wrong(&message, "name each run once: a run counts once"));
            }
        }
    }
    Ok(seen.into_iter().collect())
}

/// Opens the runs.
pub(super) fn open(folders: &[PathBuf]) -> Result<Vec<SavedRun>, ExitStatus> {
    let each = folders.iter().map(|folder| SavedRun::open(folder));
    each.collect::<Result<_, _>>().map_err(|error| report::refused(&error))
}

fn open_again(runs: &[SavedRun]) -> Result<Vec<SavedRun>, ExitStatus> {
    open(&runs.iter().map(|run| run.folder.clone()).collect::<Vec<_>>())
}

fn printed(args: &CompareArgs, comparison: &RunComparison) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if args.json {
        serde_json::to_writer_pretty(&mut text, comparison)?;
        text.push(b'\n');
    } else if args.markdown {
        text.extend(markdown(comparison).into_bytes());
    } else if args.aa {
        write_noise(comparison, &mut Page::new(&mut text, screen::columns()))?;
    } else {
        write(comparison, &mut Page::new(&mut text, screen::columns()))?;
    }
    Ok(text)
}
