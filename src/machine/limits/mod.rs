//! Turns `/proc` and `/sys` into the limits that a run meets.
//!
//! **Invariant:** what cannot be read is `None`.
//! **Invariant:** network figures are those of the calling thread's network namespace.

#![expect(clippy::disallowed_methods, reason = "the limits of a machine stand in /proc and /sys")]

mod cgroup;
mod ports;
mod slab;

pub use cgroup::CgroupMemory;
pub(super) use cgroup::cgroup_folders;
pub use ports::Ports;
pub use slab::{SocketCost, SocketSlabs};

use crate::record::HostId;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::str::FromStr;

/// Where the host's files are: `/`, or a tree that looks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRoot(PathBuf);

impl Default for HostRoot {
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl HostRoot {
    /// A host whose `proc` and `sys` are below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The path of a file of this host.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// The text of a file; `None` when it cannot be read.
    pub fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    /// The value of a kernel parameter by its dotted name, as its file has it.
    pub fn sysctl(&self, name: &str) -> Option<String> {
        let path = format!("proc/sys/{}", name.replace('.', "/"));
        self.text(&path).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn number<T: FromStr>(&self, sysctl: &str) -> Option<T> {
        self.numbers(sysctl)?.into_iter().next()
    }

    fn numbers<T: FromStr>(&self, sysctl: &str) -> Option<Vec<T>> {
        self.sysctl(sysctl)?.split(' ').map(|word| word.parse().ok()).collect()
    }
}

/// The limits of this machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineLimits {
    /// The machine.
    #[serde(default, skip_serializing_if = "HostId::is_coordinator")]
    pub host: HostId,
    /// Open files that a process can really have: the soft limit after it was raised as far as it
    /// goes.
    pub open_files: Option<u64>,
    /// `fs.nr_open`: the most that a limit on open files can be raised to.
    pub nr_open: Option<u64>,
    /// `fs.file-max`: open files of the whole system.
    pub file_max: Option<u64>,
    /// Open files of the whole system now.
    pub files_now: Option<u64>,
    /// `fs.epoll.max_user_watches`: descriptors watched by all epolls of one user.
    pub epoll_watches: Option<u64>,
    /// Source ports that the kernel gives out.
    pub ports: Option<Ports>,
    /// `net.core.somaxconn`: the longest accept queue.
    pub somaxconn: Option<u64>,
    /// `net.core.netdev_max_backlog`: packets that wait for a processor; loopback goes through it.
    pub netdev_max_backlog: Option<u64>,
    /// `net.ipv4.tcp_mem` in pages: low, pressure, high.
    pub tcp_mem: Option<[u64; 3]>,
    /// Memory that can be had without swapping, in bytes.
    pub memory_available: Option<u64>,
    /// All memory, in bytes.
    pub memory_total: Option<u64>,
    /// The tightest memory limit of the control groups around this process; `None` when there is
    /// none.
    pub cgroup: Option<CgroupMemory>,
    /// Buckets of the table of established connections. A namespace that shares the system's table
    /// has it as a negative number; here it is positive.
    pub ehash_entries: Option<u64>,
    /// Connection tracking; `None` when the kernel has none.
    pub conntrack: Option<Conntrack>,
    /// Processors that this process may run on.
    pub cpus: Option<u32>,
    /// Effective capabilities, one bit each.
    pub capabilities: Option<u64>,
    /// The kernel memory of a socket; `None` if the slab tables cannot be read (they are root's).
    #[serde(skip)]
    pub slabs: Option<SocketSlabs>,
    /// `net.ipv4.tcp_syncookies`.
    pub syncookies: Option<u64>,
    /// `net.ipv4.tcp_max_tw_buckets`.
    pub time_wait_max: Option<u64>,
    /// `net.ipv4.tcp_tw_reuse`: 1 for all, 2 on loopback.
    pub time_wait_reuse: Option<u64>,
    /// Connections in `TIME_WAIT` now.
    pub time_wait: Option<u64>,
}

/// The table of connection tracking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conntrack {
    /// Entries now.
    pub count: u64,
    /// Entries at most.
    pub max: u64,
    /// Hash buckets.
    pub buckets: Option<u64>,
}

