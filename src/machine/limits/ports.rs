//! Turns the system's port range into how many connections one source can have to one destination.

use super::HostRoot;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader};

/// The source ports that the kernel gives out, and those that it cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The first of `net.ipv4.ip_local_port_range`.
    pub first: u16,
    /// The last of it.
    pub last: u16,
    /// `net.ipv4.ip_local_reserved_ports`.
    pub reserved: Vec<(u16, u16)>,
    /// Ports of listening sockets, ascending: no connection can use them.
    pub listening: Vec<u16>,
}

impl Ports {
    /// The ports of this network namespace.
    pub fn read(host: &HostRoot) -> Option<Self> {
        let range: Vec<u16> = host.numbers("net.ipv4.ip_local_port_range")?;
        let (first, last) = (*range.first()?, *range.get(1)?);
        let reserved = host.sysctl("net.ipv4.ip_local_reserved_ports").unwrap_or_default();
        let mut listening: Vec<u16> =
            ["tcp", "tcp6"].iter().flat_map(|table| listening(host, table)).collect();
        listening.sort_unstable();
        listening.dedup();
        Some(Self { first, last, reserved: parse_reserved(&reserved), listening })
    }

    /// How many ports one source has for one destination: those that the kernel gives out, or those
    /// of `asked` (a plan's `port_range`), which are bound by hand and so may lie anywhere.
    pub fn usable(&self, asked: Option<(u16, u16)>) -> u64 {
        let (first, last) = asked.unwrap_or((self.first, self.last));
        let reserved = |port: u16| {
            // Only the kernel's own choice leaves them out.
            asked.is_none() && self.reserved.iter().any(|(from, to)| (*from..=*to).contains(&port))
        };
        let mut size = u64::from(last.saturating_sub(first)) + 1;
        if asked.is_none() && size > 1 {
            // One search tries ports of one parity and then as many of the other: of an odd number
            // it leaves one out.
            size -= size % 2;
        }
        let taken = (first..=last).filter(|port| reserved(*port) || self.is_listening(*port));
        size.saturating_sub(taken.count() as u64)
    }

    /// Whether a listening socket has the port.
    pub fn is_listening(&self, port: u16) -> bool {
        self.listening.binary_search(&port).is_ok()
    }
}

/// `8080,9000-9100`.
fn parse_reserved(text: &str) -> Vec<(u16, u16)> {
    text.split([',', ' '])
        .filter_map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Some((from.parse().ok()?, to.parse().ok()?))
        })
        .collect()
}

/// The ports of listening sockets: they come first in the kernel's table, so a table of a million
/// connections is not read to its end.
fn listening(host: &HostRoot, table: &str) -> Vec<u16> {
    const LISTEN: &str = "0A";
    let Ok(file) = std::fs::File::open(host.path(&format!("proc/thread-self/net/{table}"))) else {
        return Vec::new();
    };
    let lines = BufReader::new(file).lines().skip(1).map_while(Result::ok);
    lines
        .map_while(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next()?.to_owned();
            (words.nth(1)? == LISTEN).then_some(local)
        })
        .filter_map(|local| u16::from_str_radix(local.rsplit(':').next()?, 16).ok())
        .collect()
}
