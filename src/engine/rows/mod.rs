//! Says where the rows of data come from that no two passes may take.

mod outlook;
mod stock;

pub use outlook::{RowOutlook, row_outlooks};
pub(super) use stock::{RowStock, Taken};

use crate::plan::{Data, FixedWork, Plan, Protocol, RowOrder, Scenario};
use crate::schedule::{ScenarioSchedule, Schedule, Shape};
use crate::workload::http::ScenarioFiles;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What numbers are granted of: each is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Supply {
    /// Rows of data.
    Rows,
    /// The iterations of a stage with a number of them.
    Iterations {
        /// Index into `Scenario::stages`.
        stage: u16,
    },
}

/// The source of the rows that one worker alone may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowSource {
    /// It needs none: rows are taken more than once, or there are none.
    #[default]
    Any,
    /// Arrival `i` takes row `first + i`.
    Numbered {
        /// The row of arrival 0.
        first: u64,
    },
    /// The coordinator grants blocks of rows, ahead of need. The first block:
    Granted {
        /// Its first row.
        first: u64,
        /// How many rows.
        count: u64,
    },
}

/// One file whose rows are used once each, and the scenarios that take from it: one supply, however
/// many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SharedRows {
    /// How many rows the file has.
    pub rows: u64,
    /// The scenarios, as indices into `Plan::scenarios`.
    pub scenarios: Vec<usize>,
    /// The row of arrival 0 of each scenario, where all arrivals are known before the run and have
    /// rows: attempt `i` then has a row that depends on `i` alone. `None`: rows are granted as they
    /// are needed.
    pub numbered: Option<Vec<u64>>,
}

/// The files whose rows are used once each.
pub(super) fn shared_rows(
    plan: &Plan,
    schedule: &Schedule,
    files: &[ScenarioFiles],
) -> Vec<SharedRows> {
    let mut shared: Vec<(&Path, SharedRows)> = Vec::new();
    for (scenario, files) in files.iter().enumerate() {
        let Some(file) = &files.data_file else { continue };
        if unique(&plan.scenarios[scenario].protocol).is_none() {
            continue;
        }
        match shared.iter_mut().find(|(path, _)| *path == file.path) {
            Some((_, one)) => one.scenarios.push(scenario),
            None => shared.push((
                &file.path,
                SharedRows { rows: file.rows, scenarios: vec![scenario], numbered: None },
            )),
        }
    }
    let numbered = |one: SharedRows| SharedRows {
        numbered: numbered(schedule, &one.scenarios, one.rows),
        ..one
    };
    shared.into_iter().map(|(_, one)| numbered(one)).collect()
}

/// The stages of a scenario that have a number of iterations, and that number.
pub(super) fn counted_stages(scenario: &Scenario) -> impl Iterator<Item = (u16, u64)> {
    (0..).zip(&scenario.stages).filter_map(|(stage, of)| match of.work? {
        FixedWork::Iterations(count) => Some((stage, count)),
        FixedWork::Data => None,
    })
}

/// Whether a scenario ends when the rows of its data are used up.
pub(super) fn lasts_until_data(scenario: &Scenario) -> bool {
    scenario.stages.last().is_some_and(|stage| stage.work == Some(FixedWork::Data))
}

/// The data of a scenario whose rows are used once each.
pub(super) fn unique(protocol: &Protocol) -> Option<&Data> {
    protocol.data().filter(|data| data.order == RowOrder::Unique)
}

/// Where the rows of each scenario begin, if every arrival is known before the run and has a row.
fn numbered(schedule: &Schedule, scenarios: &[usize], rows: u64) -> Option<Vec<u64>> {
    let mut next = 0_u64;
    let mut firsts = Vec::new();
    for scenario in scenarios {
        firsts.push(next);
        next = next.checked_add(known_arrivals(schedule.scenario(*scenario))?)?;
    }
    (next <= rows).then_some(firsts)
}

/// How many arrivals a scenario has; `None` where users take rows.
fn known_arrivals(schedule: &ScenarioSchedule) -> Option<u64> {
    let arrivals = schedule.segments.iter().map(|segment| match segment.shape {
        Shape::Rate { .. } => Some(segment.attempts()),
        Shape::Users { .. } => None,
    });
    arrivals.sum()
}
