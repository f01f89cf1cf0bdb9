//! Turns the raw tables into a [`Plan`]: defaults, and every relation between keys.
//!
//! **Invariant:** what could not be read was said where it was read; here only what makes no sense is said.

mod address;
pub(super) mod auth;
pub(super) mod churn;
mod condition;
mod default_threshold;
pub(super) mod expect;
mod expected;
mod extent;
mod faults;
mod generator;
pub(super) mod limits;
mod reach;
pub(super) mod request;
mod search;
mod stages;
mod target;
pub(super) mod template;
mod threshold;
mod threshold_request;
mod tls;

pub use expected::{Sparse, sparse};
pub(super) use stages::Stages;

use super::elements;
use super::error::Errors;
use super::names::{self, Kind};
use super::overrides;
use super::raw::{At, Field, Named, RawPlan, RawScenario, RawTarget};
use super::scale::Scale;
use super::suggest::did_you_mean;
use super::tree::Key;
use super::{Overrides, Plan, Scenario, Source, StartAfter};
use crate::units::{Count, Time};

/// A plan has at most so many scenarios, and so many targets.
const MOST: usize = 100;

/// What all scenarios are read with.
struct Context<'a> {
    source: &'a Source,
    overrides: &'a Overrides,
    scale: Scale,
    target_names: Vec<&'a str>,
    /// Whether connections to each target are secured.
    secured: Vec<bool>,
    /// Whether all targets could be read, so that an unknown name is really unknown.
    targets_known: bool,
}

/// The plan. Worth nothing when there are errors: then some of it stands for what could not be read.
pub(super) fn lower(
    raw: &RawPlan,
    source: &Source,
    overrides: &Overrides,
    errors: &mut Errors,
) -> Plan {
    let scale = overrides::scale(overrides, errors);
    let none = Named(Vec::new());
    let raw_targets = raw.targets.value().unwrap_or(&none);
    let context = Context {
        source,
        overrides,
        scale,
        target_names: raw_targets.names().collect(),
        secured: secured(raw_targets),
        targets_known: raw.targets.given().is_some(),
    };
    check_names("target", &raw.targets, errors);
    check_names("scenario", &raw.scenarios, errors);
    let none = Named(Vec::new());
    let raw_scenarios = raw.scenarios.value().unwrap_or(&none);
    let mut users = Vec::new();
    let mut scenarios = Vec::new();
    for (key, given) in raw_scenarios.read() {
        let scenario = scenario(key, &given.value, &context, errors);
        if let Some(user) = target::user(key, &given.value, &scenario) {
            users.push(user);
        }
        scenarios.push(scenario);
    }
    let targets = target::targets(raw_targets, &users, errors);
    let names: Vec<&str> = raw_scenarios.read().map(|(key, _)| key.name.as_str()).collect();
    let keep = overrides::only(overrides, &names, errors);
    check_waits(raw_scenarios, &scenarios, errors);
    let search = search::search(&raw.search, &scenarios, &context, errors);
    let plan = Plan {
        name: plan_name(raw, errors),
        description: raw
            .description
            .given()
            .and_then(|text| names::public(text, errors))
            .map(str::to_owned),
        seed: raw.seed.value().map_or(42, |seed| seed.0),
        targets,
        scenarios,
        generator: generator::generator(&raw.generator, errors),
        search,
    };
    churn::check_ports(raw, &plan, errors);
    pick(plan, &keep)
}

fn plan_name(raw: &RawPlan, errors: &mut Errors) -> String {
    let Some(given) = raw.name.given() else { return String::new() };
    let Some(name) = names::public(given, errors) else { return String::new() };
    names::check(name, Kind::Folder, given.at, errors);
    name.to_owned()
}

/// Checks the names of targets or scenarios, and that there are some, and not too many.
fn check_names<T>(noun: &str, field: &Field<Named<T>>, errors: &mut Errors) {
    let Some(given) = field.given() else { return };
    let named = &given.value.0;
    if named.is_empty() {
        errors
            .add(given.at, format!("the plan has no {noun}"))
            .help(format!("add a table `[{noun}s.NAME]`"));
    }
    if let Some((key, _)) = named.get(MOST) {
        errors.add(key.at, format!("a plan has at most {MOST} {noun}s"));
    }
    for (key, _) in named {
        names::check(&key.name, Kind::Word, key.at, errors);
    }
}

fn scenario(key: &Key, raw: &RawScenario, context: &Context<'_>, errors: &mut Errors) -> Scenario {
    let word = raw.protocol.value().copied();
    if let Some(word) = word {
        elements::reject_foreign_keys(word, raw, errors);
    }
    let stages = stages::stages(raw, word, context.scale, errors);
    let mut protocol = elements::protocol(word, raw, &stages, errors);
    let target = target_of(key, raw, context, errors).unwrap_or(0);
    let thresholds = threshold::thresholds(raw, (target, &protocol), &stages, context, errors);
    if let crate::plan::Protocol::Http(http) = &mut protocol {
        http.within = threshold::within(&thresholds);
    }
    Scenario {
        name: key.name.clone(),
        target,
        start_after: start_after(&raw.start_after, errors),
        protocol,
        stages: stages.list,
        thresholds,
    }
}

