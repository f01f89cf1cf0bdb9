//! The search for the highest level that passes.

use crate::plan::elements::scenario::Context;
use crate::plan::error::Errors;
use crate::plan::raw::leaf_schema;
use crate::plan::raw::{At, Field, Read, table, wrong_type};
use crate::plan::suggest::{did_you_mean, listed};
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::plan::{Level, Scenario};
use crate::units::{Count, Rate, Ratio};
use schemars::json_schema;
use serde::{Deserialize, Serialize};

/// A search for the highest level of one stage that passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The scenario whose level is searched.
    pub scenario: String,
    /// The stage: index into `Scenario::stages`.
    pub stage: usize,
    /// The unit of the levels.
    pub unit: LevelUnit,
    /// The first level that is run; at least 1.
    pub min: u64,
    /// The highest level that is run; above `min`.
    pub max: u64,
    /// How levels follow each other.
    pub way: SearchWay,
    /// How often the highest level that passed is run again, and has to pass.
    pub confirm: u64,
    /// The level that must be reached for a PASS; from `min` to `max`.
    pub at_least: u64,
}

/// The unit of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LevelUnit {
    /// Connections or virtual users.
    Users,
    /// Arrivals a second.
    PerSecond,
}

/// How levels follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum SearchWay {
    /// Up by this much until a level does not pass.
    Step(u64),
    /// Doubled until one does not pass, then halved between until the gap is at most this share of
    /// the level that passed.
    Bisect(Ratio),
}

impl Search {
    /// The override that sets this level: the argument of `--set`.
    pub fn setting(&self, level: u64) -> String {
        let (key, value) = match self.unit {
            LevelUnit::Users => ("users", level.to_string()),
            LevelUnit::PerSecond => ("rate", format!("{level}/s")),
        };
        format!("scenarios.{}.stages.{}.{key}={value}", self.scenario, self.stage)
    }
}

/// A level: users or arrivals a second.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) enum RawLevel {
    Users(Count),
    Rate(Rate),
}

impl Read for RawLevel {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text.value.contains('/') => {
                Rate::read(node, errors).map(Self::Rate)
            }
            Value::Text(_) | Value::Integer(_) => Count::read(node, errors).map(Self::Users),
            _ => {
                wrong_type(node, "a level", errors)
                    .help("a level is a number of users (`\"10k\"`) or a rate (`\"500/s\"`)");
                None
            }
        }
    }
}

leaf_schema!(
    RawLevel,
    "Level",
    json_schema!({
        "description": "Users, or arrivals a second.",
        "examples": ["10k", "500/s"],
        "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1 }],
    })
);

table! {
    /// Runs the plan at one level after the other, and finds the highest one that passes.
    #[schemars(rename = "Search")]
    RawSearch, "`search`",
    must {
        /// The first level, in the unit of the stage: `1000` users, or `"1000/s"`.
        min: RawLevel = "min = \"1k\"",
        /// The highest level that is tried.
        max: RawLevel = "max = \"20k\"",
    }
    may {
        /// Whose level. May be left out when the plan has one scenario.
        scenario: Text,
        /// Which stage of it, by its name. Default: the last one.
        stage: Text,
        /// The difference between two levels. Default: levels are doubled, then bisected.
        step: RawLevel,
        /// Bisecting ends when the level that passed and the one that did not are this close.
        /// Default: `5%`.
        precision: Ratio,
        /// How often the highest level is run again and must pass. Default: 1.
        confirm: Count,
        /// The search is a PASS from this level on. Default: `min`.
        at_least: RawLevel,
    }
}

/// The gap at which bisecting ends by default: a share of the level that passed.
const PRECISION: Ratio = Ratio(0.05);

/// A level is confirmed at most so often.
const MOST_CONFIRMATIONS: u64 = 10;

