//! Turns views into the points of the page's charts, few enough for any length of a run.
//!
//! **Invariant:** counts add up; of levels the last second counts, of percentiles the highest: none
//! is averaged.

use super::super::view::{CauseCount, ScenarioView, TimeView, View};
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
    pub(super) fn new(scenarios: usize) -> Self {
        Self { width: 1, scenarios: vec![Vec::new(); scenarios] }
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
        while self.scenarios.iter().any(|points| points.len() > POINTS) {
            self.widen();
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
    }
}
