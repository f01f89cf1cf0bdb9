//! Turns notifications into JSON, an object a line, for programs that watch a run.
//!
//! Nothing is left out: each second has its `progress`, and each change of a threshold its
//! `threshold`. Only where nobody reads for so long that 64 MiB wait, lines are lost; then
//! `{"event":"lost","lines":N}` stands where they were.
//!
//! The first object carries `schema`; within one version keys are added, never changed. Times are
//! whole nanoseconds with `_ns` in the key, ratios 0 to 1 with numerator and denominator; what was
//! not measured is absent.
//!
//! **Invariant:** one object is one line, and no line can steer a terminal.

use super::lines::OutputLine;
use super::notification::Notification;
use super::text::cut;
use super::view::{Progression, View};
use super::wording;
use crate::machine::ResourceCost;
use crate::plan::{Metric, Stat};
use crate::record::{Cause, Counter, Gauge, StopReason};
use crate::units::is_printable;
use crate::verdict::Finding;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Name and version of what is written.
const SCHEMA: &str = "planrun.progress/1";
/// Characters of foreign words beyond which they are cut.
const LONGEST: usize = 1_000;

/// Tells all there is to tell by JSON.
#[derive(Debug, Default)]
pub(super) struct JsonFormat;

impl JsonFormat {
    /// The object of a notification.
    pub(super) fn tell(view: &View, now_ns: u64, news: &Notification) -> OutputLine {
        let (event, mut facts) = object(view, now_ns, news);
        if matches!(news, Notification::Started { .. }) {
            facts.insert("schema".to_owned(), SCHEMA.into());
        }
        line(event, now_ns, facts)
    }

    /// The object that says how many others were lost before it, because nobody read them.
    pub(super) fn lost(now_ns: u64, lines: u64) -> String {
        line("lost", now_ns, Map::from_iter([("lines".to_owned(), lines.into())])).text
    }
}

/// What happened and when, in front of the facts.
fn line(event: &str, now_ns: u64, mut facts: Map<String, Value>) -> OutputLine {
    let mut all = Map::new();
    if let Some(schema) = facts.remove("schema") {
        all.insert("schema".to_owned(), schema);
    }
    all.insert("event".to_owned(), event.into());
    all.insert("at_ns".to_owned(), now_ns.into());
    all.append(&mut facts);
    OutputLine { text: harmless(&Value::Object(all).to_string()), beat: false }
}

/// JSON's own escapes for what JSON allows and a terminal obeys. Such characters stand only inside
/// strings.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}

fn object(view: &View, now_ns: u64, news: &Notification) -> (&'static str, Map<String, Value>) {
    let of = |scenario: &usize| &view.outline.scenarios[*scenario];
    let name = |scenario: &usize| of(scenario).name.as_str();
    let stage = |scenario: &usize, stage: &usize| json!({ "scenario": name(scenario), "stage": of(scenario).stages[*stage].name });
    let (event, facts) = match news {
        Notification::Started { warnings } => ("started", started(view, warnings)),
        Notification::Begun(scenario, number) => ("stage_begun", stage(scenario, number)),
        Notification::Reached(scenario, number) => ("stage_reached", stage(scenario, number)),
        Notification::Over(scenario, number) => ("stage_over", over(view, *scenario, *number)),
        Notification::Draining(scenario) => {
            let waits = wording::draining(view, *scenario);
            ("draining", json!({ "scenario": name(scenario), "waits": waits }))
        }
        Notification::Ended(scenario) => ("ended", json!({ "scenario": name(scenario) })),
        Notification::Failure { scenario, cause, sample } => {
            let mut facts = of_cause(*cause);
            facts["scenario"] = name(scenario).into();
            facts["sample"] = cut(sample, LONGEST).into();
            ("first_failure", facts)
        }
        Notification::Diagnosed { scenario, diagnosis } => (
            "cause",
            json!({
                "scenario": name(scenario),
                "root_cause": diagnosis.root_cause.name(),
                "side": diagnosis.side,
                "count": diagnosis.count,
                "sentence": diagnosis.sentence,
                "fix": diagnosis.fix,
            }),
        ),
        Notification::Threshold(found) => ("threshold", finding(view, found)),
        Notification::WorkerLost { scenario, worker, why } => (
            "worker_lost",
            json!({ "scenario": name(scenario), "worker": worker, "why": cut(why, LONGEST) }),
        ),
        Notification::Stopping(reason, at_once) => (
            "stopping",
            json!({
                "reason": reason.name(),
                "at_once": at_once,
                "why": wording::stopping(view, reason, *at_once),
            }),
        ),
        Notification::Stopped(reason) => ("stopped", stopped(view, reason)),
        Notification::Finished => ("finished", finished(view)),
        Notification::Second => ("progress", progress(view, now_ns)),
    };
    match facts {
        Value::Object(facts) => (event, facts),
        _ => (event, Map::new()),
    }
}

