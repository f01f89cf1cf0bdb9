//! The main form, `planrun PLAN.toml`: one run; or, with a `[search]`, runs at one level after the
//! other, each as complete as any run.

#![expect(clippy::disallowed_methods, reason = "what CI this is stands in the environment")]

use super::ci::{self, CiOutputs};
use super::plan_file::PlanFile;
use super::repeat::RepeatedRuns;
use super::run::{RunArgs, RunOutcome, run_once};
use super::signals::Signals;
use super::{ExitStatus, diagnostic, live_page, repeat, screen};
use crate::observe::LivePage;
use crate::plan::Search;
use crate::report::page::Page;
use crate::report::{LevelRun, SearchReport, why};
use crate::verdict::{CapacitySearch, SearchOutcome, SearchStep};
use jiff::Timestamp;
use std::io::Write;

/// The main form: one run, or a search.
pub(super) fn run(args: &RunArgs) -> ExitStatus {
    let Some(path) = &args.path else { return ExitStatus::WrongPlan };
    match PlanFile::read(path, &args.overrides, args.ci.ci) {
        Err(status) => status,
        Ok(file) => {
            let outputs = match args.ci.open(path, &|name| std::env::var_os(name)) {
                Ok(outputs) => outputs,
                Err(error) => {
                    ci::print(&[error]);
                    return ExitStatus::Internal;
                }
            };
            let repeated = RepeatedRuns::wanted(args, &file.plan);
            let searches = !args.no_search && !args.once;
            let refused = repeated.as_ref().and_then(|_| repeat::refused(&file.plan));
            if let Some((message, help)) = refused.filter(|_| searches) {
                diagnostic::print_error(message, Some(help));
                return ExitStatus::WrongPlan;
            }
            let page = match live_page::serve(args) {
                Ok(page) => page,
                Err(status) => return status,
            };
            let search = file.plan.search.clone().filter(|_| searches);
            let status = match (repeated, search) {
                (Some(runs), _) => repeat::repeat(args, (&file, &runs), outputs, page.as_ref()),
                (None, Some(search)) => run_search(args, &file, &search, outputs, page.as_ref()),
                (None, None) => single(args, file, outputs, page.as_ref()),
            };
            if let Some(page) = page {
                page.finish();
            }
            status
        }
    }
}

/// One run, and its output for CI systems.
fn single(
    args: &RunArgs,
    file: PlanFile,
    outputs: CiOutputs,
    page: Option<&LivePage>,
) -> ExitStatus {
    let ran = run_once(args, file, None, page, &mut anstream::stdout());
    let problems = ran.saved.map(|saved| outputs.of_run(&saved)).unwrap_or_default();
    ci::print(&problems);
    if problems.is_empty() { ran.status } else { ExitStatus::Internal }
}

/// Runs the search to its end.
fn run_search(
    args: &RunArgs,
    file: &PlanFile,
    search: &Search,
    outputs: CiOutputs,
    page: Option<&LivePage>,
) -> ExitStatus {
    let plan = &file.plan;
    let mut report = SearchReport::new(plan, search, Timestamp::now());
    let mut capacity = CapacitySearch::new(search.clone());
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            diagnostic::print_error(&format!("cannot listen for signals: {error}"), None);
            return ExitStatus::Internal;
        }
    };
    let status = loop {
        let (level, again) = match capacity.next() {
            SearchStep::Run { level, again } => (level, again),
            SearchStep::End(outcome) => {
                report.end(outcome);
                break of_verdict(&report);
            }
        };
        let note = if again { ", again" } else { "" };
        let _ = writeln!(
            anstream::stderr(),
            "search: run {} at {}{note}",
            report.runs.len() + 1,
            report.level(level)
        );
        let ran = at_level(args, file, search.setting(level), &mut signals, page);
        let reasons = ran.saved.as_ref().map(|saved| why(plan, &saved.judgement));
        report.runs.push(LevelRun {
            level,
            again,
            verdict: ran.saved.as_ref().map(|saved| saved.judgement.verdict.to_string()),
            exit_code: ran.status.code(),
            why: reasons.unwrap_or_default(),
            folder: ran.saved.as_ref().map(|saved| saved.folder.clone()),
        });
        match (ran.status, ran.saved) {
            (ExitStatus::Pass | ExitStatus::Fail | ExitStatus::Invalid, Some(saved)) => {
                capacity.record(level, saved.judgement.verdict);
            }
            // A level that this machine is not fit for is its limit, once it was fit for a lower
            // one.
            (ExitStatus::NotFit, _) if capacity.highest().is_some() => {
                report.end(SearchOutcome::Generator { highest: capacity.highest(), level });
                break of_verdict(&report);
            }
            (status, _) => break status,
        }
        report.highest = capacity.highest();
    };
    report.exit_code = status.code();
    let status = conclude(args, &report, status);
    let problems = if report.has_results() { outputs.of_search(&report) } else { Vec::new() };
    ci::print(&problems);
    if problems.is_empty() { status } else { ExitStatus::Internal }
}

/// One run of the plan at one level.
fn at_level(
    args: &RunArgs,
    file: &PlanFile,
    setting: String,
    signals: &mut Signals,
    page: Option<&LivePage>,
) -> RunOutcome {
    match file.at_level(setting) {
        Ok(file) => run_once(args, file, Some(signals), page, &mut std::io::sink()),
        Err(status) => status.into(),
    }
}

fn of_verdict(report: &SearchReport) -> ExitStatus {
    match report.verdict {
        Some("PASS") => ExitStatus::Pass,
        Some("INVALID") => ExitStatus::Invalid,
        _ => ExitStatus::Fail,
    }
}

/// Saves and prints the result; a search without any run has already printed why.
fn conclude(args: &RunArgs, report: &SearchReport, status: ExitStatus) -> ExitStatus {
    if !report.has_results() {
        return status;
    }
    let mut text = Vec::new();
    let mut page = Page::new(&mut text, screen::columns());
    let written = report.write(&mut page).and_then(|()| anstream::stdout().write_all(&text));
    // Whoever closes the pipe has read enough.
    drop(written);
    match report.save(&args.out) {
        Ok(path) => {
            let _ = writeln!(anstream::stdout(), "Results  {}", path.display());
            status
        }
        Err(error) => {
            diagnostic::print_error(
                &error.to_string(),
                Some("give a folder that can be written to: `--out DIR`"),
            );
            ExitStatus::Internal
        }
    }
}
