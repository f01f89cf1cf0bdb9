//! Turns the scene into the figures that are shown: levels, rates, ratios, times, the generator's
//! health.
//!
//! **Invariant:** ratios and causes are of the whole run so far; rates and times of its last
//! second.

use super::state::{LastSecond, RunState};
use crate::plan::{
    Level, Metric, Phase, Protocol, RateMetric, RatioMetric, Stage, Stat, TimeMetric,
};
use crate::record::{Cause, Cell, CellKey, Counter, Gauge, Measure, Origin, Span, measure};
use crate::schedule::{Pace, Shape};
use crate::units::SECOND_NS;

impl RunState {
    /// Connections open, or users at work, and the word for them.
    pub(super) fn level(&self, scenario: usize) -> (u64, Gauge) {
        let gauge = match self.plan.scenarios[scenario].protocol {
            Protocol::Hold(_) => Gauge::Open,
            Protocol::Http(_) => Gauge::Users,
        };
        (self.latest[scenario].gauges.get(gauge), gauge)
    }

    /// Attempts a second in the last second: connections tried or requests started.
    pub(super) fn rate(&self, scenario: usize) -> (f64, RateMetric) {
        let metric = match self.plan.scenarios[scenario].protocol {
            Protocol::Hold(_) => RateMetric::Connect,
            Protocol::Http(_) => RateMetric::Requests,
        };
        let latest = &self.latest[scenario];
        let counter = match metric {
            RateMetric::Connect => Counter::ConnectAttempts,
            RateMetric::Requests | RateMetric::BytesReceived => Counter::Started,
        };
        (latest.cell.counters.get(counter) as f64, metric)
    }

    /// Attempts a second that the plan asked for in the last second; `None` where it leaves that to
    /// the machine.
    pub(super) fn planned_rate(&self, scenario: usize) -> Option<f64> {
        let middle = u64::from(self.latest[scenario].second?) * SECOND_NS + SECOND_NS / 2;
        let key = self.recording.scenarios[scenario].phase_at(middle)?;
        if key.phase == Phase::Drain {
            return None;
        }
        match self.segment(scenario, usize::from(key.stage))?.shape {
            Shape::Rate { .. } => Some(self.timelines[scenario].level_at(middle)),
            Shape::Users { from, to, pace: Pace::Paced(rate) }
                if key.phase == Phase::Ramp && to > from && self.is_hold(scenario) =>
            {
                Some(rate.value())
            }
            Shape::Users { .. } => None,
        }
    }

    /// Whether a scenario holds connections.
    pub(super) fn is_hold(&self, scenario: usize) -> bool {
        matches!(self.plan.scenarios[scenario].protocol, Protocol::Hold(_))
    }

    /// Counters and causes of some cells of a scenario, without their histograms.
    pub(super) fn sum(&self, scenario: usize, of: impl Fn(&CellKey) -> bool) -> Cell {
        let mut sum = Cell::default();
        for (_, cell) in self.recording.scenarios[scenario].cells.iter().filter(|(key, _)| of(key))
        {
            sum.counters.merge(&cell.counters);
            for (cause, tally) in &cell.failures {
                match sum.failures.iter_mut().find(|(known, _)| known == cause) {
                    Some((_, mine)) => mine.merge(tally),
                    None => sum.failures.push((*cause, tally.clone())),
                }
            }
        }
        sum
    }

    /// Attempts of a stage of which nobody knows yet how they end: requests, or connections that
    /// are being opened.
    pub(super) fn under_way(&self, scenario: usize, stage: usize) -> u64 {
        let of_stage = self.sum(scenario, |key| usize::from(key.stage) == stage).counters;
        let all = |counters: &[Counter]| counters.iter().map(|one| of_stage.get(*one)).sum::<u64>();
        let (begun, known) = if self.is_hold(scenario) {
            let known = [Counter::ConnectOk, Counter::ConnectFailed, Counter::ConnectFailedLocal];
            (Counter::ConnectAttempts, all(&known))
        } else {
            let known = [Counter::Ok, Counter::Failed, Counter::TimedOut, Counter::Unfinished];
            (Counter::Started, all(&known))
        };
        of_stage.get(begun).saturating_sub(known)
    }

    /// A metric of counters over the whole scenario so far.
    pub(super) fn so_far(&self, scenario: usize, metric: Metric) -> Option<Measure> {
        let cell = self.sum(scenario, |_| true);
        let span = Span {
            protocol: &self.plan.scenarios[scenario].protocol,
            cell: &cell,
            gauges: &self.latest[scenario].gauges,
            length_ns: self.recorded_ns(),
        };
        measure(metric, &span)
    }

    /// What failed of all so far.
    pub(super) fn failure_ratio(&self, scenario: usize) -> Option<Measure> {
        self.so_far(scenario, Metric::Ratio(RatioMetric::Failure))
    }

    /// What was due and never started.
    pub(super) fn dropped(&self, scenario: usize) -> u64 {
        self.sum(scenario, |_| true).counters.get(Counter::Dropped)
    }

    /// Why things failed so far, the most frequent first.
    pub(super) fn causes(&self, scenario: usize) -> Vec<(Cause, u64)> {
        let sum = self.sum(scenario, |_| true);
        let mut causes: Vec<(Cause, u64)> =
            sum.failures.iter().map(|(cause, tally)| (*cause, tally.count)).collect();
        causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), *cause));
        causes
    }

    /// The time that matters most now, of the last second: metric, median and 99th percentile in
    /// nanoseconds.
    pub(super) fn main_time(&self, scenario: usize) -> Option<(TimeMetric, f64, f64)> {
        let open = |stage: &Stage| matches!(stage.level, Level::Rate { .. });
        let of = &self.plan.scenarios[scenario];
        let wanted: &[TimeMetric] = match of.protocol {
            Protocol::Hold(_) => {
                &[TimeMetric::ConnectTime, TimeMetric::HeartbeatRtt, TimeMetric::HeartbeatGap]
            }
            Protocol::Http(_) if of.stages.iter().any(open) => {
                &[TimeMetric::ResponseTime, TimeMetric::ServiceTime]
            }
            Protocol::Http(_) => &[TimeMetric::ServiceTime],
        };
        let times = &self.latest[scenario].cell.times;
        wanted.iter().find_map(|metric| {
            Some((*metric, times.stat(*metric, Stat::P50)?, times.stat(*metric, Stat::P99)?))
        })
    }

    /// Workers, processors, memory and lateness of all scenarios together in the last second.
    pub(super) fn generator(&self) -> LastSecond {
        let mut all = LastSecond::default();
        let (mut busy, mut known) = (0.0, 0);
        for latest in &self.latest {
            all.workers.merge(&latest.workers);
            all.reporting += latest.reporting;
            all.at_work += latest.at_work;
            if let Some(cpu) = latest.cpu {
                busy += cpu * f64::from(latest.at_work);
                known += latest.at_work;
            }
        }
        all.cpu = (known > 0).then(|| busy / f64::from(known));
        all
    }

    /// Failures of the generator itself so far, of all scenarios.
    pub(super) fn local_failures(&self) -> u64 {
        let local = |(cause, count): &(Cause, u64)| {
            (cause.failure.origin() == Origin::Local).then_some(*count)
        };
        (0..self.plan.scenarios.len())
            .map(|scenario| self.causes(scenario).iter().filter_map(local).sum::<u64>())
            .sum()
    }

    /// Requests under way.
    pub(super) fn in_flight(&self, scenario: usize) -> u64 {
        self.latest[scenario].gauges.get(Gauge::InFlight)
    }
}
