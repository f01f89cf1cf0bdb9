//! A stage: a level, how it is reached, how long it is held.

use crate::catalogue::ProtocolKind;
use crate::plan::elements::work::{self, FixedWork, UntilWord, WorkKeys};
use crate::plan::error::Errors;
use crate::plan::names;
use crate::plan::names::NameKind;
use crate::plan::raw::{Field, RawTable, table, words};
use crate::plan::scale::Scale;
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::units::{Count, Rate, Time};
use serde::{Deserialize, Serialize};

/// A level that is reached and then held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Unique in its scenario; its number from 1 when the plan gives none.
    pub name: String,
    /// The level to hold, and how it is reached from the stage before.
    pub level: Level,
    /// How long the level is held once it is reached; zero for a peak.
    pub hold: Time,
    /// Keeps this stage out of thresholds.
    pub warmup: bool,
    /// Ends the stage when it is done; `None`: the stage ends with its hold.
    pub work: Option<FixedWork>,
}

/// The level of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Concurrent connections (tcp-hold, ws-hold) or virtual users (http).
    Users {
        /// The level, not an addition; zero ramps all down.
        users: u64,
        /// How it is reached.
        ramp: Ramp,
    },
    /// Arrivals a second (open model; http only).
    Rate {
        /// The rate at the end of the ramp and through the hold.
        rate: Rate,
        /// Time in which the rate changes in a straight line from that of the stage before (zero at
        /// first).
        ramp: Time,
        /// How far apart they are.
        spacing: Spacing,
    },
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Spacing {
    /// As the rate says: at 100/s always 10 ms.
    #[default]
    Constant,
    /// By chance: a Poisson process of that rate, given its number of arrivals.
    Poisson,
}

/// How a level of users is reached, up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ramp {
    /// As fast as the machine can: the hold begins when all are there.
    Unpaced,
    /// Users a second.
    SpawnRate(Rate),
    /// Evenly in this time; not zero.
    Over(Time),
}

words! {
    /// How arrivals are spaced.
    SpacingWord {
        /// As the rate says.
        Constant = "constant",
        /// Independently of each other: a Poisson process.
        Poisson = "poisson",
    }
}

table! {
    /// A level that is reached and then held.
    #[schemars(rename = "Stage")]
    RawStage, "a stage", write "a table for each stage: `{ users = \"10k\", hold = \"10s\" }`", in "`stages = [{ … }]` of a scenario",
    must {}
    may {
        /// Its name in reports. Default: its number, from 1.
        name: Text,
        /// A level of concurrent connections or virtual users. Instead of `rate`.
        users: Count,
        /// http: arrivals a second. Instead of `users`.
        rate: Rate,
        /// With `rate`: how far apart arrivals are: `constant`, or `poisson` for independent ones,
        /// by the plan's seed. Default: `constant`.
        spacing: SpacingWord,
        /// With `users`: how fast the level is reached. Without this and `ramp`: as fast as the
        /// machine can.
        spawn_rate: Rate,
        /// The time in which the level is reached.
        ramp: Time,
        /// How long the level is held. Default: not at all.
        hold: Time,
        /// http, with `users`: so many iterations, which the users share. The stage ends when they
        /// are done, at the latest after `hold`.
        iterations: Count,
        /// http, with `users`: `data` ends the stage when each unique row of `data` has been used,
        /// at the latest after `hold`.
        until: UntilWord,
        /// Keeps this stage out of thresholds.
        warmup: bool,
    }
}

/// The most stages of a scenario.
const MOST: usize = 1_000;

/// The highest level of users, and of arrivals a second.
const HIGHEST: u64 = 1_000_000_000;

/// A scenario takes at most a year: nanoseconds.
const LONGEST_NS: u128 = 366 * 24 * 3_600 * 1_000_000_000;

/// The stages, and whether they can be calculated with.
pub(in crate::plan) struct Stages {
    /// All of them; what could not be read has a stand-in.
    pub list: Vec<Stage>,
    /// Whether none is a stand-in.
    pub known: bool,
}

impl Stages {
    /// The stages; none where they could not be read.
    pub(in crate::plan) fn known(&self) -> &[Stage] {
        if self.known { &self.list } else { &[] }
    }
}

