//! Turns views into the points of the page's charts, few enough for any length of a run.
//!
//! **Invariant:** counts add up; of levels the last second counts, of percentiles the highest: none
//! is averaged.

use super::super::view::{BandCount, CauseCount, ScenarioView, TimeView, View};
use crate::units::SECOND_NS;
use serde::Serialize;

/// The most points of a scenario; beyond that, each two are merged.
const POINTS: usize = 600;

/// The charts of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct History {
    /// Seconds that a point covers.
    width: u32,
    /// By scenario.
    scenarios: Vec<Vec<Point>>,
    /// By monitor.
    monitors: Vec<Vec<Reading>>,
}

/// The last values that a monitor read in some seconds.
#[derive(Debug, Clone, Serialize)]
struct Reading {
    at_ns: u64,
    values: Vec<Option<f64>>,
}

/// Some seconds of a scenario.
#[derive(Debug, Clone, Serialize)]
struct Point {
    /// The first of them.
    second: u32,
    /// How many were already sent.
    seconds: u32,
    /// Users or connections at the end; for rate stages, requests in flight.
    level: u64,
    planned_level: f64,
    /// Attempts, of all its seconds.
    attempts: f64,
    /// Attempts that the plan asked for, in all seconds of the point.
    planned: Option<f64>,
    failed: Vec<CauseCount>,
    time: Option<TimeView>,
    bands: Vec<BandCount>,
    survival: Option<f64>,
    cpu_ratio: Option<f64>,
    lag_max_ns: u64,
}

impl Point {
    fn of(second: u32, view: &ScenarioView, level: u64) -> Self {
        Self {
            second,
            seconds: 1,
            level,
            planned_level: view.planned_level,
            attempts: view.rate,
            planned: view.planned_rate,
            failed: view.failed.clone(),
            time: view.time,
            bands: view.bands.clone(),
            survival: view.survival,
            cpu_ratio: view.workers.cpu_ratio,
            lag_max_ns: view.workers.lag_max_ns,
        }
    }

    /// Adds the seconds behind its own.
    fn merge(&mut self, later: &Self) {
        self.seconds += later.seconds;
        self.level = later.level;
        self.planned_level = later.planned_level;
        self.attempts += later.attempts;
        self.planned = match (self.planned, later.planned) {
            (Some(own), Some(more)) => Some(own + more),
            _ => None,
        };
        for one in &later.failed {
            match self.failed.iter_mut().find(|known| known.cause == one.cause) {
                Some(known) => known.count += one.count,
                None => self.failed.push(*one),
            }
        }
        if self.time.map(|time| time.metric) == later.time.map(|time| time.metric) {
            merge_bands(&mut self.bands, &later.bands);
        } else if later.time.is_some() {
            self.bands.clone_from(&later.bands);
        }
        self.survival = later.survival.or(self.survival);
        self.time = match (self.time, later.time) {
            (Some(own), Some(more)) if own.metric == more.metric => Some(TimeView {
                metric: own.metric,
                samples: own.samples + more.samples,
                p50: own.p50.max(more.p50),
                p90: own.p90.max(more.p90),
                p99: own.p99.max(more.p99),
                max: own.max.max(more.max),
            }),
            (own, more) => more.or(own),
        };
        self.cpu_ratio = later.cpu_ratio.or(self.cpu_ratio);
        self.lag_max_ns = self.lag_max_ns.max(later.lag_max_ns);
    }
}

impl History {
    pub(super) fn new(scenarios: usize, monitors: usize) -> Self {
        let (scenarios, monitors) = (vec![Vec::new(); scenarios], vec![Vec::new(); monitors]);
        Self { width: 1, scenarios, monitors }
    }

    /// Adds the seconds of a view that are new.
    pub(super) fn add(&mut self, view: &View) {
        for (index, scenario) in view.scenarios.iter().enumerate() {
            let Some(points) = self.scenarios.get_mut(index) else { continue };
            let Some(second) = scenario.second else { continue };
            let last = points.last().map(|point| point.second + point.seconds);
            if last.is_some_and(|next| second < next) {
                continue;
            }
            let level = scenario.gauges.get(view.outline.scenarios[index].gauge);
            let point = Point::of(second, scenario, level);
            match points.last_mut().filter(|last| last.second / self.width == second / self.width) {
                Some(last) => last.merge(&point),
                None => points.push(point),
            }
        }
        self.add_readings(view);
        while self.scenarios.iter().any(|points| points.len() > POINTS) {
            self.widen();
        }
    }

    fn add_readings(&mut self, view: &View) {
        let width_ns = u64::from(self.width) * SECOND_NS;
        for (readings, monitor) in self.monitors.iter_mut().zip(view.monitors.iter()) {
            let Some(at_ns) = monitor.at_ns else { continue };
            let reading = Reading { at_ns, values: monitor.values.clone() };
            match readings.last_mut().filter(|last| last.at_ns / width_ns == at_ns / width_ns) {
                Some(last) => *last = reading,
                None => readings.push(reading),
            }
        }
    }

    /// Makes one point of two.
    fn widen(&mut self) {
        self.width *= 2;
        for points in &mut self.scenarios {
            let mut wide: Vec<Point> = Vec::with_capacity(POINTS);
            for point in points.drain(..) {
                let width = self.width;
                match wide.last_mut().filter(|last| last.second / width == point.second / width) {
                    Some(last) => last.merge(&point),
                    None => wide.push(point),
                }
            }
            *points = wide;
        }
        let width_ns = u64::from(self.width) * SECOND_NS;
        for readings in &mut self.monitors {
            // Of two in one point the later stays.
            readings.reverse();
            readings.dedup_by_key(|reading| reading.at_ns / width_ns);
            readings.reverse();
        }
    }
}

/// Adds counts of bands; both lists begin with the lowest.
fn merge_bands(own: &mut Vec<BandCount>, later: &[BandCount]) {
    for one in later {
        match own.binary_search_by_key(&one.0, |band| band.0) {
            Ok(at) => own[at].1 += one.1,
            Err(at) => own.insert(at, *one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_add_up_in_their_order() {
        let mut own = vec![BandCount(3, 1), BandCount(7, 2)];
        merge_bands(&mut own, &[BandCount(1, 5), BandCount(7, 1), BandCount(9, 4)]);
        let expected = [BandCount(1, 5), BandCount(3, 1), BandCount(7, 3), BandCount(9, 4)];
        assert_eq!(own, expected);
    }
}
