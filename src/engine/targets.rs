//! Turns the targets of a plan into addresses: names resolved once and pinned, listeners probed, built-in servers started.
//!
//! **Invariant:** a run never resolves a name: what is pinned here is what is used and shown.

use super::event::{Resolved, ServerSide};
use crate::plan::{Endpoint, HostPort, Plan, Protocol, Tls};
use crate::protocol::tls::{Client, Credentials, Peers, TlsError, Trust};
use crate::serve::{Running, ServeError};
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

/// How long a target may take to accept the probe.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

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
        address: SocketAddr,
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
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Resolve { target, .. } => {
                format!(
                    "check the name, or point the target somewhere else: `--target {target}=HOST:PORT`"
                )
            }
            Self::Probe { target, .. } => format!(
                "start the target, or point it somewhere else: `--target {target}=HOST:PORT`; `--force` runs all the same"
            ),
            Self::Tls { source: TlsError::System { .. }, .. } => {
                "name the certificate to trust: `tls = { ca = \"ca.pem\" }`".to_owned()
            }
            Self::Tls { .. } => {
                "`ca` is a PEM file, seen from the folder of the plan, and `server_name` the name in the target's certificate".to_owned()
            }
            Self::Server { source, .. } => source.help().unwrap_or_else(|| {
                "`planrun serve` shows what the server says on its own".to_owned()
            }),
        }
    }
}

/// The targets of a run, those of its own among them.
#[derive(Debug, Default)]
pub struct Targets {
    /// Where each target of the plan is, in the plan's order.
    pub resolved: Vec<Resolved>,
    /// Whom connections to each target are secured with, in the plan's order.
    pub peers: Vec<Option<Peers>>,
    servers: Vec<(String, Running)>,
}

impl Targets {
    /// Resolves, probes and starts. `folder` is that of the plan; `capacity` says how many connections each target will get; `force` takes silent targets too.
    pub fn prepare(
        plan: &Plan,
        folder: &Path,
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
            let mut trust =
                target.tls.as_ref().map(|tls| trust(tls, folder)).transpose().map_err(failed)?;
            let tls = target.tls.clone().unwrap_or_default();
            let credentials = tls.credentials.as_ref().map(|(certificate, key)| {
                Credentials::files(&folder.join(certificate), &folder.join(key))
            });
            let credentials = credentials.transpose().map_err(failed)?;
            let (resolved, mut names) = match &target.endpoint {
                Endpoint::Hosts(hosts) => resolve(&target.name, hosts.iter(), force)?,
                Endpoint::Urls(urls) => {
                    resolve(&target.name, urls.iter().map(|url| &url.authority), force)?
                }
                Endpoint::Builtin(builtin) => {
                    let room = capacity.get(index).copied().unwrap_or(1);
                    let running = Running::start(exe, builtin, room).map_err(|source| {
                        TargetError::Server { target: target.name.clone(), source }
                    })?;
                    let own = running.certificate().map(|text| Trust::Only(text.to_owned()));
                    trust = trust.and(own);
                    let addresses = running.addresses().to_vec();
                    targets.servers.push((target.name.clone(), running));
                    let names = addresses.iter().map(|address| address.ip().to_string()).collect();
                    let (name, written) = (target.name.clone(), vec!["builtin".to_owned()]);
                    (Resolved { name, written, addresses, probes: 0 }, names)
                }
            };
            if let Some(name) = &tls.server_name {
                names.fill(name.clone());
            }
            let is_http = plan.scenarios.iter().any(|scenario| {
                scenario.target == index && matches!(scenario.protocol, Protocol::Http(_))
            });
            let speaks = if is_http { "http/1.1" } else { "" }.to_owned();
            let resumes = is_http && tls.resumes;
            let peers = trust.map(|trust| Peers { trust, names, credentials, resumes, speaks });
            // What no worker could use is told here, once.
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

/// Whose certificates are taken; files are seen from the folder of the plan.
fn trust(tls: &Tls, folder: &Path) -> Result<Trust, TlsError> {
    match &tls.ca {
        _ if tls.insecure => Ok(Trust::Anyone),
        Some(file) => Trust::file(&folder.join(file)),
        None => Ok(Trust::System),
    }
}

/// The addresses of one target, and the host of each. Of a name's addresses only those count that accept a connection; a literal address must.
fn resolve<'a>(
    target: &str,
    hosts: impl Iterator<Item = &'a HostPort>,
    force: bool,
) -> Result<(Resolved, Vec<String>), TargetError> {
    let mut names = Vec::new();
    let mut resolved = Resolved { name: target.to_owned(), ..Resolved::default() };
    for host in hosts {
        resolved.written.push(written(host));
        let failed = |source| TargetError::Resolve {
            target: target.to_owned(),
            host: host.host.clone(),
            source,
        };
        let mut found: Vec<SocketAddr> =
            (host.host.as_str(), host.port).to_socket_addrs().map_err(failed)?.collect();
        found.dedup();
        let mut refused = None;
        let mut accepting = Vec::new();
        for address in &found {
            match TcpStream::connect_timeout(address, PROBE_WITHIN) {
                Ok(_) => {
                    resolved.probes += 1;
                    accepting.push(*address);
                }
                Err(source) => {
                    refused.get_or_insert(TargetError::Probe {
                        target: target.to_owned(),
                        address: *address,
                        source,
                    });
                }
            }
        }
        match (accepting.is_empty(), refused) {
            (false, _) => resolved.addresses.extend(accepting),
            (true, Some(error)) if !force => return Err(error),
            (true, Some(_)) => resolved.addresses.extend(found),
            (true, None) => {
                return Err(failed(io::Error::new(
                    io::ErrorKind::NotFound,
                    "the name has no address",
                )));
            }
        }
        names.resize(resolved.addresses.len(), host.host.clone());
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
        let (resolved, names) = resolve("t", [&host].into_iter(), false).unwrap();
        assert_eq!(names, ["localhost"]);
        assert_eq!(resolved.addresses, [SocketAddr::from(([127, 0, 0, 1], port))]);
        assert_eq!((resolved.written, resolved.probes), (vec![format!("localhost:{port}")], 1));
    }

    #[test]
    fn dead_and_unknown_targets_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let dead = HostPort { host: "127.0.0.1".into(), port };
        assert!(matches!(resolve("t", [&dead].into_iter(), false), Err(TargetError::Probe { .. })));
        assert_eq!(resolve("t", [&dead].into_iter(), true).unwrap().0.addresses.len(), 1);
        let unknown = HostPort { host: "no-such-name.invalid".into(), port: 80 };
        assert!(matches!(
            resolve("t", [&unknown].into_iter(), true),
            Err(TargetError::Resolve { .. })
        ));
    }
}
