//! Turns the names of a target into addresses, and tries whether they accept a connection.

#![expect(clippy::disallowed_methods, reason = "resolving names is timed before the run")]

use super::event::Resolved;
use super::probe::probe;
use super::target_error::TargetError;
use crate::plan::{
    Endpoint, FixedName, Generator, HostPort, HttpUrl, Site, Target, fixed_addresses,
};
use crate::units::{Address, narrow};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Instant;

/// The name to resolve.
pub(super) enum Whereabouts<'a> {
    Host(&'a HostPort),
    Socket(&'a Path),
}

impl<'a> Whereabouts<'a> {
    pub(super) fn of(url: &'a HttpUrl) -> Self {
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
    fn is_name(&self, fixed: &[FixedName]) -> bool {
        matches!(
            self,
            Self::Host(host)
                if host.host.parse::<IpAddr>().is_err() && fixed_addresses(fixed, host).is_none()
        )
    }

    fn find(&self, fixed: &[FixedName]) -> io::Result<Vec<Address>> {
        match self {
            Self::Host(host) => {
                let mut found: Vec<SocketAddr> = match fixed_addresses(fixed, host) {
                    Some(all) => all.iter().map(|ip| (*ip, host.port).into()).collect(),
                    None => (host.host.as_str(), host.port).to_socket_addrs()?.collect(),
                };
                found.dedup();
                Ok(found.into_iter().map(Address::from).collect())
            }
            Self::Socket(path) => Ok(vec![Address::Unix((*path).into())]),
        }
    }
}

/// Whether a target's addresses are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probing {
    /// One of each name's must accept.
    Required,
    /// They are taken if none does.
    Tried,
    /// No connection is opened before the run: all are taken.
    Off,
}

/// The addresses of a target behind a forward proxy: the proxy's for each URL, whose host the proxy
/// looks up.
pub(super) fn resolve_proxy(
    target: &Target,
    urls: &[HttpUrl],
    probing: (Probing, &Generator),
) -> Result<(Resolved, Vec<String>), TargetError> {
    let proxy = target.proxy.iter().map(|proxy| Whereabouts::Host(&proxy.address));
    let (found, _) = resolve(&target.name, proxy, &[], probing)?;
    let by = found.written.join(", ");
    let mut resolved = Resolved { written: Vec::new(), ..found.clone() };
    (resolved.addresses, resolved.origins) = (Vec::new(), Vec::new());
    let mut names = Vec::new();
    for (origin, url) in urls.iter().enumerate() {
        let (words, host) = Whereabouts::of(url).words();
        resolved.written.push(format!("{words} through the proxy {by}"));
        for address in &found.addresses {
            resolved.addresses.push(address.clone());
            resolved.origins.push(narrow(origin));
            names.push(host.clone());
        }
    }
    Ok((resolved, names))
}

/// Looks the names of a target up again: an address for each of the plan's that has one, with the
/// index of that, and why the others have none.
pub(super) fn look_up(target: &Target) -> (Vec<(Address, u16)>, Vec<String>) {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for (origin, one) in whereabouts(&target.endpoint).iter().enumerate() {
        let origin = narrow(origin);
        match one.find(&target.resolve) {
            Ok(all) if all.is_empty() => {
                failures.push(format!("`{}` has no address", one.words().1));
            }
            Ok(all) => found.extend(all.into_iter().map(|address| (address, origin))),
            Err(error) => {
                failures.push(format!("cannot resolve `{}`: {error}", one.words().1));
            }
        }
    }
    found.sort_by(|(left, of_left), (right, of_right)| (of_left, left).cmp(&(of_right, right)));
    found.dedup();
    (found, failures)
}

fn whereabouts(endpoint: &Endpoint) -> Vec<Whereabouts<'_>> {
    match endpoint {
        Endpoint::Hosts(hosts) => hosts.iter().map(Whereabouts::Host).collect(),
        Endpoint::Urls(urls) => urls.iter().map(Whereabouts::of).collect(),
        Endpoint::Builtin(_) => Vec::new(),
    }
}

/// Tries each address of each target, by its name, from this machine.
///
/// # Errors
/// At the first that does not accept a connection.
pub(super) fn try_addresses(
    targets: &[(String, Vec<Address>)],
    generator: &Generator,
) -> Result<(), TargetError> {
    let all = targets.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one)));
    for (target, address) in all {
        probe(address, generator).map_err(|source| TargetError::Probe {
            target: target.clone(),
            address: address.clone(),
            source,
        })?;
    }
    Ok(())
}

/// The addresses of one target, and the host of each. Of a name's addresses only those count that
/// accept a connection; a literal address must.
pub(super) fn resolve<'a>(
    target: &str,
    all: impl Iterator<Item = Whereabouts<'a>>,
    fixed: &[FixedName],
    (probing, generator): (Probing, &Generator),
) -> Result<(Resolved, Vec<String>), TargetError> {
    let mut names = Vec::new();
    let mut resolved = Resolved { name: target.to_owned(), ..Resolved::default() };
    for one in all {
        let (words, host) = one.words();
        resolved.written.push(words);
        let failed =
            |source| TargetError::Resolve { target: target.to_owned(), host: host.clone(), source };
        let since = Instant::now();
        let found = one.find(fixed).map_err(failed)?;
        if one.is_name(fixed) {
            let took = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            *resolved.resolved_in_ns.get_or_insert(0) += took;
        }
        let mut refused = None;
        let mut accepting = Vec::new();
        if probing == Probing::Off {
            accepting.clone_from(&found);
        }
        for address in found.iter().filter(|_| probing != Probing::Off) {
            match probe(address, generator) {
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
        let (resolved, names) = resolve(
            "t",
            [(); 2].map(|()| Whereabouts::Host(&host)).into_iter(),
            &[],
            (Probing::Required, &Generator::default()),
        )
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
            resolve(
                "t",
                [Whereabouts::Host(&dead)].into_iter(),
                &[],
                (Probing::Required, &Generator::default())
            ),
            Err(TargetError::Probe { .. })
        ));
        let forced = resolve(
            "t",
            [Whereabouts::Host(&dead)].into_iter(),
            &[],
            (Probing::Tried, &Generator::default()),
        )
        .unwrap()
        .0;
        assert_eq!((forced.addresses.len(), forced.resolved_in_ns), (1, None));
        let silent = resolve(
            "t",
            [Whereabouts::Host(&dead)].into_iter(),
            &[],
            (Probing::Off, &Generator::default()),
        )
        .unwrap()
        .0;
        assert_eq!((silent.addresses.len(), silent.probes), (1, 0));
        let unknown = HostPort { host: "no-such-name.invalid".into(), port: 80 };
        assert!(matches!(
            resolve(
                "t",
                [Whereabouts::Host(&unknown)].into_iter(),
                &[],
                (Probing::Tried, &Generator::default())
            ),
            Err(TargetError::Resolve { .. })
        ));
    }
}
