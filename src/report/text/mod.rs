//! Turns a run into the summary that ends it on screen: the verdict, why, what happened, and at the
//! end the verdict again and the folder.
//!
//! **Invariant:** no line is wider than the page, except paths, which must stay copyable; and no
//! control character of others reaches the terminal.
//! **Invariant:** colours say nothing that a word does not say as well.

pub mod addresses;
mod causes;
mod checks;
mod detail;
pub(in crate::report) mod requests;
pub(in crate::report) mod rules;
pub(in crate::report) mod scenario;
mod storms;
mod survival;
pub(in crate::report) mod times;

use super::WrittenReports;
use super::calibration::CalibrationReport;
use super::damage::lacks;
use super::foreign::visible;
use super::notes::notes;
use super::page::{Page, listed, wrapped};
use super::section::end_of;
use super::table::{Column, NOT_MEASURED, Table, TableCell, shortened};
use crate::plan::{Metric, Threshold};
use crate::record::{StopReason, signal_name};
use crate::store::SavedRun;
use crate::store::options;
use crate::units::figure::{grouped, percent, time};
use crate::verdict::{Finding, RuleStatus, ThresholdState, Verdict, unjudged_failures};
use anstyle::{AnsiColor, Style};
pub use detail::Detail;
pub use rules::rules;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Thresholds and warnings that a short summary shows at most.
const MOST_THRESHOLDS: usize = 10;
const MOST_WARNINGS: usize = 2;

/// Writes the summary.
pub fn write(
    run: &SavedRun,
    made: &WrittenReports,
    detail: Detail,
    out: &mut Page<'_>,
) -> io::Result<()> {
    verdict(run, out)?;
    thresholds(run, detail, out)?;
    breaches(run, out)?;
    causes::diagnoses(run, out)?;
    for index in 0..run.plan.scenarios.len() {
        scenario::write(run, index, detail, out)?;
    }
    if detail == Detail::Full {
        causes::cost_of_all(run, out)?;
        servers(run, out)?;
    }
    monitors(run, out)?;
    warnings(run, detail, out)?;
    not_written(made, out)?;
    match detail {
        Detail::Full => files(made, out)?,
        Detail::Short => {
            writeln!(out)?;
            let more = "More: report.html in the folder, or `planrun report DIR` for every table";
            paragraph(out, "", more, QUIET)?;
        }
    }
    last(run, made, out)
}

/// The last lines, which a terminal still shows at the end: the verdict again, and where the files
/// are.
fn last(run: &SavedRun, made: &WrittenReports, out: &mut Page<'_>) -> io::Result<()> {
    writeln!(out)?;
    verdict_line(run, out)?;
    // A path must stay copyable: it is never cut.
    writeln!(out, "{STRONG}Results{STRONG:#}  {}", visible(&made.folder.to_string_lossy()))
}

fn verdict(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    verdict_line(run, out)?;
    let mut facts = vec![format!("seed {}", run.plan.seed), ending(run)];
    facts.extend(baseline(run));
    facts.extend(options(&run.header.overrides).iter().map(|option| visible(option).into_owned()));
    paragraph(out, "  ", &listed(&facts), QUIET)?;
    if let Some(calibration) = CalibrationReport::new(run) {
        paragraph(out, "  ", &calibration.words(), QUIET)?;
    }
    notes(run).iter().try_for_each(|note| paragraph(out, "  ", note, DOUBT))
}

/// Which run its thresholds are relative to.
pub(in crate::report) fn baseline(run: &SavedRun) -> Option<String> {
    let baseline = run.header.baseline.as_ref()?;
    let made = baseline.created_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    Some(format!("baseline {} of {made}", visible(&baseline.run)))
}

