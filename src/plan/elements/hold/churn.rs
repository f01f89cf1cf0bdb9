//! How connections come and go while a level is held.

use crate::plan::elements::extent;
use crate::plan::elements::hold::RawHold;
use crate::plan::elements::hold::event::event;
use crate::plan::elements::hold::lifetime::lifetime;
use crate::plan::elements::hold::reconnect::reconnect;
use crate::plan::error::Errors;
use crate::plan::{DisconnectEvent, Lifetime, Reconnect, Stage};
use serde::{Deserialize, Serialize};

/// How a scenario's connections come and go while its level is held. The default: they stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Churn {
    /// The reaction to a connection that was lost, dropped by an event, or not opened.
    pub reconnect: Reconnect,
    /// How long each connection is kept before another one takes its place; `None`: as long as the
    /// level is held.
    pub lifetime: Option<Lifetime>,
    /// Planned drops, in the order of their times.
    pub events: Vec<DisconnectEvent>,
}

impl Churn {
    /// Whether connections are opened outside of ramps.
    pub fn reopens(&self) -> bool {
        self.reconnect != Reconnect::Never || self.lifetime.is_some()
    }

    /// Whether connections come or go outside of ramps.
    pub fn is_any(&self) -> bool {
        self.reopens() || !self.events.is_empty()
    }
}

/// The most events of a scenario.
const MOST: usize = 1_000;

/// `stages` is empty where they could not be read.
pub(in crate::plan) fn churn(raw: &RawHold, stages: &[Stage], errors: &mut Errors) -> Churn {
    let mut events = Vec::new();
    if let Some(given) = raw.events.given() {
        if given.value.is_empty() {
            errors.add(given.at, "the list of events is empty").help(
                "leave `events` out, or add one: `events = [{ at = \"30s\", drop = \"10%\" }]`",
            );
        }
        if given.value.len() > MOST {
            errors.add(given.at, format!("a scenario has at most {MOST} events"));
        } else {
            let end = extent::length(stages);
            events.extend(given.value.iter().map(|raw| event(raw, end, errors)));
        }
    }
    events.sort_by_key(|event| event.at);
    Churn {
        reconnect: reconnect(&raw.reconnect, errors),
        lifetime: lifetime(&raw.lifetime, errors),
        events,
    }
}
