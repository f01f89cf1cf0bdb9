//! Turns a plan's schedule into load and its results into entries: the worker's loop, the
//! coordinator, the pipe between them.
//!
//! **Invariant:** the only clock of the run is read here.

mod agent;
mod aggregator;
mod channel;
mod clock;
mod coordinator;
mod event;
mod files;
mod hold;
mod host_sampler;
mod http;
mod later_addresses;
mod load;
mod lookup;
mod lookups;
mod manifest;
mod monitors;
mod narrator;
mod probe;
mod process_stats;
mod rows;
mod target_error;
mod targets;
mod trial;
mod worker;
mod worker_process;

pub use agent::{AgentError, AgentSpec, AllowedTarget, attend};
pub use channel::host_wire::HostManifest;
pub use channel::{BrokerError, Link, wire};
pub use clock::{Clock, ClockOffset, ClockReading, monotonic_ns};
pub use coordinator::{
    Ended, EngineError, ExaminedHost, HostsSpec, Launch, RunSpec, examine_hosts, run,
};
pub use event::{Event, Resolved, ServerSide, Subscriber, Subscribers};
pub use files::{FileDigest, FileProblem, file_digests, file_memory, read_files, recheck_files};
pub use load::Load;
pub use manifest::{Manifest, ScenarioInputs, WorkerManifest};
pub use monitors::{MonitorError, probe_monitors};
pub use narrator::Narrator;
pub use process_stats::{ProcessStats, StallDetector};
pub use rows::{RowOutlook, RowSource, row_outlooks};
pub use target_error::TargetError;
pub use targets::Targets;
pub use trial::{
    HoldMessage, HoldTrial, HttpExchange, MessageKind, OpenedConnection, TrialEnd, TrialError,
    TrialOptions, Tried, trial_plan, try_scenario,
};
pub use worker_process::work;