/// Raises this process's soft limit on open files to the hard one and returns the result. A process
/// with the capability to raise the hard limit is not used to do so: the workers' limit would no
/// longer be the user's.
pub fn raise_open_files() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard {
        // Only the limit afterwards matters.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

impl MachineLimits {
    /// The limits of this machine, for this process. Raises the soft limit on open files.
    pub fn read() -> Self {
        Self { open_files: raise_open_files(), ..Self::read_at(&HostRoot::default()) }
    }

    /// The limits that the files of `host` tell of; the limit on open files is a process's own and
    /// not among them.
    pub fn read_at(host: &HostRoot) -> Self {
        let meminfo = host.text("proc/meminfo");
        let memory = |key| field(meminfo.as_deref()?, key).map(|kib: u64| kib * 1024);
        let status = host.text("proc/self/status");
        let files: Option<Vec<u64>> = host.numbers("fs.file-nr");
        let sockstat = host.text("proc/thread-self/net/sockstat");
        Self {
            host: HostId::COORDINATOR,
            open_files: None,
            nr_open: host.number("fs.nr_open"),
            file_max: host.number("fs.file-max"),
            files_now: files.and_then(|files| Some(files.first()? - files.get(1)?)),
            epoll_watches: host.number("fs.epoll.max_user_watches"),
            ports: Ports::read(host),
            somaxconn: host.number("net.core.somaxconn"),
            netdev_max_backlog: host.number("net.core.netdev_max_backlog"),
            tcp_mem: host.numbers("net.ipv4.tcp_mem").and_then(|mem| mem.try_into().ok()),
            memory_available: memory("MemAvailable"),
            memory_total: memory("MemTotal"),
            cgroup: CgroupMemory::read(host),
            ehash_entries: host.number("net.ipv4.tcp_ehash_entries").map(i64::unsigned_abs),
            conntrack: Conntrack::read(host),
            cpus: status.as_deref().and_then(cpus_allowed),
            capabilities: status
                .as_deref()
                .and_then(|text| u64::from_str_radix(line(text, "CapEff")?, 16).ok()),
            slabs: host.text("proc/slabinfo").as_deref().and_then(SocketSlabs::parse),
            syncookies: host.number("net.ipv4.tcp_syncookies"),
            time_wait_max: host.number("net.ipv4.tcp_max_tw_buckets"),
            time_wait_reuse: host.number("net.ipv4.tcp_tw_reuse"),
            time_wait: sockstat.as_deref().and_then(time_wait),
        }
    }

    /// Whether connections that are closed may keep half of one source's ports or more.
    pub fn ports_rest(&self) -> bool {
        let ports = self.ports.as_ref().map(|ports| ports.usable(None));
        self.time_wait.zip(ports).is_some_and(|(resting, ports)| resting >= ports.div_ceil(2))
    }

    /// Whether the process may do what capability number `bit` allows.
    pub fn has_capability(&self, bit: u32) -> Option<bool> {
        self.capabilities.map(|all| all >> bit & 1 == 1)
    }
}

impl Conntrack {
    /// The table of this network namespace.
    pub fn read(host: &HostRoot) -> Option<Self> {
        Some(Self {
            count: host.number("net.netfilter.nf_conntrack_count")?,
            max: host.number("net.netfilter.nf_conntrack_max")?,
            buckets: host.number("net.netfilter.nf_conntrack_buckets"),
        })
    }
}

/// The text after `Key:`.
fn line<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim()))
}

/// The first number behind `Key:`.
fn field<T: FromStr>(text: &str, key: &str) -> Option<T> {
    line(text, key)?.split_whitespace().next()?.parse().ok()
}

/// How many processors `Cpus_allowed_list` names: `0-3,8` are five.
fn cpus_allowed(status: &str) -> Option<u32> {
    let mut count = 0;
    for part in line(status, "Cpus_allowed_list")?.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        count += last.checked_sub(first)? + 1;
    }
    Some(count)
}

/// The number behind `tw` in the TCP line of sockstat.
fn time_wait(sockstat: &str) -> Option<u64> {
    let mut words = line(sockstat, "TCP")?.split_whitespace();
    words.find(|word| *word == "tw")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests;
