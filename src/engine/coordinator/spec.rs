//! The input of a run, and its result.

use super::super::channel::BrokerError;
use super::super::channel::wire::WireError;
use super::super::manifest::Manifest;
use super::recruiting::HostsSpec;
use crate::record::Recording;
use crate::verdict::Judgement;
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
    /// The hosts cannot make the load; nothing was sent.
    #[error("{why}")]
    Host {
        /// Why, with the host's name.
        why: String,
    },
    /// The broker between the hosts cannot be used; nothing was sent.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The data that workers need exceeds the size of a message.
    #[error("cannot send the plan and its files to a worker")]
    Manifest(#[source] WireError),
    /// No thread could be had for the lookups of names.
    #[error("cannot start to look up names")]
    Lookups(#[source] io::Error),
    /// No thread or timer could be had for the monitors.
    #[error("cannot start to read the monitors")]
    Monitors(#[source] io::Error),
}

impl EngineError {
    /// The remedy, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Worker { why } if why.contains("SIGKILL") => Some(
                "nothing was sent; run the plan again, and see whether the kernel was short of \
                 memory: `dmesg | grep -i 'out of memory'`",
            ),
            Self::Worker { .. } => Some("nothing was sent; run the plan again"),
            Self::Host { .. } | Self::Broker(_) => Some("nothing was sent"),
            Self::Start { .. } | Self::Manifest(_) | Self::Lookups(_) | Self::Monitors(_) => None,
        }
    }
}

/// The input of the coordinator.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// The program that is started as worker: planrun itself.
    pub exe: PathBuf,
    /// The manifest of the load.
    pub manifest: Manifest,
    /// Processes of the built-in servers.
    pub servers: Vec<u32>,
    /// Unpaced ramps that may run at once.
    pub cores: usize,
    /// Warnings of the preflight, in words.
    pub warnings: Vec<String>,
    /// The hosts that make the load; `None`: this machine does.
    pub hosts: Option<HostsSpec>,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its verdict.
    pub verdict: Judgement,
    /// Its facts.
    pub recording: Recording,
}
