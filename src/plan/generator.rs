//! What `[generator]` says about the machine that makes the load.

use crate::units::{Ratio, Time};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How this machine makes the load; every part has a default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Worker processes for each scenario; `None` lets planrun choose.
    pub workers: Option<u32>,
    /// Addresses to connect from; empty leaves the choice to planrun (loopback) or the kernel.
    pub source_addresses: Vec<SourceRange>,
    /// What these addresses are for.
    pub source_use: SourceUse,
    /// First and last source port; `None` keeps the system's range.
    pub port_range: Option<(u16, u16)>,
    /// What a lost worker does to the run; the verdict is INVALID either way.
    pub on_worker_loss: OnWorkerLoss,
    /// What happens once the run can only be INVALID any more.
    pub on_invalid: OnInvalid,
    /// Limits of rules of validity in place of planrun's own.
    pub limits: OwnLimits,
}

/// Limits of the plan's own, each by the name of its rule; `None` leaves planrun's. A value at its limit is within it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct OwnLimits {
    /// Of the 99th percentile of how late attempts start.
    pub schedule_lag: Option<Time>,
    /// Of the part of the due attempts that is never started.
    pub dropped: Option<Ratio>,
    /// Of the part of the attempts that fails by this machine's own fault.
    pub local_failures: Option<Ratio>,
    /// Of the part of their time in which workers stand still.
    pub stalled: Option<Ratio>,
    /// Of what a worker uses of a processor.
    pub worker_cpu: Option<Ratio>,
    /// Of the part of the processors' time that a hypervisor gives to others.
    pub steal: Option<Ratio>,
}

/// What happens to a run that can only be INVALID any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnInvalid {
    /// It ends ten seconds later, with its reports: nobody waits an hour for what is known.
    #[default]
    Stop,
    /// It goes on to the end of the plan.
    Continue,
}

/// What the plan's source addresses are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SourceUse {
    /// Connections are spread over all of them: a balancer that goes by the source sees as many clients.
    #[default]
    Spread,
    /// For ports alone: the next address is used once the ports of the one before it get scarce.
    Reserve,
}

/// A run of neighbouring addresses of one family, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRange {
    /// The first address to connect from.
    pub first: IpAddr,
    /// The last address to connect from; not below `first`, of the same family.
    pub last: IpAddr,
}

/// What happens when a worker process dies or stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnWorkerLoss {
    /// The other workers go on to the end of the plan.
    #[default]
    Continue,
    /// The run ends at once, with its reports.
    Stop,
}
