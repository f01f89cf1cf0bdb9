//! Encodes host names and request targets for sending, as browsers and curl do.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::net::Ipv6Addr;

/// What no request target can have: it would end the line, or no server takes it. All beyond ASCII
/// belongs to it, too.
const UNSENDABLE: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// A request target in which what cannot be sent is percent-encoded, and all else, `%` included,
/// stands as it is.
pub fn sendable(target: &str) -> impl Iterator<Item = &str> {
    utf8_percent_encode(target, &UNSENDABLE)
}

/// The name of a host in lower case and ASCII (punycode); `None` where it is none.
pub fn host(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_ascii_lowercase());
    }
    match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) => Some(name),
        Ok(url::Host::Ipv4(address)) => Some(address.to_string()),
        Ok(url::Host::Ipv6(_)) | Err(_) => None,
    }
}

/// `host:port` as in `Host`: an IPv6 address between brackets, and without the port where it is the
/// scheme's own.
pub fn authority(host: &str, port: u16, is_secure: bool) -> String {
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    let default = if is_secure { 443 } else { 80 };
    if port == default { host } else { format!("{host}:{port}") }
}

/// A plan's value for `Host`: its name in ASCII, the rest unchanged. `None` where it cannot be
/// sent.
pub fn host_header(value: &str) -> Option<String> {
    if value.is_ascii() {
        return Some(value.to_owned());
    }
    match value.rsplit_once(':') {
        Some((name, port)) => Some(format!("{}:{port}", host(name)?)),
        None => host(value),
    }
}

/// The name or address in a `Host` value: without the port, without brackets, in lower case.
pub fn host_of(value: &str) -> String {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match value.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => value,
    };
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_sent_as_they_are_where_they_can_be() {
        let sent = |target| sendable(target).collect::<String>();
        for same in ["/a?x=1&y=2", "/caf%C3%A9", "/x+y", "/p;v=1", "/{a}|[b]^\\%zz", "//a/../b"] {
            assert_eq!(sent(same), same);
        }
        assert_eq!(sent("/a b?q=ü"), "/a%20b?q=%C3%BC");
        assert_eq!(sent("/a\r\nx: y\t\u{7f}<\">`"), "/a%0D%0Ax:%20y%09%7F%3C%22%3E%60");
    }

    #[test]
    fn hosts_are_in_ascii_and_default_ports_left_out() {
        assert_eq!(host("Bücher.Example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(host("A_b.Example.").as_deref(), Some("a_b.example."));
        assert_eq!(host("ü ber"), None);
        assert_eq!(authority("h", 80, false), "h");
        assert_eq!(authority("h", 80, true), "h:80");
        assert_eq!(authority("::1", 443, true), "[::1]");
        assert_eq!(authority("0:0::1", 9000, false), "[::1]:9000");
        assert_eq!(
            host_header("bücher.example:8080").as_deref(),
            Some("xn--bcher-kva.example:8080")
        );
        let hosts = ["Shop.example:80", "shop.example.", "[::1]:9000", "[::1]", "127.0.0.1"];
        let names = ["shop.example", "shop.example", "::1", "::1", "127.0.0.1"];
        assert_eq!(hosts.map(host_of), names);
        assert_eq!(host_header("Shop.example:80").as_deref(), Some("Shop.example:80"));
    }
}
