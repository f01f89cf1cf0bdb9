//! Turns the system's port range into how many connections one source can have to one destination.

use super::Host;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;

/// The source ports that the kernel gives out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    /// The first of `net.ipv4.ip_local_port_range`.
    pub first: u16,
    /// The last of it.
    pub last: u16,
    /// Those of `net.ipv4.ip_local_reserved_ports` that lie in it, ascending and apart.
    pub reserved: Vec<(u16, u16)>,
    /// Those in it that a listening socket has: the kernel gives them to no connection.
    pub listening: Vec<u16>,
}

impl Ports {
    /// The ports of this network namespace.
    pub fn read(host: &Host) -> Option<Self> {
        let range: Vec<u16> = host.numbers("net.ipv4.ip_local_port_range")?;
        let (first, last) = (*range.first()?, *range.get(1)?);
        let reserved = host.sysctl("net.ipv4.ip_local_reserved_ports").unwrap_or_default();
        let mut listening: Vec<u16> = ["tcp", "tcp6"]
            .iter()
            .flat_map(|table| listening(host, table))
            .filter(|port| (first..=last).contains(port))
            .collect();
        listening.sort_unstable();
        listening.dedup();
        Some(Self { first, last, reserved: parse_reserved(&reserved), listening })
    }

    /// How many a connection can be given, out of `asked` (a plan's `port_range`) where that lies in the system's range: the kernel
    /// does not go beyond its own.
    pub fn usable(&self, asked: Option<(u16, u16)>) -> u64 {
        let window = self.window(asked);
        let own_window = asked.is_some() && !window.is_empty();
        let range = if window.is_empty() { self.first..=self.last } else { window };
        let mut size = range.clone().count() as u64;
        if !own_window && size > 1 {
            // One search tries ports of one parity and then as many of the other: of an odd number it leaves one out.
            size -= size % 2;
        }
        let reserved =
            |port: u16| self.reserved.iter().any(|(from, to)| (*from..=*to).contains(&port));
        let taken = range.filter(|port| reserved(*port) || self.listening.contains(port)).count();
        size.saturating_sub(taken as u64)
    }

    /// The part of `asked` that lies in the system's range; all of that when nothing is asked. Empty when they do not meet: a range
    /// outside the system's has no effect.
    pub fn window(&self, asked: Option<(u16, u16)>) -> RangeInclusive<u16> {
        match asked {
            Some((from, to)) => from.max(self.first)..=to.min(self.last),
            None => self.first..=self.last,
        }
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

/// The ports of listening sockets: they come first in the kernel's table, so a table of a million connections is not read to its end.
fn listening(host: &Host, table: &str) -> Vec<u16> {
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
