//! Decides who caused a threshold to have no samples, or fewer than its statistic needs.
//!
//! The first line that fits decides, over the attempts that could have given samples:
//!
//! | what the facts say | state | alone makes the run |
//! |---|---|---|
//! | as many samples as it takes | held or broken | PASS or FAIL |
//! | of a default threshold, broken by fewer than six requests that were all answered | too few | PASS, and says so |
//! | too few for a percentile, and enough beyond its bound to be sure | broken | FAIL |
//! | of `failed_time` with an upper bound: no response failed, or few and each within it | held | PASS |
//! | no failure of the target's, or not more than the generator's own | no data, too few | INVALID |
//! | failures of the target's, and nothing that went well | unreached | FAIL |
//! | with those that failed there would have been enough | unreached | FAIL |
//! | at least as many failed as went well: each kept its user from more | unreached | FAIL |
//! | some failed, and that does not explain what is missing | no data, too few | INVALID |
//!
//! Missing samples do not make a run INVALID in which a threshold is broken or unreached, or that a
//! broken threshold ended: more samples of one metric cannot mend another. What the generator did
//! wrong does, whatever the thresholds say.
//!
//! While a run goes on a threshold is only unreached once nothing went well and as many attempts
//! failed as it takes samples.

use super::ThresholdState;
use super::view::ThresholdView;
use crate::catalogue::Samples;
use crate::plan::{Metric, Phase, Protocol, RatioMetric, Scenario, Stat, Threshold};
use crate::record::{
    Cell, CellKey, Counter, FailureStage, Gauges, MeasuredSpan, Origin, ScenarioRecording,
    Transition, measure,
};
use crate::units::narrow;

/// A percentile is not called broken on fewer samples, wherever they lie; nor is the default
/// threshold of http.
const FEWEST_FOR_BROKEN: u64 = 6;

/// How a default threshold stands whose bound is broken: a handful of requests that were all
/// answered is a look at the target, and nobody asked for a judgement. Held connections, and
/// requests without a response, count each.
pub(super) fn of_default(cell: &Cell) -> ThresholdState {
    let get = |counter| cell.counters.get(counter);
    let ended = get(Counter::Ok) + get(Counter::Failed) + get(Counter::TimedOut);
    let answered: u64 = cell.statuses.values().sum();
    let is_small = ended < FEWEST_FOR_BROKEN
        && answered == ended
        && get(Counter::Unfinished) + get(Counter::TimedOut) == 0;
    if is_small {
        ThresholdState::TooFew { needed: FEWEST_FOR_BROKEN }
    } else {
        ThresholdState::Broken
    }
}

/// The outcomes of attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AttemptTotals {
    /// They went well.
    pub(super) well: u64,
    /// They failed, or were never answered, and the target is to blame.
    pub(super) failed: u64,
    /// The generator itself made them fail.
    pub(super) local: u64,
}

/// The facts by which a shortfall is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shortfall {
    pub(super) samples: u64,
    pub(super) needed: u64,
    /// All attempts of the view.
    pub(super) all: AttemptTotals,
    /// Requests that give samples of the metric.
    pub(super) feeding: AttemptTotals,
}

impl Shortfall {
    /// How the threshold stands; the lines of the table from the third on.
    pub(super) fn state(self, is_over: bool) -> ThresholdState {
        let Self { samples, needed, all, feeding } = self;
        let unreached = |failed| ThresholdState::Unreached { needed, failed };
        if all.well == 0 && all.failed > all.local && (is_over || all.failed >= needed) {
            return unreached(all.failed);
        }
        let AttemptTotals { well, failed, local } = feeding;
        // As many samples to an attempt as those have given that went well.
        let (samples_each, needed_each) = (
            u128::from(samples) * u128::from(well + failed),
            u128::from(needed) * u128::from(well),
        );
        let would_do = samples + failed >= needed || (well > 0 && samples_each >= needed_each);
        if is_over && failed > local && (would_do || failed >= well) {
            return unreached(failed);
        }
        if samples == 0 { ThresholdState::NoData } else { ThresholdState::TooFew { needed } }
    }
}

