//! Turns the events of a run into what its folder keeps of it.

use crate::engine::{Event, Resolved, Subscriber};
use crate::machine::{MachineLimits, NetworkPath};
use crate::record::{GeneratorCapability, Recording};
use crate::store::{ResolvedTarget, Started, Store, UsedFile};
use jiff::Timestamp;

/// Saves a run.
#[derive(Debug)]
pub(super) struct Saving {
    pub(super) store: Store,
    /// Of each scenario's connections.
    pub(super) paths: Vec<NetworkPath>,
    /// The files that requests are made of.
    pub(super) files: Vec<UsedFile>,
    /// The load that this machine can generate, if it was measured.
    pub(super) calibration: Vec<GeneratorCapability>,
    /// This machine's limits before the run.
    pub(super) limits: MachineLimits,
}

impl Saving {
    fn started(&self, targets: &[Resolved], workers: &[u32], warnings: &[String]) -> Started {
        let resolved = |target: &Resolved| ResolvedTarget {
            name: target.name.clone(),
            written: target.written.clone(),
            addresses: target.addresses.clone(),
            probes: target.probes,
            dns_time_ns: target.resolved_in_ns,
        };
        Started {
            at: Timestamp::now(),
            targets: targets.iter().map(resolved).collect(),
            workers: workers.to_vec(),
            warnings: warnings.to_vec(),
            paths: self.paths.clone(),
            files: self.files.clone(),
            limits: Some(self.limits.clone()),
            calibration: self.calibration.clone(),
            hosts: Vec::new(),
        }
    }
}

impl Subscriber for Saving {
    fn notify(&mut self, event: &Event, _: &Recording) {
        match event {
            Event::Started { targets, workers, warnings, hosts } => {
                let started = self.started(targets, workers, warnings);
                self.store.started(Started { hosts: hosts.clone(), ..started });
            }
            Event::Recorded(entry) => self.store.add(entry),
            // All else follows from these.
            Event::FirstFailure { .. }
            | Event::Diagnosed { .. }
            | Event::Judged { .. }
            | Event::Stopping { .. }
            | Event::Finished { .. } => {}
        }
    }
}
