//! The last second of one scenario, as figures.

use super::super::view::{BandCount, CauseCount, GeneratorView, TimeView};
use crate::catalogue::{ProtocolRow, TimeMetric};
use crate::plan::Stat;
use crate::record::{Cell, Counters, Gauges, ScenarioSecond, TimeHistograms, WorkerFacts};
use crate::units::SECOND_NS;
use hdrhistogram::Histogram;
use std::borrow::Cow;

/// The last second of one scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct LastSecond {
    /// Its number; `None` before the first.
    pub(super) second: Option<u32>,
    /// All that was counted in it.
    pub(super) counters: Counters,
    /// Why attempts failed in it.
    pub(super) failed: Vec<CauseCount>,
    /// The time that matters most.
    pub(super) time: Option<TimeView>,
    /// How its samples spread.
    pub(super) bands: Vec<BandCount>,
    /// The levels at its end.
    pub(super) gauges: Gauges,
    /// The workers together; the lag is that of this second.
    workers: WorkerFacts,
    /// How many workers spoke.
    reporting: u32,
    /// How many workers were at work, silent ones included.
    at_work: u32,
    /// Share of a processor that a worker used on average since all workers last reported; `None`
    /// while it is not known.
    cpu: Option<f64>,
    cpu_basis: Option<CpuBasis>,
}

/// The last second that all workers reported.
#[derive(Debug, Clone, Copy)]
struct CpuBasis {
    second: u32,
    /// Processor time of all workers up to its end.
    cpu_ns: u64,
    at_work: u32,
}

impl CpuBasis {
    /// The share of a processor that each worker used up to `now`.
    fn share(&self, now: &Self) -> Option<f64> {
        let used = now.cpu_ns.checked_sub(self.cpu_ns)? as f64;
        let length_ns = u64::from(now.second.saturating_sub(self.second)) * SECOND_NS;
        (length_ns > 0 && now.at_work == self.at_work)
            .then(|| used / (length_ns as f64 * f64::from(now.at_work)))
    }
}

impl LastSecond {
    /// Takes in the next second. `times`: the metrics of which the first that has samples is shown.
    pub(super) fn take(&mut self, second: u32, facts: &ScenarioSecond, protocol: &ProtocolRow) {
        let at_work = facts.at_work.max(facts.reporting);
        // The usage of a silent worker is known once it reports again, and covers all the time
        // since.
        if at_work > 0 && facts.reporting == at_work {
            let basis = CpuBasis { second, cpu_ns: facts.workers.cpu_ns, at_work };
            self.cpu = self.cpu_basis.replace(basis).and_then(|before| before.share(&basis));
        } else {
            self.cpu = None;
        }
        self.second = Some(second);
        self.counters = Counters::default();
        self.failed.clear();
        for (_, cell) in &facts.cells {
            self.counters.merge(&cell.counters);
            count_causes(&mut self.failed, cell);
        }
        let times = times_of(facts.cells.iter().map(|(_, cell)| cell));
        self.time = time_of(&times, protocol);
        self.bands = self.time.map_or_else(Vec::new, |time| bands_of(&times, time.metric));
        self.reporting = facts.reporting;
        self.at_work = at_work;
        if facts.reporting > 0 {
            self.gauges = facts.gauges;
            self.workers = facts.workers;
        }
    }

    /// The workers of the scenario.
    pub(super) fn workers(&self, lost: u32) -> GeneratorView {
        GeneratorView {
            reporting: self.reporting,
            at_work: self.at_work,
            cpu_ratio: self.cpu,
            rss_bytes: self.workers.rss_bytes,
            lag_max_ns: self.workers.lag_max_ns,
            lost,
        }
    }
}

/// The workers of all scenarios together.
pub(super) fn all_workers(scenarios: impl Iterator<Item = GeneratorView>) -> GeneratorView {
    let mut all = GeneratorView::default();
    let (mut busy, mut known) = (0.0, 0);
    for one in scenarios {
        all.rss_bytes += one.rss_bytes;
        all.lag_max_ns = all.lag_max_ns.max(one.lag_max_ns);
        all.reporting += one.reporting;
        all.at_work += one.at_work;
        all.lost += one.lost;
        if let Some(cpu) = one.cpu_ratio {
            busy += cpu * f64::from(one.at_work);
            known += one.at_work;
        }
    }
    all.cpu_ratio = (known > 0).then(|| busy / f64::from(known));
    all
}

/// Adds the failures of some facts.
pub(super) fn count_causes(causes: &mut Vec<CauseCount>, cell: &Cell) {
    let counts = cell.failures.iter().map(|(cause, tally)| (*cause, tally.count));
    counts.for_each(|(cause, count)| add_cause(causes, CauseCount { cause, count }));
}

/// Adds failures of one cause.
pub(super) fn add_cause(causes: &mut Vec<CauseCount>, more: CauseCount) {
    match causes.iter_mut().find(|known| known.cause == more.cause) {
        Some(known) => known.count += more.count,
        None => causes.push(more),
    }
}

/// The times of some facts together; those of one are not copied.
pub(super) fn times_of<'a>(mut cells: impl Iterator<Item = &'a Cell>) -> Cow<'a, TimeHistograms> {
    let Some(first) = cells.next() else { return Cow::Owned(TimeHistograms::default()) };
    cells.fold(Cow::Borrowed(&first.times), |mut times, next| {
        times.to_mut().merge(&next.times);
        times
    })
}

/// How the samples of a metric spread over bands of times.
fn bands_of(times: &TimeHistograms, metric: TimeMetric) -> Vec<BandCount> {
    let mut bands: Vec<BandCount> = Vec::new();
    for step in times.get(metric).into_iter().flat_map(Histogram::iter_recorded) {
        let band = band(step.value_iterated_to());
        let count = step.count_since_last_iteration();
        match bands.last_mut().filter(|last| last.0 == band) {
            Some(last) => last.1 += count,
            None => bands.push(BandCount(band, count)),
        }
    }
    bands
}

/// The number of the band that a time falls into.
fn band(ns: u64) -> u8 {
    let doublings = (ns as f64 / 1e3).max(1.0).log2();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 128")]
    let band = (doublings * 2.0) as u8;
    band
}

/// The figures of the most telling distribution that has samples.
pub(super) fn time_of(times: &TimeHistograms, protocol: &ProtocolRow) -> Option<TimeView> {
    protocol.main_times().find_map(|metric| {
        let stat = |stat| times.stat(metric, stat);
        Some(TimeView {
            metric,
            samples: times.count(metric),
            p50: stat(Stat::P50)?,
            p90: stat(Stat::P90)?,
            p99: stat(Stat::P99)?,
            max: stat(Stat::Max)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_in_bands_that_grow_by_the_root_of_two() {
        let numbers = [0, 1_000, 1_414, 1_415, 2_000, 1_024_000, 1_000_000_000].map(band);
        assert_eq!(numbers, [0, 0, 0, 1, 2, 20, 39]);
        let mut cell = Cell::default();
        for ns in [1_000, 1_100, 3_000, 3_100, 3_200, 1_024_000] {
            cell.time(TimeMetric::ServiceTime, ns);
        }
        let bands = bands_of(&cell.times, TimeMetric::ServiceTime);
        assert_eq!(bands, [BandCount(0, 2), BandCount(3, 3), BandCount(20, 1)]);
        assert!(bands_of(&cell.times, TimeMetric::ConnectTime).is_empty());
    }
}
