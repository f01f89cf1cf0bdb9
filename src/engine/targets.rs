//! Turns the targets of a plan into addresses, and starts built-in servers.
//!
//! **Invariant:** what is resolved here is what is used and shown. Only a target with `dns` has its
//! names looked up again, by `lookups`, beside the load.

use super::event::{Resolved, ServerSide};
use super::lookup::{Probing, Whereabouts, resolve, resolve_proxy};
use super::target_error::TargetError;
use crate::plan::{Endpoint, HttpVersion, Plan, Protocol, Target, Tls};
use crate::serve::Running;
use crate::units::Address;
use crate::workload::http::ALPN;
use crate::workload::tls::{Client, Credentials, Peers, PemFiles, TlsError, Trust, server_name};
use std::path::Path;
use std::time::Duration;

/// How long built-in servers may take to end and print what they counted.
const STOP_WITHIN: Duration = Duration::from_secs(20);

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
                    let all = hosts.iter().map(Whereabouts::Host);
                    resolve(&target.name, all, &target.resolve, (probing, &plan.generator))?
                }
                Endpoint::Urls(urls) if target.proxy.is_some() => {
                    resolve_proxy(target, urls, (probing, &plan.generator))?
                }
                Endpoint::Urls(urls) => {
                    let all = urls.iter().map(Whereabouts::of);
                    resolve(&target.name, all, &target.resolve, (probing, &plan.generator))?
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
