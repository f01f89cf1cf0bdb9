//! Turns a run into the summary that ends it on screen: the verdict first, then why, then what happened, then where the files are.
//!
//! **Invariant:** no line is wider than [`WIDTH`], and no control character of others reaches the terminal.
//! **Invariant:** colours say nothing that a word does not say as well.

mod causes;
mod checks;
mod rules;
mod scenario;
mod storms;
mod survival;

use super::foreign::visible;
use super::journal::options;
use super::section::end_of;
use super::table::{Align, Cell, Column, Table, shortened};
use super::{Made, Run};
use crate::plan::{Metric, Threshold};
use crate::record::StopReason;
use crate::units::figure::{grouped, time};
use crate::verdict::{Finding, Standing, State, Word};
use anstyle::{AnsiColor, Style};
pub use rules::rules;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Columns of the screen that are used at most.
pub const WIDTH: usize = 100;

/// A space at which no line ends.
const UNBROKEN: &str = "\u{a0}";

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Writes the summary, with colours as escape sequences; whoever prints it strips them where they are not wanted.
pub fn write(run: &Run<'_>, made: &Made, out: &mut dyn Write) -> io::Result<()> {
    verdict(run, out)?;
    thresholds(run, out)?;
    breaches(run, out)?;
    causes::culprits(run, out)?;
    for index in 0..run.plan.scenarios.len() {
        scenario::write(run, index, out)?;
    }
    causes::cost_of_all(run, out)?;
    servers(run, out)?;
    warnings(run, out)?;
    files(made, out)
}

fn verdict(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (style, sign) = match run.verdict.word {
        Word::Pass => (GOOD, "✓"),
        Word::Fail => (BAD, "✗"),
        Word::Invalid => (DOUBT, "!"),
    };
    let word = run.verdict.word;
    let said = shortened(&format!("{}: {}", visible(&run.plan.name), said(run)), WIDTH - 11);
    writeln!(out, "{style}{sign} {word}{style:#}  {said}")?;
    let mut facts = vec![format!("seed {}", run.plan.seed), ending(run)];
    facts.extend(options(&run.header.overrides).iter().map(|option| visible(option).into_owned()));
    paragraph(out, "  ", &listed(&facts), QUIET)
}

fn said(run: &Run<'_>) -> String {
    let all = run.verdict.findings.len();
    let broken = run.verdict.findings.iter().filter(|one| one.state.is_broken()).count();
    let plural = if all == 1 { "threshold" } else { "thresholds" };
    match run.verdict.word {
        Word::Pass if all == 0 => "done; the plan has no thresholds".to_owned(),
        Word::Pass => format!("{all} of {all} {plural} held"),
        Word::Fail => format!("{broken} of {all} {plural} broken"),
        Word::Invalid => "this run proves nothing about the target".to_owned(),
    }
}

fn ending(run: &Run<'_>) -> String {
    let after = time(end_of(run.recording) as f64);
    match run.recording.stopped.as_ref().map(|(reason, _)| reason) {
        Some(StopReason::Completed) => format!("carried out in {after}"),
        Some(StopReason::Aborted { .. }) => format!("aborted by a threshold after {after}"),
        Some(StopReason::Interrupted { signal: 15 }) => {
            format!("interrupted (SIGTERM) after {after}")
        }
        Some(StopReason::Interrupted { signal: 2 }) => {
            format!("interrupted (Ctrl-C) after {after}")
        }
        Some(StopReason::Interrupted { signal }) => {
            format!("interrupted (signal {signal}) after {after}")
        }
        Some(StopReason::WorkerLoss) => format!("ended for want of a worker after {after}"),
        Some(StopReason::BeyondRepair { .. }) => format!("ended as beyond repair after {after}"),
        None => format!("INCOMPLETE: cut off, saved up to {after}"),
    }
}

fn thresholds(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = &run.verdict.findings;
    if findings.is_empty() {
        return Ok(());
    }
    heading(out, "Thresholds")?;
    let left = |spare| Column { heading: "", align: Align::Left, spare };
    let right = |spare| Column { heading: "", align: Align::Right, spare };
    let mut table = Table::new(vec![left(0), left(0), left(0), right(0), left(0)]);
    for finding in findings {
        let Some(scenario) = run.plan.scenarios.get(usize::from(finding.scenario)) else {
            continue;
        };
        let Some(threshold) = scenario.thresholds.get(usize::from(finding.threshold)) else {
            continue;
        };
        let stage = finding.stage.and_then(|stage| scenario.stages.get(usize::from(stage)));
        let place = match stage {
            Some(stage) => format!("{} · {}", visible(&scenario.name), visible(&stage.name)),
            None => visible(&scenario.name).into_owned(),
        };
        let (word, style) = state(finding.state);
        let value = finding.value.map_or("–".to_owned(), |value| threshold.metric.figure(value));
        table.row(vec![
            Cell::styled(word, style),
            place.into(),
            visible(&threshold.check).into_owned().into(),
            Cell::styled(value, if finding.state.is_broken() { BAD } else { STRONG }),
            Cell::styled(behind(threshold, finding), QUIET),
        ]);
    }
    table.write(out, 2, WIDTH)
}

