//! Collects the evidence about a scenario's failures from its recording, and diagnoses it.

use super::root_cause::UNKNOWN_ROUTE;
use super::{Evidence, diagnose};
use crate::machine::{Deltas, MachineLimits, Sources, is_here};
use crate::plan::{Level, Plan, Scenario};
use crate::record::{
    Cause, Cell, Counter, Diagnosis, Gauge, LostWorker, Recording, ScenarioRecording,
};
use crate::units::Address;
use serde::{Deserialize, Serialize};

/// How a process that was killed ended, in the words of the standard library.
const KILLED: &str = "SIGKILL";

/// The path of a scenario's connections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPath {
    /// From where to where, for people: `127.0.0.1 -> 127.0.0.1:8000`.
    pub route: String,
    /// Whether it ends on this machine.
    pub both_ends_here: bool,
}

impl NetworkPath {
    /// From some of `sources` to the addresses of a target.
    pub fn of(sources: &Sources, addresses: &[Address]) -> Self {
        let more = |first: String, all: usize| match all {
            0 | 1 => first,
            _ => format!("{first} and {} more", all - 1),
        };
        let from = sources.addresses.first().map_or("this machine".to_owned(), ToString::to_string);
        let to = addresses.first().map(ToString::to_string).unwrap_or_default();
        let (from, to) = (more(from, sources.addresses.len()), more(to, addresses.len()));
        let mut here = addresses.iter().map(|to| to.tcp().is_none_or(|to| is_here(to.ip())));
        let both_ends_here = !addresses.is_empty() && here.all(|is_here| is_here);
        Self { route: format!("{from} -> {to}"), both_ends_here }
    }
}

/// The diagnoses of one scenario, the most frequent root cause first; empty if nothing failed.
pub fn diagnose_scenario(
    plan: &Plan,
    recording: &Recording,
    index: usize,
    limits: &MachineLimits,
    path: Option<&NetworkPath>,
) -> Vec<Diagnosis> {
    let scenario = &plan.scenarios[index];
    let facts = &recording.scenarios[index];
    let whole = without_times(facts);
    let failures: Vec<(Cause, u64)> =
        whole.failures.iter().map(|(cause, tally)| (*cause, tally.count)).collect();
    let deaths: Vec<(u64, u64)> = whole.survival.ages().into_iter().collect();
    let of_this = |lost: &&LostWorker| usize::from(lost.scenario) == index;
    let lost = recording.lost_workers.iter().filter(of_this);
    let killed = lost.filter(|lost| lost.why.contains(KILLED)).count() as u64;
    if failures.is_empty() && killed == 0 {
        return Vec::new();
    }
    let (wanted, reached) = levels(scenario, facts, &whole);
    let opened = whole.counters.get(Counter::ConnectOk);
    let verified = whole.counters.get(scenario.protocol.row().served);
    diagnose(&Evidence {
        wanted,
        reached,
        opened,
        verified,
        failures: &failures,
        deaths: &deaths,
        killed,
        deltas: &Deltas(recording.kernel.clone()),
        limits,
        route: path.map_or(UNKNOWN_ROUTE, |path| &path.route),
        target_here: path.is_some_and(|path| path.both_ends_here),
        protocol: Some(&scenario.protocol),
        over_unix: plan.target(scenario).endpoint.is_unix(),
    })
}

/// All facts but the distributions, which are large and explain nothing.
fn without_times(facts: &ScenarioRecording) -> Cell {
    let mut whole = Cell::default();
    for cell in facts.cells.values() {
        whole.merge(&Cell {
            counters: cell.counters,
            failures: cell.failures.clone(),
            survival: cell.survival.clone(),
            ..Cell::default()
        });
    }
    whole
}

/// Connections that there should have been at the peak, of those that fell due, and that there
/// were. Requests have no such level: as many as were opened are enough.
fn levels(scenario: &Scenario, facts: &ScenarioRecording, whole: &Cell) -> (u64, u64) {
    let opened = whole.counters.get(Counter::ConnectOk).max(whole.counters.get(Counter::Ok));
    if scenario.protocol.row().level != Gauge::Open {
        return (opened, opened);
    }
    let users = scenario.stages.iter().map(|stage| match stage.level {
        Level::Users { users, .. } => users,
        Level::Rate { .. } => 0,
    });
    let wanted = users.max().unwrap_or(0).min(whole.counters.get(Counter::Due));
    let peak = facts.peak.as_ref().map_or(0, |peak| peak.open);
    let levels = facts.gauges_at.values().map(|gauges| gauges.get(Gauge::Open));
    let entered = facts.cells.values().map(|cell| cell.counters.get(Counter::HoldEntered));
    let reached = levels.chain(entered).chain([peak]).max().unwrap_or(0);
    (wanted, reached.min(wanted))
}
