//! The constant part of a run's view: names, stages, conditions.
//!
//! **Invariant:** nothing of a plan is here that could be secret: no body, header or variable.

use crate::catalogue::{MetricUnit, ProtocolRow};
use crate::engine::Resolved;
use crate::plan::{Level, Metric, Monitor, Plan, Ramp, Scenario, Stage, Threshold};
use crate::record::Gauge;
use crate::schedule::{Schedule, Segment, Shape, SpawnPace};
use crate::units::{Time, figure};
use serde::Serialize;

/// A run's plan, places and names.
#[derive(Debug, Clone, Serialize)]
pub(in crate::observe) struct RunOutline {
    /// The plan's name.
    pub(in crate::observe) plan: String,
    pub(in crate::observe) description: Option<String>,
    pub(in crate::observe) seed: u64,
    /// The folder for the results.
    pub(in crate::observe) folder: String,
    /// The URL of the live page, with its token.
    #[serde(skip)]
    pub(in crate::observe) page: Option<String>,
    /// The addresses of the targets; empty before the start.
    pub(in crate::observe) targets: Vec<Resolved>,
    /// Workers that were started, by scenario; empty before the start.
    pub(in crate::observe) workers: Vec<u32>,
    /// Warnings of the preflight.
    pub(in crate::observe) warnings: Vec<String>,
    pub(in crate::observe) scenarios: Vec<ScenarioOutline>,
    /// What monitors read.
    pub(in crate::observe) monitors: Vec<MonitorOutline>,
}

/// A monitor without its address, which may hold a secret.
#[derive(Debug, Clone, Serialize)]
pub(in crate::observe) struct MonitorOutline {
    pub(in crate::observe) name: String,
    /// Names of its metrics.
    pub(in crate::observe) metrics: Vec<String>,
}

/// The plan of a scenario.
#[derive(Debug, Clone, Serialize)]
pub(in crate::observe) struct ScenarioOutline {
    pub(in crate::observe) name: String,
    /// The row of its protocol.
    pub(in crate::observe) protocol: &'static ProtocolRow,
    /// Whether arrivals are planned, whatever becomes of them.
    open: bool,
    /// The noun of its level: users or connections, or requests in flight for arrivals.
    #[serde(skip)]
    pub(in crate::observe) gauge: Gauge,
    /// Its word in reports, and on screen.
    level: [&'static str; 2],
    /// The titles of the charts of the level and of attempts per second.
    charts: [String; 2],
    /// Counts the attempts that are good so far, and what they are called.
    good: [&'static str; 2],
    /// Its target's name.
    pub(in crate::observe) target: String,
    /// How long the drain waits for an attempt in progress.
    pub(in crate::observe) patience: String,
    pub(in crate::observe) stages: Vec<StageOutline>,
    pub(in crate::observe) thresholds: Vec<ThresholdOutline>,
    /// Names of its requests.
    pub(in crate::observe) requests: Vec<String>,
}

/// The plan of a stage.
#[derive(Debug, Clone, Serialize)]
pub(in crate::observe) struct StageOutline {
    pub(in crate::observe) name: String,
    pub(in crate::observe) warmup: bool,
    /// The change of the level: `10,000 → 15,000 users`.
    pub(in crate::observe) levels: String,
    /// All of it: `10,000 → 15,000 users at 10k/s, hold 30s`.
    pub(in crate::observe) words: String,
    pub(in crate::observe) level: StageLevel,
    /// Whether its level is reached by a ramp.
    pub(in crate::observe) ramps: bool,
    pub(in crate::observe) hold_ns: u64,
}

/// The level of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::observe) enum StageLevel {
    /// Connections or users.
    Users(u64),
    /// Arrivals a second.
    Rate(f64),
}

/// A threshold as the plan has it.
#[derive(Debug, Clone, Serialize)]
pub(in crate::observe) struct ThresholdOutline {
    pub(in crate::observe) condition: String,
    /// The same with what a relative bound comes to.
    pub(in crate::observe) words: String,
    /// Its subject.
    #[serde(skip)]
    pub(in crate::observe) metric: Metric,
    /// Of its values.
    unit: MetricUnit,
}

impl RunOutline {
    pub(in crate::observe) fn new(plan: &Plan, schedule: &Schedule, folder: String) -> Self {
        let scenarios = plan.scenarios.iter().enumerate();
        let outline = |(index, scenario): (usize, &Scenario)| {
            ScenarioOutline::new(plan, scenario, &schedule.scenario(index).segments)
        };
        Self {
            plan: plan.name.clone(),
            description: plan.description.clone(),
            seed: plan.seed,
            folder,
            page: None,
            targets: Vec::new(),
            workers: Vec::new(),
            warnings: Vec::new(),
            scenarios: scenarios.map(outline).collect(),
            monitors: plan.monitors.iter().map(MonitorOutline::new).collect(),
        }
    }

