//! Turns a comparison into a table for a terminal or a page in Markdown.

use super::{Change, ComparisonOutcome, ConfidenceInterval, FEWEST_RUNS, RunComparison};
use crate::catalogue::MetricUnit;
use crate::plan::Metric;
use crate::report::page::Page;
use crate::report::table::{Column, NOT_MEASURED, Table, TableCell, escaped};
use crate::units::visible;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// The table, the reasons why runs cannot be compared, and the decision in the last line.
pub fn write(comparison: &RunComparison, page: &mut Page<'_>) -> io::Result<()> {
    table(comparison).write(page, 2)?;
    for one in &comparison.differences {
        let word = if one.accepted { "note" } else { "incomparable" };
        page.hanging("  ", "    ", &format!("{word}: {}", one.detail), Style::new())?;
    }
    writeln!(page)?;
    page.paragraph("", &conclusion(comparison), style(comparison.outcome).bold())
}

/// The same as a page in Markdown.
pub fn markdown(comparison: &RunComparison) -> String {
    let mut out =
        format!("**{}**\n\n{}", escaped(&conclusion(comparison)), table(comparison).markdown());
    for one in &comparison.differences {
        out.extend(["\n- ", &escaped(&one.detail)]);
    }
    out.push('\n');
    out
}

/// The smallest change that runs of one set can show, figure by figure.
pub fn write_noise(comparison: &RunComparison, page: &mut Page<'_>) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::name(""),
        Column::left("metric"),
        Column::right("median"),
        Column::right("runs"),
        Column::right("smallest change"),
    ]);
    for change in &comparison.changes {
        let smallest = change.smallest_change().map(|one| match change.metric.row().unit {
            MetricUnit::Ratio => points(one),
            _ => format!("±{:.1}%", one * 100.0),
        });
        table.row(vec![
            place(change).into(),
            change.metric.to_string().into(),
            change.metric.figure(super::bootstrap::median(&change.base)).into(),
            change.base.len().to_string().into(),
            smallest.unwrap_or_else(|| NOT_MEASURED.to_owned()).into(),
        ]);
    }
    table.write(page, 2)?;
    writeln!(page)?;
    let said = if comparison.base.len() < FEWEST_RUNS {
        too_few(comparison)
    } else {
        "A change below these is lost in the noise of these runs: use a margin of twice as much, or more runs".to_owned()
    };
    page.paragraph("", &said, Style::new())
}

pub(super) fn table(comparison: &RunComparison) -> Table {
    let mut table = Table::new(vec![
        Column::name(""),
        Column::left("metric"),
        Column::right("base"),
        Column::right("new"),
        Column::right("change"),
        Column::right("95% interval"),
        Column::left("result"),
    ]);
    for change in &comparison.changes {
        let [base, new] = [&change.base, &change.new]
            .map(|runs| change.metric.figure(super::bootstrap::median(runs)));
        let interval = change.interval.map(|one| range(change.metric, one));
        table.row(vec![
            place(change).into(),
            change.metric.to_string().into(),
            base.into(),
            new.into(),
            effect(change.metric, change.effect).into(),
            interval.unwrap_or_else(|| NOT_MEASURED.to_owned()).into(),
            TableCell::styled(change.outcome.words(), style(change.outcome)),
        ]);
    }
    table
}

pub(super) fn place(change: &Change) -> String {
    format!("{} · {}", visible(&change.place.scenario), visible(&change.place.stage))
}

/// A change as people read it: `+4.2%`, of ratios `+0.12 points`.
pub(super) fn effect(metric: Metric, effect: f64) -> String {
    match metric.row().unit {
        MetricUnit::Ratio => points(effect),
        _ if !effect.is_finite() => "from zero".to_owned(),
        _ => format!("{:+.1}%", (effect - 1.0) * 100.0),
    }
}

fn points(difference: f64) -> String {
    format!("{:+.3} points", difference * 100.0)
}

pub(super) fn range(metric: Metric, interval: ConfidenceInterval) -> String {
    let [low, high] = [interval.low, interval.high].map(|one| effect(metric, one));
    format!("{} to {high}", low.trim_end_matches(" points"))
}

fn style(outcome: ComparisonOutcome) -> Style {
    let colour = match outcome {
        ComparisonOutcome::Regressed => AnsiColor::Red,
        ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => AnsiColor::Green,
        ComparisonOutcome::Inconclusive | ComparisonOutcome::Incomparable => AnsiColor::Yellow,
    };
    Style::new().fg_color(Some(colour.into()))
}

fn too_few(comparison: &RunComparison) -> String {
    let runs = comparison.base.len().min(comparison.new.len());
    let plural = if runs == 1 { "run" } else { "runs" };
    format!(
        "{runs} {plural} a side: an interval needs {FEWEST_RUNS}; make more with `planrun PLAN.toml --repeat 5`"
    )
}

pub(super) fn conclusion(comparison: &RunComparison) -> String {
    let of = |outcome| -> Vec<String> {
        let changes = comparison.changes.iter().filter(|one| one.outcome == outcome);
        changes.map(|one| format!("{} of {}", one.metric, place(one))).collect()
    };
    let margin = comparison.margin;
    let margin =
        format!("{}% ({} points)", figure(margin.relative * 100.0), figure(margin.points * 100.0));
    match comparison.outcome {
        ComparisonOutcome::Incomparable => {
            "INCOMPARABLE: the runs differ in more than the target".to_owned()
        }
        ComparisonOutcome::Regressed => {
            format!(
                "REGRESSED by more than {margin}: {}",
                of(ComparisonOutcome::Regressed).join(", ")
            )
        }
        ComparisonOutcome::Inconclusive if comparison.changes.is_empty() => {
            "INCONCLUSIVE: no figure has enough samples in every run".to_owned()
        }
        ComparisonOutcome::Inconclusive => {
            let few = comparison.base.len().min(comparison.new.len()) < FEWEST_RUNS;
            let why = if few {
                too_few(comparison)
            } else {
                "the interval reaches over the margin; more runs make it narrower".to_owned()
            };
            format!("INCONCLUSIVE: {why}")
        }
        ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => {
            format!("NOT REGRESSED by more than {margin}")
        }
    }
}

/// A number without needless zeros.
fn figure(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
