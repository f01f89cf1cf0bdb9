//! Turns what happened into facts that add up: counters, histograms and causes, by scenario, stage
//! and phase.
//!
//! **Invariant:** no clock, no I/O, and no way to take a fact back.
//! **Invariant:** everything merges by addition, in any order; a percentile is only ever computed
//! from a merged histogram.

mod address;
mod capability;
mod cell;
mod connection_end;
mod cookie;
mod counters;
mod cut_off;
mod failed_exchange;
mod failure;
mod generator_load;
mod histogram_v2;
mod host;
mod host_part;
mod lookup;
mod measure;
mod monitored;
mod recorder;
mod recording;
mod request;
mod root_cause;
mod snapshot;
mod sparse;
mod storm;
mod survival;
mod times;
mod transitions;

pub use crate::catalogue::{Counter, Gauge};
pub use address::AddressTally;
pub use capability::GeneratorCapability;
pub use cell::{Cell, CellKey, CheckTally, keep_exchange};
pub use connection_end::ConnectionEnd;
pub use cookie::CookieLoss;
pub use counters::{Counters, Gauges};
pub use cut_off::under_way;
pub use failed_exchange::{FailedExchange, MOST_EXCHANGES};
pub use failure::{AttemptOutcome, Cause, Failure, FailureStage, FailureTally, Origin};
pub use generator_load::{GeneratorLoad, HostDelta, HostLoad, WINDOW_SECONDS, WorkerLoad};
pub use histogram_v2::HIGHEST_NS;
pub use host::{HostId, HostLevels, HostReading, HostSample, Peak};
pub use host_part::{HostPart, HostRecordings, HostTotals, LostWorker};
pub use lookup::{Lookup, LookupRecording};
pub use measure::{Measure, MeasuredSpan, measure};
pub use monitored::{MonitorReading, MonitorRecording, MonitorTally};
pub use recorder::Recorder;
pub use recording::{Entry, Recording, ScenarioRecording, StopReason, signal_name};
pub use request::RequestTally;
pub use root_cause::{Diagnosis, RootCause, Side};
pub use snapshot::{KeptApart, STALL_NS, ScenarioSecond, Second, Snapshot, WorkerFacts};
pub use sparse::SparseTimes;
pub use storm::Storm;
pub use survival::{Curve, CurvePoint, Life, LifeEnd, Spike, SpikeKind, Survival, spikes};
pub use times::TimeHistograms;
pub use transitions::{PassedTransitions, StageTransition, Transition};
