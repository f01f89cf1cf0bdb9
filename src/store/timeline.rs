//! Turns the seconds of a run into a time axis of at most [`MOST_POINTS`] points a scenario.
//!
//! **Invariant:** points add up to what all of their seconds add up to: they are merged, never
//! sampled.

use super::journal::{Durations, Line};
use crate::record::{
    Cause, Counters, Entry, Gauges, HostDelta, HostId, HostSample, MonitorReading, ScenarioSecond,
    Second, TimeHistograms,
};
use crate::units::SECOND_NS;
use std::collections::BTreeMap;

/// Points of a scenario at most: as many as a chart has room for. A run of more seconds has points
/// of 2, 4, 8 seconds and so on.
pub const MOST_POINTS: usize = 300;

/// The facts of one scenario in consecutive seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimelinePoint {
    /// Seconds that it is of; zero where none was recorded.
    pub seconds: u32,
    /// The counters.
    pub counters: Counters,
    /// The distributions of times.
    pub times: TimeHistograms,
    /// Failures by cause, all requests together.
    pub failures: BTreeMap<Cause, u64>,
    /// Levels at its end.
    pub gauges: Gauges,
    /// Processor time of the workers together, in nanoseconds; absent where the time before is not
    /// known.
    pub cpu_ns: Option<u64>,
    /// The latest start against the schedule, in nanoseconds.
    pub lag_max_ns: u64,
    /// Resident memory of the workers together at its end.
    pub rss_bytes: u64,
}

/// The samples of the coordinator's machine in consecutive seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostPoint {
    /// The last sample of it; absent where there is none.
    pub sample: Option<HostSample>,
    /// The resources withheld.
    pub delta: HostDelta,
    /// Changes of the kernel's counters.
    pub counters: BTreeMap<String, i64>,
}

impl HostPoint {
    fn merge(&mut self, later: Self) {
        self.sample = later.sample.or(self.sample.take());
        self.delta.merge(&later.delta);
        for (name, change) in later.counters {
            *self.counters.entry(name).or_default() += change;
        }
    }
}

/// The points of all scenarios, over the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Seconds that a point is of.
    width: u32,
    /// By index into `Plan::scenarios`.
    scenarios: Vec<Vec<TimelinePoint>>,
    /// Processor time of each scenario's workers up to its last second.
    cpu_ns: Vec<Option<u64>>,
    /// The coordinator's machine, by point.
    host: Vec<HostPoint>,
    /// Sum and number of the values of each monitor and metric, by point.
    monitors: BTreeMap<(u16, u16), Vec<(f64, u32)>>,
}

impl Timeline {
    /// A time axis on which nothing has happened.
    pub fn new(scenarios: usize) -> Self {
        Self {
            width: 1,
            scenarios: vec![Vec::new(); scenarios],
            cpu_ns: vec![None; scenarios],
            host: Vec::new(),
            monitors: BTreeMap::new(),
        }
    }

    /// Seconds that a point is of.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The points of a scenario, from the run's first second on; all scenarios have as many.
    pub fn points(&self, scenario: usize) -> &[TimelinePoint] {
        &self.scenarios[scenario]
    }

    /// The middle of each point, in seconds of the run.
    pub fn middles(&self, scenario: usize) -> Vec<f64> {
        let width = f64::from(self.width);
        let all = (0..).take(self.scenarios[scenario].len());
        all.map(|at: u32| (f64::from(at) + 0.5) * width).collect()
    }

    /// The coordinator's machine, from the run's first second on.
    pub fn host(&self) -> &[HostPoint] {
        &self.host
    }

    /// The mean of a monitor's readings of a metric in each point; absent where it read none.
    pub fn monitored(&self, monitor: u16, metric: u16) -> Vec<Option<f64>> {
        let values = self.monitors.get(&(monitor, metric));
        let mean = |at: usize| {
            let (sum, count) = values?.get(at)?;
            (*count > 0).then(|| sum / f64::from(*count))
        };
        (0..self.scenarios.first().map_or(0, Vec::len)).map(mean).collect()
    }

    /// Adds the next line of the journal.
    pub(super) fn add(&mut self, line: &Line) {
        match line {
            Line::Entry(Entry::Second(second)) => self.add_second(second),
            Line::Entry(Entry::Monitored(reading)) => self.add_reading(reading),
            Line::Durations(durations) => self.add_durations(durations),
            _ => {}
        }
    }

