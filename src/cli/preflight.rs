//! Refuses a run that this machine cannot carry out.

use super::{ExitStatus, diagnostic};
use crate::engine;
use crate::machine::{MachineLimits, Probes, Requirement, RequirementStatus, preflight};
use crate::plan::Plan;
use std::io::Write;

/// Reads every monitor once and returns warnings, in words. One that cannot be read, or lacks a
/// metric, ends the run before it begins, unless it is forced.
pub(super) fn monitors(plan: &Plan, force: bool) -> Result<Vec<String>, ExitStatus> {
    let errors = match engine::probe_monitors(&plan.monitors) {
        Ok(errors) => errors,
        Err(error) => {
            diagnostic::print_error(&format!("cannot read the monitors: {error}"), None);
            return Err(ExitStatus::Internal);
        }
    };
    if !errors.is_empty() && !force {
        for error in &errors {
            diagnostic::print_error(&error.to_string(), Some(&error.help));
        }
        return Err(ExitStatus::NotFit);
    }
    Ok(errors.iter().map(ToString::to_string).collect())
}

/// Refuses a baseline of another machine, unless it is forced: then each difference is a warning.
pub(super) fn baseline(other_machine: &[String], force: bool) -> Result<Vec<String>, ExitStatus> {
    let words = |what: &String| format!("the baseline was measured on another machine: {what}");
    if other_machine.is_empty() || force {
        return Ok(other_machine.iter().map(words).collect());
    }
    for what in other_machine {
        diagnostic::print_error(&words(what), None);
    }
    let help = "run the baseline on this machine, or pass `--force` to compare all the same";
    diagnostic::print_error("figures of another machine are no baseline", Some(help));
    Err(ExitStatus::NotFit)
}

/// Compares the plan with this machine and returns warnings, in words. A run that cannot work is
/// refused unless it is forced.
pub(super) fn check(
    plan: &Plan,
    limits: &MachineLimits,
    probes: &Probes,
    force: bool,
) -> Result<Vec<String>, ExitStatus> {
    let rows = preflight(plan, limits, probes);
    let unfit: Vec<&Requirement> =
        rows.iter().filter(|row| row.status == RequirementStatus::Fail).collect();
    if !unfit.is_empty() && !force {
        let mut out = anstream::stderr();
        for row in &unfit {
            diagnostic::print_error(&row.words(), None);
            for line in &row.fixes {
                // A closed standard error is no failure.
                let _ = writeln!(out, "  fix: {line}");
            }
        }
        let help = "run `planrun doctor PLAN` to see every requirement, or pass `--force` to run anyway; nothing was sent";
        diagnostic::print_error("this machine cannot run this plan", Some(help));
        return Err(ExitStatus::NotFit);
    }
    let worth_saying = rows
        .iter()
        .filter(|row| matches!(row.status, RequirementStatus::Warn | RequirementStatus::Fail));
    Ok(worth_saying.map(Requirement::words).collect())
}