fn verdict_line(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    let (style, sign) = match run.judgement.verdict {
        Verdict::Pass if unjudged(run).is_some() => (DOUBT, "!"),
        Verdict::Pass => (GOOD, "✓"),
        Verdict::Fail => (BAD, "✗"),
        Verdict::Invalid => (DOUBT, "!"),
    };
    let word = run.judgement.verdict;
    let (said, before) = (said(run), format!("{sign} {word}  "));
    // The name is shortened before its description.
    let room = out.width().saturating_sub(before.width());
    let name = visible(&run.plan.name);
    let name = shortened(&name, room.saturating_sub(said.width() + ": ".width()).max(8));
    let said = shortened(&format!("{name}: {said}"), room);
    writeln!(out, "{style}{sign} {word}{style:#}  {said}")
}

/// The reason of the verdict: `3 of 3 thresholds held`.
pub(in crate::report) fn said(run: &SavedRun) -> String {
    let all = run.judgement.findings.len();
    let broken = run.judgement.findings.iter().filter(|one| one.state.is_broken()).count();
    let held =
        run.judgement.findings.iter().filter(|one| one.state == ThresholdState::Held).count();
    let plural = if all == 1 { "threshold" } else { "thresholds" };
    match run.judgement.verdict {
        Verdict::Pass if held == 0 => format!(
            "{}{}",
            if all == 0 {
                "no thresholds: nothing was judged"
            } else {
                "too few requests to judge"
            },
            unjudged(run).map_or_else(String::new, |failures| format!("; {failures}"))
        ),
        Verdict::Pass => match unjudged(run) {
            Some(failures) => format!("{held} {plural} held, but {failures}, without thresholds"),
            None => format!("{held} of {all} {plural} held"),
        },
        Verdict::Fail => format!("{broken} of {all} {plural} broken"),
        Verdict::Invalid => "this run proves nothing about the target".to_owned(),
    }
}

/// A majority of failures that no threshold limits: `98.20% of requests failed`.
fn unjudged(run: &SavedRun) -> Option<String> {
    let (index, failed) = unjudged_failures(&run.plan, &run.recording, &run.judgement.findings)?;
    let scenario = &run.plan.scenarios[index];
    let what = scenario.protocol.row().attempts;
    let whose = match run.plan.scenarios.len() {
        1 => String::new(),
        _ => format!(" of {}", visible(&scenario.name)),
    };
    Some(format!("{} of the {what}{whose} failed", percent(failed)))
}

/// How the run ended, and when.
pub(in crate::report) fn ending(run: &SavedRun) -> String {
    let after = time(end_of(&run.recording) as f64);
    match run.recording.stopped.as_ref().map(|(reason, _)| reason) {
        Some(StopReason::Completed) => format!("completed in {after}"),
        Some(StopReason::Aborted { .. }) => format!("aborted by a threshold after {after}"),
        Some(StopReason::Interrupted { signal }) => {
            format!("interrupted by {} after {after}", signal_name(*signal))
        }
        Some(StopReason::WorkerLoss) => format!("stopped after {after}: a worker was lost"),
        Some(StopReason::BeyondRepair { rule }) => {
            format!("stopped after {after}: `{rule}` had already made the run INVALID")
        }
        None => format!("INCOMPLETE: cut off, saved up to {after}"),
    }
}

fn thresholds(run: &SavedRun, detail: Detail, out: &mut Page<'_>) -> io::Result<()> {
    let findings = &run.judgement.findings;
    if findings.is_empty() {
        return Ok(());
    }
    heading(out, "Thresholds")?;
    if detail == Detail::Full || findings.len() <= MOST_THRESHOLDS {
        return threshold_table(run).write(out, 2);
    }
    let not_held = |finding: &&Finding| finding.state != ThresholdState::Held;
    let not_held: Vec<&Finding> = findings.iter().filter(not_held).collect();
    let shown = &not_held[..not_held.len().min(MOST_THRESHOLDS)];
    if !shown.is_empty() {
        table_of(run, shown.iter().copied()).write(out, 2)?;
    }
    let held = findings.len() - not_held.len();
    let more = match not_held.len() - shown.len() {
        0 => format!("{held} more held"),
        others => format!("{others} more did not hold; {held} held"),
    };
    paragraph(out, "  ", &more, QUIET)
}

