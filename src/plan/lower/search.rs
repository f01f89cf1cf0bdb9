//! The search for the highest level that passes.

use super::Context;
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, RawLevel, RawSearch};
use crate::plan::suggest::{did_you_mean, listed};
use crate::plan::{Level, LevelUnit, Scenario, Search, SearchWay};
use crate::units::Ratio;

/// The gap at which bisecting ends by default: a share of the level that passed.
const PRECISION: Ratio = Ratio(0.05);

/// A level is confirmed at most so often.
const MOST_CONFIRMATIONS: u64 = 10;

pub(super) fn search(
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
        errors.add(at, "`max` is not above `min`").help("a search needs levels between them");
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
                .add(given.at, "a search needs its `scenario` where there are several")
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

/// A level in what the stage counts: at least one, and whole.
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
        (RawLevel::Users(_), LevelUnit::Users) => {
            ("a level of nothing proves nothing", "write `1`")
        }
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
        errors
            .add(key, "a search goes by `step` or to a `precision`, not both")
            .help("leave one of them out");
    }
    if let (Some(step), Some(given)) = (step, raw.step.given())
        && step > max
    {
        errors.add(given.at, "the step is larger than `max`").help("write a smaller step");
    }
    let precision = raw.precision.given();
    if let Some(given) = precision.filter(|given| !(0.001..=0.5).contains(&given.value.0)) {
        errors
            .add(given.at, "a precision is from 0.1% to 50%")
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
