//! Turns what was found into a page for people: the answer first, then the rows, then what to do.

use super::table::{Cell, table};
use super::{Examination, Subject, reach_words};
use crate::cli::diagnostic::neutral;
use crate::machine::{
    Advice, Effect, Fitness, Needs, Reach, Row, SocketCost, bytes, grouped, memory_needed, servers,
    workers,
};
use crate::plan::Plan;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

fn colour(fitness: Fitness) -> Style {
    match fitness {
        Fitness::Ok => AnsiColor::Green.on_default(),
        Fitness::Warn => AnsiColor::Yellow.on_default(),
        Fitness::Fail => AnsiColor::Red.on_default().bold(),
        Fitness::NotAvailable => FAINT,
    }
}

/// The page.
pub(super) fn page(examination: &Examination) -> String {
    let mut page = String::new();
    match &examination.subject {
        Subject::Plan { plan, rows } => plan_part(&mut page, examination, plan, rows),
        Subject::Machine { both_ends, one_end } => machine_part(&mut page, both_ends, one_end),
    }
    page.push('\n');
    page.push_str(&advice_part(&examination.advice));
    page
}

fn plan_part(page: &mut String, examination: &Examination, plan: &Plan, rows: &[Row]) {
    let (verdict, style) = if examination.fit() {
        ("can run here", colour(Fitness::Ok))
    } else {
        ("cannot run here", colour(Fitness::Fail))
    };
    let _ = writeln!(page, "plan {} {style}{verdict}{style:#}", neutral(&plan.name));
    let _ = writeln!(page, "needs {}", needs_words(plan, examination));
    let _ = writeln!(page, "reach as things are: {}\n", reach_words(rows));
    let mut lines = vec![head(&["check", "needed", "have", "verdict"])];
    lines.extend(rows.iter().map(|row| {
        vec![
            Cell::plain(row.check.name()),
            Cell::plain(row.needed.to_string()),
            Cell::plain(row.have.to_string()),
            Cell::styled(row.fitness.to_string(), colour(row.fitness)),
        ]
    }));
    page.push_str(&table(&lines));
    let findings = findings(rows);
    if !findings.is_empty() {
        let _ = write!(page, "\n{findings}");
    }
}

fn machine_part(page: &mut String, both_ends: &[Row], one_end: &[Row]) {
    let _ = writeln!(page, "this machine can hold");
    let _ = writeln!(page, "  with both ends here:             {}", reach_words(both_ends));
    let _ = writeln!(page, "  from one source to one address:  {}\n", reach_words(one_end));
    let mut lines = vec![head(&["check", "have", "both ends here", "one end here"])];
    let reach = |row: &Row| row.reach.map_or("-".to_owned(), grouped);
    for (both, one) in both_ends.iter().zip(one_end) {
        lines.push(vec![
            Cell::plain(both.check.name()),
            Cell::plain(both.have.to_string()),
            Cell::plain(reach(both)),
            Cell::plain(reach(one)),
        ]);
    }
    page.push_str(&table(&lines));
    let limits: Vec<Row> = [both_ends, one_end]
        .iter()
        .filter_map(|rows| {
            let reach = Reach::of(rows)?;
            rows.iter().find(|row| row.check == reach.limited_by && !row.fixes.is_empty()).cloned()
        })
        .collect();
    if !limits.is_empty() {
        let _ = write!(page, "\nfor more than that, or for a million:\n\n{}", findings(&limits));
    }
}

fn head(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| Cell::styled(*name, STRONG)).collect()
}

/// Connections, sockets, rates, time, processes, memory: on one line.
fn needs_words(plan: &Plan, examination: &Examination) -> String {
    let (needs, limits) = (Needs::of(plan), &examination.limits);
    let load: u32 = plan.scenarios.iter().map(|one| workers(one, plan, limits)).sum();
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

/// What is wrong or doubtful, worst first, each with what it means and the lines that fix it; empty when nothing is.
pub(in crate::cli) fn findings(rows: &[Row]) -> String {
    let mut rows: Vec<&Row> = rows.iter().filter(|row| !row.fixes.is_empty()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.fitness));
    let mut text = String::new();
    for row in rows {
        let style = colour(row.fitness);
        let _ = write!(
            text,
            "{style}{}{style:#} {}: needs {}, has {}",
            row.fitness,
            row.check.name(),
            row.needed,
            row.have
        );
        if let Some(note) = &row.note {
            let _ = write!(text, " ({note})");
        }
        text.push('\n');
        for (place, fix) in row.fixes.iter().enumerate() {
            let _ = writeln!(text, "  {} {fix}", if place == 0 { "fix:" } else { " or:" });
        }
    }
    text
}

fn advice_part(advice: &[Advice]) -> String {
    let mut lines = vec![head(&["kernel parameter", "here", "articles say", "which", "because"])];
    lines.extend(advice.iter().map(|one| {
        let style = match one.effect {
            Effect::Helps => colour(Fitness::Ok),
            Effect::Depends => colour(Fitness::Warn),
            Effect::Harms => colour(Fitness::Fail),
            Effect::Nothing | Effect::Gone => FAINT,
        };
        vec![
            Cell::plain(one.parameter),
            Cell::plain(one.here.as_deref().unwrap_or("not here")),
            Cell::plain(one.advised),
            Cell::styled(
                match one.effect {
                    Effect::Nothing => "does nothing".to_owned(),
                    Effect::Gone => "is gone".to_owned(),
                    other => other.to_string(),
                },
                style,
            ),
            Cell::plain(one.why),
        ]
    }));
    table(&lines)
}
