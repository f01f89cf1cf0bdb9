//! What a run is made from, and what it comes to.

use super::super::event::Resolved;
use crate::machine::Sources;
use crate::plan::{Overrides, Plan, Source};
use crate::protocol::http::Files;
use crate::protocol::tls::Peers;
use crate::record::Recording;
use crate::verdict::Verdict;
use std::io;
use std::path::PathBuf;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A worker process could not be started.
    #[error("cannot start a worker process with {}", exe.display())]
    Start {
        /// The program.
        exe: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A worker was not fit to begin.
    #[error("a worker could not begin: {why}")]
    Worker {
        /// Why.
        why: String,
    },
}

/// Everything that a run is made from.
#[derive(Debug, Clone)]
pub struct RunOrder {
    /// The program that is started as worker: planrun itself.
    pub exe: PathBuf,
    /// The plan's text.
    pub source: Source,
    /// What the command line changes of it.
    pub overrides: Overrides,
    /// The plan.
    pub plan: Plan,
    /// Where each target is.
    pub targets: Vec<Resolved>,
    /// Whom connections to each target are secured with.
    pub peers: Vec<Option<Peers>>,
    /// The files that each scenario names.
    pub files: Vec<Files>,
    /// Worker processes of each scenario.
    pub workers: Vec<u32>,
    /// Where each scenario connects from.
    pub sources: Vec<Sources>,
    /// Processes of the built-in servers.
    pub servers: Vec<u32>,
    /// Unpaced ramps that may be made at once.
    pub cores: usize,
    /// Warnings of the preflight, in words.
    pub warnings: Vec<String>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// What it proves.
    pub verdict: Verdict,
    /// Its facts.
    pub recording: Recording,
}
