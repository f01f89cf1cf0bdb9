//! Puts a run in relation to the load that this machine can generate, by its calibration.

use super::foreign::visible;
use crate::plan::Scenario;
use crate::record::{Counter, GeneratorCapability};
use crate::store::{SavedRun, TimelinePoint};
use crate::units::figure;
use schemars::JsonSchema;
use serde::Serialize;

/// The calibration of a run, and its busiest moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct CalibrationReport<'a> {
    /// The load at the run's busiest moment, as a part of what this machine can generate: the sum
    /// over all scenarios.
    used_ratio: f64,
    scenarios: Vec<CapabilityReport<'a>>,
}

/// The rate of one scenario that this machine can start.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct CapabilityReport<'a> {
    scenario: &'a str,
    /// The attempts that are started: `requests`, `connections`.
    unit: &'static str,
    per_second: f64,
    /// The most that the run started in a second.
    used_per_second: f64,
    started: u64,
    length_ns: u64,
}

impl<'a> CalibrationReport<'a> {
    /// `None` without a calibration.
    pub(super) fn new(run: &'a SavedRun) -> Option<Self> {
        let measured: Vec<(&Scenario, &GeneratorCapability)> = run
            .started
            .as_ref()?
            .calibration
            .iter()
            .filter_map(|one| Some((run.plan.scenarios.get(usize::from(one.scenario))?, one)))
            .collect();
        let points = |of: &GeneratorCapability| run.timeline.points(usize::from(of.scenario));
        let length = measured.iter().map(|(_, of)| points(of).len()).max()?;
        let used = |at: usize| -> f64 {
            let part = |(_, of): &(&Scenario, &GeneratorCapability)| {
                points(of).get(at).map_or(0.0, started_per_second) / of.per_second()
            };
            measured.iter().map(part).sum()
        };
        let scenarios = measured.iter().map(|(scenario, of)| CapabilityReport {
            scenario: &scenario.name,
            unit: scenario.protocol.row().attempts,
            per_second: of.per_second(),
            used_per_second: points(of).iter().map(started_per_second).fold(0.0, f64::max),
            started: of.started,
            length_ns: of.length_ns,
        });
        Some(Self {
            used_ratio: (0..length).map(used).fold(0.0, f64::max),
            scenarios: scenarios.collect(),
        })
    }

    /// `used 34% of what this machine can generate (web: 5,000/s of 14.7k/s)`.
    pub(super) fn words(&self) -> String {
        let each = self.scenarios.iter().map(|one| {
            format!(
                "{}: {} of {}",
                visible(one.scenario),
                figure::rate(one.used_per_second),
                figure::rate(one.per_second)
            )
        });
        let each: Vec<String> = each.collect();
        // The busiest second is no exact figure.
        let percent = (self.used_ratio * 100.0).round();
        format!("used {percent}% of what this machine can generate ({})", each.join(", "))
    }
}

fn started_per_second(point: &TimelinePoint) -> f64 {
    point.counters.get(Counter::Started) as f64 / f64::from(point.seconds.max(1))
}
