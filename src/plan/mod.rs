//! Turns a plan's text into a [`Plan`], or into every reason why it cannot.
//!
//! **Invariant:** pure; no file is read here, no clock, no environment other than the one handed in.
//! **Invariant:** after parsing, nothing in a [`Plan`] can be invalid, so nothing downstream checks again.

mod churn;
mod earlier;
mod elements;
mod error;
mod fault_conflict;
mod foreign;
mod generator;
mod interpolate;
mod limits;
mod lower;
mod names;
mod overrides;
mod parse;
mod raw;
mod request;
mod scale;
mod scenario;
mod schema;
mod search;
mod secret;
mod source;
mod span;
mod stage;
mod suggest;
mod syntax;
mod target;
mod text;
mod threshold;
mod tree;

pub use crate::catalogue::{CountMetric, Metric, RateMetric, RatioMetric, Stat, TimeMetric};
pub use churn::{Churn, DisconnectEvent, Jitter, Lifetime, Reconnect};
pub use error::{PlanError, PlanErrors};
pub use fault_conflict::FaultConflict;
pub use generator::{Generator, OnInvalid, OnWorkerLoss, OwnLimits, SourceRange, SourceUse};
pub use interpolate::Environment;
pub use limits::AnswerLimits;
pub use lower::{Sparse, sparse};
pub use parse::LARGEST_PLAN;
pub use request::{
    Assertion, Body, Check, Data, Encoding, Extract, ExtractFrom, Piece, Placeholder, Request,
    Retry, RowOrder, Template, TextRange,
};
pub use scenario::{
    Close, ConnectionUse, Heartbeat, Http, OnFull, Protocol, Scenario, StartAfter, TcpHold,
    ThinkTime, Version, most_in_flight,
};
pub use search::{LevelUnit, Search, SearchWay};
pub use secret::Secrets;
pub use source::{Overrides, Source};
pub use stage::{Level, Phase, Ramp, Spacing, Stage};
pub(crate) use suggest::nearest;
pub use target::{
    Builtin, Certificate, Endpoint, Faults, HostPort, HttpServer, HttpUrl, Site, Target,
    TcpHoldServer, Tls,
};
pub use threshold::{Bound, Comparison, During, RequestScope, Scope, Threshold};

use serde::{Deserialize, Serialize};

/// A checked test plan. Immutable: what the user wrote, with defaults filled in and overrides applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Names the result folder; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// One line for people.
    pub description: Option<String>,
    /// Seeds think times, jitter and the choice of requests.
    pub seed: u64,
    /// Whom the plan loads; at least one.
    pub targets: Vec<Target>,
    /// What runs at the same time; at least one.
    pub scenarios: Vec<Scenario>,
    /// How this machine makes the load.
    pub generator: Generator,
    /// The search for the highest level that passes.
    pub search: Option<Search>,
}

impl Plan {
    /// The target of a scenario of this plan.
    pub fn target(&self, scenario: &Scenario) -> &Target {
        &self.targets[scenario.target]
    }
}

#[cfg(test)]
mod tests;
