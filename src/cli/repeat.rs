//! Runs of one plan, one after the other: a set that can be compared, or two sets in turn.

use super::ci::{self, CiOutputs};
use super::plan_file::PlanFile;
use super::run::{RunArgs, run_once};
use super::signals::Signals;
use super::{ExitStatus, compare, diagnostic, screen};
use crate::observe::LivePage;
use crate::plan::{DEFAULT_RUNS, Overrides, Plan};
use crate::report::page::Page;
use crate::results::compare::{Margin, Options, compare as compare_runs, write, write_noise};
use crate::store::{Error, SavedRun};
use jiff::Timestamp;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The runs of a set.
#[derive(Debug, Default)]
struct Set {
    runs: Vec<SavedRun>,
}

/// How often a plan is run, and against what in turns.
#[derive(Debug)]
pub(super) struct RepeatedRuns {
    /// The runs of each side.
    runs: usize,
    /// The `--target`s of A and of B; `None`: there is one side.
    sides: Option<[Vec<String>; 2]>,
    options: Options,
}

impl RepeatedRuns {
    /// The number of the command line, else that of the plan; `None`: it is run once.
    pub(super) fn wanted(args: &RunArgs, plan: &Plan) -> Option<Self> {
        if args.once {
            return None;
        }
        let of_plan = plan.compare.as_ref().map(|one| [one.a.clone(), one.b.clone()]);
        let versus = args.versus.as_ref().map(|one| [Vec::new(), vec![one.clone()]]);
        let sides = versus.or(of_plan);
        let planned = plan.repeat.or(sides.as_ref().map(|_| DEFAULT_RUNS));
        let planned = planned.and_then(|runs| usize::try_from(runs).ok());
        let runs = args.repeat.or(planned)?;
        let settings = plan.compare.clone().unwrap_or_default();
        let margin = Margin { relative: settings.margin.0, points: settings.points.0 };
        let options = Options { margin, metrics: settings.metrics, accept: Vec::new() };
        Some(Self { runs, sides, options })
    }

    /// Whether A and B are the same.
    fn is_aa(&self) -> bool {
        self.sides.as_ref().is_some_and(|[a, b]| a == b)
    }
}

/// Runs a plan several times, and alternates with another address if asked to.
pub(super) fn repeat(
    args: &RunArgs,
    (file, runs): (&PlanFile, &RepeatedRuns),
    outputs: CiOutputs,
    page: Option<&LivePage>,
) -> ExitStatus {
    repeated(args, (file, runs), outputs, page).unwrap_or_else(|status| status)
}

fn repeated(
    args: &RunArgs,
    (file, runs): (&PlanFile, &RepeatedRuns),
    outputs: CiOutputs,
    page: Option<&LivePage>,
) -> Result<ExitStatus, ExitStatus> {
    let mut signals = Signals::listen().map_err(|error| {
        diagnostic::print_error(&format!("cannot listen for signals: {error}"), None);
        ExitStatus::Internal
    })?;
    let sides = sides(&args.out, file, runs)?;
    let mut sets: Vec<Set> = sides.iter().map(|_| Set::default()).collect();
    let mut worst: Option<(ExitStatus, SavedRun)> = None;
    let order = order(runs.runs, sides.len());
    for (number, side) in (1..).zip(&order) {
        let (file, out) = &sides[*side];
        let against = if sides.len() > 1 { [" of A", " of B"][*side] } else { "" };
        let _ = writeln!(anstream::stderr(), "repeat: run {number} of {}{against}", order.len());
        let mut args = args.clone();
        args.out.clone_from(out);
        let ran = run_once(&args, file.clone(), Some(&mut signals), page, &mut std::io::sink());
        let (ExitStatus::Pass | ExitStatus::Fail | ExitStatus::Invalid, Some(saved)) =
            (ran.status, ran.saved)
        else {
            return Err(ran.status);
        };
        let _ = writeln!(
            anstream::stdout(),
            "{:8} {}",
            saved.judgement.verdict.to_string(),
            saved.folder.display()
        );
        if worst.as_ref().is_none_or(|(status, _)| status.code() < ran.status.code()) {
            let again = SavedRun::open(&saved.folder).map_err(|error| failed(&error))?;
            worst = Some((ran.status, again));
        }
        sets[*side].runs.push(*saved);
    }
    let Some((status, saved)) = worst else { return Err(ExitStatus::Internal) };
    let problems = outputs.of_run(&saved);
    ci::print(&problems);
    let compared = conclude(&sets, runs, &args.out.join(&file.plan.name))?;
    Ok(match (problems.is_empty(), status) {
        (false, _) => ExitStatus::Internal,
        (true, ExitStatus::Pass) => compared,
        (true, status) => status,
    })
}

