//! What a run tells those who watch it: the store that saves it, the screen, later a dashboard.

use crate::record::{Cause, Entry};
use crate::units::Address;
use crate::verdict::{Finding, Judgement};

/// One thing that watchers learn, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Targets are resolved, servers and workers are up; the run's clock starts.
    Started {
        /// Where each target of the plan is: resolved once, pinned for the run.
        targets: Vec<Resolved>,
        /// Worker processes of each scenario.
        workers: Vec<u32>,
        /// Warnings of the preflight, in words.
        warnings: Vec<String>,
    },
    /// A fact that is saved.
    Recorded(Entry),
    /// A cause of failure was seen for the first time in this scenario.
    FirstFailure {
        /// Index into `Plan::scenarios`.
        scenario: u16,
        /// What.
        cause: Cause,
        /// When, on the run's clock.
        at_ns: u64,
        /// One example in words.
        sample: String,
    },
    /// How the thresholds stand; after every second.
    Judged(Vec<Finding>),
    /// The run is being brought to its end, gracefully or at once.
    Stopping {
        /// Why, in words: `Ctrl-C: closing; once more to stop at once`.
        why: String,
    },
    /// All is over.
    Finished {
        /// What the run proves.
        verdict: Judgement,
        /// What the built-in servers counted, if there were any.
        servers: Vec<ServerSide>,
    },
}

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// The target's name.
    pub name: String,
    /// As the plan or the command line gives it: `lb.example:80`.
    pub written: Vec<String>,
    /// The addresses that are used in turn.
    pub addresses: Vec<Address>,
    /// Which of `written` each address belongs to; empty for a built-in server.
    pub origins: Vec<u16>,
    /// Probe connections that the preflight opened to it and closed again, before the run's clock started.
    pub probes: u64,
    /// How long its names took to resolve, one after the other, in nanoseconds; `None`: it has none.
    pub resolved_in_ns: Option<u64>,
}

/// What a built-in server counted, as it printed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerSide {
    /// The target's name.
    pub target: String,
    /// Counter and value, in the server's order.
    pub counters: Vec<(String, u64)>,
}
