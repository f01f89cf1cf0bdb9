//! Turns the targets of a plan into addresses: names resolved once and pinned, listeners probed,
//! built-in servers started.
//!
//! **Invariant:** a run never resolves a name: what is pinned here is what is used and shown.

#![expect(clippy::disallowed_methods, reason = "resolving names is timed, once, before the run")]

use super::event::{Resolved, ServerSide};
use super::probe::probe;
use crate::plan::{Endpoint, HostPort, HttpUrl, HttpVersion, Plan, Protocol, Site, Target, Tls};
use crate::serve::{Running, ServeError};
use crate::units::{Address, narrow};
use crate::workload::http::ALPN;
use crate::workload::tls::{Client, Credentials, Peers, PemFiles, TlsError, Trust, server_name};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long built-in servers may take to end and print what they counted.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Why a target is not fit to start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its name has no address.
    #[error("target `{target}`: cannot resolve `{host}`: {source}")]
    Resolve {
        /// The target's name in the plan.
        target: String,
        /// The name that was looked up.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody accepts connections there.
    #[error("target `{target}`: {address} does not accept connections: {source}")]
    Probe {
        /// The target's name in the plan.
        target: String,
        /// The address that was tried.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// The built-in server could not be started.
    #[error("target `{target}`: {source}")]
    Server {
        /// The target's name in the plan.
        target: String,
        /// Why.
        source: ServeError,
    },
    /// Its connections cannot be secured.
    #[error("target `{target}`: {source}")]
    Tls {
        /// The target's name in the plan.
        target: String,
        /// Why.
        source: TlsError,
    },
}

impl TargetError {
    /// The remedy.
    pub fn help(&self) -> String {
        match self {
            Self::Resolve { target, .. } => {
                format!(
                    "check the name, or point the target somewhere else: `--target {target}=HOST:PORT`"
                )
            }
            Self::Probe { target, .. } => format!(
                "start the target, or point it somewhere else: `--target {target}=HOST:PORT`, or pass `--force` to run anyway"
            ),
            Self::Tls { source: TlsError::System { .. }, .. } => {
                "name the certificate to trust: `tls = { ca = \"ca.pem\" }`".to_owned()
            }
            Self::Tls { .. } => {
                "`ca`, `cert` and `key` are PEM files, relative to the folder of the plan, and `server_name` the name in the target's certificate".to_owned()
            }
            Self::Server { source, .. } => source.help().unwrap_or_else(|| {
                "`planrun serve` shows what the server says on its own".to_owned()
            }),
        }
    }
}

/// The targets of a run, including the servers that it started.
#[derive(Debug, Default)]
pub struct Targets {
    /// Where each target of the plan is, in the plan's order.
    pub resolved: Vec<Resolved>,
    /// The TLS clients for connections to each target, in the plan's order.
    pub peers: Vec<Option<Peers>>,
    servers: Vec<(String, Running)>,
}

impl Targets {
    /// Resolves, probes and starts. `folder` is that of the plan, and `pem` what was read of its
    /// certificates; `capacity` says how many connections each target will get; `force` takes
    /// silent targets too.
    pub fn prepare(
        plan: &Plan,
        (folder, pem): (&Path, &PemFiles),
        exe: &Path,
        capacity: &[u64],
        force: bool,
    ) -> Result<Self, TargetError> {
        let mut targets = Self::default();
        for (index, target) in plan.targets.iter().enumerate() {
            if !plan.scenarios.iter().any(|scenario| scenario.target == index) {
                targets.peers.push(None);
                let resolved = Resolved { name: target.name.clone(), ..Resolved::default() };
                targets.resolved.push(resolved);
                continue;
            }
            let failed = |source| TargetError::Tls { target: target.name.clone(), source };
            let mut trust = target
                .tls
                .as_ref()
                .map(|tls| trust(tls, folder, pem))
                .transpose()
                .map_err(failed)?;
            let tls = target.tls.clone().unwrap_or_default();
            let credentials = tls.credentials.as_ref().map(|(certificate, key)| {
                Credentials::files(&folder.join(certificate), &folder.join(key), pem)
            });
            let credentials = credentials.transpose().map_err(failed)?;
            let probing = match (target.probe, force) {
                (false, _) => Probing::Off,
                (true, true) => Probing::Tried,
                (true, false) => Probing::Required,
            };
            let (resolved, mut names) = match &target.endpoint {
                Endpoint::Hosts(hosts) => {
                    resolve(&target.name, hosts.iter().map(Whereabouts::Host), probing)?
                }
                Endpoint::Urls(urls) => {
                    resolve(&target.name, urls.iter().map(Whereabouts::of), probing)?
                }
                Endpoint::Builtin(builtin) => {
                    let room = capacity.get(index).copied().unwrap_or(1);
                    let running = Running::start(exe, builtin, room).map_err(|source| {
                        TargetError::Server { target: target.name.clone(), source }
                    })?;
                    let own = running.certificate().map(|text| Trust::Only(text.to_owned()));
                    trust = trust.and(own);
                    let own = running.addresses().to_vec();
                    targets.servers.push((target.name.clone(), running));
                    let names = own.iter().map(|address| address.ip().to_string()).collect();
                    let addresses = own.into_iter().map(Address::from).collect();
                    let (name, written) = (target.name.clone(), vec!["builtin".to_owned()]);
                    (Resolved { name, written, addresses, ..Resolved::default() }, names)
                }
            };
            if let Some(name) = &tls.server_name {
                names.fill(name.clone());
            }
            let mut users = plan.scenarios.iter().filter(|scenario| scenario.target == index);
            let alpn = users.find_map(|scenario| scenario.protocol.row().alpn);
            let resumes = alpn.is_some() && tls.resumes;
            let speaks = alpn.unwrap_or_default().to_owned();
            let peers = trust.map(|trust| Peers { trust, names, credentials, resumes, speaks });
            // Settings that no worker could use are reported here, once.
            peers.as_ref().map(Client::new).transpose().map_err(failed)?;
            targets.peers.push(peers);
            targets.resolved.push(resolved);
        }
        Ok(targets)
    }

    /// The processes of built-in servers.
    pub fn server_pids(&self) -> Vec<u32> {
        self.servers.iter().flat_map(|(_, running)| running.pids()).collect()
    }

    /// Stops the built-in servers; what each counted, or why that is not known.
    pub fn stop(self) -> (Vec<ServerSide>, Vec<TargetError>) {
        let (mut sides, mut errors) = (Vec::new(), Vec::new());
        for (target, running) in self.servers {
            match running.stop(STOP_WITHIN) {
                Ok(counters) => sides.push(ServerSide { target, counters }),
                Err(source) => errors.push(TargetError::Server { target, source }),
            }
        }
        (sides, errors)
    }
}

/// The trusted certificates; paths are relative to the folder of the plan.
fn trust(tls: &Tls, folder: &Path, pem: &PemFiles) -> Result<Trust, TlsError> {
    match &tls.ca {
        _ if tls.insecure => Ok(Trust::Anyone),
        Some(file) => Trust::file(&folder.join(file), pem),
        None => Ok(Trust::System),
    }
}

/// The TLS client for the connections of a scenario: the protocol inside TLS, and the name by
/// which the server is asked for its certificate: where the plan gives none, that of the `host`
/// header, and else that of the address.
pub(super) fn peers_of(mut peers: Peers, target: Option<&Target>, protocol: &Protocol) -> Peers {
    if protocol.version() != HttpVersion::Http1 {
        ALPN.clone_into(&mut peers.speaks);
    }
    let is_builtin = |one: &Target| matches!(one.endpoint, Endpoint::Builtin(_));
    let is_named = |one: &Target| one.tls.as_ref().is_some_and(|tls| tls.server_name.is_some());
    let open = target.is_some_and(|one| !is_builtin(one) && !is_named(one));
    let said = protocol.host().filter(|name| open && server_name(name).is_ok());
    if let Some(name) = said {
        peers.names.fill(name);
    }
    peers
}

/// The name to resolve.
enum Whereabouts<'a> {
    Host(&'a HostPort),
    Socket(&'a Path),
}

impl<'a> Whereabouts<'a> {
    fn of(url: &'a HttpUrl) -> Self {
        match &url.site {
            Site::Host(host) => Self::Host(host),
            Site::Socket(path) => Self::Socket(path),
        }
    }

    /// As it is written, and the name that its certificate is for.
    fn words(&self) -> (String, String) {
        match self {
            Self::Host(host) => (written(host), host.host.clone()),
            Self::Socket(path) => (Address::Unix((*path).into()).to_string(), String::new()),
        }
    }

    /// Whether it has to be looked up.
    fn is_name(&self) -> bool {
        matches!(self, Self::Host(host) if host.host.parse::<IpAddr>().is_err())
    }

    fn find(&self) -> io::Result<Vec<Address>> {
        match self {
            Self::Host(host) => {
                let mut found: Vec<SocketAddr> =
                    (host.host.as_str(), host.port).to_socket_addrs()?.collect();
                found.dedup();
                Ok(found.into_iter().map(Address::from).collect())
            }
            Self::Socket(path) => Ok(vec![Address::Unix((*path).into())]),
        }
    }
}

/// Whether a target's addresses are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probing {
    /// One of each name's must accept.
    Required,
    /// They are taken if none does.
    Tried,
    /// No connection is opened before the run: all are taken.
    Off,
}

/// Tries each address of each target, by its name, from this machine.
///
/// # Errors
/// At the first that does not accept a connection.
pub(super) fn try_addresses(targets: &[(String, Vec<Address>)]) -> Result<(), TargetError> {
    let all = targets.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one)));
    for (target, address) in all {
        probe(address).map_err(|source| TargetError::Probe {
            target: target.clone(),
            address: address.clone(),
            source,
        })?;
    }
    Ok(())
}

