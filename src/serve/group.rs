//! Turns one server into several processes of it, because descriptors, or cores, ask for more than
//! one.
//!
//! **Invariant:** this process serves nothing itself; it waits for the end, or for the loss of one
//! of its own.
//! **Invariant:** no process of a group outlives this one: the kernel kills it, and its standard
//! input ends.

#![expect(clippy::disallowed_methods, reason = "processes that do not end in time are given up")]

use super::running::{Process, Running, arguments};
use super::{Counts, ServeError, Stop, check, listen};
use crate::plan::Builtin;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the processes may take to stop, all together.
const STOP: Duration = Duration::from_secs(30);

/// Server processes below this one.
#[derive(Debug)]
pub struct Group {
    members: Vec<Running>,
}

impl Group {
    /// Starts `processes` of `exe` (this program). With port 0 each gets its own port; any other
    /// port is shared, and the kernel spreads connections over the processes. Process `i` counts
    /// its connections from 0, and seeds its faults with the seed plus `i`.
    pub fn start(
        exe: &Path,
        builtin: &Builtin,
        address: SocketAddr,
        processes: u64,
    ) -> Result<Self, ServeError> {
        check(builtin)?;
        let shared = address.port() != 0;
        if shared {
            listen::ensure_free(address)?;
        }
        let mut builtin = builtin.clone();
        let mut started = Vec::new();
        for _ in 0..processes {
            let mut arguments = arguments(&builtin);
            arguments.push(format!("--listen={address}"));
            arguments.push(format!("--parent={}", std::process::id()));
            if shared {
                arguments.push("--shared-port".into());
            }
            started.push(Process::spawn(exe, &arguments)?);
            let faults = match &mut builtin {
                Builtin::TcpHold(server) => &mut server.faults,
                Builtin::Http(server) => &mut server.faults,
            };
            faults.seed = faults.seed.wrapping_add(1);
        }
        let members = started.into_iter().map(Running::listening).collect::<Result<_, _>>()?;
        Ok(Self { members })
    }

    /// The addresses for clients: a port for each process, or one for all.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> =
            self.members.iter().flat_map(|member| member.addresses().iter().copied()).collect();
        addresses.dedup();
        addresses
    }

    /// The certificates that clients must trust: each process may have its own.
    pub fn certificate(&self) -> Option<String> {
        let mut all: Vec<&str> = self.members.iter().filter_map(Running::certificate).collect();
        all.dedup();
        (!all.is_empty()).then(|| all.concat())
    }

    /// The processes that serve.
    pub fn pids(&self) -> Vec<u32> {
        self.members.iter().flat_map(Running::pids).collect()
    }

    /// Waits for `stop`; returns the sum of all processes' counters. A process that ends before is
    /// an error.
    pub fn run(mut self, mut stop: Stop) -> Result<Counts, ServeError> {
        let mut stopping = stop.requested()?;
        while !stopping {
            let watched: Vec<_> = self.members.iter().map(Running::watched).collect();
            stopping = stop.wait(&watched)?;
            if !stopping && let Some(error) = self.members.iter_mut().find_map(Running::ended) {
                return Err(error);
            }
        }
        for member in &mut self.members {
            member.ask_to_stop();
        }
        let until = Instant::now() + STOP;
        let mut sum = Counts::default();
        for member in &mut self.members {
            sum.merge(&member.counts(until)?);
        }
        Ok(sum)
    }
}

/// Asks the kernel to kill this process when `parent`, which started it, ends.
pub fn die_with(parent: u32) -> Result<(), ServeError> {
    let failed =
        |errno: nix::Error| ServeError::system("tie this process to its parent")(errno.into());
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(failed)?;
    // It may have ended before the kernel was asked.
    if u32::try_from(nix::unistd::getppid().as_raw()) == Ok(parent) {
        Ok(())
    } else {
        Err(ServeError::Process { pid: parent, what: "ended before this one started".into() })
    }
}
