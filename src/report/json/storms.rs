//! Turns the plan's events into JSON: how many each dropped, and when they were back.

use crate::plan::{Close, Stat};
use crate::report::figures::whole;
use crate::report::storms::EventFacts;
use schemars::JsonSchema;
use serde::Serialize;

/// One event. `null`: too few reconnected for this percentile.
#[derive(Serialize, JsonSchema)]
pub(super) struct EventReport {
    at_ns: u64,
    over_ns: u64,
    share: f64,
    #[schemars(extend("enum" = ["fin", "rst"]))]
    by: &'static str,
    dropped: u64,
    recovered: u64,
    unrecovered: u64,
    recovered_50_ns: Option<u64>,
    recovered_99_ns: Option<u64>,
}

impl EventReport {
    pub(super) fn new(fallen: &EventFacts<'_>) -> Self {
        let EventFacts { event, storm } = fallen;
        let after = |stat| storm.after(stat).filter(|ns| ns.is_finite()).map(whole);
        Self {
            at_ns: event.at.as_nanos(),
            over_ns: event.over.as_nanos(),
            share: event.share.0,
            by: match event.by {
                Close::Fin => "fin",
                Close::Rst => "rst",
            },
            dropped: storm.dropped,
            recovered: storm.recovered(),
            unrecovered: storm.dropped - storm.recovered().min(storm.dropped),
            recovered_50_ns: after(Stat::P50),
            recovered_99_ns: after(Stat::P99),
        }
    }
}
