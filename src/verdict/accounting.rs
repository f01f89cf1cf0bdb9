//! Tells whether the counts of a phase add up, and whom dropped attempts count against.

use crate::plan::{OnFull, Protocol, Scenario};
use crate::record::{Cell, Counter};

/// The accounting identities of one phase; what has been started may be open as long as the run goes on.
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
    matches!(&scenario.protocol, Protocol::Http(http) if http.on_full == OnFull::Fail)
}
