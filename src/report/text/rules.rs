//! Turns the validity rules into a table of all of them, and into notes on those that the plan has
//! loosened.

use super::{BAD, DOUBT, GOOD, QUIET, STRONG, heading};
use crate::report::page::Page;
use crate::report::table::{Column, NOT_MEASURED, Table, TableCell};
use crate::store::SavedRun;
use crate::verdict::{Health, RuleStatus};
use std::io;

/// Every rule with its worst measured value, its limits, and who set them.
pub fn rules(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    heading(out, "Rules of validity")?;
    table(run).write(out, 2)
}

/// A row for each rule.
pub(in crate::report) fn table(run: &SavedRun) -> Table {
    let mut table = Table::new(vec![
        Column::left(""),
        Column::name("rule"),
        Column::right("measured"),
        Column::right("warns beyond").spare(1),
        Column::right("INVALID beyond"),
        Column::sentence(""),
    ]);
    for one in &run.judgement.health {
        let (word, style) = match one.state {
            RuleStatus::Ok => ("✓ ok", GOOD),
            RuleStatus::Warned => ("! warning", DOUBT),
            RuleStatus::Violated => ("✗ violated", BAD),
            RuleStatus::NotMeasured => ("? not measured", QUIET),
        };
        let figure = |value: Option<f64>| {
            value.map_or(NOT_MEASURED.to_owned(), |value| one.unit.figure(value))
        };
        let own = one
            .default_limit
            .map_or_else(String::new, |own| format!("the plan's; else {}", one.unit.figure(own)));
        table.row(vec![
            TableCell::styled(word, style),
            one.rule.name().to_owned().into(),
            TableCell::styled(figure(one.measured), STRONG),
            figure(one.warn).into(),
            figure(one.invalid).into(),
            TableCell::styled(own, QUIET),
        ]);
    }
    table
}

/// A limit that the plan has loosened: a value within it may still come from the generator.
pub(super) fn loosened(health: &Health) -> Option<String> {
    let (own, set) = health.default_limit.zip(health.invalid)?;
    (set > own).then(|| {
        let (set, own) = (health.unit.figure(set), health.unit.figure(own));
        let name = health.rule.name();
        format!("{name}: the plan lets a run count up to {set}, where planrun's own limit is {own}")
    })
}