/// How a threshold stands that has not enough samples.
pub(super) fn state(
    threshold: &Threshold,
    scenario: &Scenario,
    recording: &ScenarioRecording,
    view: &ThresholdView,
    (samples, needed): (u64, u64),
    is_over: bool,
) -> ThresholdState {
    let all = attempts(scenario, recording, view);
    let feeding = feeding(threshold.metric, scenario, recording, view).unwrap_or(all);
    Shortfall { samples, needed, all, feeding }.state(is_over)
}

/// The attempts that could have given samples in a view: for connections all that were due up to
/// its end, for requests those that were due in it, or that an earlier phase had in flight when it
/// began.
pub(super) fn attempts(
    scenario: &Scenario,
    recording: &ScenarioRecording,
    view: &ThresholdView,
) -> AttemptTotals {
    let mut tried = AttemptTotals::default();
    let Some(last) = last_key(scenario, view) else { return tried };
    let from_ns = begin_ns(scenario, recording, view);
    // A step that failed keeps its user from the steps behind it.
    let request = view.request.filter(|_| !scenario.protocol.in_steps());
    // A connection counts whole, whenever it was opened.
    let connections = RatioMetric::Success.row().connections;
    for (key, cell) in recording.cells.range(..=last) {
        let cell = &*cell.of_request(request, false);
        let whole = connections.has(scenario.protocol.kind()) || view.sees(*key, scenario);
        if whole {
            let one = outcome(&scenario.protocol, cell);
            tried.well += one.well;
            tried.failed += one.failed;
            tried.local += one.local;
        } else if let Some(from_ns) = from_ns {
            tried.failed += held_up(cell, from_ns).min(most_at_once(scenario));
        }
    }
    tried
}

fn outcome(protocol: &Protocol, cell: &Cell) -> AttemptTotals {
    let gauges = Gauges::default();
    let span = MeasuredSpan { protocol, cell, gauges: &gauges, length_ns: 0 };
    let part = |ratio| {
        let measured = measure(Metric::Ratio(ratio), &span).and_then(|measured| measured.ratio);
        measured.map_or(0, |(part, _)| part)
    };
    AttemptTotals {
        well: part(RatioMetric::Success),
        failed: part(RatioMetric::Failure) + unanswered(cell),
        local: cell.counters.get(Counter::FailedLocal),
    }
}

/// Attempts that had not ended when the run did, connections that were open apart.
fn unanswered(cell: &Cell) -> u64 {
    let get = |counter| cell.counters.get(counter);
    get(Counter::Unfinished).saturating_sub(get(Counter::UnfinishedOpen))
}

/// Attempts of an earlier part that failed by the target after this instant, at most: causes know
/// when they were last seen.
fn held_up(cell: &Cell, from_ns: u64) -> u64 {
    let later = cell.failures.iter().filter(|(cause, tally)| {
        cause.failure.origin() != Origin::Local && tally.last_ns >= from_ns
    });
    later.map(|(_, tally)| tally.count).sum::<u64>() + unanswered(cell)
}

/// How many requests can be in flight when one phase follows another.
fn most_at_once(scenario: &Scenario) -> u64 {
    use crate::plan::Level;
    let cap = scenario.protocol.max_in_flight();
    let most = scenario.stages.iter().map(|stage| match stage.level {
        Level::Users { users, .. } => users,
        Level::Rate { .. } => cap,
    });
    most.max().unwrap_or(0)
}

/// The attempts that alone give samples of a metric, where that is not all of them.
fn feeding(
    metric: Metric,
    scenario: &Scenario,
    recording: &ScenarioRecording,
    view: &ThresholdView,
) -> Option<AttemptTotals> {
    let seen = || recording.cells.iter().filter(|(key, _)| view.sees(**key, scenario));
    if metric.row().samples == Samples::Connects {
        let sum = |counter| seen().map(|(_, cell)| cell.counters.get(counter)).sum::<u64>();
        return Some(AttemptTotals {
            well: sum(Counter::ConnectOk),
            failed: sum(Counter::ConnectFailed) + connecting_since(scenario, recording, view),
            local: sum(Counter::ConnectFailedLocal),
        });
    }
    let of_checks = match metric {
        Metric::Check(name) => Some(Some(name)),
        Metric::Ratio(RatioMetric::Checks) => Some(None),
        _ => None,
    }?;
    // A step that failed keeps its user from the steps behind it; a request of a mix says nothing
    // about the others.
    if scenario.protocol.in_steps() || !scenario.protocol.tells_requests_apart() {
        return None;
    }
    let mut tried = AttemptTotals::default();
    for (_, cell) in seen() {
        tried.local += cell.counters.get(Counter::FailedLocal);
        for (at, tally) in &cell.requests {
            let looked_at = view.request.is_none_or(|request| request == *at);
            if looked_at && makes(&scenario.protocol, *at, of_checks) {
                tried.well += tally.ok;
                tried.failed += tally.failed + tally.timed_out;
            }
        }
    }
    Some(tried)
}

