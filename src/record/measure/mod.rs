//! Turns the facts of some part of a run into the value of a metric.

use super::storm::rank;
use super::times::at_rank;
use super::{Cell, Counter, Curve, Gauge, Gauges};
use crate::catalogue::{Counted, MetricRow};
use crate::plan::{Metric, OnFull, Protocol, RatioMetric, Stat, TimeMetric};

/// The facts that a metric is computed from: merged cells, the levels at their end, and how long
/// they cover.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredSpan<'a> {
    /// Which words mean what: connections or requests.
    pub protocol: &'a Protocol,
    /// The merged facts.
    pub cell: &'a Cell,
    /// The levels at the end.
    pub gauges: &'a Gauges,
    /// The length of time, for rates.
    pub length_ns: u64,
}

/// The value of a metric, and how much it rests on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Measure {
    /// A ratio 0 to 1, nanoseconds, a count, or things a second.
    pub value: f64,
    /// Samples of a distribution; the denominator of a ratio; attempts behind a count or rate.
    pub samples: u64,
    /// Numerator and denominator of a ratio.
    pub ratio: Option<(u64, u64)>,
}

/// The value of `metric` in `span`; `None` when nothing was measured there.
pub fn measure(metric: Metric, span: &MeasuredSpan<'_>) -> Option<Measure> {
    match metric {
        Metric::Time(TimeMetric::RecoveryTime, stat) => recovery(stat, span.cell),
        Metric::Time(TimeMetric::StormTime, stat) => storms(stat, span.cell),
        Metric::Time(time, stat) => {
            let value = span.cell.times.stat(time, stat)?;
            Some(Measure { value, samples: span.cell.times.count(time), ratio: None })
        }
        Metric::Ratio(
            ratio @ (RatioMetric::Survival1m | RatioMetric::Survival10m | RatioMetric::Survival1h),
        ) => {
            let (_, age_s) = ratio.row().age?;
            let (value, _) = Curve::of(&span.cell.survival)?.at(age_s)?;
            Some(Measure { value, samples: span.cell.survival.connections(), ratio: None })
        }
        Metric::Ratio(ratio) => part(parts(ratio, span)),
        Metric::Check(name) => {
            let tally = span.cell.checks.get(usize::from(name))?;
            part((tally.passed, tally.passed + tally.failed))
        }
        Metric::Within(time) => {
            let (_, ended) = parts(RatioMetric::Success, span);
            part((span.cell.within.get(&time.as_nanos()).copied().unwrap_or(0), ended))
        }
        // Values of monitors are not among the facts of a scenario.
        Metric::Monitor { .. } => None,
        Metric::Count(count) => {
            let value = counted(count.row(), span)?;
            let attempts =
                span.cell.counters.get(Counter::Due).max(span.gauges.get(Gauge::Open)).max(value);
            let samples = attempts.max(span.cell.counters.get(Counter::HoldEntered));
            (samples > 0).then_some(Measure { value: value as f64, samples, ratio: None })
        }
        Metric::Rate(rate) => {
            let things = counted(rate.row(), span)?;
            let samples = span.cell.counters.get(Counter::Due);
            (span.length_ns > 0 && samples > 0).then(|| Measure {
                value: things as f64 * 1e9 / span.length_ns as f64,
                samples,
                ratio: None,
            })
        }
    }
}

/// A part of a whole; `None` where there is no whole.
fn part((numerator, denominator): (u64, u64)) -> Option<Measure> {
    (denominator > 0).then(|| Measure {
        value: numerator as f64 / denominator as f64,
        samples: denominator,
        ratio: Some((numerator, denominator)),
    })
}

/// A figure of the time to recovery over all connections whose fate is known. One that never came
/// back took longer than any that did: a figure that falls on such a one is infinite.
fn recovery(stat: Stat, cell: &Cell) -> Option<Measure> {
    let times = cell.times.get(TimeMetric::RecoveryTime);
    let back = times.map_or(0, hdrhistogram::Histogram::len);
    let decided = back + cell.counters.get(Counter::StormUnrecovered);
    if decided == 0 {
        return None;
    }
    let never = decided > back;
    let value = match stat.quantile() {
        Some(quantile) => {
            let rank = rank(quantile, decided);
            times.filter(|_| rank <= back).map(|times| at_rank(times, rank))
        }
        _ if stat == Stat::Min || !never => cell.times.stat(TimeMetric::RecoveryTime, stat),
        _ => None,
    };
    Some(Measure { value: value.unwrap_or(f64::INFINITY), samples: decided, ratio: None })
}