pub(in crate::plan) fn search(
    field: &Field<RawSearch>,
    scenarios: &[Scenario],
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<Search> {
    let given = field.given()?;
    let raw = &given.value;
    if !context.scale.is_one() {
        errors
            .add(given.at, "`--scale` would change the levels that this search looks for")
            .help("leave `--scale` out, or set `search.min` and `search.max` by `--set`");
    }
    if scenarios.iter().all(|scenario| scenario.thresholds.is_empty()) {
        errors
            .add(given.at, "no level can fail this search: the plan has no thresholds")
            .help("leave `thresholds = []` out of the scenario: it has one by default");
    }
    if scenarios.iter().flat_map(|one| &one.thresholds).any(|one| one.relative.is_some()) {
        errors
            .add(
                given.at,
                "a search runs loads other than the baseline's, to which a threshold is relative",
            )
            .help("write an absolute bound, or remove `search`");
    }
    let scenario = scenario(raw, given, scenarios, errors)?;
    let stage = stage(raw, scenario, errors)?;
    let unit = match scenario.stages[stage].level {
        Level::Users { .. } => LevelUnit::Users,
        Level::Rate { .. } => LevelUnit::PerSecond,
    };
    let mut level = |field: &Field<RawLevel>| level(field, unit, errors);
    let (min, max) = (level(&raw.min), level(&raw.max));
    let (step, at_least) = (level(&raw.step), level(&raw.at_least));
    let (min, max) = (min?, max?);
    if min >= max {
        let at = raw.max.given()?.at;
        errors.add(at, "`max` is not above `min`").help("write a `max` above `min`");
    }
    Some(Search {
        scenario: scenario.name.clone(),
        stage,
        unit,
        min,
        max,
        way: way(raw, step, max, errors),
        confirm: confirm(raw, errors),
        at_least: within(raw, at_least.unwrap_or(min), (min, max), errors),
    })
}

fn scenario<'a>(
    raw: &RawSearch,
    given: &At<RawSearch>,
    scenarios: &'a [Scenario],
    errors: &mut Errors,
) -> Option<&'a Scenario> {
    let names = || scenarios.iter().map(|scenario| scenario.name.as_str());
    if let Some(wanted) = raw.scenario.given() {
        let name = &wanted.value.value;
        let found = scenarios.iter().find(|scenario| scenario.name == *name);
        if found.is_none() {
            let help = did_you_mean(name, names().collect::<Vec<_>>(), "its scenarios are");
            errors.add(wanted.at, format!("the plan has no scenario `{name}`")).help(help);
        }
        return found;
    }
    match scenarios {
        [only] => Some(only),
        [] => None,
        _ if raw.scenario.is_wrong() => None,
        _ => {
            errors
                .add(given.at, "a search needs `scenario` if the plan has several")
                .help(format!("one of {}", listed(names())));
            None
        }
    }
}

/// The stage that is named, or the last one.
fn stage(raw: &RawSearch, scenario: &Scenario, errors: &mut Errors) -> Option<usize> {
    let Some(wanted) = raw.stage.given() else { return scenario.stages.len().checked_sub(1) };
    let name = &wanted.value.value;
    let found = scenario.stages.iter().position(|stage| stage.name == *name);
    if found.is_none() {
        let names: Vec<&str> = scenario.stages.iter().map(|stage| stage.name.as_str()).collect();
        errors
            .add(wanted.at, format!("scenario `{}` has no stage `{name}`", scenario.name))
            .help(did_you_mean(name, names, "its stages are"));
    }
    found
}

/// A level in the unit of the stage: a whole number of at least one.
fn level(field: &Field<RawLevel>, unit: LevelUnit, errors: &mut Errors) -> Option<u64> {
    let given = field.given()?;
    let (message, help) = match (&given.value, unit) {
        (RawLevel::Users(count), LevelUnit::Users) if count.0 > 0 => return Some(count.0),
        (RawLevel::Rate(rate), LevelUnit::PerSecond) => {
            let (things, second) =
                (u128::from(rate.count) * 1_000_000_000, u128::from(rate.per_ns));
            match u64::try_from(things / second) {
                Ok(level) if level > 0 && things % second == 0 => return Some(level),
                _ => ("a search goes in whole numbers a second", "write for example `\"500/s\"`"),
            }
        }
        (RawLevel::Users(_), LevelUnit::Users) => ("a level cannot be zero", "write `1`"),
        (RawLevel::Users(_), LevelUnit::PerSecond) => {
            ("the stage has a `rate`, and this is a number of users", "write a rate: `\"500/s\"`")
        }
        (RawLevel::Rate(_), LevelUnit::Users) => {
            ("the stage has `users`, and this is a rate", "write a number: `500`")
        }
    };
    errors.add(given.at, message).help(help);
    None
}

fn way(raw: &RawSearch, step: Option<u64>, max: u64, errors: &mut Errors) -> SearchWay {
    if let (Some(key), Some(_)) = (raw.precision.key(), raw.step.given()) {
        errors.add(key, "a search has `step` or `precision`, not both").help("remove one of them");
    }
    if let (Some(step), Some(given)) = (step, raw.step.given())
        && step > max
    {
        errors.add(given.at, "the step is larger than `max`").help("write a smaller step");
    }
    let precision = raw.precision.given();
    if let Some(given) = precision.filter(|given| !(0.001..=0.5).contains(&given.value.0)) {
        errors
            .add(given.at, "expected a precision from 0.1% to 50%")
            .help("write for example `precision = \"5%\"`");
    }
    match step {
        Some(step) => SearchWay::Step(step),
        None => SearchWay::Bisect(precision.map_or(PRECISION, |given| given.value)),
    }
}

fn confirm(raw: &RawSearch, errors: &mut Errors) -> u64 {
    let Some(given) = raw.confirm.given() else { return 1 };
    if given.value.0 > MOST_CONFIRMATIONS {
        errors
            .add(given.at, format!("a level is confirmed at most {MOST_CONFIRMATIONS} times"))
            .help("write for example `confirm = 2`");
    }
    given.value.0
}

fn within(raw: &RawSearch, level: u64, (min, max): (u64, u64), errors: &mut Errors) -> u64 {
    if let Some(given) = raw.at_least.given().filter(|_| !(min..=max).contains(&level)) {
        errors
            .add(given.at, "this level is never run")
            .help("`at_least` lies between `min` and `max`");
    }
    level
}
