//! What a run says when this machine is not fit for its plan.

use super::{ExitStatus, diagnostic};
use crate::machine::{Limits, Probes, Requirement, RequirementStatus, preflight};
use crate::plan::Plan;
use std::io::Write;

/// Checks this machine against the plan. Gives the warnings, in words; where the run cannot work, it is refused unless forced.
pub(super) fn check(
    plan: &Plan,
    limits: &Limits,
    probes: &Probes,
    force: bool,
) -> Result<Vec<String>, ExitStatus> {
    let rows = preflight(plan, limits, probes);
    let unfit: Vec<&Requirement> =
        rows.iter().filter(|row| row.status == RequirementStatus::Fail).collect();
    if !unfit.is_empty() && !force {
        let mut out = anstream::stderr();
        for row in &unfit {
            diagnostic::print_error(&words(row), None);
            for line in &row.fixes {
                // Standard error that is gone hurts nobody.
                let _ = writeln!(out, "  fix: {line}");
            }
        }
        let help =
            "`planrun doctor PLAN` shows all checks; `--force` runs all the same; nothing was sent";
        diagnostic::print_error("this machine is not fit for the plan", Some(help));
        return Err(ExitStatus::NotFit);
    }
    let worth_saying = rows
        .iter()
        .filter(|row| matches!(row.status, RequirementStatus::Warn | RequirementStatus::Fail));
    Ok(worth_saying.map(words).collect())
}

fn words(row: &Requirement) -> String {
    let note = row.note.as_deref().map_or_else(String::new, |note| format!(" ({note})"));
    format!("{}: needed {}, have {}{note}", row.resource.name(), row.needed, row.have)
}
