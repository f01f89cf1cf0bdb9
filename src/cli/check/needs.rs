//! What a plan needs, beside what this machine has.

use crate::machine::{Check, Fitness, Limits, Needs, Opening, Probes, grouped, preflight};
use crate::plan::Plan;
use std::fmt::Write as _;

/// What can be said without an experiment.
const SHOWN: [Check; 5] =
    [Check::ProcessFiles, Check::Processes, Check::SystemFiles, Check::SourcePorts, Check::Memory];

/// Writes the table of needs: connections, descriptors, ports, memory, time.
pub(super) fn write_needs(page: &mut String, plan: &Plan) {
    let needs = Needs::of(plan);
    let opening = match needs.opening() {
        Opening::PerSecond(rate) => format!("opened at {:.0}/s", rate.ceil()),
        Opening::Unpaced => "opened as fast as possible".to_owned(),
    };
    let ends = match needs.served_here() {
        0 => String::new(),
        here => format!(", {} of them with both ends on this machine", grouped(here)),
    };
    let mut rows = vec![
        ["needs".to_owned(), "this plan".to_owned(), "this machine".to_owned(), String::new()],
        [
            "connections".to_owned(),
            grouped(needs.connections()),
            "-".to_owned(),
            format!("{opening}{ends}"),
        ],
        ["time".to_owned(), needs.shortest_run.to_string(), "-".to_owned(), String::new()],
    ];
    let mut unfit = false;
    for row in preflight(plan, &Limits::read(), &Probes::default()) {
        let small_cap = row.check == Check::InFlight && row.fitness >= Fitness::Warn;
        if !SHOWN.contains(&row.check) && !small_cap {
            continue;
        }
        unfit |= row.fitness >= Fitness::Warn;
        let fitness =
            if row.fitness == Fitness::Ok { String::new() } else { row.fitness.to_string() };
        rows.push([
            row.check.name().to_owned(),
            row.needed.to_string(),
            row.have.to_string(),
            fitness,
        ]);
    }
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name, needed, have) = (width(0), width(1), width(2));
    for [first, second, third, last] in &rows {
        let line = format!("{first:<name$}  {second:>needed$}  {third:>have$}  {last}");
        let _ = writeln!(page, "{}", line.trim_end());
    }
    if unfit {
        let _ = writeln!(page, "`planrun doctor PLAN.toml` says how to fix it");
    }
}