fn started(view: &View, warnings: &[String]) -> Value {
    let outline = &view.outline;
    let targets: Vec<Value> = outline
        .targets
        .iter()
        .map(|target| {
            let addresses: Vec<String> = target.addresses.iter().map(ToString::to_string).collect();
            json!({ "name": target.name, "written": target.written, "addresses": addresses })
        })
        .collect();
    let scenarios: Vec<Value> = (0..)
        .zip(&outline.scenarios)
        .map(|(index, scenario)| {
            let stages: Vec<&str> =
                scenario.stages.iter().map(|stage| stage.name.as_str()).collect();
            json!({
                "name": scenario.name,
                "protocol": scenario.protocol,
                "target": scenario.target,
                "workers": outline.workers.get::<usize>(index),
                "stages": stages,
            })
        })
        .collect();
    let mut facts = json!({
        "planrun": env!("CARGO_PKG_VERSION"),
        "plan": outline.plan,
        "seed": outline.seed,
        "folder": outline.folder,
        "targets": targets,
        "scenarios": scenarios,
        "warnings": warnings,
    });
    if let Some(page) = &outline.page {
        facts["dashboard"] = page.as_str().into();
    }
    facts
}

fn over(view: &View, scenario: usize, stage: usize) -> Value {
    let (_, whole) = wording::stage_progress(view, scenario, stage);
    let (of, now) = view.scenario(scenario);
    json!({
        "scenario": of.name,
        "stage": of.stages[stage].name,
        "whole": whole,
        "counters": now.stages[stage].counters,
    })
}

fn of_cause(cause: Cause) -> Value {
    let mut facts = json!({
        "failure": cause.failure.name(),
        "phase": cause.at,
        "origin": cause.failure.origin().name(),
    });
    if cause.code != 0 {
        facts["code"] = cause.code.into();
    }
    facts
}

fn finding(view: &View, found: &Finding) -> Value {
    let Some(of) = view.outline.scenarios.get(usize::from(found.scenario)) else {
        return Value::Null;
    };
    let threshold = of.thresholds.get(usize::from(found.threshold));
    let condition = threshold.map(|threshold| &threshold.condition);
    let mut facts = json!({
        "scenario": of.name,
        "condition": condition,
        // The same by its earlier name, for readers of `planrun.progress/1`.
        "check": condition,
        "state": found.state.name(),
        "samples": found.samples,
    });
    if let Some(stage) = found.stage.and_then(|stage| of.stages.get(usize::from(stage))) {
        facts["stage"] = stage.name.as_str().into();
    }
    if let Some(request) = found.request.and_then(|at| of.requests.get(usize::from(at))) {
        facts["request"] = request.as_str().into();
    }
    match (found.value, threshold.map(|threshold| threshold.metric)) {
        (Some(ns), Some(Metric::Time(..))) => facts["value_ns"] = whole(ns).into(),
        (Some(value), _) => facts["value"] = value.into(),
        (None, _) => {}
    }
    if let Some((numerator, denominator)) = found.ratio {
        facts["numerator"] = numerator.into();
        facts["denominator"] = denominator.into();
    }
    facts
}

fn stopped(view: &View, reason: &StopReason) -> Value {
    json!({ "reason": reason.name(), "why": wording::stop_reason(view, reason) })
}

