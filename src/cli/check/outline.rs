//! Turns a plan into a page that says what would be done.

use super::curve::{clock, curve, short};
use super::needs::write_needs;
use crate::cli::diagnostic::neutral;
use crate::machine::grouped;
use crate::plan::{
    Builtin, During, Endpoint, LevelUnit, OnFull, Plan, Protocol, Scenario, Scope, Search,
    SearchWay, Spacing, StartAfter, Target, Threshold,
};
use crate::schedule::{Pace, ScenarioSchedule, Schedule, Segment, Shape};
use std::fmt::Write as _;

/// The page: every scenario with its schedule, its curve and its thresholds.
pub(super) fn outline(plan: &Plan, ascii: bool) -> String {
    let schedule = Schedule::new(plan);
    let starts = starts(plan, &schedule);
    let mut page = format!("plan {}", plan.name);
    if let Some(description) = &plan.description {
        let _ = write!(page, ": {}", neutral(description));
    }
    let end = starts
        .iter()
        .zip(schedule.scenarios())
        .map(|(start, scenario)| start.plus(length(&scenario.segments)))
        .fold(Moment::default(), Moment::latest);
    let _ = writeln!(page, "\ntakes {end}, seed {}", plan.seed);
    if let Some(search) = &plan.search {
        outline_search(&mut page, search);
    }
    for (scenario, (schedule, start)) in
        plan.scenarios.iter().zip(schedule.scenarios().iter().zip(starts))
    {
        let _ = writeln!(page);
        outline_scenario(&mut page, plan, scenario, schedule, start, ascii);
    }
    let _ = writeln!(page);
    write_needs(&mut page, plan);
    page
}

/// What is searched, and in which way.
fn outline_search(page: &mut String, search: &Search) {
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
    let _ = writeln!(
        page,
        "search: one run a level of {}, stage {}, from {} to {}{unit}, {way}, {confirmed}",
        search.scenario,
        search.stage + 1,
        grouped(search.min),
        grouped(search.max),
    );
}

/// A moment of the run: known, or at the earliest, when unpaced ramps come before it.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    ns: u64,
    at_least: bool,
}

impl Moment {
    fn plus(self, other: Self) -> Self {
        Self { ns: self.ns.saturating_add(other.ns), at_least: self.at_least || other.at_least }
    }

    fn latest(self, other: Self) -> Self {
        Self { ns: self.ns.max(other.ns), at_least: self.at_least || other.at_least }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}{}", clock(self.ns), if self.at_least { "+" } else { "" }))
    }
}

fn ramp(segment: &Segment) -> Moment {
    let known = segment.ramp_ns();
    Moment { ns: known.unwrap_or(0), at_least: known.is_none() }
}

fn length(segments: &[Segment]) -> Moment {
    segments.iter().fold(Moment::default(), |sum, segment| {
        sum.plus(ramp(segment)).plus(Moment { ns: segment.hold_ns, at_least: false })
    })
}

/// When each scenario starts.
fn starts(plan: &Plan, schedule: &Schedule) -> Vec<Moment> {
    let delay = |scenario: &Scenario| match scenario.start_after {
        StartAfter::Delay(delay) => Some(Moment { ns: delay.as_nanos(), at_least: false }),
        StartAfter::Hold => None,
    };
    let hold = plan
        .scenarios
        .iter()
        .zip(schedule.scenarios())
        .filter_map(|(scenario, schedule)| Some(delay(scenario)?.plus(ramp(&schedule.segments[0]))))
        .fold(Moment::default(), Moment::latest);
    plan.scenarios.iter().map(|scenario| delay(scenario).unwrap_or(hold)).collect()
}

