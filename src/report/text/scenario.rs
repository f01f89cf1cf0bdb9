//! Turns one scenario into its part of the summary: a table by stage, its times, why attempts
//! failed.

use super::times::{figure, finest, main_time};
use super::{BAD, Detail, QUIET, STRONG, paragraph};
use crate::plan::{Metric, Phase, RatioMetric, Scenario, Stat, TimeMetric};
use crate::record::{ConnectionEnd, Counter, Gauge};
use crate::report::columns::ReportedMetrics;
use crate::report::exchanges;
use crate::report::failures::sorted;
use crate::report::foreign::visible;
use crate::report::page::{Page, listed};
use crate::report::section::{ScenarioFacts, Section};
use crate::report::table::{Column, NOT_MEASURED, Table, TableCell, shortened};
use crate::store::SavedRun;
use crate::units::figure::{grouped, percent, rate, time};
use anstyle::Style;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Causes that are shown; the others are in failures.csv.
const MOST_CAUSES: usize = 8;
const FEW_CAUSES: usize = 4;

/// Addresses of a target that are shown.
const MOST_ADDRESSES: usize = 3;

pub(super) fn write(
    run: &SavedRun,
    index: usize,
    detail: Detail,
    out: &mut Page<'_>,
) -> io::Result<()> {
    let scenario = &run.plan.scenarios[index];
    let facts = ScenarioFacts::new(run, index);
    let whole = facts.whole();
    writeln!(out)?;
    let name = shortened(&visible(&scenario.name), out.width() / 2);
    let room = out.width() - name.width() - " · ".width();
    let place = shortened(&place(run, index, scenario), room);
    writeln!(out, "{STRONG}{name}{STRONG:#} {QUIET}· {place}{QUIET:#}")?;
    stage_table(scenario, &facts, &whole, detail).write(out, 2)?;
    if let Some(text) = shown_times(scenario, &facts, &whole) {
        paragraph(out, "  ", &text, QUIET)?;
    }
    levels(scenario, &whole, detail, out)?;
    super::storms::write(scenario, &whole.cell, out)?;
    if detail == Detail::Full {
        super::survival::write(&whole, out)?;
        super::causes::cost(run, index, out)?;
        times(&whole, out)?;
    }
    super::requests::write(scenario, &whole, detail, out)?;
    super::addresses::write(&whole, detail, out)?;
    super::checks::write(scenario, &whole.cell, detail, out)?;
    causes(scenario, &whole, detail, out)
}

/// Protocol, target and workers.
fn place(run: &SavedRun, index: usize, scenario: &Scenario) -> String {
    let target = run.plan.target(scenario);
    let mut words = vec![scenario.protocol.name().to_owned()];
    let resolved = run
        .started
        .as_ref()
        .and_then(|started| started.targets.iter().find(|one| one.name == target.name));
    let addresses = resolved.map_or(&[][..], |resolved| &resolved.addresses);
    let mut shown: Vec<String> =
        addresses.iter().take(MOST_ADDRESSES).map(ToString::to_string).collect();
    if addresses.len() > MOST_ADDRESSES {
        shown.push(format!("{} more", addresses.len() - MOST_ADDRESSES));
    }
    words.push(
        format!("target {} {}", visible(&target.name), shown.join(", ")).trim_end().to_owned(),
    );
    if let Some(workers) = run.started.as_ref().and_then(|started| started.workers.get(index)) {
        words.push(format!("{workers} worker{}", if *workers == 1 { "" } else { "s" }));
    }
    words.join(" · ")
}

