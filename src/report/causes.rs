//! Turns a scenario's failures, the kernel's counters and the limits that were saved with the run into named culprits.
//!
//! **Invariant:** the machine that makes the report is not looked at.

use super::Run;
use crate::machine::{Blame, Deltas, Evidence, Limits, blame};
use crate::plan::{Level, Protocol, Scenario};
use crate::record::{Cause, Cell, Counter, Gauge, ScenarioRecording};
use std::collections::BTreeMap;

/// How a process that was killed ended, in the words of the standard library.
const KILLED: &str = "SIGKILL";

/// The culprits of one scenario, the one with most failures first; empty when nothing failed.
pub fn causes(run: &Run<'_>, index: usize) -> Vec<Blame> {
    let scenario = &run.plan.scenarios[index];
    let facts = &run.recording.scenarios[index];
    let mut whole = Cell::default();
    facts.cells.values().for_each(|cell| whole.merge(cell));
    let failures: Vec<(Cause, u64)> =
        whole.failures.iter().map(|(cause, tally)| (*cause, tally.count)).collect();
    let deaths: Vec<(u64, u64)> = whole.survival.ages().into_iter().collect();
    let of_this = |lost: &&(u16, u16, u64, String)| usize::from(lost.0) == index;
    let lost = run.recording.lost.iter().filter(of_this);
    let killed = lost.filter(|(.., why)| why.contains(KILLED)).count() as u64;
    let (wanted, reached) = levels(scenario, facts, &whole);
    let verified = match scenario.protocol {
        Protocol::TcpHold(_) => whole.counters.get(Counter::Verified),
        Protocol::Http(_) => whole.counters.get(Counter::Ok),
    };
    let nothing = Limits::default();
    let limits = run
        .finished
        .and_then(|finished| finished.limits.as_ref())
        .or(run.started.and_then(|started| started.limits.as_ref()));
    let way = run.started.and_then(|started| started.ways.get(index));
    blame(&Evidence {
        wanted,
        reached,
        verified,
        failures: &failures,
        deaths: &deaths,
        killed,
        deltas: &Deltas(run.recording.kernel.clone()),
        limits: limits.unwrap_or(&nothing),
        route: way.map_or("the way to the target", |way| &way.route),
        target_here: way.is_some_and(|way| way.both_ends_here),
    })
}

/// Connections that there should have been at the peak, of those that fell due, and that there were. Requests have no such level: as
/// many as were opened are enough.
fn levels(scenario: &Scenario, facts: &ScenarioRecording, whole: &Cell) -> (u64, u64) {
    let opened = whole.counters.get(Counter::ConnectOk).max(whole.counters.get(Counter::Ok));
    if matches!(scenario.protocol, Protocol::Http(_)) {
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

/// How the kernel's counters changed while a stage was the current one; what did not change is not here.
pub fn kernel_of_stage(facts: &ScenarioRecording, stage: u16) -> BTreeMap<&str, i64> {
    let mut sum: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, changes) in facts.kernel.iter().filter(|(key, _)| key.stage == stage) {
        for (name, change) in changes {
            *sum.entry(name.as_str()).or_default() += change;
        }
    }
    sum.retain(|_, change| *change != 0);
    sum
}
