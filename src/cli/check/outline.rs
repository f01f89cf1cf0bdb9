//! Turns a plan into a page that describes its run.

use super::curve::{clock, curve, short};
use super::needs::write_needs;
use crate::engine;
use crate::machine::grouped;
use crate::plan::{
    Builtin, During, Endpoint, LevelUnit, Monitor, OnFull, Plan, RequestScope, Scenario, Scope,
    Search, SearchWay, Spacing, StartAfter, Target, Threshold, sparse,
};
use crate::report::page::Page;
use crate::report::table::{Column, Table, TableCell};
use crate::schedule::{ScenarioSchedule, Schedule, Segment, Shape, SpawnPace};
use crate::units::visible;
use crate::workload::http::{DataFile, ScenarioFiles};
use anstyle::Style;
use std::io::{self, Write};

/// The page: every scenario with its schedule, its curve and its thresholds.
pub(super) fn outline(
    page: &mut Page<'_>,
    plan: &Plan,
    files: &[ScenarioFiles],
    ascii: bool,
) -> io::Result<()> {
    let schedule = Schedule::new(plan);
    let starts = starts(plan, &schedule);
    let mut data_files = files.iter().map(|one| one.data_file.as_ref());
    let description = plan.description.as_deref().map(|text| format!(": {}", visible(text)));
    let title = format!("plan {}{}", plan.name, description.unwrap_or_default());
    page.hanging("", "  ", &title, Style::new())?;
    let end = starts
        .iter()
        .zip(schedule.scenarios())
        .map(|(start, scenario)| start.plus(length(&scenario.segments)))
        .fold(PlannedTime::default(), PlannedTime::latest);
    writeln!(page, "takes {end}, seed {}", plan.seed)?;
    if let Some(search) = &plan.search {
        outline_search(page, search)?;
    }
    super::repeated::write_repeated(page, plan)?;
    for (scenario, (schedule, start)) in
        plan.scenarios.iter().zip(schedule.scenarios().iter().zip(starts))
    {
        writeln!(page)?;
        let data = data_files.next().flatten();
        outline_scenario(page, plan, scenario, (schedule, data), (start, ascii))?;
    }
    for monitor in &plan.monitors {
        let metrics: Vec<&str> = monitor.metrics.iter().map(|one| one.name.as_str()).collect();
        let Monitor { name, written, every, .. } = monitor;
        let text = format!("monitor {name}: {} of {written}, every {every}", metrics.join(", "));
        writeln!(page)?;
        page.hanging("", "  ", &visible(&text), Style::new())?;
    }
    let outlooks = engine::row_outlooks(plan, files);
    let mut warnings: Vec<String> = outlooks.iter().filter_map(engine::RowOutlook::words).collect();
    warnings.extend(sparse(plan).iter().map(|one| one.words(plan)));
    for warning in warnings {
        writeln!(page)?;
        page.hanging("", "  ", &format!("warning: {}", visible(&warning)), Style::new())?;
    }
    writeln!(page)?;
    write_needs(page, plan, files)
}

/// The level that is searched, and the way of searching.
fn outline_search(page: &mut Page<'_>, search: &Search) -> io::Result<()> {
    let unit = match search.unit {
        LevelUnit::Users => " users",
        LevelUnit::PerSecond => "/s",
    };
    let way = match search.way {
        SearchWay::Step(step) => format!("in steps of {}", grouped(step)),
        SearchWay::Bisect(precision) => format!("doubled, then bisected to {precision}"),
    };
    let confirmed = match search.confirm {
        0 => "not confirmed".to_owned(),
        1 => "confirmed once".to_owned(),
        times => format!("confirmed {times} times"),
    };
    let text = format!(
        "search: one run a level of {}, stage {}, from {} to {}{unit}, {way}, {confirmed}",
        search.scenario,
        search.stage + 1,
        grouped(search.min),
        grouped(search.max),
    );
    page.hanging("", "  ", &text, Style::new())
}

/// A time in the run: exact, or the earliest one if unpaced ramps precede it.
#[derive(Debug, Clone, Copy, Default)]
struct PlannedTime {
    ns: u64,
    at_least: bool,
}

