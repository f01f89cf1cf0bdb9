//! The address of the live page, as `--dashboard` sets it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// An address to listen on; port 0 takes any that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageAddress(pub(super) SocketAddr);

/// The default of `--dashboard`: this machine only, any free port.
impl Default for PageAddress {
    fn default() -> Self {
        Self(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

impl FromStr for PageAddress {
    type Err = String;

    /// `8080`, `localhost:8080`, `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:8080`.
    fn from_str(text: &str) -> Result<Self, String> {
        let local = |port: &str| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)));
        let found = match text.strip_prefix("localhost:") {
            Some(port) => local(port),
            None => local(text).or_else(|| text.parse().ok()),
        };
        found.map(Self).ok_or_else(|| {
            "expected a port or IP:PORT, as in `--dashboard=8080` for this machine alone or \
             `--dashboard=0.0.0.0:8080` for every address of it"
                .to_owned()
        })
    }
}

impl PageAddress {
    /// The address that a browser on this machine can use, where it listens on all.
    pub(super) fn nearest(bound: SocketAddr) -> SocketAddr {
        let ip = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, bound.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_of_this_machine_alone() {
        for (text, expected) in [
            ("8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::]:8080", "[::]:8080"),
        ] {
            let read: PageAddress = text.parse().unwrap();
            assert_eq!(read.0.to_string(), expected);
        }
        for text in ["", "x", "localhost", "127.0.0.1", "65536", "lb.example:80", ":8080"] {
            assert!(
                text.parse::<PageAddress>().unwrap_err().contains("--dashboard=8080"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_browser_here_reaches_what_listens_on_all() {
        let nearest = |text: &str| PageAddress::nearest(text.parse().unwrap()).to_string();
        assert_eq!(nearest("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(nearest("[::]:80"), "[::1]:80");
        assert_eq!(nearest("10.0.0.5:80"), "10.0.0.5:80");
    }
}