    fn add_second(&mut self, second: &Second) {
        self.reach(second.second);
        let at = (second.second / self.width) as usize;
        if let (Some(sample), Some(point)) =
            (second.host(HostId::COORDINATOR), self.host.get_mut(at))
        {
            point.merge(HostPoint {
                delta: sample.delta.unwrap_or_default(),
                counters: sample.counters.clone(),
                sample: Some(sample.clone()),
            });
        }
        for (index, facts) in &second.scenarios {
            let index = usize::from(*index);
            let at = (second.second / self.width) as usize;
            let points = self.scenarios.get_mut(index);
            if let Some(point) = points.and_then(|points| points.get_mut(at)) {
                point.add(facts, &mut self.cpu_ns[index]);
            }
        }
    }

    fn add_reading(&mut self, reading: &MonitorReading) {
        // A reading is recorded before its second: it begins the next point.
        let second = u32::try_from(reading.at_ns / SECOND_NS).unwrap_or(u32::MAX);
        let last = self.scenarios.first().map_or(0, Vec::len).max(1) - 1;
        let at = ((second / self.width) as usize).min(last.saturating_add(1));
        for (metric, value) in (0..).zip(&reading.values) {
            let Some(value) = value else { continue };
            let points = self.monitors.entry((reading.monitor, metric)).or_default();
            if points.len() <= at {
                points.resize(at + 1, (0.0, 0));
            }
            points[at].0 += value;
            points[at].1 += 1;
        }
    }

    /// Histograms of a long period count at its middle.
    fn add_durations(&mut self, durations: &Durations) {
        let middle = durations.first.midpoint(durations.last);
        self.reach(middle);
        let at = (middle / self.width) as usize;
        let points = self.scenarios.get_mut(usize::from(durations.scenario));
        if let Some(point) = points.and_then(|points| points.get_mut(at)) {
            durations.cells.iter().for_each(|(_, cell)| point.times.merge(&cell.times));
        }
    }

    /// Makes room for a second: points as far as it, each of twice as many seconds where they would
    /// be too many.
    fn reach(&mut self, second: u32) {
        while (second / self.width) as usize >= MOST_POINTS {
            self.width *= 2;
            for points in &mut self.scenarios {
                let mut merged = Vec::with_capacity(points.len().div_ceil(2));
                let mut pairs = std::mem::take(points).into_iter();
                while let Some(mut point) = pairs.next() {
                    if let Some(later) = pairs.next() {
                        point.merge(&later);
                    }
                    merged.push(point);
                }
                *points = merged;
            }
            let mut halves = std::mem::take(&mut self.host).into_iter();
            while let Some(mut point) = halves.next() {
                if let Some(later) = halves.next() {
                    point.merge(later);
                }
                self.host.push(point);
            }
            for points in self.monitors.values_mut() {
                let merge = |pair: &[(f64, u32)]| {
                    pair.iter().fold((0.0, 0), |(sum, count), one| (sum + one.0, count + one.1))
                };
                *points = points.chunks(2).map(merge).collect();
            }
        }
        let length = (second / self.width) as usize + 1;
        if self.host.len() < length {
            self.host.resize(length, HostPoint::default());
        }
        for points in &mut self.scenarios {
            if points.len() < length {
                points.resize(length, TimelinePoint::default());
            }
        }
    }
}

impl TimelinePoint {
    /// Adds the seconds behind its own.
    pub fn merge(&mut self, later: &Self) {
        self.counters.merge(&later.counters);
        self.times.merge(&later.times);
        for (cause, count) in &later.failures {
            *self.failures.entry(*cause).or_default() += count;
        }
        if later.seconds > 0 {
            self.gauges = later.gauges;
            self.rss_bytes = later.rss_bytes;
        }
        self.seconds += later.seconds;
        if let Some(cpu_ns) = later.cpu_ns {
            *self.cpu_ns.get_or_insert(0) += cpu_ns;
        }
        self.lag_max_ns = self.lag_max_ns.max(later.lag_max_ns);
    }

