//! Turns small experiments into what no file tells: whether connections are tracked, which sources
//! can be bound, what opening costs.
//!
//! **Invariant:** no connection leaves this machine: every one goes from 127.0.0.1 to 127.0.0.1,
//! and is reset at the end. Names are resolved where memory for bodies depends on their addresses.

use super::destinations::destinations;
use super::{Conntrack, FileMemory, HostRoot, MachineLimits};
use crate::plan::{Endpoint, HostPort, Plan, Site, Target, fixed_addresses};
use nix::sys::socket::{setsockopt, sockopt};
use nix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{
    IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket,
};
use std::time::Duration;

/// Connections that show whether the tracking table grows.
const TRACKED: u64 = 16;

/// Connections that show what opening costs, some milliseconds of them, and how often.
const TIMED: u32 = 50;
const BATCHES: u32 = 8;

/// Loopback that takes longer is filtered, and tells nothing.
const WITHIN: Duration = Duration::from_millis(200);

/// Source addresses that are tried; a longer list is as good as its beginning.
const BOUND_MOST: usize = 1024;

/// The results of the experiments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probes {
    /// Whether connections leave an entry in the table of connection tracking; `None` when that
    /// could not be tried.
    pub conntrack_live: Option<bool>,
    /// Source addresses of the plan that can be bound.
    pub bound: u64,
    /// The ones that cannot, and why.
    pub not_bindable: Vec<(IpAddr, String)>,
    /// Microseconds of processor time to open a connection on loopback and get its first message,
    /// both ends together; `None` when that failed, or connections are tracked.
    pub open_us: Option<f64>,
    /// Memory of the files that the plan names, by index into `Plan::scenarios`.
    pub files: Vec<FileMemory>,
    /// How many addresses the names of a target resolve to; by index into `Plan::targets`, empty
    /// where nobody asked.
    pub resolved: Vec<u64>,
    /// Bytes of this program's pages that each of its processes has for itself; `None` where that
    /// could not be read.
    pub relocated: Option<u64>,
}

impl Probes {
    /// Makes all experiments for `plan`: a tenth of a second at most, in usual circumstances.
    pub fn take(plan: &Plan, limits: &MachineLimits) -> Self {
        let addresses: BTreeSet<IpAddr> = destinations(plan, limits)
            .into_iter()
            .flat_map(|destination| destination.sources.addresses)
            .collect();
        let conntrack_live = conntrack_live();
        // Where connections are tracked, hundreds of them would take room in the table for some
        // seconds.
        let open_us = if conntrack_live == Some(true) { None } else { open_us().ok() };
        let mut probes =
            Self { conntrack_live, open_us, relocated: relocated(), ..Self::default() };
        for address in addresses.into_iter().take(BOUND_MOST) {
            match bind(address) {
                Ok(()) => probes.bound += 1,
                Err(error) => probes.not_bindable.push((address, error.to_string())),
            }
        }
        probes
    }

    /// With what is kept of files; names are resolved where that depends on their addresses.
    #[must_use]
    pub fn with_files(self, plan: &Plan, files: Vec<FileMemory>) -> Self {
        let by_address = files.iter().any(|one| one.each_address > 0);
        let targets = plan.targets.iter().filter(|_| by_address);
        Self { resolved: targets.map(resolved).collect(), files, ..self }
    }
}

/// Anonymous pages of the mappings of this program's file: those that relocations have written to.
fn relocated() -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let text = HostRoot::default().text("proc/self/smaps")?;
    let (mut of_program, mut kib) = (false, 0);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Anonymous:") if of_program => kib += words.next()?.parse::<u64>().ok()?,
            // `ADDRESSES PERMISSIONS OFFSET DEVICE INODE PATH`
            Some(first) if !first.ends_with(':') => {
                of_program = line.ends_with(program.to_str()?);
            }
            _ => {}
        }
    }
    Some(kib << 10).filter(|bytes| *bytes > 0)
}

/// How many addresses the names of a target resolve to; what does not resolve counts as one.
fn resolved(target: &Target) -> u64 {
    let count = |host: &HostPort| {
        if let Some(fixed) = fixed_addresses(&target.resolve, host) {
            return fixed.len() as u64;
        }
        let all = (&*host.host, host.port).to_socket_addrs();
        all.map_or(1, |all| all.collect::<BTreeSet<_>>().len() as u64)
    };
    match &target.endpoint {
        Endpoint::Hosts(hosts) => hosts.iter().map(count).sum(),
        Endpoint::Urls(urls) => urls
            .iter()
            .map(|url| match &url.site {
                Site::Host(host) => count(host),
                Site::Socket(_) => 1,
            })
            .sum(),
        Endpoint::Builtin(_) => 0,
    }
}

/// Whether an address is one of this machine's: it can be bound to.
pub fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether connections of this network namespace are tracked: the table must grow by as many as are
/// opened.
pub fn conntrack_live() -> Option<bool> {
    let host = HostRoot::default();
    let count = || Conntrack::read(&host).map(|table| table.count);
    // Other processes may start and end meanwhile; growth in between proves nothing, so it is
    // measured again.
    for _ in 0..3 {
        let before = count()?;
        let pairs = pairs(TRACKED).ok()?;
        let grown = count()?.saturating_sub(before);
        drop(pairs);
        match grown {
            0 => return Some(false),
            grown if grown >= TRACKED => return Some(true),
            _ => {}
        }
    }
    None
}

/// Both ends of a connection. However it ends, it is reset: nothing in `TIME_WAIT` takes a port
/// from the run.
struct ConnectedPair {
    out: TcpStream,
    inside: TcpStream,
}

impl ConnectedPair {
    fn open(listener: &TcpListener) -> io::Result<Self> {
        let out = TcpStream::connect_timeout(&listener.local_addr()?, WITHIN)?;
        let (inside, _) = listener.accept()?;
        Ok(Self { out, inside })
    }
}

impl Drop for ConnectedPair {
    fn drop(&mut self) {
        // An end that cannot be reset is closed; it only lingers for longer.
        let _ = SockRef::from(&self.out).set_linger(Some(Duration::ZERO));
    }
}

fn pairs(count: u64) -> io::Result<Vec<ConnectedPair>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    (0..count).map(|_| ConnectedPair::open(&listener)).collect()
}

/// Processor time, because others may be at work: on loopback the whole handshake runs inside this
/// thread's own calls. The quickest of several batches, because caches are cold at first.
fn open_us() -> io::Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut quickest = f64::INFINITY;
    for _ in 0..BATCHES {
        let mut pairs = Vec::with_capacity(TIMED as usize);
        let start = thread_time()?;
        for _ in 0..TIMED {
            let mut pair = ConnectedPair::open(&listener)?;
            pair.inside.write_all(b"ok")?;
            pair.out.read_exact(&mut [0; 2])?;
            pairs.push(pair);
        }
        let each = thread_time()?.saturating_sub(start).as_secs_f64() * 1e6 / f64::from(TIMED);
        quickest = quickest.min(each);
    }
    Ok(quickest)
}

fn thread_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

fn bind(address: IpAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address((address, 0).into()), Type::STREAM, None)?;
    if address.is_ipv4() {
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    }
    socket.bind(&SocketAddr::from((address, 0)).into())
}