/// Whether a request makes a check: this one, or any.
fn makes(protocol: &Protocol, request: u16, name: Option<u16>) -> bool {
    let request = protocol.requests().get(usize::from(request));
    request.is_some_and(|request| {
        request.checks.iter().any(|check| name.is_none_or(|name| check.name == name))
    })
}

/// Connections that were being opened when a view began and failed in it.
fn connecting_since(
    scenario: &Scenario,
    recording: &ScenarioRecording,
    view: &ThresholdView,
) -> u64 {
    let (Some(last), Some(from_ns)) =
        (last_key(scenario, view), begin_ns(scenario, recording, view))
    else {
        return 0;
    };
    let earlier = recording.cells.range(..=last).filter(|(key, _)| !view.sees(**key, scenario));
    let causes = earlier.flat_map(|(_, cell)| &cell.failures).filter(|(cause, tally)| {
        matches!(cause.at, FailureStage::Connect | FailureStage::Tls)
            && cause.failure.origin() != Origin::Local
            && tally.last_ns >= from_ns
    });
    causes.map(|(_, tally)| tally.count).sum::<u64>().min(most_at_once(scenario))
}

fn keys(scenario: &Scenario) -> impl DoubleEndedIterator<Item = CellKey> {
    let stages = 0..narrow(scenario.stages.len());
    stages.flat_map(|stage| {
        [Phase::Ramp, Phase::Hold, Phase::Drain].map(|phase| CellKey { stage, phase })
    })
}

/// The last phase that a view sees.
fn last_key(scenario: &Scenario, view: &ThresholdView) -> Option<CellKey> {
    keys(scenario).rfind(|key| view.sees(*key, scenario))
}

/// When the first phase that a view sees began; `None` while it has not.
fn begin_ns(
    scenario: &Scenario,
    recording: &ScenarioRecording,
    view: &ThresholdView,
) -> Option<u64> {
    let mark = |key: CellKey| match key.phase {
        Phase::Ramp => Transition::Ramp(key.stage),
        Phase::Hold => Transition::Hold(key.stage),
        Phase::Drain => Transition::Drain,
    };
    keys(scenario)
        .filter(|key| view.sees(*key, scenario))
        .filter_map(|key| recording.at(mark(key)))
        .min()
}

/// Whether a percentile that has too few samples is beyond its upper bound all the same: with 97.5
/// % confidence, by the order statistic that bounds it from below.
pub(super) fn is_surely_broken(threshold: &Threshold, cell: &Cell) -> bool {
    use crate::plan::Comparison::{AtMost, Less};
    let Metric::Time(time, stat) = threshold.metric else { return false };
    let of_events = matches!(time.row().samples, Samples::Drops | Samples::Events);
    if of_events || !matches!(threshold.comparison, Less | AtMost) {
        return false;
    }
    let samples = cell.times.count(time);
    let Some(rank) = surely_below(stat, samples) else { return false };
    let value = cell.times.at_rank(time, rank);
    value.is_some_and(|value| !threshold.comparison.holds(value, threshold.bound.0))
}