/// A row for each stage; with every detail also for its phases.
pub(in crate::report) fn stage_table(
    scenario: &Scenario,
    facts: &ScenarioFacts<'_>,
    whole: &Section<'_>,
    detail: Detail,
) -> Table {
    let protocol = scenario.protocol.row();
    let mut table = Table::new(vec![
        Column::name("stage"),
        Column::right(protocol.attempts),
        // A ratio goes before the number that it is of: alone it would be anybody's.
        Column::right("success").spare(7),
        Column::right("ratio").spare(8),
        Column::right("failure"),
        Column::right("ratio").spare(1),
        Column::right("dropped").spare(2),
        Column::right("unfinished").spare(3),
        Column::right("local").spare(4),
        Column::right("open"),
        Column::right("rate").spare(9),
        Column::right("p50").spare(6),
        Column::right("p99"),
        Column::right("max").spare(5),
    ]);
    let row =
        |name: TableCell, section: &Section<'_>, paced: Option<&Section<'_>>| -> Vec<TableCell> {
            let mut cells = vec![name];
            cells.extend(figures(scenario, section, paced, whole));
            cells
        };
    for (number, stage) in (0..).zip(&scenario.stages) {
        let name = visible(&stage.name);
        let name = if stage.warmup { format!("{name} (warm-up)") } else { name.into_owned() };
        let all = facts.stage(number);
        let mut phases = facts.phases(number);
        // Connections are opened in the ramp: a rate over ramp and hold would say nothing.
        let ramp =
            phases.iter().find(|(phase, _)| *phase == Phase::Ramp).map(|(_, section)| section);
        let paced = if protocol.main_phase == Phase::Ramp { ramp } else { Some(&all) };
        table.row(row(TableCell::styled(name, STRONG), &all, paced));
        // A ramp down and a drain start nothing.
        let started = |section: &Section<'_>| section.cell.counters.get(Counter::Due) > 0;
        phases.retain(|(phase, section)| *phase == Phase::Hold || started(section));
        let are_shown = detail == Detail::Full && phases.len() > 1;
        for (phase, section) in phases.iter().filter(|_| are_shown) {
            let quiet = row(format!("  {phase}").into(), section, Some(section));
            table.row(quiet.into_iter().map(|cell| TableCell::styled(cell.text, QUIET)).collect());
        }
    }
    if scenario.stages.len() > 1 {
        let paced = Some(whole).filter(|_| protocol.main_phase != Phase::Ramp);
        table.row(row(TableCell::styled("all stages", STRONG), whole, paced));
    }
    table
}

/// Which distribution the times of the table are of: stages of arrivals and of users have each
/// their own.
pub(in crate::report) fn shown_times(
    scenario: &Scenario,
    facts: &ScenarioFacts<'_>,
    whole: &Section<'_>,
) -> Option<String> {
    let main = main_time(scenario, whole);
    if whole.cell.times.count(main) == 0 {
        return None;
    }
    let whose = whole.whose(main).map(|whose| format!(", of {whose}")).unwrap_or_default();
    let text = format!("p50, p99 and max are of {main}{whose}");
    let others: Vec<String> = (0..)
        .zip(&scenario.stages)
        .filter(|(number, _)| {
            let stage = facts.stage(*number);
            let own = main_time(scenario, &stage);
            own != main && stage.cell.times.count(own) > 0
        })
        .map(|(_, stage)| visible(&stage.name).into_owned())
        .collect();
    if others.is_empty() {
        return Some(text);
    }
    Some(format!("{text}; in {} of {}", others.join(", "), TimeMetric::ServiceTime))
}

