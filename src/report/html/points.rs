//! Turns the seconds of a saved run into at most [`MOST`] points a scenario, which charts are drawn
//! from.

use crate::record::{Cause, Counters, Entry, Gauges, ScenarioSecond, Times};
use crate::store::{Error, Line, SavedRun};
use std::collections::BTreeMap;

/// Points of a scenario: as many as a chart has room for.
const MOST: u32 = 300;

/// What happened to one scenario in some seconds that follow each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    /// Seconds that it is of; zero where nobody told of any.
    pub(super) seconds: u32,
    pub(super) counters: Counters,
    pub(super) times: Times,
    /// Failures by cause, all requests together.
    pub(super) failures: BTreeMap<Cause, u64>,
    /// Levels at its end.
    pub(super) gauges: Gauges,
    /// Processor time of the workers together; absent where the time before is not known.
    pub(super) cpu_ns: Option<u64>,
    /// The latest start against the schedule.
    pub(super) lag_max_ns: u64,
}

/// The points of all scenarios.
#[derive(Debug)]
pub(super) struct Points {
    /// Seconds that a point is of.
    pub(super) width: u32,
    /// By index into `Plan::scenarios`.
    pub(super) scenarios: Vec<Vec<Point>>,
}

impl Points {
    /// Reads the seconds of a run once more.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn read(run: &SavedRun) -> Result<Self, Error> {
        let width = run.recording.seconds.div_ceil(MOST).max(1);
        let length = run.recording.seconds.div_ceil(width) as usize;
        let scenarios = run.plan.scenarios.len();
        let mut points = Self { width, scenarios: vec![vec![Point::default(); length]; scenarios] };
        let mut cpu_ns = vec![None; scenarios];
        run.replay(&mut |line| match line {
            Line::Entry(Entry::Second(second)) => {
                for (index, facts) in &second.scenarios {
                    let index = usize::from(*index);
                    if let Some(point) = points.at(index, second.second) {
                        point.add(facts, &mut cpu_ns[index]);
                    }
                }
            }
            Line::Durations(durations) => {
                // Histograms of a long stretch stand in its middle.
                let middle = durations.first.midpoint(durations.last);
                if let Some(point) = points.at(usize::from(durations.scenario), middle) {
                    durations.cells.iter().for_each(|(_, cell)| point.times.merge(&cell.times));
                }
            }
            _ => {}
        })?;
        Ok(points)
    }

    fn at(&mut self, scenario: usize, second: u32) -> Option<&mut Point> {
        self.scenarios.get_mut(scenario)?.get_mut((second / self.width) as usize)
    }

    /// The middle of each point, in seconds of the run.
    pub(super) fn middles(&self, scenario: usize) -> Vec<f64> {
        let width = f64::from(self.width);
        let all = (0..).take(self.scenarios[scenario].len());
        all.map(|at: u32| (f64::from(at) + 0.5) * width).collect()
    }
}

impl Point {
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
            let cpu_ns = facts.workers.cpu_ns;
            if let Some(before) = cpu_before.replace(cpu_ns) {
                // A worker that is lost takes its time along.
                *self.cpu_ns.get_or_insert(0) += cpu_ns.saturating_sub(before);
            }
            self.lag_max_ns = self.lag_max_ns.max(facts.workers.lag_max_ns);
        }
    }
}