/// The rank, from 1, of the highest of `samples` samples that the percentile lies at or above with
/// 97.5 % confidence; `None` where even the lowest may lie above it.
fn surely_below(stat: Stat, samples: u64) -> Option<u64> {
    let quantile = stat.quantile()?;
    if !(FEWEST_FOR_BROKEN..stat.sample_floor()).contains(&samples) {
        return None;
    }
    // How many samples lie beyond the percentile is binomial; below the floor the chance of none is
    // not small.
    let odds = (1.0 - quantile) / quantile;
    let mut chance = quantile.powf(samples as f64);
    let mut at_most = chance;
    for beyond in 1..=samples {
        if 1.0 - at_most <= 0.025 {
            return Some(samples - beyond + 1);
        }
        chance *= odds * (samples - beyond + 1) as f64 / beyond as f64;
        at_most += chance;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(well: u64, failed: u64, local: u64) -> AttemptTotals {
        AttemptTotals { well, failed, local }
    }

    /// A figure that takes 368 samples.
    fn state(samples: u64, feeding: AttemptTotals) -> ThresholdState {
        Shortfall { samples, needed: 368, all: feeding, feeding }.state(true)
    }

    #[test]
    fn each_line_of_the_table() {
        let too_few = ThresholdState::TooFew { needed: 368 };
        let unreached = |failed| ThresholdState::Unreached { needed: 368, failed };
        // No failure of the target's, or not more than the generator's own.
        assert_eq!(state(0, tried(0, 0, 0)), ThresholdState::NoData);
        assert_eq!(state(300, tried(300, 0, 0)), too_few);
        assert_eq!(state(0, tried(0, 0, 500)), ThresholdState::NoData);
        assert_eq!(state(300, tried(300, 100, 100)), too_few);
        assert_eq!(state(0, tried(0, 5, 5)), ThresholdState::NoData);
        // Nothing went well.
        assert_eq!(state(0, tried(0, 1, 0)), unreached(1));
        assert_eq!(state(0, tried(0, 6, 5)), unreached(6));
        // With those that failed there would have been enough.
        assert_eq!(state(300, tried(300, 68, 0)), unreached(68));
        assert_eq!(state(300, tried(300, 67, 0)), too_few);
        // The same where an attempt gives several samples: 10 connections of 12 gave 310 of 368
        // heartbeats.
        assert_eq!(state(310, tried(10, 2, 0)), unreached(2));
        assert_eq!(state(300, tried(10, 2, 0)), too_few);
        // Half of them failed.
        assert_eq!(state(20, tried(20, 20, 0)), unreached(20));
        assert_eq!(state(20, tried(20, 19, 0)), too_few);
        assert_eq!(state(0, tried(20, 19, 0)), ThresholdState::NoData);
    }

    #[test]
    fn what_does_not_feed_a_metric_explains_nothing_unless_nothing_went_well() {
        let facts = |all, feeding| Shortfall { samples: 0, needed: 1, all, feeding }.state(true);
        assert_eq!(facts(tried(5, 5, 0), tried(0, 0, 0)), ThresholdState::NoData);
        assert_eq!(
            facts(tried(0, 5, 0), tried(0, 0, 0)),
            ThresholdState::Unreached { needed: 1, failed: 5 }
        );
    }

    #[test]
    fn while_a_run_goes_on_the_target_may_still_answer() {
        let state = |samples, all| Shortfall { samples, needed: 6, all, feeding: all }.state(false);
        assert_eq!(state(0, tried(0, 5, 0)), ThresholdState::NoData);
        assert_eq!(state(0, tried(0, 6, 0)), ThresholdState::Unreached { needed: 6, failed: 6 });
        assert_eq!(state(1, tried(1, 50, 0)), ThresholdState::TooFew { needed: 6 });
    }

    #[test]
    fn the_sure_rank_is_that_of_the_binomial_distribution() {
        // R: qbinom(0.975, 187, 0.01) + 1 = 6 beyond; qbinom(0.975, 50, 0.05) + 1 = 7.
        assert_eq!(surely_below(Stat::P99, 187), Some(187 - 6 + 1));
        assert_eq!(surely_below(Stat::P95, 50), Some(50 - 7 + 1));
        assert_eq!(surely_below(Stat::P99, 5), None);
        assert_eq!(surely_below(Stat::P99, 368), None);
        assert_eq!(surely_below(Stat::Max, 100), None);
        assert_eq!(surely_below(Stat::P9999, 36_886), Some(36_886 - 9 + 1));
    }
}