pub(in crate::plan) fn stages(
    field: &Field<Vec<RawStage>>,
    protocol: Option<ProtocolKind>,
    scale: Scale,
    errors: &mut Errors,
) -> Stages {
    let Some(given) = field.given() else {
        return Stages { list: Vec::new(), known: false };
    };
    let before = errors.count();
    if given.value.is_empty() {
        errors
            .add(given.at, "the list of stages is empty")
            .help("add a stage: `stages = [{ users = \"10\", hold = \"10s\" }]`");
    }
    if let Some(raw) = given.value.get(MOST) {
        errors.add(raw.place(), format!("a scenario has at most {MOST} stages"));
        return Stages { list: Vec::new(), known: false };
    }
    let mut list: Vec<Stage> = Vec::new();
    let mut places: Vec<Span> = Vec::new();
    let mut wrong = false;
    for (index, raw) in given.value.iter().enumerate() {
        let first = index == 0;
        let name = name(raw, index, errors);
        let at = raw.name.given().map_or(raw.place(), |name| name.at);
        if let Some(twin) = list.iter().position(|stage: &Stage| stage.name == name) {
            errors
                .add(at, format!("two stages are called `{name}`"))
                .label("the second")
                .also(places[twin], "the first")
                .help(
                    "give each stage its own `name`: thresholds and reports identify stages by it",
                );
        }
        wrong |= is_wrong(raw);
        let level = level(raw, protocol, first, scale, errors);
        let hold = raw.hold.value().copied().unwrap_or_default();
        let warmup = raw.warmup.value().copied().unwrap_or(false);
        places.push(at);
        let keys = WorkKeys {
            iterations: &raw.iterations,
            until: &raw.until,
            rate: raw.rate.key(),
            has_hold: !raw.hold.is_absent(),
        };
        let work = work::work(&keys, protocol, scale, errors);
        list.push(Stage { name, level, hold, warmup, work });
    }
    let known = !wrong && !list.is_empty() && errors.count() == before;
    if known {
        check_length(&list, given.at, errors);
    }
    Stages { list, known }
}

/// Whether a key that matters for the schedule could not be read.
fn is_wrong(raw: &RawStage) -> bool {
    let times = [&raw.ramp, &raw.hold];
    raw.users.is_wrong()
        || raw.rate.is_wrong()
        || raw.spawn_rate.is_wrong()
        || times.iter().any(|time| time.is_wrong())
        || raw.iterations.is_wrong()
        || raw.until.is_wrong()
}

fn name(raw: &RawStage, index: usize, errors: &mut Errors) -> String {
    let Some(given) = raw.name.given() else { return (index + 1).to_string() };
    let Some(name) = names::public(given, errors) else { return String::new() };
    if name == "*" {
        errors
            .add(given.at, "a stage cannot be called `*`")
            .help("in thresholds `stage = \"*\"` means each stage");
    } else {
        names::check(name, NameKind::Line, given.at, errors);
    }
    name.to_owned()
}

fn level(
    raw: &RawStage,
    protocol: Option<ProtocolKind>,
    first: bool,
    scale: Scale,
    errors: &mut Errors,
) -> Level {
    let is_hold = protocol.is_some_and(|protocol| protocol.row().lasts);
    match (raw.users.given(), raw.rate.given()) {
        (_, Some(rate)) if is_hold => {
            errors
                .add(rate.at, "`rate` belongs to http, and this scenario is tcp-hold")
                .help("write how many connections are held and how fast they are opened: `users = \"10k\", spawn_rate = \"1000/s\"`");
        }
        (Some(_), Some(rate)) => {
            errors
                .add(rate.at, "a stage has `users` or `rate`, not both")
                .help("keep `users` for a level of users, `rate` for arrivals a second");
        }
        (None, None) if raw.users.is_absent() && raw.rate.is_absent() => {
            let (message, help) = if is_hold {
                ("a stage needs `users`", "add `users = \"100\"`: the level of open connections")
            } else {
                (
                    "a stage needs `users` or `rate`",
                    "add `users = \"100\"`, or `rate = \"100/s\"` for arrivals",
                )
            };
            errors.add(raw.place(), message).help(help);
        }
        (None, Some(_)) => return open(raw, first, scale, errors),
        _ => {}
    }
    closed(raw, first, scale, errors)
}