fn figures(
    scenario: &Scenario,
    section: &Section<'_>,
    paced: Option<&Section<'_>>,
    whole: &Section<'_>,
) -> Vec<TableCell> {
    let main = main_time(scenario, section);
    let get = |counter| section.cell.counters.get(counter);
    let told = |counter| {
        if whole.cell.counters.get(counter) > 0 { grouped(get(counter)) } else { String::new() }
    };
    let parts = |metric| section.measure(Metric::Ratio(metric));
    let number =
        |metric| parts(metric).and_then(|one| one.ratio).map(|(numerator, _)| grouped(numerator));
    let share = |metric| parts(metric).map(|one| percent(one.value));
    let bad = get(Counter::Failed) + get(Counter::TimedOut) > get(Counter::FailedLocal);
    let alarm = if bad { BAD } else { Style::new() };
    let protocol = scenario.protocol.row();
    let open = (protocol.level == Gauge::Open).then(|| grouped(section.gauges.get(Gauge::Open)));
    let speed =
        paced.and_then(|one| one.measure(Metric::Rate(protocol.rate))).map(|one| rate(one.value));
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| NOT_MEASURED.to_owned());
    vec![
        grouped(get(Counter::Started)).into(),
        or_dash(number(RatioMetric::Success)).into(),
        or_dash(share(RatioMetric::Success)).into(),
        TableCell::styled(or_dash(number(RatioMetric::Failure)), alarm),
        TableCell::styled(or_dash(share(RatioMetric::Failure)), alarm),
        told(Counter::Dropped).into(),
        told(Counter::Unfinished).into(),
        told(Counter::FailedLocal).into(),
        open.unwrap_or_default().into(),
        or_dash(speed).into(),
        figure(section, main, Stat::P50).into(),
        finest(section, main).into(),
        figure(section, main, Stat::Max).into(),
    ]
}

/// The events of connections during holds.
fn levels(
    scenario: &Scenario,
    whole: &Section<'_>,
    detail: Detail,
    out: &mut Page<'_>,
) -> io::Result<()> {
    let mut words = Vec::new();
    let shown = [
        RatioMetric::ConnectSuccess,
        RatioMetric::HoldSurvival,
        RatioMetric::HeartbeatSuccess,
        RatioMetric::Recovery,
    ];
    let ratios = ReportedMetrics::of(&scenario.protocol).ratios.into_iter();
    for metric in ratios.filter(|one| detail == Detail::Full && shown.contains(one)) {
        let measured = whole.measure(Metric::Ratio(metric));
        if let Some((value, (numerator, denominator))) =
            measured.and_then(|one| Some((one.value, one.ratio?)))
        {
            words.push(format!(
                "{metric} {} ({} of {})",
                percent(value),
                grouped(numerator),
                grouped(denominator)
            ));
        }
    }
    let retried = whole.cell.counters.get(Counter::Retried);
    if retried > 0 {
        words.push(format!("retried {}: not served by the target, sent again", grouped(retried)));
    }
    let ends = whole.cell.ends.iter();
    let ends: Vec<String> =
        ends.map(|(end, count)| format!("{} {}", grouped(*count), end.words())).collect();
    let as_planned = whole.cell.ends.keys().all(|end| *end == ConnectionEnd::Planned);
    if !ends.is_empty() && (detail == Detail::Full || !as_planned) {
        words.push(format!("connections ended: {}", listed(&ends)));
    }
    let statuses = whole
        .cell
        .statuses
        .iter()
        .map(|(status, times)| format!("status {status}: {}", grouped(*times)));
    words.extend(statuses.filter(|_| detail == Detail::Full || whole.cell.statuses.len() > 1));
    let lost = whole.cell.cookies.iter().map(|(loss, tally)| {
        let (metric, reason) = (Counter::CookiesLost.name(), loss.name());
        format!("{metric} {} ({reason}): {}", grouped(tally.count), visible(&tally.sample))
    });
    words.extend(lost);
    words.iter().try_for_each(|line| paragraph(out, "  ", line, Style::new()))
}

fn times(whole: &Section<'_>, out: &mut Page<'_>) -> io::Result<()> {
    let Some(table) = time_table(whole) else { return Ok(()) };
    writeln!(out)?;
    table.write(out, 2)?;
    let whose = whose(whole, &measured(whole));
    whose.map_or(Ok(()), |words| paragraph(out, "  ", &words, QUIET))
}

/// The distributions that have samples.
fn measured(whole: &Section<'_>) -> Vec<TimeMetric> {
    TimeMetric::ALL.iter().copied().filter(|one| whole.cell.times.count(*one) > 0).collect()
}