/// A row for each place where a threshold was evaluated.
pub(in crate::report) fn threshold_table(run: &SavedRun) -> Table {
    table_of(run, run.judgement.findings.iter())
}

fn table_of<'a>(run: &SavedRun, findings: impl Iterator<Item = &'a Finding>) -> Table {
    let mut table = Table::new(vec![
        Column::left(""),
        Column::name(""),
        Column::left(""),
        Column::right(""),
        Column::left("").spare(1),
    ]);
    for finding in findings {
        let Some(scenario) = run.plan.scenarios.get(usize::from(finding.scenario)) else {
            continue;
        };
        let Some(threshold) = scenario.thresholds.get(usize::from(finding.threshold)) else {
            continue;
        };
        let stage = finding.stage.and_then(|stage| scenario.stages.get(usize::from(stage)));
        let mut place = match stage {
            Some(stage) => format!("{} · {}", visible(&scenario.name), visible(&stage.name)),
            None => visible(&scenario.name).into_owned(),
        };
        if let Some(request) = finding.request.and_then(|at| scenario.request(at)) {
            place = format!("{place} · {}", visible(request));
        }
        let (word, style) = state(finding.state);
        let value = value_of(threshold, finding);
        table.row(vec![
            TableCell::styled(word, style),
            place.into(),
            visible(&threshold.words()).into_owned().into(),
            TableCell::styled(value, if finding.state.is_broken() { BAD } else { STRONG }),
            TableCell::styled(behind(threshold, finding), QUIET),
        ]);
    }
    table
}

/// The state's word, with a sign and its colour.
fn state(state: ThresholdState) -> (String, Style) {
    let (sign, style) = match state {
        ThresholdState::Held => ('✓', GOOD),
        ThresholdState::Broken | ThresholdState::Unreached { .. } => ('✗', BAD),
        ThresholdState::NoData | ThresholdState::TooFew { .. } => ('?', DOUBT),
    };
    (format!("{sign} {}", state.name().replace('_', " ")), style)
}

/// The value that decided, as people read it.
pub(in crate::report) fn value_of(threshold: &Threshold, finding: &Finding) -> String {
    finding.value.map_or(NOT_MEASURED.to_owned(), |value| threshold.metric.figure(value))
}

/// The samples of a measured value.
pub(in crate::report) fn behind(threshold: &Threshold, finding: &Finding) -> String {
    let mut words = Vec::new();
    match (finding.ratio, threshold.metric, finding.value) {
        (Some((numerator, denominator)), ..) => {
            words.push(format!("{} of {}", grouped(numerator), grouped(denominator)));
        }
        (None, Metric::Time(..), Some(_)) => {
            words.push(format!("{} samples", grouped(finding.samples)));
        }
        _ => {}
    }
    match finding.state {
        ThresholdState::Unreached { needed, failed } => {
            if needed > 1 {
                words.push(format!("{} needed", grouped(needed)));
            }
            words.push(attempts_failed(failed));
        }
        ThresholdState::TooFew { needed } => words.push(format!("{} needed", grouped(needed))),
        ThresholdState::Broken if is_below_floor(threshold, finding) => {
            words.push("few, but enough to tell".to_owned());
        }
        ThresholdState::Held if finding.value.is_none() => {
            words.push("no response failed".to_owned());
        }
        ThresholdState::Held | ThresholdState::Broken | ThresholdState::NoData => {}
    }
    if threshold.is_default {
        words.push("default threshold".to_owned());
    }
    if let (Some(end), Some(window)) = (finding.window_end, threshold.window) {
        words.push(format!("worst {window} up to second {end}"));
    }
    words.join(", ")
}

fn attempts_failed(failed: u64) -> String {
    let plural = if failed == 1 { "" } else { "s" };
    format!("{} attempt{plural} failed", grouped(failed))
}

