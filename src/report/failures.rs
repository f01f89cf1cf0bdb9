//! Turns a run into `failures.csv`: a row per scenario, stage, part and cause.

use super::columns::{bytes, csv, row};
use super::figures::ms;
use super::foreign::cell;
use crate::record::{Cause, Cell, Tally};
use crate::store::SavedRun;

/// The file.
pub fn write(run: &SavedRun) -> Vec<u8> {
    let mut csv = csv();
    row(
        &mut csv,
        [
            "scenario",
            "stage",
            "part",
            "failure",
            "origin",
            "phase",
            "code",
            "count",
            "first_seen_ms",
            "last_seen_ms",
            "sample",
        ],
    );
    for (scenario, facts) in run.plan.scenarios.iter().zip(&run.recording.scenarios) {
        for (key, cell_facts) in &facts.cells {
            let stage = scenario.stages.get(usize::from(key.stage)).map_or("", |stage| &stage.name);
            for (cause, tally) in sorted(cell_facts) {
                let cells = [
                    cell(&scenario.name).into_owned(),
                    cell(stage).into_owned(),
                    key.part.to_string(),
                    cause.failure.to_string(),
                    cause.failure.origin().to_string(),
                    cause.phase.to_string(),
                    if cause.code == 0 { String::new() } else { cause.code.to_string() },
                    tally.count.to_string(),
                    ms(tally.first_ns),
                    ms(tally.last_ns),
                    cell(&tally.sample).into_owned(),
                ];
                row(&mut csv, cells);
            }
        }
    }
    bytes(csv)
}

/// The causes, the most frequent first.
pub fn sorted(cell: &Cell) -> Vec<&(Cause, Tally)> {
    let mut causes: Vec<&(Cause, Tally)> = cell.failures.iter().collect();
    causes.sort_by_key(|(cause, tally)| (std::cmp::Reverse(tally.count), *cause));
    causes
}
