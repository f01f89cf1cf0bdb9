//! Turns diagnoses and costs into their lines of the summary.

use super::{BAD, QUIET, STRONG, heading, listed, paragraph};
use crate::machine::{FEWEST_CONNECTIONS, ProcessCost, ResourceCost};
use crate::record::Diagnosis;
use crate::report::causes::causes;
use crate::report::foreign::visible;
use crate::report::page::Page;
use crate::store::SavedRun;
use crate::units::figure::{grouped, time};
use crate::verdict::Verdict;
use anstyle::Style;
use std::io;

/// Culprits of a scenario that are shown; the others are in report.json.
const MOST: usize = 4;

/// Why it stopped where it stopped: each root cause with its side, and what to do.
pub(super) fn diagnoses(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    let all: Vec<(usize, Vec<Diagnosis>)> = (0..run.plan.scenarios.len())
        .map(|index| (index, causes(run, index)))
        .filter(|(_, diagnoses)| !diagnoses.is_empty())
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    // A stalled generator may itself have caused what looks like the target's failures.
    let title = match run.judgement.verdict {
        Verdict::Invalid => "Causes, as far as an INVALID run can tell",
        Verdict::Pass | Verdict::Fail => "Causes",
    };
    heading(out, title)?;
    for (index, diagnoses) in &all {
        let name = match run.plan.scenarios.len() {
            1 => String::new(),
            _ => format!("{}: ", visible(&run.plan.scenarios[*index].name)),
        };
        for diagnosis in diagnoses.iter().take(MOST) {
            let sentence = format!("{name}{}", capital(&visible(&diagnosis.sentence)));
            out.hanging("  ", "    ", &sentence, BAD)?;
            paragraph(out, "    ", &format!("fix: {}", visible(&diagnosis.fix)), STRONG)?;
        }
        if let Some(more @ 1..) = diagnoses.len().checked_sub(MOST) {
            paragraph(out, "  ", &format!("{name}and {more} more causes in report.json"), QUIET)?;
        }
    }
    Ok(())
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The cost of a scenario's connections.
pub(super) fn cost(run: &SavedRun, index: usize, out: &mut Page<'_>) -> io::Result<()> {
    let cost = ResourceCost::of_scenario(&run.plan, &run.recording, index);
    let Some(cost) = cost.filter(|cost| cost.connections >= FEWEST_CONNECTIONS) else {
        return Ok(());
    };
    let way = run.started.as_ref().and_then(|started| started.paths.get(index));
    for line in lines(&cost, way.is_some_and(|way| way.both_ends_here)) {
        paragraph(out, "  ", &line, Style::new())?;
    }
    Ok(())
}

/// The cost of all scenarios' connections together.
pub(super) fn cost_of_all(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    let cost = ResourceCost::of_run(&run.plan, &run.recording);
    let Some(cost) = cost.filter(|cost| cost.connections >= FEWEST_CONNECTIONS) else {
        return Ok(());
    };
    heading(out, "All connections together")?;
    let here = run
        .started
        .as_ref()
        .is_some_and(|started| started.paths.iter().all(|way| way.both_ends_here));
    lines(&cost, here).iter().try_for_each(|line| paragraph(out, "  ", line, Style::new()))
}

fn lines(cost: &ResourceCost, both_ends_here: bool) -> Vec<String> {
    let accounts = || {
        let generator = ("generator", &cost.generator);
        [generator].into_iter().chain(cost.target.as_ref().map(|target| ("target", target)))
    };
    let mut memory: Vec<String> =
        accounts().filter_map(|(name, one)| of_process_cost(name, one)).collect();
    let ends = if both_ends_here { "both ends" } else { "this end" };
    let kernel = cost.kernel_per_connection.map(crate::machine::cost_bytes);
    memory.extend(kernel.map(|bytes| format!("kernel {bytes} ({ends})")));
    let each = |what: fn(&ProcessCost) -> Option<f64>| -> Vec<String> {
        let told =
            |(name, one): (&str, &ProcessCost)| Some(format!("{name} {}", time(what(one)? * 1e9)));
        accounts().filter_map(told).collect()
    };
    let opening = each(|one| one.cost.cpu_per_thousand_connections);
    let holding = each(|one| one.cost.cpu_per_heartbeat);
    let title = format!("memory a connection, {} open", grouped(cost.connections));
    [
        (title, memory),
        ("CPU per 1,000 connections".into(), opening),
        ("CPU per heartbeat".into(), holding),
    ]
    .into_iter()
    .filter(|(_, items)| !items.is_empty())
    .map(|(title, items)| format!("{title}: {}", listed(&items)))
    .collect()
}

fn of_process_cost(name: &str, process_cost: &ProcessCost) -> Option<String> {
    use crate::units::figure::bytes;
    let each = crate::machine::cost_bytes(process_cost.cost.rss_per_connection?);
    let fixed = process_cost.fixed_bytes.map(|fixed| format!(" beyond {} fixed", bytes(fixed)));
    Some(format!("{name} {each}{}", fixed.unwrap_or_default()))
}