/// Whether a percentile threshold is broken although it has too few samples to estimate the
/// percentile.
fn is_below_floor(threshold: &Threshold, finding: &Finding) -> bool {
    matches!(threshold.metric, Metric::Time(_, stat) if finding.samples < stat.sample_floor())
}

fn breaches(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    if run.judgement.breaches.is_empty() {
        return Ok(());
    }
    heading(out, "Why INVALID")?;
    for breach in &run.judgement.breaches {
        let name = breach.rule.name();
        write!(out, "  {DOUBT}! {name}{DOUBT:#}")?;
        let used = 4 + name.width();
        let lines = wrapped(&visible(&breach.detail), out.width() - 6, used + 2);
        for (number, line) in lines.iter().enumerate() {
            writeln!(out, "{}{line}", if number == 0 { "  " } else { "      " })?;
        }
    }
    Ok(())
}

fn servers(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    let servers = run.finished.as_ref().map_or(&[][..], |finished| &finished.servers);
    if servers.is_empty() {
        return Ok(());
    }
    heading(out, "What the built-in servers counted")?;
    for server in servers {
        let counters: Vec<String> = server
            .counters
            .iter()
            .filter(|(_, value)| *value > 0)
            .map(|(name, value)| format!("{} {}", visible(name), grouped(*value)))
            .collect();
        let counters = if counters.is_empty() { vec!["nothing".to_owned()] } else { counters };
        let counters = format!("{}: {}", visible(&server.target), listed(&counters));
        paragraph(out, "  ", &counters, Style::new())?;
    }
    Ok(())
}

fn monitors(run: &SavedRun, out: &mut Page<'_>) -> io::Result<()> {
    let Some(table) = super::monitors::table(run) else { return Ok(()) };
    heading(out, "What the monitors read")?;
    table.write(out, 2)
}

fn warnings(run: &SavedRun, detail: Detail, out: &mut Page<'_>) -> io::Result<()> {
    let mut warnings = run.started.as_ref().map_or_else(Vec::new, |one| one.warnings.clone());
    warnings.extend(lacks(run));
    let unhealthy = run.judgement.health.iter().filter(|one| one.state == RuleStatus::Warned);
    warnings.extend(
        unhealthy.filter_map(|one| Some(format!("{}: {}", one.rule.name(), one.words(&run.plan)?))),
    );
    warnings.extend(run.judgement.health.iter().filter_map(rules::loosened));
    let lookups = super::addresses::failed_lookups(run);
    warnings.extend(super::monitors::failures(run).into_iter().chain(lookups));
    if warnings.is_empty() {
        return Ok(());
    }
    heading(out, "Warnings")?;
    let shown = warnings.len().min(detail.rows(MOST_WARNINGS, usize::MAX));
    for warning in &warnings[..shown] {
        paragraph(out, "  ", &visible(warning), Style::new())?;
    }
    match warnings.len() - shown {
        0 => Ok(()),
        more => paragraph(out, "  ", &format!("and {more} more in report.html"), QUIET),
    }
}

fn not_written(made: &WrittenReports, out: &mut Page<'_>) -> io::Result<()> {
    if made.problems.is_empty() {
        return Ok(());
    }
    heading(out, "Not written")?;
    made.problems
        .iter()
        .try_for_each(|problem| paragraph(out, "  ", &visible(&problem.to_string()), BAD))
}

fn files(made: &WrittenReports, out: &mut Page<'_>) -> io::Result<()> {
    if made.files.is_empty() {
        return Ok(());
    }
    heading(out, "Files")?;
    paragraph(out, "  ", &made.files.join(" "), QUIET)
}

fn heading(out: &mut Page<'_>, text: &str) -> io::Result<()> {
    writeln!(out, "\n{STRONG}{text}{STRONG:#}")
}

/// Words in lines of at most the page's width.
fn paragraph(out: &mut Page<'_>, indent: &str, text: &str, style: Style) -> io::Result<()> {
    out.paragraph(indent, text, style)
}
