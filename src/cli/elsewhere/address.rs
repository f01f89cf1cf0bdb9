//! Recognises an address to load in a command line, and writes it as a plan does.

use crate::units::Time;
use std::path::Path;

/// `HOST:PORT`, which is an address to load and not a file that is here.
pub(super) fn is_address(text: &str) -> bool {
    let port = text.rsplit_once(':').map(|(host, port)| (!host.is_empty(), port.parse::<u16>()));
    // A stage of another tool: `1m:10`.
    let is_stage = text.split(':').next().is_some_and(|one| one.parse::<Time>().is_ok());
    matches!(port, Some((true, Ok(1..))))
        && !is_stage
        && !text.contains('/')
        && !Path::new(text).exists()
}

pub(super) fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let known = ["http", "https", "ws", "wss", "tcp", "tls"];
    scheme.is_some_and(|scheme| known.contains(&scheme.as_str()))
}

/// The address of a connection to hold: the port is the scheme's own where the URL has none.
pub(super) fn with_port(scheme: &str, rest: &str) -> String {
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // Colons stand within the brackets of an address of version 6, too.
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    let default = if is_secured(scheme) { 443 } else { 80 };
    if behind.contains(':') { host.to_owned() } else { format!("{host}:{default}") }
}

pub(super) fn is_secured(scheme: &str) -> bool {
    matches!(scheme, "wss" | "tls")
}
