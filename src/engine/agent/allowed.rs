//! The targets that an agent's owner lets it send load to.
//!
//! **Invariant:** what a coordinator says of names and addresses is not believed: a name is
//! resolved on this host, and every address that load would go to is looked at.

use crate::units::Address;
use ipnet::IpNet;
use std::net::{IpAddr, ToSocketAddrs};
use std::str::FromStr;

/// Where load may go: addresses of a network, or those of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedTarget {
    /// `10.0.0.0/8`; a single address has all its bits.
    Network(IpNet),
    /// A name, which is resolved on this host.
    Name(String),
}

impl FromStr for AllowedTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
        let is_name = !text.is_empty()
            && text.chars().all(fits)
            && text.chars().any(|c| c.is_ascii_alphabetic());
        is_name.then(|| Self::Name(text.to_owned())).ok_or_else(|| {
            "expected a network, an address or a name, without a port: `10.0.0.0/8`, `lb.example`"
                .to_owned()
        })
    }
}

/// Checks that load goes only where it may. Nothing allowed: everything is.
///
/// # Errors
/// The first address that load may not go to, in words.
pub(super) fn check<'a>(
    allowed: &[AllowedTarget],
    addresses: impl IntoIterator<Item = &'a Address>,
) -> Result<(), String> {
    if allowed.is_empty() {
        return Ok(());
    }
    let networks = networks(allowed);
    for address in addresses {
        let ip = address.tcp().map(|address| address.ip().to_canonical());
        let fits = ip.is_some_and(|ip| networks.iter().any(|network| network.contains(&ip)));
        if !fits {
            return Err(format!("target {address} is not among those that `--allow-target` names"));
        }
    }
    Ok(())
}

/// All networks, and the addresses of names; a name without one allows nothing.
fn networks(allowed: &[AllowedTarget]) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for one in allowed {
        match one {
            AllowedTarget::Network(network) => networks.push(*network),
            AllowedTarget::Name(name) => {
                let found = (name.as_str(), 0).to_socket_addrs().into_iter().flatten();
                networks.extend(found.map(|address| IpNet::from(address.ip().to_canonical())));
            }
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(allowed: &[&str], addresses: &[&str]) -> Result<(), String> {
        let allowed: Vec<AllowedTarget> = allowed.iter().map(|one| one.parse().unwrap()).collect();
        let addresses: Vec<Address> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        check(&allowed, &addresses)
    }

    #[test]
    fn load_goes_only_where_it_may() {
        assert_eq!(check_all(&[], &["192.0.2.1:80"]), Ok(()), "nothing was said");
        let networks = ["10.1.2.3/8", "192.0.2.7", "fd00::/8"];
        assert_eq!(check_all(&networks, &["10.9.9.9:80", "192.0.2.7:1", "[fd01::1]:80"]), Ok(()));
        let refused = check_all(&networks, &["10.0.0.1:80", "192.0.2.8:443"]).unwrap_err();
        assert!(refused.starts_with("target 192.0.2.8:443 is not among"), "{refused}");
        assert!(check_all(&networks, &["[fe80::1]:80"]).is_err());
        assert!(check_all(&networks, &["unix:/run/x.sock"]).is_err(), "it is in no network");
        assert_eq!(check_all(&["10.0.0.0/8"], &["[::ffff:10.0.0.1]:80"]), Ok(()));
        assert_eq!(check_all(&["localhost"], &["127.0.0.1:80"]), Ok(()));
        assert!(check_all(&["localhost"], &["192.0.2.8:80"]).is_err());
    }

    #[test]
    fn what_is_no_target_is_told() {
        for text in ["", "10.0.0.0/99", "a b", "lb:80", "http://lb", "1.2.3"] {
            assert!(text.parse::<AllowedTarget>().is_err(), "{text}");
        }
    }
}
