//! Turns the requirements into a page for people: the answer first, then the rows, then the fixes.

use super::{Examination, Subject, reach_words};
use crate::machine::{
    Advice, Effect, Headroom, Probes, Requirement, RequirementStatus, Requirements, SocketCost,
    addresses, bytes, grouped, memory_needed, servers, workers,
};
use crate::plan::Plan;
use crate::report::page::{Page, wrapped};
use crate::report::table::{Column, Table, TableCell, shortened};
use crate::units::visible;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const FAINT: Style = Style::new().dimmed();

pub(super) fn colour(fitness: RequirementStatus) -> Style {
    match fitness {
        RequirementStatus::Ok => AnsiColor::Green.on_default(),
        RequirementStatus::Warn => AnsiColor::Yellow.on_default(),
        RequirementStatus::Fail => AnsiColor::Red.on_default().bold(),
        RequirementStatus::NotAvailable => FAINT,
    }
}

/// The page.
pub(super) fn write(examination: &Examination, page: &mut Page<'_>) -> io::Result<()> {
    match &examination.subject {
        Subject::Plan { plan, rows } => plan_part(page, examination, plan, rows)?,
        Subject::Machine { both_ends, one_end } => machine_part(page, both_ends, one_end)?,
    }
    writeln!(page)?;
    advice_part(page, &examination.advice)
}

fn plan_part(
    page: &mut Page<'_>,
    examination: &Examination,
    plan: &Plan,
    rows: &[Requirement],
) -> io::Result<()> {
    let (verdict, style) = if examination.fit() {
        ("can run here", colour(RequirementStatus::Ok))
    } else {
        ("cannot run here", colour(RequirementStatus::Fail))
    };
    let name = shortened(&visible(&plan.name), page.width() - "plan  ".len() - verdict.len());
    writeln!(page, "plan {name} {style}{verdict}{style:#}")?;
    page.hanging("needs ", "      ", &needs_words(plan, examination), Style::new())?;
    let reach = format!("possible with these limits: {}", reach_words(rows));
    page.hanging("", "      ", &reach, Style::new())?;
    writeln!(page)?;
    let mut table = Table::new(vec![
        Column::name("check"),
        Column::left("needed").spare(1),
        Column::left("have"),
        Column::left("verdict"),
    ]);
    for row in rows {
        table.row(vec![
            row.resource.name().into(),
            row.needed.to_string().into(),
            row.have.to_string().into(),
            TableCell::styled(row.status.to_string(), colour(row.status)),
        ]);
    }
    table.write(page, 2)?;
    if rows.iter().any(|row| !row.fixes.is_empty()) {
        writeln!(page)?;
        findings(page, rows)?;
    }
    Ok(())
}

fn machine_part(
    page: &mut Page<'_>,
    both_ends: &[Requirement],
    one_end: &[Requirement],
) -> io::Result<()> {
    writeln!(page, "this machine can hold")?;
    let rest = " ".repeat(4);
    let both = format!("  with both ends here:             {}", reach_words(both_ends));
    let one = format!("  from one source to one address:  {}", reach_words(one_end));
    page.hanging("", &rest, &both, Style::new())?;
    page.hanging("", &rest, &one, Style::new())?;
    writeln!(page)?;
    let mut table = Table::new(vec![
        Column::name("check"),
        Column::left("have").spare(1),
        Column::left("both ends here"),
        Column::left("one end here"),
    ]);
    let reach = |row: &Requirement| row.headroom.map_or("-".to_owned(), grouped);
    for (both, one) in both_ends.iter().zip(one_end) {
        table.row(vec![
            both.resource.name().into(),
            both.have.to_string().into(),
            reach(both).into(),
            reach(one).into(),
        ]);
    }
    table.write(page, 2)?;
    let limits: Vec<Requirement> = [both_ends, one_end]
        .iter()
        .filter_map(|rows| {
            let reach = Headroom::of(rows)?;
            rows.iter()
                .find(|row| row.resource == reach.limited_by && !row.fixes.is_empty())
                .cloned()
        })
        .collect();
    if !limits.is_empty() {
        writeln!(page, "\nfor more than that, or for a million:\n")?;
        findings(page, &limits)?;
    }
    Ok(())
}

