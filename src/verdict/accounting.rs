//! Tells whether the counts of a phase add up, how high they can get, and whom dropped attempts
//! count against.

use crate::plan::{Level, OnFull, Phase, Scenario, Stage};
use crate::record::{Cell, CellKey, Counter};

/// The accounting identities of one phase; what has been started may be open as long as the run
/// goes on.
pub(super) fn imbalance(cell: &Cell, ended: bool) -> Option<String> {
    let get = |counter| cell.counters.get(counter);
    let (due, started, dropped) = (get(Counter::Due), get(Counter::Started), get(Counter::Dropped));
    if due != started + dropped {
        return Some(format!("due {due} is not started {started} + dropped {dropped}"));
    }
    let (ok, failed) = (get(Counter::Ok), get(Counter::Failed));
    let (timed_out, unfinished) = (get(Counter::TimedOut), get(Counter::Unfinished));
    (ended && started != ok + failed + timed_out + unfinished).then(|| {
        format!("started {started} is not ok {ok} + failed {failed} + timed_out {timed_out} + unfinished {unfinished}")
    })
}

/// Whether what is dropped counts against the target.
pub(super) fn drops_are_meant(scenario: &Scenario) -> bool {
    scenario.protocol.on_full() == OnFull::Fail
}

/// The most attempts that can fall due in a phase; infinite where users set the pace, and for the
/// drain, which is short.
pub(super) fn most_due(scenario: &Scenario, key: CellKey) -> f64 {
    let at = usize::from(key.stage);
    let rate = |stage: &Stage| match stage.level {
        Level::Rate { rate, .. } => Some(rate.value()),
        Level::Users { .. } => None,
    };
    let Some((stage, rate_now)) = scenario.stages.get(at).and_then(|one| Some((one, rate(one)?)))
    else {
        return f64::INFINITY;
    };
    let before = at.checked_sub(1).and_then(|before| rate(&scenario.stages[before]));
    match (key.phase, stage.level) {
        (Phase::Hold, _) => rate_now * stage.hold.0.as_secs_f64(),
        (Phase::Ramp, Level::Rate { ramp, .. }) => {
            rate_now.max(before.unwrap_or(0.0)) * ramp.0.as_secs_f64()
        }
        _ => f64::INFINITY,
    }
}
