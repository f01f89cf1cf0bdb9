//! Turns a view into OpenMetrics text, for tools that scrape a run in progress.

use super::super::view::{ScenarioView, View};
use crate::record::{Counter, Gauge};
use crate::units::openmetrics::{Families, family, labels};
use crate::verdict::ThresholdState;

/// The response of `/metrics`.
pub(super) fn metrics(view: &View) -> String {
    let mut families = Families::default();
    let about = [("version", env!("CARGO_PKG_VERSION")), ("plan", view.outline.plan.as_str())];
    families.gauge("planrun_build", &labels(&about), "1");
    families.gauge("planrun_clock_seconds", "", &seconds(view.now_ns as f64));
    families.gauge("planrun_finished", "", if view.judgement.is_some() { "1" } else { "0" });
    for verdict in ["PASS", "FAIL", "INVALID"] {
        let is = view.verdict.is_some_and(|one| one.to_string() == verdict);
        let labels = labels(&[("verdict", verdict)]);
        families.gauge("planrun_verdict", &labels, if is { "1" } else { "0" });
    }
    for (outline, scenario) in view.outline.scenarios.iter().zip(view.scenarios.iter()) {
        of_scenario(&mut families, &outline.name, scenario);
    }
    thresholds(&mut families, view);
    families.text()
}

fn of_scenario(families: &mut Families, name: &str, scenario: &ScenarioView) {
    let own = labels(&[("scenario", name)]);
    for counter in Counter::ALL.iter().filter(|one| scenario.counters.get(**one) > 0) {
        families.counter(&family(counter.name()), &own, scenario.counters.get(*counter));
    }
    for gauge in Gauge::ALL {
        let level = scenario.gauges.get(*gauge).to_string();
        families.gauge(&family(&format!("now.{}", gauge.name())), &own, &level);
    }
    families.gauge("planrun_planned_level", &own, &scenario.planned_level.to_string());
    families.gauge("planrun_attempts_per_second", &own, &scenario.rate.to_string());
    if let Some(planned) = scenario.planned_rate {
        families.gauge("planrun_planned_attempts_per_second", &own, &planned.to_string());
    }
    for one in &scenario.causes {
        let (failure, code) = (one.cause.failure.name(), one.cause.code.to_string());
        let labels = labels(&[("scenario", name), ("failure", failure), ("code", &code)]);
        families.counter("planrun_failures_by_cause", &labels, one.count);
    }
    if let Some(time) = scenario.time {
        let metric = family(&format!("{}_seconds", time.metric));
        for (stat, ns) in
            [("p50", time.p50), ("p90", time.p90), ("p99", time.p99), ("max", time.max)]
        {
            let labels = labels(&[("scenario", name), ("stat", stat)]);
            families.gauge(&metric, &labels, &seconds(ns));
        }
    }
    let workers = &scenario.workers;
    if let Some(cpu) = workers.cpu_ratio {
        families.gauge("planrun_worker_cpu_ratio", &own, &cpu.to_string());
    }
    families.gauge("planrun_workers", &own, &workers.at_work.to_string());
    families.gauge("planrun_workers_lost", &own, &workers.lost.to_string());
    families.gauge("planrun_worker_rss_bytes", &own, &workers.rss_bytes.to_string());
    families.gauge("planrun_schedule_lag_seconds", &own, &seconds(workers.lag_max_ns as f64));
}

fn thresholds(families: &mut Families, view: &View) {
    for finding in view.thresholds.iter() {
        let Some(of) = view.outline.scenarios.get(usize::from(finding.scenario)) else { continue };
        let Some(threshold) = of.thresholds.get(usize::from(finding.threshold)) else { continue };
        let stage = finding.stage.and_then(|stage| of.stages.get(usize::from(stage)));
        let request = finding.request.and_then(|at| of.requests.get(usize::from(at)));
        let labels = labels(&[
            ("scenario", of.name.as_str()),
            ("condition", threshold.condition.as_str()),
            ("stage", stage.map_or("", |stage| stage.name.as_str())),
            ("request", request.map_or("", String::as_str)),
        ]);
        let held = finding.state == ThresholdState::Held;
        families.gauge("planrun_threshold_held", &labels, if held { "1" } else { "0" });
    }
}

fn seconds(ns: f64) -> String {
    (ns / 1e9).to_string()
}
