//! Turns a run into `failures.csv`: a row per scenario, stage, phase, request and cause.

use super::columns::{bytes, csv, row};
use super::field::{ColumnField, FieldType, PART, SCENARIO, STAGE, head};
use super::figures::ms;
use super::foreign::cell;
use crate::plan::Scenario;
use crate::record::{Cause, Cell, FailureTally};
use crate::store::SavedRun;

/// The columns.
pub(super) const FIELDS: [ColumnField; 12] = [
    SCENARIO,
    STAGE,
    PART,
    ColumnField::new(
        "request",
        FieldType::Text,
        "The request's name, where the scenario has requests.",
    ),
    ColumnField::required(
        "failure",
        FieldType::Text,
        "What failed; `planrun explain` explains it.",
    ),
    ColumnField::required(
        "origin",
        FieldType::Text,
        "Whose fault it is: `local`, `network`, `protocol` or `application`.",
    ),
    ColumnField::required("phase", FieldType::Text, "How far the attempt had come."),
    ColumnField::new("code", FieldType::Number, "The status or the number of the system's error."),
    ColumnField::required("count", FieldType::Whole, "How often."),
    ColumnField::required("first_seen_ms", FieldType::Positive, "Milliseconds of the run."),
    ColumnField::required("last_seen_ms", FieldType::Positive, "Milliseconds of the run."),
    ColumnField::new("sample", FieldType::Text, "The first of them, in words."),
];

/// The file.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    let mut csv = csv();
    head(&mut csv, &FIELDS);
    for (scenario, facts) in run.plan.scenarios.iter().zip(&run.recording.scenarios) {
        for (key, cell_facts) in &facts.cells {
            let stage = scenario.stages.get(usize::from(key.stage)).map_or("", |stage| &stage.name);
            for (request, cause, tally) in sorted(cell_facts, scenario) {
                let cells = [
                    cell(&scenario.name).into_owned(),
                    cell(stage).into_owned(),
                    key.phase.to_string(),
                    request.map(|name| cell(name).into_owned()).unwrap_or_default(),
                    cause.failure.to_string(),
                    cause.failure.origin().to_string(),
                    cause.at.to_string(),
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

/// The causes, by request where a scenario has requests, the most frequent first.
pub(super) fn sorted<'a>(
    facts: &'a Cell,
    scenario: &'a Scenario,
) -> Vec<(Option<&'a str>, Cause, &'a FailureTally)> {
    let of = |request: Option<&'a str>, failures: &'a [(Cause, FailureTally)]| {
        failures.iter().map(move |(cause, tally)| (request, *cause, tally))
    };
    let by_request = facts.requests.values().any(|tally| !tally.failures.is_empty());
    let mut causes: Vec<_> = match scenario.protocol.requests() {
        _ if by_request => {
            let requests = facts.requests.iter();
            requests.flat_map(|(at, tally)| of(scenario.request(*at), &tally.failures)).collect()
        }
        // Recordings of earlier versions have the causes of several requests as one.
        [only] => of(Some(only.name.as_str()), &facts.failures).collect(),
        _ => of(None, &facts.failures).collect(),
    };
    causes
        .sort_by_key(|(request, cause, tally)| (std::cmp::Reverse(tally.count), *cause, *request));
    causes
}
