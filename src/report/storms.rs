//! Turns the plan's events and what was recorded of them into pairs.

use crate::plan::{Event, Protocol, Scenario};
use crate::record::{Cell, Counter, Storm};

/// An event, and what became of the connections that it dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallen<'a> {
    /// As planned.
    pub event: &'a Event,
    /// As it was.
    pub storm: Storm,
}

/// The events of a scenario, in the order of their times. None in a run that was saved before events were told apart.
pub fn storms<'a>(scenario: &'a Scenario, whole: &Cell) -> Vec<Fallen<'a>> {
    let Protocol::TcpHold(hold) = &scenario.protocol else { return Vec::new() };
    if whole.storms.is_empty() && whole.counters.get(Counter::StormDropped) > 0 {
        return Vec::new();
    }
    let storm = |event| whole.storms.get(&event).cloned().unwrap_or_default();
    (0..).zip(&hold.churn.events).map(|(at, event)| Fallen { event, storm: storm(at) }).collect()
}
