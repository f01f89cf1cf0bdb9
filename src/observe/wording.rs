//! Turns parts of the view into the phrases that every output uses.
//!
//! **Invariant:** one thing has one wording, on a terminal and in a log.

use super::view::{HostView, StageLevel, View};
use crate::catalogue::AtEnd;
use crate::engine::Resolved;
use crate::machine::{FEWEST_CONNECTIONS, cost_bytes};
use crate::record::{Cause, Counter, Diagnosis, Failure, Lookup, StopReason, signal_name};
use crate::units::SECOND_NS;
use crate::units::{Time, figure};
use crate::verdict::{Finding, Judgement, ThresholdState, Verdict};
use std::fmt::Write as _;
use std::time::Duration;

/// The run's clock: `0:08:20`.
pub(super) fn elapsed(ns: u64) -> String {
    let seconds = ns / SECOND_NS;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A length of time.
pub(super) fn length(ns: u64) -> String {
    figure::time(ns as f64)
}

/// A length of time as a plan has it: `1m30s`.
pub(super) fn planned(ns: u64) -> String {
    let whole =
        if ns > 10 * SECOND_NS { ns.div_ceil(SECOND_NS).saturating_mul(SECOND_NS) } else { ns };
    Time(Duration::from_nanos(whole)).to_string()
}

/// A remaining or passed time to the second: `18s`, `2m05s`.
pub(super) fn seconds(ns: u64) -> String {
    let seconds = ns.saturating_add(SECOND_NS / 2) / SECOND_NS;
    if seconds < 60 { format!("{seconds}s") } else { figure::time(seconds as f64 * 1e9) }
}

/// `hold/ramp`, or only `ramp` where the plan has one scenario.
pub(super) fn stage_name(view: &View, scenario: usize, stage: usize) -> String {
    let of = &view.outline.scenarios[scenario];
    let stage = of.stages.get(stage).map_or("?", |stage| stage.name.as_str());
    if view.outline.scenarios.len() == 1 {
        stage.to_owned()
    } else {
        format!("{}/{stage}", of.name)
    }
}

/// The plan of a stage: `10,000 → 15,000 users at 10k/s, hold 30s`.
pub(super) fn stage_plan(view: &View, scenario: usize, stage: usize) -> &str {
    view.outline.scenarios[scenario].stages.get(stage).map_or("", |stage| stage.words.as_str())
}

/// The attempts that a scenario's end waits for, and how long at most:
/// `waits for 12 requests, at most 30s`.
pub(super) fn draining(view: &View, scenario: usize) -> String {
    let (of, now) = view.scenario(scenario);
    let (gauges, patience) = (&now.gauges, &of.patience);
    let some = |count: u64| match count {
        1 => format!("1 {}", of.protocol.attempt),
        _ => format!("{} {}", figure::grouped(count), of.protocol.attempts),
    };
    let pending = gauges.get(of.protocol.pending);
    if of.protocol.at_end == AtEnd::Close {
        let mut text = format!("closes {}", some(gauges.get(of.protocol.level)));
        let opening = pending;
        if opening > 0 {
            let opening = figure::grouped(opening);
            let _ = write!(text, ", waits for {opening} that are being opened, at most {patience}");
        }
        return text;
    }
    match pending {
        0 => format!("waits for {} in flight, at most {patience}", of.protocol.attempts),
        count => format!("waits for {}, at most {patience}", some(count)),
    }
}

/// The course of a stage: how its level was reached and held, and whether that was as planned.
pub(super) fn stage_progress(view: &View, scenario: usize, stage: usize) -> (String, bool) {
    let (of, now) = view.scenario(scenario);
    let (Some(plan), Some(did)) = (of.stages.get(stage), now.stages.get(stage)) else {
        return (String::new(), false);
    };
    let between = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
    let mut text = plan.levels.clone();
    if let Some(hold) = did.hold_ns {
        if plan.ramps {
            let taken = between(did.ramp_ns, Some(hold)).unwrap_or(0);
            let _ = write!(text, " in {}", length(taken));
        }
        let held = between(Some(hold), did.end_ns).unwrap_or(0);
        // A tenth of a second is the coordinator's own doing.
        let whole = held + SECOND_NS / 10 >= plan.hold_ns;
        let held = length(held);
        let _ = write!(text, ", held {held}");
        if !whole {
            let _ = write!(text, " of {}", planned(plan.hold_ns));
        }
        (text, whole)
    } else {
        let tried = between(did.ramp_ns, did.end_ns).unwrap_or(0);
        let _ = write!(text, ", not reached in {}", length(tried));
        (text, false)
    }
}

/// The result of a stage: `10,000 ok · 0 failed · 9,998/s`; and how many failed.
pub(super) fn stage_result(view: &View, scenario: usize, stage: usize) -> (String, u64) {
    let (of, now) = view.scenario(scenario);
    let Some(did) = now.stages.get(stage) else { return (String::new(), 0) };
    let get = |counter| did.counters.get(counter);
    let failed = get(Counter::Failed) + get(Counter::TimedOut);
    let (good, [_, word]) = (get(of.protocol.good), of.protocol.good_words);
    let mut text = format!("{} {word} · {} failed", figure::grouped(good), figure::grouped(failed));
    for (count, what) in [
        (get(Counter::Unfinished), "unfinished"),
        (did.under_way, "in flight"),
        (get(Counter::Retried), "retried"),
    ] {
        if count > 0 {
            let _ = write!(text, " · {} {what}", figure::grouped(count));
        }
    }
    if let Some(rate) = did.rate {
        let _ = write!(text, " · {}", figure::rate(rate));
    }
    (text, failed)
}

/// The level of now against that of the stage: `users 7,500 of 10,000`.
pub(super) fn level(view: &View, scenario: usize, stage: usize) -> Option<String> {
    let (of, now) = view.scenario(scenario);
    let (gauge, word) = (of.protocol.level, of.protocol.level_word);
    match of.stages.get(stage)?.level {
        StageLevel::Users(to) => {
            let level = now.gauges.get(gauge);
            Some(format!("{word} {} of {}", figure::grouped(level), figure::grouped(to)))
        }
        StageLevel::Rate(_) => None,
    }
}

/// The rate of the last second, against that of the plan where it has one:
/// `24.9k/s of 25.0k/s planned`. Where connections are only held, the rate of their messages.
pub(super) fn rate(view: &View, scenario: usize) -> String {
    let (of, now) = view.scenario(scenario);
    match now.planned_rate {
        Some(planned) => format!("{} of {} planned", figure::rate(now.rate), figure::rate(planned)),
        None => match of.protocol.idle_counter.filter(|_| now.rate < 1.0) {
            Some(messages) => {
                figure::rate(now.counted.get(messages) as f64).replace("/s", " messages/s")
            }
            None => figure::rate(now.rate),
        },
    }
}

/// The time that matters most: `service_time p50 403 µs · p99 2.10 ms`.
pub(super) fn main_time(view: &View, scenario: usize) -> Option<String> {
    let time = view.scenarios[scenario].time?;
    let (p50, p99) = (figure::time(time.p50), figure::time(time.p99));
    Some(format!("{} p50 {p50} · p99 {p99}", time.metric))
}

/// A cause in few words: `refused 11`, `status 503 4`; an unusual place is named.
pub(super) fn cause(cause: Cause, count: u64) -> String {
    let name = match cause.failure {
        Failure::Status => format!("status {}", cause.code),
        Failure::OtherErrno if cause.code != 0 => {
            format!("{:?}", nix::errno::Errno::from_raw(cause.code))
        }
        failure => failure.name().to_owned(),
    };
    format!("{name} ×{}", figure::short(count))
}

/// How a threshold stands: a sign, its stage and check, and the value.
pub(super) fn threshold(view: &View, finding: &Finding) -> Option<(char, String)> {
    let scenario = view.outline.scenarios.get(usize::from(finding.scenario))?;
    let threshold = scenario.thresholds.get(usize::from(finding.threshold))?;
    let place = match finding.stage {
        Some(stage) => {
            format!("{}: ", stage_name(view, usize::from(finding.scenario), usize::from(stage)))
        }
        None if view.outline.scenarios.len() > 1 => format!("{}: ", scenario.name),
        None => String::new(),
    };
    let request = finding.request.and_then(|at| scenario.requests.get(usize::from(at)));
    let place = request.map_or_else(|| place.clone(), |name| format!("{place}{name}: "));
    let value = finding.value.map(|value| threshold.metric.figure(value));
    let (sign, value) = match finding.state {
        ThresholdState::Held => ('✓', value.or_else(|| Some("no response failed".to_owned()))),
        ThresholdState::Broken => ('✗', value),
        ThresholdState::Unreached { failed, .. } => {
            ('✗', Some(format!("no samples, {} failed", figure::grouped(failed))))
        }
        ThresholdState::NoData => ('…', Some("no data yet".to_owned())),
        ThresholdState::TooFew { needed } => {
            let have = figure::grouped(finding.samples);
            ('…', Some(format!("{have} of {} samples", figure::grouped(needed))))
        }
    };
    let value = value.map(|value| format!(" ({value})")).unwrap_or_default();
    Some((sign, format!("{place}{}{value}", threshold.words)))
}

/// The generator's own health: `2 workers · cpu 71% · rss 1.91 GiB · lag 3.00 ms`.
pub(super) fn generator(view: &View) -> Vec<String> {
    let all = &view.generator;
    let started: u32 = view.outline.workers.iter().sum();
    let lost = all.lost;
    let workers = match (started, lost) {
        (1, 0) => "1 worker".to_owned(),
        (_, 0) => format!("{started} workers"),
        (_, lost) => format!("{started} workers, {lost} lost"),
    };
    let mut parts = vec![workers];
    if let Some(cpu) = all.cpu_ratio {
        parts.push(format!("cpu {:.0}%", cpu * 100.0));
    }
    parts.push(format!("rss {}", figure::bytes(all.rss_bytes)));
    parts.push(format!("lag {}", figure::time(all.lag_max_ns as f64)));
    let local = view.local_failures();
    if local > 0 {
        parts.push(format!("{} local failures", figure::grouped(local)));
    }
    parts
}

/// A host in the last second: `cpu 82% · lag 1.20 ms · 1.25k/s · level 4,000 · 0% failed`.
pub(super) fn host(host: &HostView) -> Vec<String> {
    let mut parts: Vec<String> = host.state.word().map(str::to_owned).into_iter().collect();
    if let Some(cpu) = host.cpu_ratio {
        parts.push(format!("cpu {:.0}%", cpu * 100.0));
    }
    parts.push(format!("lag {}", figure::time(host.lag_max_ns as f64)));
    parts.push(figure::rate(host.rate));
    parts.push(format!("level {}", figure::grouped(host.level)));
    if let Some(failed) = host.failure_ratio {
        parts.push(format!("{} failed", figure::percent(failed)));
    }
    parts
}

/// The cost of a held connection so far: `generator 64 B · kernel 8.13 KiB a connection`; `None`
/// while there are too few to tell.
pub(super) fn cost(view: &View, scenario: usize) -> Option<String> {
    let cost = view.scenarios[scenario].cost?;
    if cost.connections < FEWEST_CONNECTIONS {
        return None;
    }
    let bytes = |name: &str, bytes: Option<f64>| Some(format!("{name} {}", cost_bytes(bytes?)));
    let target = cost.target.and_then(|target| target.cost.rss_per_connection);
    let memory: Vec<String> = [
        bytes("generator", cost.generator.cost.rss_per_connection),
        bytes("target", target),
        bytes("kernel", cost.kernel_per_connection),
    ]
    .into_iter()
    .flatten()
    .collect();
    if memory.is_empty() {
        return None;
    }
    let mut text = format!("{} a connection", memory.join(" · "));
    if let Some(seconds) = cost.generator.cost.cpu_per_thousand_connections {
        let _ = write!(text, " · cpu {}/1k", figure::time(seconds * 1e9));
    }
    if let Some(seconds) = cost.generator.cost.cpu_per_heartbeat {
        let _ = write!(text, ", {}/heartbeat", figure::time(seconds * 1e9));
    }
    Some(text)
}

/// The address of a target: `lb.example:80 (10.0.0.1:80)`.
pub(super) fn target(target: &Resolved) -> String {
    let written = target.written.join(", ");
    let most = 4;
    let mut addresses: Vec<String> =
        target.addresses.iter().take(most).map(ToString::to_string).collect();
    if target.addresses.len() > most {
        addresses.push(format!("{} more", target.addresses.len() - most));
    }
    let addresses = addresses.join(", ");
    if written == addresses || written.is_empty() {
        addresses
    } else {
        format!("{written} ({addresses})")
    }
}

/// Why a run ended.
pub(super) fn stop_reason(view: &View, reason: &StopReason) -> String {
    match reason {
        StopReason::Completed => "the plan was completed".to_owned(),
        StopReason::Aborted { scenario, threshold } => {
            format!("aborted: {} is broken", condition(view, *scenario, *threshold))
        }
        StopReason::Interrupted { signal } => format!("interrupted by {}", signal_name(*signal)),
        StopReason::WorkerLoss => "stopped: workers were lost".to_owned(),
        StopReason::BeyondRepair { rule } => {
            format!("stopped: {rule} had already made it INVALID")
        }
    }
}

/// Why a run is being stopped, and how attempts in progress end.
pub(super) fn stopping(view: &View, reason: &StopReason, at_once: bool) -> String {
    match reason {
        StopReason::Interrupted { .. } if at_once => "interrupted again: stopping at once".into(),
        StopReason::Interrupted { .. } => {
            "interrupted: closing connections; interrupt again to stop at once".into()
        }
        StopReason::WorkerLoss => "stopping: a worker was lost".into(),
        StopReason::Aborted { scenario, threshold } => {
            format!("stopping: threshold `{}` failed", condition(view, *scenario, *threshold))
        }
        StopReason::BeyondRepair { rule } => {
            format!("stopping early: `{rule}` has already made this run INVALID")
        }
        StopReason::Completed => "stopping".into(),
    }
}

/// A threshold as the plan has it.
fn condition(view: &View, scenario: u16, threshold: u16) -> &str {
    let of = view.outline.scenarios.get(usize::from(scenario));
    let threshold = of.and_then(|of| of.thresholds.get(usize::from(threshold)));
    threshold.map_or("a threshold", |threshold| threshold.condition.as_str())
}

/// A root cause of failures, and how to fix it.
pub(super) fn diagnosis(diagnosis: &Diagnosis) -> String {
    format!("{}: {}; fix: {}", diagnosis.side, diagnosis.because, diagnosis.fix)
}

/// What a later lookup of a target's names has found.
pub(super) fn lookup(view: &View, lookup: &Lookup) -> String {
    let target = view.outline.targets.get(usize::from(lookup.target));
    let name = target.map_or("?", |target| target.name.as_str());
    let why = lookup.failures.first();
    if let Some(why) = why.filter(|_| !lookup.is_change) {
        return format!("target {name}: {why}; the addresses from before stay in use");
    }
    let shown: Vec<String> = lookup.addresses.iter().take(3).map(ToString::to_string).collect();
    let more = match lookup.addresses.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let why = why.map_or_else(String::new, |why| format!("; {why}"));
    format!("target {name} is now at {}{more}{why}", shown.join(", "))
}

/// The result, in one line.
pub(super) fn verdict(verdict: &Judgement) -> String {
    let broken = verdict.findings.iter().filter(|finding| finding.state.is_broken()).count();
    let all = verdict.findings.len();
    let mut text = verdict.verdict.to_string();
    if verdict.verdict == Verdict::Invalid {
        let rules: Vec<&str> = verdict.breaches.iter().map(|breach| breach.rule.name()).collect();
        let _ = write!(text, ": {}", rules.join(", "));
    }
    let held =
        verdict.findings.iter().filter(|finding| finding.state == ThresholdState::Held).count();
    if all == 0 {
        text.push_str("; no thresholds: nothing was judged");
    } else {
        let _ = write!(text, "; of {all} thresholds {held} held, {broken} broken");
    }
    text
}