/// Connections, sockets, rates, time, processes, memory: on one line.
fn needs_words(plan: &Plan, examination: &Examination) -> String {
    let limits = &examination.limits;
    let each: Vec<u32> = plan.scenarios.iter().map(|one| workers(one, plan, limits)).collect();
    let Probes { files, resolved, relocated, .. } = &examination.probes;
    let needs = Requirements::of(plan)
        .with_files(files, &each, &addresses(plan, limits, resolved))
        .with_relocated(*relocated);
    let load: u32 = each.iter().sum();
    let serving: u32 = (0..plan.targets.len())
        .filter(|target| plan.scenarios.iter().any(|one| one.target == *target))
        .filter(|target| {
            matches!(plan.targets[*target].endpoint, crate::plan::Endpoint::Builtin(_))
        })
        .map(|target| servers(target, plan, limits))
        .sum();
    let cost = limits.slabs.map_or_else(SocketCost::default, |slabs| slabs.cost());
    let memory = memory_needed(&needs, cost, u64::from(load + serving));
    let mut words = vec![
        format!("{} connections at once", grouped(needs.connections())),
        format!("{} sockets here", grouped(needs.sockets())),
    ];
    if let Some(rate) = needs.opening().per_second() {
        words.push(format!("{rate:.0} opened/s"));
    }
    if needs.heartbeats_per_second() > 0.0 {
        words.push(format!("{:.0} heartbeats/s", needs.heartbeats_per_second()));
    }
    words.push(match serving {
        0 => format!("{load} processes"),
        serving => format!("{load} + {serving} processes"),
    });
    words.push(bytes(memory));
    words.push(format!("{} at least", needs.shortest_run));
    words.join(", ")
}

/// The failed and doubtful requirements, worst first, each with its meaning and the commands that
/// fix it.
fn findings(page: &mut Page<'_>, rows: &[Requirement]) -> io::Result<()> {
    let mut rows: Vec<&Requirement> = rows.iter().filter(|row| !row.fixes.is_empty()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.status));
    for row in rows {
        let style = colour(row.status);
        let note = row.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        let Requirement { resource: check, needed, have, status: fitness, .. } = row;
        let words = format!("{}: needs {needed}, has {have}{note}", check.name());
        let fitness = fitness.to_string();
        write!(page, "{style}{fitness}{style:#} ")?;
        for (number, line) in
            wrapped(&words, page.width() - 6, fitness.len().saturating_sub(5)).iter().enumerate()
        {
            writeln!(page, "{}{line}", if number == 0 { "" } else { "      " })?;
        }
        for (place, fix) in row.fixes.iter().enumerate() {
            // A line to paste is never cut.
            writeln!(page, "  {} {fix}", if place == 0 { "fix:" } else { " or:" })?;
        }
    }
    Ok(())
}

fn advice_part(page: &mut Page<'_>, advice: &[Advice]) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::name("kernel parameter"),
        Column::left("here").spare(1),
        Column::left("articles say").spare(2),
        Column::left("which"),
        Column::sentence("because"),
    ]);
    for one in advice {
        let style = match one.effect {
            Effect::Helps => colour(RequirementStatus::Ok),
            Effect::Depends => colour(RequirementStatus::Warn),
            Effect::Harms => colour(RequirementStatus::Fail),
            Effect::Nothing | Effect::Gone => FAINT,
        };
        let which = match one.effect {
            Effect::Nothing => "does nothing".to_owned(),
            Effect::Gone => "is gone".to_owned(),
            other => other.to_string(),
        };
        table.row(vec![
            one.parameter.into(),
            one.here.as_deref().unwrap_or("not here").into(),
            one.advised.into(),
            TableCell::styled(which, style),
            one.why.into(),
        ]);
    }
    table.write(page, 2)
}
