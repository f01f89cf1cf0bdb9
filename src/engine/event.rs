//! Events of a run for its subscribers: the store that saves it, the terminal, lines, JSON, a page.
//!
//! **Invariant:** an event is cheap to clone: the facts of a second are shared, not copied.

use crate::machine::RunHost;
use crate::record::{Cause, Diagnosis, Entry, Recording, StopReason};
use crate::units::Address;
use crate::verdict::{Finding, Health, Judgement};
use serde::Serialize;
use std::sync::Arc;

/// One thing that subscribers learn, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Targets are resolved, servers and workers are up; the run's clock starts.
    Started {
        /// Where each target of the plan is at the start of the run.
        targets: Vec<Resolved>,
        /// Worker processes of each scenario.
        workers: Vec<u32>,
        /// Warnings of the preflight, in words.
        warnings: Vec<String>,
        /// The hosts that make the load; empty where this machine does.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        hosts: Vec<RunHost>,
    },
    /// A fact that is saved.
    Recorded(Arc<Entry>),
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
    /// A root cause of failures has been found, and was confirmed a second later or at the end;
    /// once for each root cause.
    Diagnosed {
        /// Index into `Plan::scenarios`.
        scenario: u16,
        /// When, on the run's clock.
        at_ns: u64,
        /// The root cause, and how to fix it.
        diagnosis: Diagnosis,
    },
    /// How the run stands; after every second.
    Judged {
        /// The thresholds.
        findings: Vec<Finding>,
        /// The rules of validity that measure something.
        health: Vec<Health>,
    },
    /// The run is being stopped.
    Stopping {
        /// Why.
        reason: StopReason,
        /// Whether attempts in progress are not waited for.
        at_once: bool,
    },
    /// All is over.
    Finished {
        /// The verdict.
        verdict: Judgement,
        /// The counters of the built-in servers, if there were any.
        servers: Vec<ServerSide>,
    },
}

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Resolved {
    /// The target's name.
    pub name: String,
    /// As the plan or the command line gives it: `lb.example:80`.
    pub written: Vec<String>,
    /// The addresses that are used in turn.
    pub addresses: Vec<Address>,
    /// Which of `written` each address belongs to; empty for a built-in server.
    pub origins: Vec<u16>,
    /// Probe connections that the preflight opened to it and closed again, before the run's clock
    /// started.
    pub probes: u64,
    /// How long its names took to resolve, one after the other, in nanoseconds; `None`: it has
    /// none.
    pub resolved_in_ns: Option<u64>,
}

/// The counters of a built-in server, as it printed them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ServerSide {
    /// The target's name.
    pub target: String,
    /// Counter and value, in the server's order.
    pub counters: Vec<(String, u64)>,
}

/// Whoever follows a run. Nothing that it does may hold up the run: what takes time belongs into a
/// thread of its own.
pub trait Subscriber {
    /// Takes in the next event; returns at once. `facts`: all that has been recorded so far, this
    /// event included; nobody else needs to add it up again.
    fn notify(&mut self, event: &Event, facts: &Recording);
}

/// All subscribers of a run, in the order in which they get events.
#[derive(Default)]
pub struct Subscribers<'a>(Vec<&'a mut dyn Subscriber>);

impl std::fmt::Debug for Subscribers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Subscribers").field(&self.0.len()).finish()
    }
}

impl<'a> Subscribers<'a> {
    /// The same with one more subscriber, which gets events last.
    #[must_use]
    pub fn with(mut self, subscriber: &'a mut dyn Subscriber) -> Self {
        self.0.push(subscriber);
        self
    }

    /// Tells everybody an event, and what has been recorded by then.
    pub fn notify(&mut self, event: &Event, facts: &Recording) {
        for subscriber in &mut self.0 {
            subscriber.notify(event, facts);
        }
    }
}