/// The sides to run, and where their results go: A, and B if there is one.
fn sides(
    out: &Path,
    file: &PlanFile,
    runs: &RepeatedRuns,
) -> Result<Vec<(PlanFile, PathBuf)>, ExitStatus> {
    let Some(sides) = &runs.sides else { return Ok(vec![(file.clone(), out.to_owned())]) };
    let side = |(targets, name): (&Vec<String>, &str)| {
        let target = file.overrides.target.iter().chain(targets).cloned().collect();
        let overrides = Overrides { target, ..file.overrides.clone() };
        Ok((file.with_overrides(overrides)?, out.join(name)))
    };
    sides.iter().zip(["a", "b"]).map(side).collect()
}

/// Reports errors in the sides of a plan's `[compare]`.
pub(super) fn check_sides(file: &PlanFile) -> Result<(), ExitStatus> {
    for targets in file.plan.compare.iter().flat_map(|one| [&one.a, &one.b]) {
        let target = file.overrides.target.iter().chain(targets).cloned().collect();
        file.with_overrides(Overrides { target, ..file.overrides.clone() })?;
    }
    Ok(())
}

/// Which side each run is of: A B B A A B B A, so that a drift of the machine meets both alike.
fn order(repeat: usize, sides: usize) -> Vec<usize> {
    let pair = |number: usize| if number.is_multiple_of(2) { [0, 1] } else { [1, 0] };
    if sides < 2 { vec![0; repeat] } else { (0..repeat).flat_map(pair).collect() }
}

fn failed(error: &Error) -> ExitStatus {
    diagnostic::print_error(&error.to_string(), None);
    ExitStatus::Internal
}

/// Prints how much runs of one set vary, or what changed from A to B.
fn conclude(sets: &[Set], runs: &RepeatedRuns, out: &Path) -> Result<ExitStatus, ExitStatus> {
    let mut text = Vec::new();
    let page = &mut Page::new(&mut text, screen::columns());
    let (base, new) = (&sets[0].runs, &sets[sets.len() - 1].runs);
    let comparison = compare_runs(base, new, &runs.options).map_err(|error| failed(&error))?;
    let (written, status) = if sets.len() > 1 && !runs.is_aa() {
        (write(&comparison, page), compare::status(comparison.outcome))
    } else {
        (write_noise(&comparison, page), ExitStatus::Pass)
    };
    let mut said = written.and_then(|()| anstream::stdout().write_all(&text));
    if sets.len() > 1 {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let path = out.join(format!("{now}-comparison.html"));
        fs::create_dir_all(out).map_err(|reason| failed(&Error::write(&path)(reason)))?;
        compare::write_page(&path, &comparison, [base, new])?;
        said = said.and_then(|()| writeln!(anstream::stdout(), "page: {}", path.display()));
    }
    // Whoever closes the pipe has read enough.
    let _ = said;
    Ok(status)
}

/// Why a plan cannot be repeated.
pub(super) fn refused(plan: &Plan) -> Option<(&'static str, &'static str)> {
    plan.search.is_some().then_some((
        "a plan with `[search]` runs at several levels and is not repeated",
        "run it at the level of its stages: `--no-search --repeat 5`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_take_turns_so_that_each_is_first_as_often() {
        assert_eq!(order(4, 2), [0, 1, 1, 0, 0, 1, 1, 0]);
        assert_eq!(order(3, 1), [0, 0, 0]);
    }
}