    /// Whether the run's clock has started.
    pub(in crate::observe) fn started(&self) -> bool {
        !self.workers.is_empty()
    }
}

impl MonitorOutline {
    fn new(monitor: &Monitor) -> Self {
        let metrics = monitor.metrics.iter().map(|metric| metric.name.clone()).collect();
        Self { name: monitor.name.clone(), metrics }
    }
}

impl ScenarioOutline {
    fn new(plan: &Plan, scenario: &Scenario, segments: &[Segment]) -> Self {
        let requests = scenario.protocol.requests().iter();
        let (row, first) = (scenario.protocol.row(), |words: &str| {
            let mut letters = words.chars();
            letters.next().map(|one| one.to_uppercase().to_string() + letters.as_str())
        });
        let open = segments.iter().any(|one| matches!(one.shape, Shape::Rate { .. }));
        let (gauge, word, title) = if open {
            let title = format!("{} in flight", first(row.attempts).unwrap_or_default());
            (row.pending, "in flight", title)
        } else {
            (row.level, row.level_word, row.level_title.to_owned())
        };
        let stages = scenario.stages.iter().zip(segments);
        Self {
            open,
            gauge,
            level: [gauge.name(), word],
            charts: [title, row.charts[1].to_owned()],
            good: [row.good.name(), row.good_words[0]],
            name: scenario.name.clone(),
            protocol: row,
            target: plan.target(scenario).name.clone(),
            patience: scenario.protocol.drain_timeout().to_string(),
            stages: stages.map(|(stage, segment)| StageOutline::new(stage, segment)).collect(),
            thresholds: scenario.thresholds.iter().map(ThresholdOutline::new).collect(),
            requests: requests.map(|request| request.name.clone()).collect(),
        }
    }
}

impl StageOutline {
    fn new(stage: &Stage, segment: &Segment) -> Self {
        let level = match (stage.level, segment.shape) {
            (_, Shape::Rate { to, .. }) => StageLevel::Rate(to),
            (Level::Users { users, .. }, _) => StageLevel::Users(users),
            (Level::Rate { .. }, Shape::Users { to, .. }) => StageLevel::Users(to),
        };
        Self {
            name: stage.name.clone(),
            warmup: stage.warmup,
            levels: levels(segment),
            words: words(stage, segment),
            level,
            ramps: segment.ramp_ns() != Some(0),
            hold_ns: segment.hold_ns,
        }
    }

    /// How long its level is to be held.
    pub(in crate::observe) fn hold(&self) -> Time {
        Time(std::time::Duration::from_nanos(self.hold_ns))
    }
}

impl ThresholdOutline {
    fn new(threshold: &Threshold) -> Self {
        let metric = threshold.metric;
        let unit = metric.row().unit;
        let condition = threshold.condition.clone();
        Self { condition, words: threshold.words().into_owned(), metric, unit }
    }
}

/// The plan of a stage: `10,000 → 15,000 users at 10k/s, hold 30s`.
fn words(stage: &Stage, segment: &Segment) -> String {
    let how = match (segment.shape, stage.level) {
        (Shape::Users { from, to, .. }, _) if from == to => String::new(),
        (Shape::Users { pace: SpawnPace::Unpaced, .. }, _) => ", as fast as it can".to_owned(),
        (_, Level::Users { ramp: Ramp::SpawnRate(rate), .. }) => format!(" at {rate}"),
        (_, Level::Users { ramp: Ramp::Over(time), .. }) => format!(" in {time}"),
        (_, Level::Rate { ramp, .. }) if ramp.as_nanos() > 0 => format!(" in {ramp}"),
        _ => String::new(),
    };
    let warmup = if stage.warmup { ", warm-up" } else { "" };
    let hold = stage.work.map_or_else(
        || format!("hold {}", stage.hold),
        |work| format!("{}, at most {}", work.words(), stage.hold),
    );
    format!("{}{how}, {hold}{warmup}", levels(segment))
}

/// `10,000 → 15,000 users`.
fn levels(segment: &Segment) -> String {
    match segment.shape {
        Shape::Users { from, to, .. } if from == to => format!("{} users", figure::grouped(to)),
        Shape::Users { from, to, .. } => {
            format!("{} → {} users", figure::grouped(from), figure::grouped(to))
        }
        Shape::Rate { to, ramp_ns: 0, .. } => figure::rate(to),
        Shape::Rate { from, to, .. } => format!("{} → {}", figure::rate(from), figure::rate(to)),
    }
}
