//! Turns a plan's schedule into load and its results into entries: the worker's loop, the coordinator, the pipe between them.
//!
//! **Invariant:** the only clock of the run is read here.

mod clock;
mod event;
mod facts;
pub mod hold;
pub mod http;
mod link;
mod load;
pub mod wire;

pub use clock::Clock;
pub use event::{Event, Resolved, ServerSide};
pub use facts::Own;
pub use link::Link;
pub use load::{Load, Route};
