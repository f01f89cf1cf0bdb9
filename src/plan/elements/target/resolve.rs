//! Addresses that are used in place of a lookup, as by curl's `--resolve`.

use crate::plan::elements::target::Endpoint;
use crate::plan::elements::target::address::{HostPort, Site};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, Named, OneOrMany};
use crate::plan::span::Span;
use crate::plan::suggest::did_you_mean;
use crate::plan::text::Text;
use crate::units::uri;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The addresses of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedName {
    /// The name, in lower case and ASCII.
    pub host: String,
    /// Only for this port; `None`: for every port.
    pub port: Option<u16>,
    /// At least one, used in turn.
    pub addresses: Vec<IpAddr>,
}

impl FixedName {
    /// Whether it says where this host and port are.
    fn is_for(&self, host: &HostPort) -> bool {
        self.host.eq_ignore_ascii_case(&host.host) && self.port.is_none_or(|port| port == host.port)
    }
}

/// The addresses that a plan gives for a host; `None`: it is looked up. An entry with the port goes
/// before one without.
pub fn fixed_addresses<'a>(all: &'a [FixedName], host: &HostPort) -> Option<&'a [IpAddr]> {
    let mut mine: Vec<&FixedName> = all.iter().filter(|one| one.is_for(host)).collect();
    mine.sort_by_key(|one| one.port.is_none());
    mine.first().map(|one| one.addresses.as_slice())
}

/// Reads `resolve` of a target. A name that no address has is an error, unless the command line
/// replaces the addresses.
pub(super) fn resolve(
    raw: &Field<Named<OneOrMany<Text>>>,
    address: &Field<OneOrMany<Text>>,
    endpoint: &Endpoint,
    errors: &mut Errors,
) -> Vec<FixedName> {
    let (Some(at), Some(names)) = (raw.key(), raw.value()) else { return Vec::new() };
    if matches!(endpoint, Endpoint::Builtin(_)) {
        errors
            .add(at, "a built-in server has no name to resolve")
            .help("leave `resolve` out, or write an `address` with the name");
        return Vec::new();
    }
    let hosts = hosts(endpoint);
    let mut all = Vec::new();
    for (key, given) in &names.0 {
        let Some((host, port)) = name(&key.name, key.at, errors) else { continue };
        let fixed = FixedName { host, port, addresses: Vec::new() };
        let is_own = address.given().is_some_and(|given| given.at.argument.is_none());
        if is_own && !hosts.is_empty() && !hosts.iter().any(|host| fixed.is_for(host)) {
            let names: Vec<&str> = hosts.iter().map(|host| host.host.as_str()).collect();
            errors
                .add(key.at, format!("no address of this target has the name `{}`", key.name))
                .help(did_you_mean(&key.name, names.iter().copied(), "its names are"));
        }
        let is_same = |one: &FixedName| (&one.host, one.port) == (&fixed.host, fixed.port);
        if all.iter().any(is_same) {
            let message =
                format!("`{}` has addresses already, whatever the case of letters", key.name);
            errors.add(key.at, message).help("list all addresses of a name in one entry");
            continue;
        }
        let Some(given) = given else { continue };
        let addresses = addresses(given, errors);
        all.push(FixedName { addresses, ..fixed });
    }
    all
}

/// The hosts of a target's addresses.
fn hosts(endpoint: &Endpoint) -> Vec<&HostPort> {
    match endpoint {
        Endpoint::Hosts(hosts) => hosts.iter().collect(),
        Endpoint::Urls(urls) => urls
            .iter()
            .filter_map(|url| match &url.site {
                Site::Host(host) => Some(host),
                Site::Socket(_) => None,
            })
            .collect(),
        Endpoint::Builtin(_) => Vec::new(),
    }
}

/// Reads `shop.example` or `shop.example:8443`.
fn name(text: &str, at: Span, errors: &mut Errors) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) => match digits.parse::<u16>() {
            Ok(port) if port > 0 => (host, Some(port)),
            _ => {
                errors
                    .add(at, "expected a name, or a name and a port from 1 to 65535")
                    .help("write for example `\"shop.example\"` or `\"shop.example:8443\"`");
                return None;
            }
        },
        None => (text, None),
    };
    let host = uri::host(host).filter(|host| !host.is_empty());
    let Some(host) = host.filter(|host| host.parse::<IpAddr>().is_err()) else {
        errors
            .add(at, "expected the name that the addresses are of")
            .help("write for example `resolve = { \"shop.example\" = \"127.0.0.1\" }`");
        return None;
    };
    Some((host, port))
}

/// Reads the addresses of a name: without a port, and IPv6 with or without brackets.
fn addresses(given: &At<OneOrMany<Text>>, errors: &mut Errors) -> Vec<IpAddr> {
    let list = &given.value.0;
    if list.is_empty() {
        errors
            .add(given.at, "the list of addresses is empty")
            .help("add one: `\"127.0.0.1\"`, or `\"::1\"`");
    }
    let mut all = Vec::new();
    for text in list {
        let value = &text.value.value;
        let bare = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(value).parse::<IpAddr>() {
            all.push(address);
            continue;
        }
        let error = errors.add(text.at, "expected an IPv4 or IPv6 address without a port");
        match value.parse::<std::net::SocketAddr>() {
            Ok(address) if !text.value.is_secret() => {
                let ip = address.ip();
                error.help(format!("write `\"{ip}\"`: the port is that of the target's address"));
            }
            _ => {
                error.help("write for example `\"127.0.0.1\"`, or `\"::1\"`");
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Overrides;
    use crate::plan::tests::read;

    #[test]
    fn names_have_addresses_by_port_or_for_all_ports() {
        let text = r#"
name = "p"
[targets.web]
address = ["https://Shop.Example/", "https://shop.example:8443/"]
resolve = { "shop.example" = "127.0.0.1", "SHOP.example:8443" = ["::1", "[::2]"] }
[scenarios.web]
protocol = "http"
stages = [{ users = 1, hold = "30s" }]
"#;
        let plan = read(text, &Overrides::default()).unwrap();
        let fixed = &plan.targets[0].resolve;
        let of = |host: &str, port| {
            let host = HostPort { host: host.to_owned(), port };
            fixed_addresses(fixed, &host)
                .map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of("shop.example", 443), Some(vec!["127.0.0.1".to_owned()]));
        assert_eq!(of("shop.example", 8443), Some(vec!["::1".to_owned(), "::2".to_owned()]));
        assert_eq!(of("other.example", 443), None);
    }
}
