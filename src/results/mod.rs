//! Turns result folders into what no single run can say: whether a folder still says what its data
//! say, what changed between runs, and the index of those that are published.
//!
//! **Invariant:** everything here is a function of [`SavedRun`](crate::store::SavedRun)s and of the
//! files beside them; no folder of a run is written to.

pub mod compare;
mod folders;
pub mod index;
pub mod verify;

pub use folders::runs_below;
