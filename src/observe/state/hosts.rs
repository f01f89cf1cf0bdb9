//! The hosts of a run in the last second, the worst first.

use super::super::view::{HostState, HostView};
use crate::plan::Plan;
use crate::record::{Counter, HostId, HostPart, HostRecordings};

/// Every host that has reported, as it is now.
pub(super) fn hosts(plan: &Plan, facts: &HostRecordings) -> Vec<HostView> {
    let numbers = (1..).take(facts.names.len()).map(HostId::numbered);
    let mut views: Vec<HostView> =
        numbers.zip(&facts.names).map(|(host, name)| view(plan, facts, (host, name))).collect();
    views.sort_by(HostView::worst_first);
    views
}

fn view(plan: &Plan, facts: &HostRecordings, (host, name): (HostId, &str)) -> HostView {
    let mut view = HostView {
        name: name.to_owned(),
        state: HostState::Ended,
        cpu_ratio: facts.cpu(host),
        lag_max_ns: 0,
        rate: 0.0,
        level: 0,
        failure_ratio: None,
    };
    let (mut ended, mut failed) = (0, 0);
    for (scenario, index) in plan.scenarios.iter().zip(0..) {
        let Some(totals) = facts.totals(host, index) else { continue };
        let (part, row) = (&totals.last, scenario.protocol.row());
        let all = |counter| totals.counters.get(counter);
        let bad = all(Counter::Failed) + all(Counter::TimedOut);
        failed += bad;
        ended += bad + all(Counter::Ok);
        view.rate += part.counters.get(row.started()) as f64;
        view.level += part.gauges.get(row.level);
        view.lag_max_ns = view.lag_max_ns.max(part.workers.lag_max_ns);
        view.state = view.state.max(state(part));
    }
    view.failure_ratio = (ended > 0).then(|| failed as f64 / ended as f64);
    if facts.is_lost(host) {
        view.state = HostState::Lost;
    }
    view
}

fn state(part: &HostPart) -> HostState {
    match (part.reporting, part.at_work) {
        (0, 0) => HostState::Ended,
        (reporting, at_work) if reporting < at_work => HostState::Late,
        _ => HostState::Running,
    }
}
