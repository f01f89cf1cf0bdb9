//! What `[generator]` says about the machine that makes the load.

use std::net::IpAddr;

/// How this machine makes the load; every part has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Generator {
    /// Worker processes for each scenario; `None` lets planrun choose.
    pub workers: Option<u32>,
    /// Addresses to connect from, used in this order; empty leaves the choice to planrun (loopback) or the kernel.
    pub source_addresses: Vec<SourceRange>,
    /// First and last source port; `None` keeps the system's range.
    pub port_range: Option<(u16, u16)>,
    /// What a lost worker does to the run; the verdict is INVALID either way.
    pub on_worker_loss: OnWorkerLoss,
}

/// A run of neighbouring addresses of one family, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRange {
    /// The first address to connect from.
    pub first: IpAddr,
    /// The last address to connect from; not below `first`, of the same family.
    pub last: IpAddr,
}

/// What happens when a worker process dies or stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnWorkerLoss {
    /// The other workers go on to the end of the plan.
    #[default]
    Continue,
    /// The run ends at once, with its reports.
    Stop,
}