fn outline_scenario(
    page: &mut String,
    plan: &Plan,
    scenario: &Scenario,
    schedule: &ScenarioSchedule,
    start: Moment,
    ascii: bool,
) {
    let target = plan.target(scenario);
    let _ = writeln!(
        page,
        "scenario {}: {} to {} ({})",
        scenario.name,
        scenario.protocol.name(),
        target.name,
        whereabouts(target)
    );
    let rows = rows(scenario, schedule, start);
    write_table(page, &rows);
    // Users and arrivals have no common axis.
    let mut at = start;
    let _ = writeln!(page);
    for part in schedule.segments.chunk_by(|one, other| is_closed(one) == is_closed(other)) {
        let unit = if is_closed(&part[0]) { "" } else { "/s" };
        page.push_str(&curve(part, at.ns, unit, ascii));
        at = at.plus(length(part));
    }
    let lines = match &scenario.protocol {
        Protocol::TcpHold(hold) => super::churn::lines(&hold.churn),
        Protocol::Http(http) => super::session::lines(http),
    };
    for line in lines {
        let _ = writeln!(page, "  {line}");
    }
    if let Protocol::Http(http) = &scenario.protocol
        && http.on_full == OnFull::Fail
    {
        let most = grouped(http.max_in_flight);
        let _ = writeln!(page, "  beyond {most} requests under way, what is due counts as failed");
    }
    if scenario.thresholds.is_empty() {
        let _ = writeln!(page, "  no thresholds: the verdict says only whether the run is valid");
    } else {
        let _ = writeln!(page, "  thresholds");
        let width = scenario.thresholds.iter().map(|one| one.check.len()).max().unwrap_or(0);
        for threshold in &scenario.thresholds {
            let what = looks_at(threshold, scenario);
            let _ = writeln!(page, "    {:width$}  {what}", threshold.check);
        }
    }
}

fn is_closed(segment: &Segment) -> bool {
    matches!(segment.shape, Shape::Users { .. })
}

/// Where a target is, with nothing from the environment.
fn whereabouts(target: &Target) -> String {
    match &target.endpoint {
        Endpoint::Builtin(Builtin::TcpHold(_) | Builtin::Http(_)) => "built-in server".to_owned(),
        Endpoint::Hosts(_) | Endpoint::Urls(_) => match target.shown.as_slice() {
            [first, second, rest @ ..] if !rest.is_empty() => {
                format!("{}, {} and {} more", neutral(first), neutral(second), rest.len())
            }
            all => all.iter().map(|one| neutral(one)).collect::<Vec<_>>().join(", "),
        },
    }
}

const HEAD: [&str; 9] =
    ["stage", "from", "to", "how", "ramp", "hold", "starts at", "ends at", "attempts"];

fn rows(
    scenario: &Scenario,
    schedule: &ScenarioSchedule,
    mut at: Moment,
) -> Vec<[String; HEAD.len()]> {
    let mut rows = vec![HEAD.map(str::to_owned)];
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
        let end = at.plus(ramp).plus(Moment { ns: segment.hold_ns, at_least: false });
        let counted = matches!(segment.shape, Shape::Rate { .. })
            || matches!(scenario.protocol, Protocol::TcpHold(_));
        let attempts = if counted { grouped(segment.attempts()) } else { "-".to_owned() };
        let ramp = if ramp.at_least { "?".to_owned() } else { clock(ramp.ns) };
        let name =
            if stage.warmup { format!("{} (warm-up)", stage.name) } else { stage.name.clone() };
        rows.push([
            name,
            from,
            to,
            how,
            ramp,
            clock(segment.hold_ns),
            at.to_string(),
            end.to_string(),
            attempts,
        ]);
        at = end;
    }
    rows
}

fn pace_of(pace: Pace, level: bool) -> String {
    match pace {
        _ if level => "-".to_owned(),
        Pace::Unpaced => "as fast as possible".to_owned(),
        Pace::Paced(rate) => format!("{}/s", short(rate.value())),
    }
}

fn write_table(page: &mut String, rows: &[[String; HEAD.len()]]) {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            // Words to the left, figures to the right.
            let _ = match column {
                0 | 3 => write!(line, "  {cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(page, "{}", line.trim_end());
    }
}

/// Where and when a threshold is looked at.
fn looks_at(threshold: &Threshold, scenario: &Scenario) -> String {
    let mut what = match threshold.scope {
        Scope::Scenario => "the whole scenario".to_owned(),
        Scope::EachStage => "each stage".to_owned(),
        Scope::Stage(index) => format!("stage {}", scenario.stages[index].name),
    };
    what.push_str(match threshold.during {
        During::Ramp => ", ramp",
        During::Hold => ", hold",
        During::All => ", ramp and hold",
    });
    if let Some(window) = threshold.window {
        let _ = write!(what, ", every {window}");
    }
    if threshold.abort {
        let _ = write!(what, ", ends the run when broken");
    }
    what
}