fn closed(raw: &RawStage, first: bool, scale: Scale, errors: &mut Errors) -> Level {
    let users = raw.users.value().map_or(1, |users| users.0);
    if let Some(given) = raw.users.given() {
        if users == 0 && first {
            errors
                .add(given.at, "the first stage has no users")
                .help("write at least 1: zero users only ramp down an earlier stage");
        }
        if users > HIGHEST {
            errors.add(given.at, format!("a stage has at most {} users", Count(HIGHEST)));
        }
    }
    if let Some(at) = raw.spacing.key() {
        errors
            .add(at, "`spacing` goes with `rate`, and this stage has `users`")
            .help("leave it out: users start evenly, and continue after each response");
    }
    let ramp = match (raw.spawn_rate.given(), raw.ramp.given()) {
        (Some(spawn_rate), Some(_)) => {
            errors
                .add(spawn_rate.at, "a stage has `spawn_rate` or `ramp`, not both")
                .help("remove one: the other follows from it and `users`");
            Ramp::Unpaced
        }
        (Some(spawn_rate), None) => {
            if spawn_rate.value.count == 0 {
                errors
                    .add(spawn_rate.at, "`spawn_rate` cannot be zero")
                    .help("leave it out to go as fast as the machine can");
            }
            check_rate(spawn_rate.value, spawn_rate.at, errors);
            Ramp::SpawnRate(scale.rate(spawn_rate.value))
        }
        (None, Some(ramp)) if ramp.value == Time::default() => {
            errors
                .add(ramp.at, "`ramp` cannot be zero where there are `users`")
                .help("leave it out to go as fast as the machine can");
            Ramp::Unpaced
        }
        (None, Some(ramp)) => Ramp::Over(ramp.value),
        (None, None) => Ramp::Unpaced,
    };
    Level::Users { users: scale.count(users), ramp }
}

fn open(raw: &RawStage, first: bool, scale: Scale, errors: &mut Errors) -> Level {
    let rate = raw.rate.value().copied().unwrap_or(Rate::per_second(1));
    if let Some(given) = raw.rate.given() {
        if rate.count == 0 && first {
            errors
                .add(given.at, "the first stage has a rate of zero")
                .help("write a rate above zero: zero only ramps down an earlier stage");
        }
        check_rate(rate, given.at, errors);
    }
    if let Some(given) = raw.spawn_rate.given() {
        errors
            .add(given.at, "`spawn_rate` goes with `users`, and this stage has a `rate`")
            .help("write `ramp = \"30s\"` for the time in which the rate is reached");
    }
    let ramp = raw.ramp.value().copied().unwrap_or_default();
    let hold = raw.hold.value().copied().unwrap_or_default();
    if ramp == Time::default()
        && hold == Time::default()
        && !raw.ramp.is_wrong()
        && !raw.hold.is_wrong()
    {
        errors
            .add(raw.place(), "this stage has no duration")
            .help("add `hold = \"30s\"`: how long the rate is kept");
    }
    let spacing = match raw.spacing.value() {
        Some(SpacingWord::Poisson) => Spacing::Poisson,
        Some(SpacingWord::Constant) | None => Spacing::Constant,
    };
    Level::Rate { rate: scale.rate(rate), ramp, spacing }
}

fn check_rate(rate: Rate, at: Span, errors: &mut Errors) {
    if rate.value() > HIGHEST as f64 {
        errors.add(at, format!("a rate is at most {}/s", Count(HIGHEST)));
    }
}

/// Says when the stages take longer than a run can.
fn check_length(list: &[Stage], at: Span, errors: &mut Errors) {
    let mut from = 0;
    let mut total: u128 = 0;
    for stage in list {
        total += stage.hold.0.as_nanos();
        match stage.level {
            Level::Users { users, ramp } => {
                let steps = u128::from(users.abs_diff(from));
                total += match ramp {
                    Ramp::Over(time) => time.0.as_nanos(),
                    Ramp::SpawnRate(rate) => {
                        steps * u128::from(rate.per_ns) / u128::from(rate.count.max(1))
                    }
                    Ramp::Unpaced => 0,
                };
                from = users;
            }
            Level::Rate { ramp, .. } => {
                total += ramp.0.as_nanos();
                from = 0;
            }
        }
    }
    if total > LONGEST_NS {
        errors
            .add(at, "these stages take longer than a year")
            .help("check the units (`m` is a minute, `ms` a millisecond) and the spawn rates");
    }
}