/// The addresses of one target, and the host of each. Of a name's addresses only those count that
/// accept a connection; a literal address must.
fn resolve<'a>(
    target: &str,
    all: impl Iterator<Item = Whereabouts<'a>>,
    probing: Probing,
) -> Result<(Resolved, Vec<String>), TargetError> {
    let mut names = Vec::new();
    let mut resolved = Resolved { name: target.to_owned(), ..Resolved::default() };
    for one in all {
        let (words, host) = one.words();
        resolved.written.push(words);
        let failed =
            |source| TargetError::Resolve { target: target.to_owned(), host: host.clone(), source };
        let since = Instant::now();
        let found = one.find().map_err(failed)?;
        if one.is_name() {
            let took = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            *resolved.resolved_in_ns.get_or_insert(0) += took;
        }
        let mut refused = None;
        let mut accepting = Vec::new();
        if probing == Probing::Off {
            accepting.clone_from(&found);
        }
        for address in found.iter().filter(|_| probing != Probing::Off) {
            match probe(address) {
                Ok(()) => {
                    resolved.probes += 1;
                    accepting.push(address.clone());
                }
                Err(source) => {
                    refused.get_or_insert(TargetError::Probe {
                        target: target.to_owned(),
                        address: address.clone(),
                        source,
                    });
                }
            }
        }
        match (accepting.is_empty(), refused) {
            (false, _) => resolved.addresses.extend(accepting),
            (true, Some(error)) if probing == Probing::Required => return Err(error),
            (true, Some(_)) => resolved.addresses.extend(found),
            (true, None) => {
                return Err(failed(io::Error::new(
                    io::ErrorKind::NotFound,
                    "the name has no address",
                )));
            }
        }
        names.resize(resolved.addresses.len(), host.clone());
        let origin = narrow(resolved.written.len() - 1);
        resolved.origins.resize(resolved.addresses.len(), origin);
    }
    Ok((resolved, names))
}