impl PlannedTime {
    fn plus(self, other: Self) -> Self {
        Self { ns: self.ns.saturating_add(other.ns), at_least: self.at_least || other.at_least }
    }

    fn latest(self, other: Self) -> Self {
        Self { ns: self.ns.max(other.ns), at_least: self.at_least || other.at_least }
    }
}

impl std::fmt::Display for PlannedTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}{}", clock(self.ns), if self.at_least { "+" } else { "" }))
    }
}

fn ramp(segment: &Segment) -> PlannedTime {
    let known = segment.ramp_ns();
    PlannedTime { ns: known.unwrap_or(0), at_least: known.is_none() }
}

fn length(segments: &[Segment]) -> PlannedTime {
    segments.iter().fold(PlannedTime::default(), |sum, segment| {
        sum.plus(ramp(segment)).plus(PlannedTime { ns: segment.hold_ns, at_least: false })
    })
}

/// When each scenario starts.
fn starts(plan: &Plan, schedule: &Schedule) -> Vec<PlannedTime> {
    let delay = |scenario: &Scenario| match scenario.start_after {
        StartAfter::Delay(delay) => Some(PlannedTime { ns: delay.as_nanos(), at_least: false }),
        StartAfter::Hold => None,
    };
    let hold = plan
        .scenarios
        .iter()
        .zip(schedule.scenarios())
        .filter_map(|(scenario, schedule)| Some(delay(scenario)?.plus(ramp(&schedule.segments[0]))))
        .fold(PlannedTime::default(), PlannedTime::latest);
    plan.scenarios.iter().map(|scenario| delay(scenario).unwrap_or(hold)).collect()
}

fn outline_scenario(
    page: &mut Page<'_>,
    plan: &Plan,
    scenario: &Scenario,
    (schedule, data): (&ScenarioSchedule, Option<&DataFile>),
    (start, ascii): (PlannedTime, bool),
) -> io::Result<()> {
    let target = plan.target(scenario);
    let title = format!(
        "scenario {}: {} to {} ({})",
        scenario.name,
        scenario.protocol.name(),
        target.name,
        whereabouts(target)
    );
    page.hanging("", "  ", &title, Style::new())?;
    stages(scenario, schedule, start).write(page, 2)?;
    // Users and arrivals have no common axis.
    let mut at = start;
    writeln!(page)?;
    for part in schedule.segments.chunk_by(|one, other| is_closed(one) == is_closed(other)) {
        let unit = if is_closed(&part[0]) { "" } else { "/s" };
        write!(page, "{}", curve(part, at.ns, unit, (page.width(), ascii)))?;
        at = at.plus(length(part));
    }
    for (stage, work) in scenario.stages.iter().filter_map(|stage| Some((&stage.name, stage.work?)))
    {
        let line = format!("stage {stage} ends before its hold does, {}", work.words());
        page.hanging("  ", "    ", &line, Style::new())?;
    }
    let protocol = &scenario.protocol;
    let churn = protocol.churn().map(super::churn::lines);
    let session = super::session::lines(protocol, data);
    for line in churn.into_iter().flatten().chain(session) {
        page.hanging("  ", "    ", &line, Style::new())?;
    }
    if protocol.on_full() == OnFull::Fail {
        let most = grouped(protocol.max_in_flight());
        let line = format!("requests due beyond {most} in flight count as failed");
        page.hanging("  ", "    ", &line, Style::new())?;
    }
    thresholds(page, scenario)
}

fn thresholds(page: &mut Page<'_>, scenario: &Scenario) -> io::Result<()> {
    if scenario.thresholds.is_empty() {
        let none = "no thresholds: only the validity of the run will be judged";
        return page.hanging("  ", "    ", none, Style::new());
    }
    writeln!(page, "  thresholds")?;
    let mut table = Table::new(vec![Column::left(""), Column::sentence("")]);
    for threshold in &scenario.thresholds {
        table.row(vec![
            visible(&threshold.words()).into_owned().into(),
            looks_at(threshold, scenario).into(),
        ]);
    }
    table.write(page, 4)
}

fn is_closed(segment: &Segment) -> bool {
    matches!(segment.shape, Shape::Users { .. })
}