fn state(state: State) -> (&'static str, Style) {
    match state {
        State::Held => ("✓ held", GOOD),
        State::Broken => ("✗ broken", BAD),
        State::NoData => ("? no data", DOUBT),
        State::Unreached => ("✗ unreached", BAD),
        State::TooFew { .. } => ("? too few", DOUBT),
    }
}

/// What a measured value rests on.
fn behind(threshold: &Threshold, finding: &Finding) -> String {
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
    if finding.state == State::Unreached {
        words.push("the steps before it failed".to_owned());
    }
    if let State::TooFew { needed } = finding.state {
        words.push(format!("{} needed", grouped(needed)));
    }
    if let (Some(end), Some(window)) = (finding.window_end, threshold.window) {
        words.push(format!("worst {window} up to second {end}"));
    }
    words.join(", ")
}

fn breaches(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    if run.verdict.breaches.is_empty() {
        return Ok(());
    }
    heading(out, "Why INVALID")?;
    for breach in &run.verdict.breaches {
        let name = breach.rule.name();
        write!(out, "  {DOUBT}! {name}{DOUBT:#}")?;
        let used = 4 + name.width();
        let lines = wrapped(&visible(&breach.detail), WIDTH - 6, used + 2);
        for (number, line) in lines.iter().enumerate() {
            writeln!(out, "{}{line}", if number == 0 { "  " } else { "      " })?;
        }
    }
    Ok(())
}

fn servers(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let servers = run.finished.map_or(&[][..], |finished| &finished.servers);
    if servers.is_empty() {
        return Ok(());
    }
    heading(out, "What the built-in servers counted")?;
    for server in servers {
        let counters: Vec<String> = server
            .counters
            .iter()
            .map(|(name, value)| format!("{} {}", visible(name), grouped(*value)))
            .collect();
        let counters = format!("{}: {}", visible(&server.target), listed(&counters));
        paragraph(out, "  ", &counters, Style::new())?;
    }
    Ok(())
}

fn warnings(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut warnings: Vec<String> =
        run.started.map_or_else(Vec::new, |started| started.warnings.clone());
    warnings.extend(run.damage.map(|damage| {
        format!(
            "the last {} bytes of recording.jsonl are no whole lines; they were left out",
            grouped(damage.torn_bytes)
        )
    }));
    let unhealthy = run.verdict.health.iter().filter(|one| one.state == Standing::Warned);
    warnings.extend(
        unhealthy.filter_map(|one| Some(format!("{}: {}", one.rule.name(), one.words(run.plan)?))),
    );
    let health = run.verdict.health.iter();
    warnings.extend(health.filter_map(rules::loosened));
    if warnings.is_empty() {
        return Ok(());
    }
    heading(out, "Warnings")?;
    warnings.iter().try_for_each(|warning| paragraph(out, "  ", &visible(warning), Style::new()))
}

fn files(made: &Made, out: &mut dyn Write) -> io::Result<()> {
    if !made.problems.is_empty() {
        heading(out, "Not written")?;
        for problem in &made.problems {
            paragraph(out, "  ", &visible(&problem.to_string()), BAD)?;
        }
    }
    writeln!(out)?;
    // A path is there to be copied: it is never cut.
    writeln!(out, "{STRONG}Results{STRONG:#}  {}", visible(&made.folder.to_string_lossy()))?;
    paragraph(out, "  ", &made.files.join("  "), QUIET)
}

fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{STRONG}{text}{STRONG:#}")
}

/// Items in one text, which breaks between them and not in them.
fn listed(items: &[String]) -> String {
    let whole: Vec<String> = items.iter().map(|item| item.replace(' ', UNBROKEN)).collect();
    whole.join(&format!("{UNBROKEN}· "))
}

/// Words in lines of at most [`WIDTH`] columns.
fn paragraph(out: &mut dyn Write, indent: &str, text: &str, style: Style) -> io::Result<()> {
    for line in wrapped(text, WIDTH - indent.width(), 0) {
        let line = line.replace(UNBROKEN, " ");
        writeln!(out, "{indent}{style}{line}{style:#}")?;
    }
    Ok(())
}

/// Breaks at spaces; the first line begins behind `used` columns; a word that is too long is cut.
fn wrapped(text: &str, width: usize, used: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut taken = used;
    for word in text.split(' ') {
        let word = shortened(word, width);
        let space = usize::from(!lines[lines.len() - 1].is_empty());
        if taken + space + word.width() > width && taken > 0 {
            lines.push(word.clone());
            taken = word.width();
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if space == 1 { " " } else { "" });
            line.push_str(&word);
            taken += space + word.width();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_within_the_width() {
        assert_eq!(wrapped("one two three", 7, 0), ["one two", "three"]);
        assert_eq!(wrapped("one two", 7, 5), ["", "one two"]);
        assert_eq!(wrapped("abcdefghij", 5, 0), ["abcd…"]);
        assert_eq!(wrapped("", 5, 0), [""]);
    }
}
