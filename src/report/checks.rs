//! Turns a run into `checks.csv`: a row per scenario, stage, phase and check; no file where nothing
//! is checked.

use super::columns::{bytes, csv, row};
use super::field::{ColumnField, FieldType, PART, SCENARIO, STAGE, head};
use super::foreign::cell;
use crate::plan::Scenario;
use crate::record::{Cell, CheckTally};
use crate::store::SavedRun;

/// The columns.
pub(super) const FIELDS: [ColumnField; 8] = [
    SCENARIO,
    STAGE,
    PART,
    ColumnField::required("check", FieldType::Text, "The check's name."),
    ColumnField::required("passed", FieldType::Whole, "How often it passed."),
    ColumnField::required("failed", FieldType::Whole, "How often it failed."),
    ColumnField::required("made", FieldType::Whole, "How often it was made."),
    ColumnField::new("success_ratio", FieldType::Positive, "`passed` of `made`, from 0 to 1."),
];

/// The file; empty when no scenario has checks.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    let mut csv = csv();
    head(&mut csv, &FIELDS);
    let mut any = false;
    for (scenario, facts) in run.plan.scenarios.iter().zip(&run.recording.scenarios) {
        any |= !scenario.protocol.checks().is_empty();
        for (key, facts) in &facts.cells {
            let stage = scenario.stages.get(usize::from(key.stage)).map_or("", |stage| &stage.name);
            for (name, CheckTally { passed, failed }) in tallies(scenario, facts) {
                let made = passed + failed;
                let ratio = if made > 0 {
                    (passed as f64 / made as f64).to_string()
                } else {
                    String::new()
                };
                let cells = [
                    cell(&scenario.name).into_owned(),
                    cell(stage).into_owned(),
                    key.phase.to_string(),
                    cell(name).into_owned(),
                    passed.to_string(),
                    failed.to_string(),
                    made.to_string(),
                    ratio,
                ];
                row(&mut csv, cells);
            }
        }
    }
    if any { bytes(csv) } else { Vec::new() }
}

/// The checks of a scenario and their results, in the plan's order; one that was never made has
/// zeros.
pub(super) fn tallies<'a>(
    scenario: &'a Scenario,
    cell: &Cell,
) -> impl Iterator<Item = (&'a str, CheckTally)> {
    let tally = |at: usize| cell.checks.get(at).copied().unwrap_or_default();
    scenario
        .protocol
        .checks()
        .iter()
        .enumerate()
        .map(move |(at, name)| (name.as_str(), tally(at)))
        .collect::<Vec<_>>()
        .into_iter()
}
