//! How connections come and go while a level is held.

use super::{extent, time};
use crate::plan::elements::RawHold;
use crate::plan::error::Errors;
use crate::plan::raw::{
    CloseWord, JitterWord, RawEvent, RawLifetime, RawPlan, RawReconnect, ReconnectWord,
};
use crate::plan::{
    Churn, Close, DisconnectEvent, Jitter, Lifetime, Plan, Protocol, Reconnect, Stage,
};
use crate::units::{Ratio, Time};
use std::time::Duration;

/// A scenario has at most so many events.
const MOST: usize = 1_000;

/// A pause or a lifetime that is shorter makes a loop that does nothing else.
const SHORTEST: Time = Time(Duration::from_millis(10));

/// `stages` is empty where they could not be read.
pub(in crate::plan) fn churn(raw: &RawHold, stages: &[Stage], errors: &mut Errors) -> Churn {
    let mut events = Vec::new();
    if let Some(given) = raw.events.given() {
        if given.value.is_empty() {
            errors.add(given.at, "the list of events is empty").help(
                "leave `events` out, or add one: `events = [{ at = \"30s\", drop = \"10%\" }]`",
            );
        }
        if given.value.len() > MOST {
            errors.add(given.at, format!("a scenario has at most {MOST} events"));
        } else {
            let end = extent::length(stages);
            events.extend(given.value.iter().map(|raw| event(raw, end, errors)));
        }
    }
    events.sort_by_key(|event| event.at);
    Churn { reconnect: reconnect(raw, errors), lifetime: lifetime(raw, errors), events }
}

/// A port that is bound by hand cannot be taken again for a minute after a connection that was ended by FIN from here.
pub(in crate::plan) fn check_ports(raw: &RawPlan, plan: &Plan, errors: &mut Errors) {
    let key = raw.generator.value().and_then(|generator| generator.port_range.key());
    let Some(at) = key.filter(|_| plan.generator.port_range.is_some()) else { return };
    let waits = plan.scenarios.iter().find(|scenario| match &scenario.protocol {
        Protocol::TcpHold(hold) => {
            let by_fin = |event: &DisconnectEvent| event.by == Close::Fin;
            let closes = hold.churn.lifetime.is_some() && hold.close == Close::Fin;
            closes || hold.churn.reopens() && hold.churn.events.iter().any(by_fin)
        }
        Protocol::Http(_) => false,
    });
    if let Some(scenario) = waits {
        errors
            .add(at, format!("scenario `{}` closes connections by FIN and opens others in their places: their ports are taken for a minute", scenario.name))
            .help("leave `port_range` out: the kernel chooses free ports; or end them by RST: `close = \"rst\"` in the scenario, `by = \"rst\"` in its events");
    }
}

fn event(raw: &RawEvent, end: Option<Time>, errors: &mut Errors) -> DisconnectEvent {
    let at = raw.at.value().copied().unwrap_or_default();
    if let (Some(given), Some(end)) = (raw.at.given(), end)
        && at >= end
    {
        errors.add(given.at, format!("nothing is open any more: the stages end after {end}")).help(
            format!(
                "write a time before that (`at` counts from the scenario's start): `at = \"{}\"`",
                half(end)
            ),
        );
    }
    let share = raw.drop.value().copied().unwrap_or(Ratio(1.0));
    if let Some(given) = raw.drop.given().filter(|given| given.value.0 <= 0.0) {
        errors
            .add(given.at, "an event that drops nothing")
            .help("write which share of the open connections it drops: `drop = \"10%\"`");
    }
    let by = match raw.by.value() {
        Some(CloseWord::Fin) => Close::Fin,
        Some(CloseWord::Rst) | None => Close::Rst,
    };
    DisconnectEvent { at, share, by, over: raw.over.value().copied().unwrap_or_default() }
}

fn half(time: Time) -> Time {
    let half = time.0 / 2;
    // Whole seconds where there are some.
    Time(if half.as_secs() > 0 { Duration::from_secs(half.as_secs()) } else { half })
}

fn reconnect(raw: &RawHold, errors: &mut Errors) -> Reconnect {
    match raw.reconnect.value() {
        Some(RawReconnect::Word(ReconnectWord::Never)) | None => Reconnect::Never,
        Some(RawReconnect::Word(ReconnectWord::AtOnce)) => Reconnect::AtOnce,
        Some(RawReconnect::Table(raw)) => {
            let jitter = match raw.jitter.value() {
                Some(JitterWord::None) => Jitter::None,
                Some(JitterWord::Full) | None => Jitter::Full,
            };
            let Some(given) = raw.backoff.given() else { return Reconnect::Never };
            let pauses = given.value;
            if pauses.first < SHORTEST {
                errors.add(given.at, format!("the first pause is shorter than {SHORTEST}")).help(
                    "write for example `backoff = \"1s..30s\"`, or `reconnect = \"at-once\"`",
                );
            }
            Reconnect::Backoff { first: pauses.first, longest: pauses.longest, jitter }
        }
    }
}

fn lifetime(raw: &RawHold, errors: &mut Errors) -> Option<Lifetime> {
    let given = raw.lifetime.given()?;
    let (lifetime, shortest, at) = match &given.value {
        RawLifetime::Span(span) => {
            (Lifetime::Uniform { min: span.min, max: span.max }, span.min, given.at)
        }
        RawLifetime::Table(raw) => {
            let at = raw.mean.given()?.at;
            let mean = time(&raw.mean, "mean", Time(Duration::from_mins(1)), errors);
            (Lifetime::Exponential { mean }, mean, at)
        }
    };
    if shortest < SHORTEST {
        errors
            .add(at, format!("a lifetime is at least {SHORTEST}"))
            .help("write for example `lifetime = \"60s\"`");
    }
    Some(lifetime)
}
