//! Pairs the plan's events with what was recorded of them.

use crate::plan::{DisconnectEvent, Scenario};
use crate::record::{Cell, Counter, Storm};

/// An event, and the outcome of the connections that it dropped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EventFacts<'a> {
    /// As planned.
    pub event: &'a DisconnectEvent,
    /// As it was.
    pub storm: Storm,
}

/// The events of a scenario, in the order of their times. None in a run that was saved before
/// events were recorded separately.
pub(super) fn storms<'a>(scenario: &'a Scenario, whole: &Cell) -> Vec<EventFacts<'a>> {
    if whole.storms.is_empty() && whole.counters.get(Counter::StormDropped) > 0 {
        return Vec::new();
    }
    let events = scenario.protocol.churn().into_iter().flat_map(|churn| &churn.events);
    let storm = |event| whole.storms.get(&event).cloned().unwrap_or_default();
    (0..).zip(events).map(|(at, event)| EventFacts { event, storm: storm(at) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan, Source};

    #[test]
    fn a_run_saved_before_events_were_told_apart_has_none() {
        let text = "name = \"s\"\n[targets.t]\nbuiltin = \"tcp-hold\"\n[scenarios.s]\nprotocol = \"tcp-hold\"\n\
                    events = [{ at = \"1s\", drop = \"10%\" }]\nstages = [{ users = 100, hold = \"5s\" }]\n";
        let source = Source { name: "s.toml".to_owned(), text: text.to_owned() };
        let plan = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap();
        let scenario = &plan.scenarios[0];
        let old: Cell = serde_json::from_str("{\"counters\":{\"storm.dropped\":10}}").unwrap();
        assert!(storms(scenario, &old).is_empty());
        // Nobody was there to be dropped: the report says so.
        let nobody = storms(scenario, &Cell::default());
        assert_eq!(nobody.iter().map(|one| one.storm.dropped).collect::<Vec<_>>(), [0]);
    }
}