/// Where a target is, with nothing from the environment.
fn whereabouts(target: &Target) -> String {
    let fixed = target.resolve.iter().map(|one| {
        let port = one.port.map_or_else(String::new, |port| format!(":{port}"));
        let addresses: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
        format!(" ({}{port} is {})", one.host, addresses.join(", "))
    });
    place_of(target) + &fixed.collect::<String>()
}

fn place_of(target: &Target) -> String {
    match &target.endpoint {
        Endpoint::Builtin(Builtin::TcpHold(_) | Builtin::Http(_)) => "built-in server".to_owned(),
        Endpoint::Hosts(_) | Endpoint::Urls(_) => match target.shown.as_slice() {
            [first, second, rest @ ..] if !rest.is_empty() => {
                format!("{}, {} and {} more", visible(first), visible(second), rest.len())
            }
            all => all.iter().map(|one| visible(one)).collect::<Vec<_>>().join(", "),
        },
    }
}

/// A row for each stage: its level, how and when it is reached, how long it is held.
fn stages(scenario: &Scenario, schedule: &ScenarioSchedule, mut at: PlannedTime) -> Table {
    let mut table = Table::new(vec![
        Column::name("stage"),
        Column::right("from").spare(2),
        Column::right("to"),
        Column::left("how").spare(3),
        Column::right("ramp"),
        Column::right("hold"),
        Column::right("starts at").spare(1),
        Column::right("ends at").spare(4),
        Column::right("attempts").spare(5),
    ]);
    for (stage, segment) in scenario.stages.iter().zip(&schedule.segments) {
        let (from, to, how) = match segment.shape {
            Shape::Users { from, to, pace } => {
                (short(from as f64), short(to as f64), pace_of(pace, from == to))
            }
            Shape::Rate { from, to, ramp_ns, spacing, .. } => {
                let how = if ramp_ns == 0 { "at once" } else { "straight line" };
                let chance = if spacing == Spacing::Poisson { ", by chance" } else { "" };
                (format!("{}/s", short(from)), format!("{}/s", short(to)), format!("{how}{chance}"))
            }
        };
        let ramp = ramp(segment);
        let end = at.plus(ramp).plus(PlannedTime { ns: segment.hold_ns, at_least: false });
        let counted =
            matches!(segment.shape, Shape::Rate { .. }) || scenario.protocol.row().one_per_user;
        let attempts = if counted { grouped(segment.attempts()) } else { "-".to_owned() };
        let ramp = if ramp.at_least { "?".to_owned() } else { clock(ramp.ns) };
        let name =
            if stage.warmup { format!("{} (warm-up)", stage.name) } else { stage.name.clone() };
        let hold = clock(segment.hold_ns);
        let hold = if stage.work.is_some() { format!("up to {hold}") } else { hold };
        let cells = [name, from, to, how, ramp, hold, at.to_string(), end.to_string(), attempts];
        table.row(cells.map(TableCell::from).into());
        at = end;
    }
    table
}

fn pace_of(pace: SpawnPace, level: bool) -> String {
    match pace {
        _ if level => "-".to_owned(),
        SpawnPace::Unpaced => "as fast as possible".to_owned(),
        SpawnPace::Paced(rate) => format!("{}/s", short(rate.value())),
    }
}

/// Where and when a threshold is evaluated.
fn looks_at(threshold: &Threshold, scenario: &Scenario) -> String {
    let mut what = match threshold.scope {
        Scope::Scenario => "the whole scenario".to_owned(),
        Scope::EachStage => "each stage".to_owned(),
        Scope::Stage(index) => format!("stage {}", scenario.stages[index].name),
    };
    match threshold.requests {
        RequestScope::All => {}
        RequestScope::Each => what.push_str(", each request"),
        RequestScope::One(at) => {
            let name = scenario.request(at).map_or_else(|| "?".into(), visible);
            what.push_str(", request ");
            what.push_str(&name);
        }
    }
    what.push_str(match threshold.during {
        During::Ramp => ", ramp",
        During::Hold => ", hold",
        During::All => ", ramp and hold",
    });
    what.push_str(&threshold.window.map_or_else(String::new, |time| format!(", every {time}")));
    if threshold.abort {
        what.push_str(", ends the run when broken");
    }
    if threshold.is_default {
        what.push_str("; the default, `thresholds = []` is none");
    }
    what
}
