//! The requirements of a plan beside the resources of this machine.

use crate::engine::file_memory;
use crate::machine::{
    MachineLimits, Opening, Probes, RequirementStatus, Requirements, Resource, grouped, preflight,
};
use crate::plan::Plan;
use crate::report::page::Page;
use crate::report::table::{Column, Table};
use crate::store;
use crate::units::figure::bytes;
use crate::workload::http::ScenarioFiles;
use anstyle::Style;
use std::io;

/// The requirements that can be computed without an experiment.
const SHOWN: [Resource; 5] = [
    Resource::ProcessFiles,
    Resource::Processes,
    Resource::SystemFiles,
    Resource::SourcePorts,
    Resource::Memory,
];

/// Writes the table of needs: connections, descriptors, ports, memory, time.
pub(super) fn write_needs(
    page: &mut Page<'_>,
    plan: &Plan,
    files: &[ScenarioFiles],
) -> io::Result<()> {
    let needs = Requirements::of(plan);
    let opening = match needs.opening() {
        Opening::PerSecond(rate) => format!("opened at {:.0}/s", rate.ceil()),
        Opening::Unpaced => "opened as fast as possible".to_owned(),
    };
    let ends = match needs.served_here() {
        0 => String::new(),
        here => format!(", {} of them with both ends on this machine", grouped(here)),
    };
    let mut table = Table::new(vec![
        Column::name("needs"),
        Column::right("this plan"),
        Column::right("this machine"),
        Column::sentence(""),
    ]);
    table.row(vec![
        "connections".into(),
        grouped(needs.connections()).into(),
        "-".into(),
        format!("{opening}{ends}").into(),
    ]);
    table.row(vec!["time".into(), needs.shortest_run.to_string().into(), "-".into()]);
    let most = store::most_bytes(plan, needs.shortest_run.0);
    let more = if plan.scenarios.iter().any(store::keeps_seconds) {
        "; more, as a threshold with a window is judged from every second"
    } else {
        ""
    };
    table.row(vec![
        "disk".into(),
        bytes(most).into(),
        "-".into(),
        format!("results at most, less once the run has ended{more}").into(),
    ]);
    let mut unfit = false;
    // Nothing is sent, so that no name is resolved.
    let probes = Probes { files: file_memory(plan, files), ..Probes::default() };
    for row in preflight(plan, &MachineLimits::read(), &probes) {
        let small_cap = row.resource == Resource::InFlight && row.status >= RequirementStatus::Warn;
        if !SHOWN.contains(&row.resource) && !small_cap {
            continue;
        }
        unfit |= row.status >= RequirementStatus::Warn;
        let fitness = if row.status == RequirementStatus::Ok {
            String::new()
        } else {
            row.status.to_string()
        };
        table.row(vec![
            row.resource.name().into(),
            row.needed.to_string().into(),
            row.have.to_string().into(),
            fitness.into(),
        ]);
    }
    table.write(page, 0)?;
    if unfit {
        page.paragraph("", "`planrun doctor PLAN.toml` says how to fix it", Style::new())?;
    }
    Ok(())
}