fn written(host: &HostPort) -> String {
    if host.host.contains(':') {
        format!("[{}]:{}", host.host, host.port)
    } else {
        format!("{}:{}", host.host, host.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_name_keeps_the_addresses_that_accept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = HostPort { host: "localhost".into(), port };
        let (resolved, names) =
            resolve("t", [(); 2].map(|()| Whereabouts::Host(&host)).into_iter(), Probing::Required)
                .unwrap();
        assert_eq!(names, ["localhost"; 2]);
        let address = Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(resolved.addresses, [address.clone(), address]);
        assert_eq!(resolved.origins, [0, 1]);
        assert!(resolved.resolved_in_ns.is_some_and(|took| took > 0));
        assert_eq!((resolved.written, resolved.probes), (vec![format!("localhost:{port}"); 2], 2));
    }

    #[test]
    fn dead_and_unknown_targets_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let dead = HostPort { host: "127.0.0.1".into(), port };
        assert!(matches!(
            resolve("t", [Whereabouts::Host(&dead)].into_iter(), Probing::Required),
            Err(TargetError::Probe { .. })
        ));
        let forced =
            resolve("t", [Whereabouts::Host(&dead)].into_iter(), Probing::Tried).unwrap().0;
        assert_eq!((forced.addresses.len(), forced.resolved_in_ns), (1, None));
        let silent = resolve("t", [Whereabouts::Host(&dead)].into_iter(), Probing::Off).unwrap().0;
        assert_eq!((silent.addresses.len(), silent.probes), (1, 0));
        let unknown = HostPort { host: "no-such-name.invalid".into(), port: 80 };
        assert!(matches!(
            resolve("t", [Whereabouts::Host(&unknown)].into_iter(), Probing::Tried),
            Err(TargetError::Resolve { .. })
        ));
    }
}