/// Whether connections to each target are secured; one that could not be read is given the benefit of the doubt.
fn secured(targets: &Named<RawTarget>) -> Vec<bool> {
    let tls = |target: &Option<At<RawTarget>>| {
        target.as_ref().is_none_or(|target| {
            !target.value.tls.is_absent() || tls::is_secure(&target.value.address)
        })
    };
    targets.0.iter().map(|(_, target)| tls(target)).collect()
}

/// Index of a scenario's target.
fn target_of(
    key: &Key,
    raw: &RawScenario,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<usize> {
    let names = &context.target_names;
    let Some(given) = raw.target.given() else {
        if raw.target.is_absent() && names.len() > 1 {
            errors
                .add(key.at, format!("scenario `{}` does not say which target it loads", key.name))
                .help(format!(
                    "add `target = \"{}\"` (the plan has {} targets)",
                    names[0],
                    names.len()
                ));
        }
        return None;
    };
    let found = names.iter().position(|name| *name == given.value.value);
    if found.is_none() && context.targets_known {
        errors
            .add(given.at, format!("the plan has no target `{}`", given.value.shown))
            .help(did_you_mean(&given.value.shown, names.iter().copied(), "its targets are"));
    }
    found
}

fn start_after(field: &Field<super::text::Text>, errors: &mut Errors) -> StartAfter {
    let Some(given) = field.given() else { return StartAfter::Delay(Time::default()) };
    if given.value.value == "hold" {
        return StartAfter::Hold;
    }
    if let Ok(time) = given.value.value.parse() {
        return StartAfter::Delay(time);
    }
    errors
        .add(given.at, format!("`{}` is no time and not `hold`", given.value.shown))
        .help("write a time (`\"30s\"`), or `\"hold\"`: when the other scenarios have reached their first hold");
    StartAfter::Delay(Time::default())
}

/// A scenario that waits for the hold of the others needs others.
fn check_waits(raw: &Named<RawScenario>, scenarios: &[Scenario], errors: &mut Errors) {
    if scenarios.iter().any(|scenario| scenario.start_after != StartAfter::Hold) {
        return;
    }
    for (_, given) in raw.read() {
        if let Some(At { at, .. }) =
            given.value.start_after.given().filter(|_| !scenarios.is_empty())
        {
            errors
                .add(*at, "there is no other scenario whose hold could be waited for")
                .help("leave `start_after` out, or write a time: `start_after = \"30s\"`");
            return;
        }
    }
}

/// The plan with only the scenarios that are to run, and only the targets that these load.
fn pick(mut plan: Plan, keep: &[bool]) -> Plan {
    let mut kept = keep.iter();
    plan.scenarios.retain(|_| kept.next().copied().unwrap_or(true));
    // With nobody left to wait for, what waited starts at once.
    if plan.scenarios.iter().all(|scenario| scenario.start_after == StartAfter::Hold) {
        for scenario in &mut plan.scenarios {
            scenario.start_after = StartAfter::Delay(Time::default());
        }
    }
    let used: Vec<usize> = (0..plan.targets.len())
        .filter(|index| plan.scenarios.iter().any(|scenario| scenario.target == *index))
        .collect();
    for scenario in &mut plan.scenarios {
        scenario.target = used.iter().position(|index| *index == scenario.target).unwrap_or(0);
    }
    let known = |name: &str| plan.scenarios.iter().any(|scenario| scenario.name == name);
    if plan.search.as_ref().is_some_and(|search| !known(&search.scenario)) {
        plan.search = None;
    }
    let mut index = 0;
    plan.targets.retain(|_| {
        index += 1;
        used.contains(&(index - 1))
    });
    plan
}

/// A time that cannot be zero.
pub(super) fn time(field: &Field<Time>, name: &str, default: Time, errors: &mut Errors) -> Time {
    let Some(given) = field.given() else { return default };
    if given.value == Time::default() {
        errors.add(given.at, format!("`{name}` cannot be zero"));
        return default;
    }
    given.value
}

/// A time that cannot be zero, and cannot be longer than another one.
pub(super) fn time_within(
    field: &Field<Time>,
    name: &str,
    default: Time,
    (limit, limit_name): (Time, &str),
    errors: &mut Errors,
) -> Time {
    let value = time(field, name, default, errors);
    if let Some(given) = field.given()
        && value > limit
    {
        errors
            .add(given.at, format!("`{name}` is longer than `{limit_name}` ({limit})"))
            .help(format!("write at most `\"{limit}\"`, or a longer `{limit_name}`"));
    }
    value
}

/// A count that cannot be zero.
pub(super) fn count(field: &Field<Count>, name: &str, errors: &mut Errors) -> Option<u64> {
    let given = field.given()?;
    if given.value.0 == 0 {
        errors.add(given.at, format!("`{name}` cannot be zero"));
        return None;
    }
    Some(given.value.0)
}