/// A row for each distribution; `None` without samples.
pub(in crate::report) fn time_table(whole: &Section<'_>) -> Option<Table> {
    const SHOWN: [Stat; 6] = [Stat::P50, Stat::P90, Stat::P99, Stat::P999, Stat::P9999, Stat::Max];
    let times = &whole.cell.times;
    let mut columns = vec![Column::name("time"), Column::right("samples").spare(1)];
    columns.extend(SHOWN.map(|stat| {
        Column::right(stat.name()).spare(match stat {
            Stat::P9999 => 5,
            Stat::P999 => 4,
            Stat::P90 => 3,
            Stat::P50 => 2,
            _ => 0,
        })
    }));
    let mut table = Table::new(columns);
    let measured = measured(whole);
    for metric in &measured {
        let mut cells: Vec<TableCell> =
            vec![metric.name().into(), grouped(times.count(*metric)).into()];
        cells.extend(SHOWN.map(|stat| figure(whole, *metric, stat).into()));
        table.row(cells);
    }
    (!measured.is_empty()).then_some(table)
}

/// The attempts that times are of, where successes and failures have some: `service_time,
/// first_byte: of successes; …`.
fn whose(whole: &Section<'_>, measured: &[TimeMetric]) -> Option<String> {
    measured.contains(&TimeMetric::FailedTime).then_some(())?;
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for metric in measured {
        let Some(whose) = whole.whose(*metric) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == whose) {
            Some((_, names)) => names.push(metric.name()),
            None => groups.push((whose, vec![metric.name()])),
        }
    }
    let words = |(whose, names): &(&str, Vec<&str>)| format!("{}: of {whose}", names.join(", "));
    Some(groups.iter().map(words).collect::<Vec<_>>().join("; "))
}

fn causes(
    scenario: &Scenario,
    whole: &Section<'_>,
    detail: Detail,
    out: &mut Page<'_>,
) -> io::Result<()> {
    let Some((table, more)) = cause_table(scenario, whole, detail) else { return Ok(()) };
    writeln!(out)?;
    table.write(out, 2)?;
    if more > 0 {
        paragraph(out, "  ", &format!("and {more} more causes in failures.csv"), QUIET)?;
    }
    match exchanges::count(&whole.cell, scenario) {
        0 => Ok(()),
        kept => {
            let words = format!("failures/ has {kept} of these requests with their responses");
            paragraph(out, "  ", &words, QUIET)
        }
    }
}

/// The most frequent causes of failures, and how many more there are; `None` when nothing failed.
pub(in crate::report) fn cause_table(
    scenario: &Scenario,
    whole: &Section<'_>,
    detail: Detail,
) -> Option<(Table, usize)> {
    let most = detail.rows(FEW_CAUSES, MOST_CAUSES);
    let causes = sorted(&whole.cell, scenario);
    let several = scenario.protocol.tells_requests_apart();
    if causes.is_empty() {
        return None;
    }
    let mut table = Table::new(vec![
        Column::left("cause"),
        Column::left("origin").spare(3),
        Column::right("count"),
        Column::right("first seen").spare(1),
        Column::right("last seen").spare(2),
    ]);
    for (request, cause, tally) in causes.iter().take(most) {
        let what = match request {
            Some(request) if several => format!("{}: {cause}", visible(request)),
            _ => cause.to_string(),
        };
        table.row(vec![
            TableCell::styled(what, BAD),
            cause.failure.origin().name().into(),
            grouped(tally.count).into(),
            time(tally.first_ns as f64).into(),
            time(tally.last_ns as f64).into(),
        ]);
        if !tally.sample.is_empty() {
            table
                .note(TableCell::styled(format!("for example: {}", visible(&tally.sample)), QUIET));
        }
    }
    Some((table, causes.len().saturating_sub(most)))
}