fn finished(view: &View) -> Value {
    let Some(verdict) = &view.judgement else { return Value::Null };
    let findings: Vec<Value> = verdict.findings.iter().map(|one| finding(view, one)).collect();
    let breaches: Vec<Value> = verdict
        .breaches
        .iter()
        .map(|breach| json!({ "rule": breach.rule.name(), "detail": breach.detail }))
        .collect();
    json!({ "verdict": verdict.verdict.to_string(), "thresholds": findings, "breaches": breaches })
}

fn progress(view: &View, now_ns: u64) -> Value {
    let scenarios: Vec<Value> =
        (0..view.scenarios.len()).map(|index| of_scenario(view, index, now_ns)).collect();
    let generator = &view.generator;
    let mut workers = json!({
        "reporting": generator.reporting,
        "lost": generator.lost,
        "rss_bytes": generator.rss_bytes,
        "lag_max_ns": generator.lag_max_ns,
    });
    if let Some(cpu) = generator.cpu_ratio {
        workers["cpu_ratio"] = cpu.into();
    }
    let thresholds: Vec<Value> = view.thresholds.iter().map(|one| finding(view, one)).collect();
    json!({ "scenarios": scenarios, "thresholds": thresholds, "workers": workers })
}

fn of_scenario(view: &View, index: usize, now_ns: u64) -> Value {
    let (of, now) = view.scenario(index);
    let mut facts = json!({ "scenario": of.name });
    match now.progression {
        Progression::Waiting { .. } => facts["state"] = "waiting".into(),
        Progression::Ended => facts["state"] = "ended".into(),
        Progression::Running(phase) => {
            let progress = phase.progress(now_ns);
            facts["state"] = "running".into();
            facts["stage"] = of
                .stages
                .get(usize::from(phase.stage))
                .map_or(Value::Null, |stage| stage.name.as_str().into());
            facts["part"] = phase.phase.to_string().into();
            facts["fraction"] = progress.fraction.into();
            if let Some(left) = progress.left_ns {
                facts["left_ns"] = left.into();
            }
        }
    }
    for gauge in Gauge::ALL {
        facts[gauge.name()] = now.gauges.get(*gauge).into();
    }
    facts[now.rate_metric.name()] = now.rate.into();
    if let Some(planned) = now.planned_rate {
        facts["planned_rate"] = planned.into();
    }
    let so_far = now.counters;
    facts["counters"] = json!(so_far);
    if let Some(measure) = now.failure_ratio {
        let (numerator, denominator) = measure.ratio.unwrap_or_default();
        facts["failure_ratio"] =
            json!({ "value": measure.value, "numerator": numerator, "denominator": denominator });
    }
    if so_far.get(Counter::Failed) + so_far.get(Counter::TimedOut) > 0 {
        let causes = now.causes.iter().map(|one| {
            let mut facts = of_cause(one.cause);
            facts["count"] = one.count.into();
            facts
        });
        facts["causes"] = causes.collect();
    }
    if let Some(time) = now.time {
        for (stat, ns) in [(Stat::P50, time.p50), (Stat::P99, time.p99)] {
            facts[format!("{}.{stat}_ns", time.metric)] = whole(ns).into();
        }
    }
    if let Some(cost) = &now.cost {
        facts["cost"] = of_cost(cost);
    }
    facts
}

/// What was measured of it.
fn of_cost(cost: &ResourceCost) -> Value {
    let mut facts = json!({ "connections": cost.connections });
    let generator = cost.generator.cost;
    for (name, value) in [
        ("generator.rss_bytes_per_connection", generator.rss_per_connection),
        ("generator.cpu_seconds_per_thousand_connections", generator.cpu_per_thousand_connections),
        ("generator.cpu_seconds_per_heartbeat", generator.cpu_per_heartbeat),
        (
            "target.rss_bytes_per_connection",
            cost.target.and_then(|target| target.cost.rss_per_connection),
        ),
        ("kernel_bytes_per_connection", cost.kernel_per_connection),
    ] {
        if let Some(value) = value {
            facts[name] = value.into();
        }
    }
    facts
}

/// Whole nanoseconds.
fn whole(ns: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = ns.round() as u64;
    whole
}
