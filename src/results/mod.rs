//! Compares result folders with their data and with each other: verification, comparison, and the
//! index of published runs.
//!
//! **Invariant:** everything here is a function of [`SavedRun`](crate::store::SavedRun)s and of the
//! files beside them; no folder of a run is written to.

pub mod baseline;
pub mod compare;
mod folders;
pub mod index;
pub mod verify;

pub use folders::runs_below;
