//! What the hosts of a plan have to say of themselves, before any load.

use super::page::colour;
use crate::cli::hosts::HostArgs;
use crate::cli::plan_file::PlanFile;
use crate::cli::signals::Signals;
use crate::cli::{ExitStatus, diagnostic, print_result, screen};
use crate::engine::{EngineError, ExaminedHost, examine_hosts};
use crate::machine::HostRequirement;
use crate::report::page::{Page, wrapped};
use crate::report::table::{Column, Table, TableCell};
use crate::units::visible;
use serde_json::json;
use std::io::{self, Write};

/// Has each host compare its limits with its part of the plan, and prints what they found.
pub(super) fn examine(args: &HostArgs, file: &PlanFile, as_json: bool) -> ExitStatus {
    let hosts = match examined(args, file) {
        Ok(hosts) => hosts,
        Err(status) => return status,
    };
    let mut text = Vec::new();
    let page = &mut Page::new(&mut text, screen::terminal().unwrap_or(usize::MAX));
    let written =
        if as_json { writeln!(page, "{:#}", object(&hosts)) } else { write(&hosts, page) };
    match if written.is_ok() { print_result(&text) } else { ExitStatus::Internal } {
        ExitStatus::Pass if !hosts.iter().all(ExaminedHost::is_fit) => ExitStatus::NotFit,
        printed => printed,
    }
}

fn examined(args: &HostArgs, file: &PlanFile) -> Result<Vec<ExaminedHost>, ExitStatus> {
    let internal = |error: io::Error| {
        diagnostic::print_error(&format!("cannot begin: {error}"), None);
        ExitStatus::Internal
    };
    let exe = std::env::current_exe().map_err(internal)?;
    let Some(hosts) = args.prepare(&exe, &file.plan)? else { return Ok(Vec::new()) };
    let spec = hosts.examination(file);
    let mut signals = Signals::listen().map_err(internal)?;
    let found = signals.during(async |mut asked| {
        tokio::select! {
            found = Box::pin(examine_hosts(&spec, &file.plan)) => Some(found),
            _ = asked.recv() => None,
        }
    });
    match found {
        None => Err(ExitStatus::Interrupted),
        Some(Ok(hosts)) => Ok(hosts),
        Some(Err(error)) => {
            diagnostic::print_error(&error.to_string(), Some("nothing was sent"));
            Err(match error {
                EngineError::Host { .. } | EngineError::Broker(_) => ExitStatus::NotFit,
                _ => ExitStatus::Internal,
            })
        }
    }
}

fn object(hosts: &[ExaminedHost]) -> serde_json::Value {
    let host = |one: &ExaminedHost| {
        json!({
            "host": one.host,
            "name": one.name,
            "weight": one.weight,
            "fit": one.is_fit(),
            "rows": one.requirements,
        })
    };
    json!({
        "schema": super::json::SCHEMA,
        "fit": hosts.iter().all(ExaminedHost::is_fit),
        "hosts": hosts.iter().map(host).collect::<Vec<_>>(),
    })
}

fn write(hosts: &[ExaminedHost], page: &mut Page<'_>) -> io::Result<()> {
    let total: u32 = hosts.iter().map(|host| host.weight).sum();
    for (nth, host) in hosts.iter().enumerate() {
        if nth > 0 {
            writeln!(page)?;
        }
        let verdict = if host.is_fit() { "can make" } else { "cannot make" };
        let (name, weight) = (visible(&host.name), host.weight);
        writeln!(page, "host {name} {verdict} its part of the load ({weight} of {total})")?;
        let mut table = Table::new(vec![
            Column::name("check"),
            Column::left("needed").spare(1),
            Column::left("have"),
            Column::left("verdict"),
        ]);
        for row in &host.requirements {
            table.row(vec![
                row.name.as_str().into(),
                row.needed.as_str().into(),
                row.have.as_str().into(),
                TableCell::styled(row.fitness.to_string(), colour(row.fitness)),
            ]);
        }
        table.write(page, 2)?;
        for line in host.requirements.iter().flat_map(|row: &HostRequirement| &row.fixes) {
            for line in wrapped(line, page.width().saturating_sub(4), 4) {
                writeln!(page, "    {line}")?;
            }
        }
    }
    Ok(())
}
