//! Turns a plan's text into a [`Plan`], or into every reason why it cannot.
//!
//! **Invariant:** pure; no file is read here, no clock, no environment other than the one handed
//! in.
//! **Invariant:** after parsing, nothing in a [`Plan`] can be invalid, so nothing downstream checks
//! again.

mod earlier;
mod elements;
mod error;
mod foreign;
mod generated;
mod interpolate;
mod keys;
mod names;
mod overrides;
mod parse;
mod raw;
mod reference;
mod scale;
mod schema;
mod secret;
mod source;
mod span;
mod suggest;
mod syntax;
mod text;
mod tree;

pub use crate::catalogue::{CountMetric, Metric, Phase, RateMetric, RatioMetric, Stat, TimeMetric};
pub use elements::baseline::BaselineFolder;
pub use elements::compare::{CompareSettings, DEFAULT_RUNS, MOST_RUNS};
pub use elements::generator::{
    Generator, OnHostLoss, OnInvalid, OnWorkerLoss, SourceRange, SourceUse,
};
pub use elements::hold::churn::Churn;
pub use elements::hold::close::Close;
pub use elements::hold::event::DisconnectEvent;
pub use elements::hold::expect::{Expect, Frame, LengthPrefix, MessageContent};
pub use elements::hold::heartbeat::Heartbeat;
pub use elements::hold::lifetime::Lifetime;
pub use elements::hold::message::{Message, MessagePart};
pub use elements::hold::opening::{OpeningMessages, OpeningStep};
pub use elements::hold::reconnect::{Jitter, Reconnect};
pub use elements::hold::send_every::SendEvery;
pub use elements::hold::settings::HoldSettings;
pub use elements::hold::stream_pattern::{PatternStep, StreamPattern};
pub use elements::hold::websocket::WebSocket;
pub use elements::http::connection::ConnectionUse;
pub use elements::http::data::{Data, RowOrder};
pub use elements::http::expect::{Assertion, Check, count_only};
pub use elements::http::extract::{Extract, ExtractFrom};
pub use elements::http::limits::AnswerLimits;
pub use elements::http::parsed::{HeaderName, HeaderValue, HostHeader, RequestPath, Templated};
pub use elements::http::pattern::Pattern;
pub use elements::http::request::{Body, OnFailure, Request, Retry};
pub use elements::http::template::{Encoding, Piece, Template};
pub use elements::http::think_time::ThinkTime;
pub use elements::http::version::HttpVersion;
pub use elements::http::{Http, OnFull, most_in_flight};
pub use elements::monitor::{Monitor, MonitoredMetric};
pub use elements::protocol::Protocol;
pub use elements::scenario::{Scenario, StartAfter};
pub use elements::search::{LevelUnit, Search, SearchWay};
pub use elements::stage::{Level, Ramp, Spacing, Stage};
pub use elements::target::address::{HostPort, HttpUrl, Site};
pub use elements::target::builtin::{
    Builtin, Certificate, HttpServer, TcpHoldServer, WebSocketServer,
};
pub use elements::target::dns::Dns;
pub use elements::target::fault_conflict::FaultConflict;
pub(crate) use elements::target::fault_conflict::as_argument;
pub use elements::target::faults::Faults;
pub use elements::target::forward_proxy::ForwardProxy;
pub use elements::target::proxy_protocol::ProxyVersion;
pub use elements::target::resolve::{FixedName, fixed_addresses};
pub use elements::target::tls::Tls;
pub use elements::target::{Endpoint, Target};
pub use elements::threshold::expected::{Sparse, sparse};
pub use elements::threshold::relative::{BoundChange, RelativeBound};
pub use elements::threshold::{Bound, Comparison, During, RequestScope, Scope, Threshold};
pub use elements::validity_limits::ValidityLimits;
pub use elements::work::FixedWork;
pub use error::{PlanError, PlanErrors};
pub use generated::{Generated, GeneratedKind, TimeFormat};
pub use interpolate::Environment;
pub use parse::LARGEST_PLAN;
pub use reference::{KeyRow, KeySection};
pub use secret::Secrets;
pub use source::{Overrides, Source};
pub use span::TextRange;
pub(crate) use suggest::nearest;
pub use text::Placeholder;

use serde::{Deserialize, Serialize};

/// A checked test plan. Immutable: the user's text, with defaults filled in and overrides applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Names the result folder; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// A one-line description.
    pub description: Option<String>,
    /// Seeds think times, jitter and the choice of requests.
    pub seed: u64,
    /// The systems under test; at least one.
    pub targets: Vec<Target>,
    /// The scenarios, which run at the same time; at least one.
    pub scenarios: Vec<Scenario>,
    /// The monitors that are read during the run.
    pub monitors: Vec<Monitor>,
    /// How this machine makes the load.
    pub generator: Generator,
    /// The search for the highest level that passes.
    pub search: Option<Search>,
    /// How often it is run.
    pub repeat: Option<u64>,
    /// The comparison of runs in turns.
    pub compare: Option<CompareSettings>,
    /// The earlier run that thresholds are relative to.
    pub baseline: Option<BaselineFolder>,
}

impl Plan {
    /// Whether a threshold is relative to a baseline.
    pub fn needs_baseline(&self) -> bool {
        self.scenarios.iter().flat_map(|one| &one.thresholds).any(|one| one.relative.is_some())
    }

    /// The target of a scenario of this plan.
    pub fn target(&self, scenario: &Scenario) -> &Target {
        &self.targets[scenario.target]
    }
}

#[cfg(test)]
mod tests;
