//! Turns a plan's schedule into load and its results into entries: the worker's loop, the coordinator, the pipe between them.
//!
//! **Invariant:** the only clock of the run is read here.

mod clock;
mod coordinator;
mod event;
mod files;
pub mod hold;
pub mod http;
mod link;
mod load;
mod process_stats;
mod rows;
mod targets;
pub mod wire;
mod worker;

pub use clock::{Clock, monotonic_ns};
pub use coordinator::{Ended, EngineError, RunOrder, run};
pub use event::{Event, Resolved, ServerSide};
pub use files::{FileProblem, file_bytes, read_files};
pub use link::Link;
pub use load::{Load, Route};
pub use process_stats::{ProcessStats, StallDetector};
pub use rows::{RowOutlook, RowSource, row_outlooks};
pub use targets::{TargetError, Targets};
pub use worker::work;