/// A figure of the event that took longest by it; none while one is open. An event that dropped
/// nothing says nothing.
fn storms(stat: Stat, cell: &Cell) -> Option<Measure> {
    let fallen = cell.storms.values().filter(|storm| storm.dropped > 0);
    let samples = fallen.clone().map(|storm| storm.dropped).min()?;
    let each: Vec<Option<f64>> = fallen.map(|storm| storm.after(stat)).collect();
    let value = if each.contains(&Some(f64::INFINITY)) {
        f64::INFINITY
    } else {
        each.into_iter().try_fold(0.0, |worst, one| Some(f64::max(worst, one?)))?
    };
    Some(Measure { value, samples, ratio: None })
}

/// The value of the counter or gauge of a count or a rate.
fn counted(row: &MetricRow, span: &MeasuredSpan<'_>) -> Option<u64> {
    Some(match row.counts? {
        Counted::Counter(counter) => span.cell.counters.get(counter),
        Counted::Gauge(gauge) => span.gauges.get(gauge),
    })
}

/// Numerator and denominator. Local failures are in neither: they say nothing about the target.
fn parts(ratio: RatioMetric, span: &MeasuredSpan<'_>) -> (u64, u64) {
    let get = |counter| span.cell.counters.get(counter);
    let failed = (get(Counter::Failed) - get(Counter::FailedLocal))
        + get(Counter::TimedOut)
        + refused_by_cap(span);
    let class = |from: u16| -> (u64, u64) {
        let in_class = span.cell.statuses.range(from..from + 100).map(|(_, count)| count).sum();
        (in_class, span.cell.statuses.values().sum())
    };
    let good = well(span);
    let lost = get(Counter::Lost);
    let entered = get(Counter::HoldEntered);
    let (opened, not_opened) = (get(Counter::ConnectOk), get(Counter::ConnectFailed));
    let (came, missed) = (get(Counter::HeartbeatReceived), get(Counter::HeartbeatMissed));
    let back = get(Counter::StormRecovered);
    match ratio {
        RatioMetric::Success => (good, good + failed + get(Counter::Unfinished)),
        RatioMetric::Failure => (failed, good + failed + get(Counter::Unfinished)),
        RatioMetric::ConnectSuccess => (opened, opened + not_opened),
        RatioMetric::ConnectFailure => (not_opened, opened + not_opened),
        RatioMetric::HoldSurvival => (entered.saturating_sub(lost), entered),
        RatioMetric::HoldTime => (get(Counter::TimeDelivered), get(Counter::TimePromised)),
        RatioMetric::Recovery => (back, back + get(Counter::StormUnrecovered)),
        RatioMetric::IterationsCompleted => {
            let (completed, planned) = (get(Counter::Iterations), get(Counter::IterationsPlanned));
            (completed.min(planned), planned)
        }
        // Estimates have neither.
        RatioMetric::Survival1m | RatioMetric::Survival10m | RatioMetric::Survival1h => (0, 0),
        RatioMetric::HeartbeatSuccess => (came, came + missed),
        RatioMetric::Checks => {
            let all = &span.cell.checks;
            let passed = all.iter().map(|one| one.passed).sum();
            (passed, all.iter().map(|one| one.failed).sum::<u64>() + passed)
        }
        RatioMetric::Status2xx => class(200),
        RatioMetric::Status3xx => class(300),
        RatioMetric::Status4xx => class(400),
        RatioMetric::Status5xx => class(500),
    }
}

/// Attempts that were dropped under a cap that is meant: failures of a target that was too slow for
/// it.
fn refused_by_cap(span: &MeasuredSpan<'_>) -> u64 {
    match span.protocol.on_full() {
        OnFull::Fail => span.cell.counters.get(Counter::Dropped),
        OnFull::Invalid => 0,
    }
}

/// Attempts that succeeded. A held connection that is still open counts as well so far, so that
/// live values mean what the last one means: at the end no connection is open, and this is `ok`.
fn well(span: &MeasuredSpan<'_>) -> u64 {
    let get = |counter| span.cell.counters.get(counter);
    if span.protocol.row().good == Counter::Ok {
        return get(Counter::Ok);
    }
    let ended_badly = get(Counter::Failed) + get(Counter::TimedOut);
    let never_open = get(Counter::ConnectFailed) + get(Counter::ConnectFailedLocal);
    get(Counter::ConnectOk)
        .saturating_sub(ended_badly.saturating_sub(never_open))
        .saturating_sub(get(Counter::UnfinishedOpen))
}

#[cfg(test)]
mod tests;