    fn add(&mut self, facts: &ScenarioSecond, cpu_before: &mut Option<u64>) {
        self.seconds += 1;
        for (_, cell) in &facts.cells {
            self.counters.merge(&cell.counters);
            self.times.merge(&cell.times);
            let of_requests = cell.requests.values().flat_map(|tally| &tally.failures);
            let by_request = cell.requests.values().any(|tally| !tally.failures.is_empty());
            let own = cell.failures.iter().filter(|_| !by_request);
            for (cause, tally) in of_requests.chain(own) {
                *self.failures.entry(*cause).or_default() += tally.count;
            }
        }
        if facts.reporting > 0 {
            self.gauges = facts.gauges;
            self.rss_bytes = facts.workers.rss_bytes;
            let cpu_ns = facts.workers.cpu_ns;
            if let Some(before) = cpu_before.replace(cpu_ns) {
                // A lost worker no longer contributes time.
                *self.cpu_ns.get_or_insert(0) += cpu_ns.saturating_sub(before);
            }
            self.lag_max_ns = self.lag_max_ns.max(facts.workers.lag_max_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::TimeMetric;
    use crate::plan::Phase;
    use crate::record::{Cell, CellKey, Counter, Gauge, WorkerFacts};

    fn second(number: u32) -> Line {
        let mut cell = Cell::default();
        cell.counters.add(Counter::Started, u64::from(number));
        cell.time(TimeMetric::ServiceTime, 1_000 + u64::from(number));
        let mut facts = ScenarioSecond { reporting: 1, ..ScenarioSecond::default() };
        facts.cells.push((CellKey { stage: 0, phase: Phase::Hold }, cell));
        facts.gauges.set(Gauge::Open, u64::from(number));
        facts.workers = WorkerFacts { cpu_ns: 10 * u64::from(number), ..WorkerFacts::default() };
        let scenarios = [(0, facts)].into();
        Line::Entry(Entry::Second(Second {
            second: number,
            scenarios,
            hosts: Vec::new(),
            parts: Vec::new(),
        }))
    }

    fn of(seconds: u32) -> Timeline {
        let mut timeline = Timeline::new(1);
        (0..seconds).for_each(|number| timeline.add(&second(number)));
        timeline
    }

    #[test]
    fn a_point_is_a_second_until_there_are_too_many() {
        let short = of(300);
        assert_eq!((short.width(), short.points(0).len()), (1, 300));
        let long = of(301);
        assert_eq!((long.width(), long.points(0).len()), (2, 151));
        let eight_hours = of(28_800);
        assert_eq!((eight_hours.width(), eight_hours.points(0).len()), (128, 225));
    }

    #[test]
    fn points_add_up_whatever_their_width() {
        for seconds in [10, 300, 301, 1_201, 5_000] {
            let timeline = of(seconds);
            let mut whole = TimelinePoint::default();
            timeline.points(0).iter().for_each(|point| whole.merge(point));
            assert_eq!(whole.seconds, seconds);
            let started = u64::from(seconds) * u64::from(seconds - 1) / 2;
            assert_eq!(whole.counters.get(Counter::Started), started);
            assert_eq!(whole.times.count(TimeMetric::ServiceTime), u64::from(seconds));
            assert_eq!(whole.gauges.get(Gauge::Open), u64::from(seconds - 1));
            assert_eq!(whole.cpu_ns, Some(10 * u64::from(seconds - 1)));
        }
    }

    #[test]
    fn the_machine_and_its_monitors_add_up_whatever_the_width() {
        for seconds in [10, 301, 1_201] {
            let mut timeline = Timeline::new(1);
            for number in 0..seconds {
                let host = HostSample {
                    at_ns: u64::from(number),
                    counters: [("TcpExt.ListenDrops".to_owned(), 2)].into(),
                    delta: Some(HostDelta { elapsed_ns: 10, steal_ns: 1, ..HostDelta::default() }),
                    ..HostSample::default()
                };
                let entry = Second { second: number, hosts: vec![host], ..Second::default() };
                timeline.add(&Line::Entry(Entry::Second(entry)));
                let reading = MonitorReading {
                    at_ns: u64::from(number) * SECOND_NS,
                    values: vec![Some(f64::from(number))],
                    ..MonitorReading::default()
                };
                timeline.add(&Line::Entry(Entry::Monitored(reading)));
            }
            let points = timeline.host();
            let dropped =
                points.iter().filter_map(|point| point.counters.get("TcpExt.ListenDrops"));
            assert_eq!(dropped.sum::<i64>(), 2 * i64::from(seconds));
            let steal = points.iter().map(|point| point.delta.steal_ns);
            assert_eq!(steal.sum::<u64>(), u64::from(seconds));
            let last = points.last().and_then(|point| point.sample.as_ref());
            assert_eq!(last.map(|sample| sample.at_ns), Some(u64::from(seconds) - 1));
            let values = timeline.monitored(0, 0);
            assert_eq!(values.len(), points.len());
            let width = f64::from(timeline.width());
            for (at, value) in (0_u32..).zip(&values[..values.len() - 1]) {
                // Numbers from at * width on have this mean.
                assert_eq!(*value, Some(f64::from(at).mul_add(width, (width - 1.0) / 2.0)));
            }
        }
    }

    #[test]
    fn histograms_of_a_long_stretch_stand_in_its_middle() {
        let mut timeline = of(100);
        let mut cell = Cell::default();
        cell.time(TimeMetric::ServiceTime, 5);
        let cells = vec![(CellKey { stage: 0, phase: Phase::Hold }, cell)];
        let durations = Durations { scenario: 0, first: 40, last: 60, cells };
        timeline.add(&Line::Durations(durations));
        assert_eq!(timeline.points(0)[50].times.count(TimeMetric::ServiceTime), 2);
        assert_eq!(timeline.points(0)[49].times.count(TimeMetric::ServiceTime), 1);
    }
}
