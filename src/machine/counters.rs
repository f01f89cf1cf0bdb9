//! Turns the kernel's own counters, before and after, into what happened in between.
//!
//! **Invariant:** a counter that the kernel does not have is absent; a delta is never zero.

use super::HostRoot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kernel's counters at one moment, by name: `TcpExt.ListenOverflows`, `softnet.dropped`,
/// `TCP.mem`.
///
/// Counters of `netstat`, `snmp`, `sockstat` and connection tracking are of the calling thread's
/// network namespace; those of `softnet` and `vmstat` are of the whole machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

/// How counters, and levels such as `TCP.tw`, changed; what did not change is not here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deltas(pub BTreeMap<String, i64>);

/// The counters that explain failures of connections, among many that only count traffic.
const TELLING: &[&str] = &[
    "TcpExt.ListenOverflows",
    "TcpExt.ListenDrops",
    "TcpExt.TCPReqQFullDrop",
    "TcpExt.TCPReqQFullDoCookies",
    "TcpExt.SyncookiesSent",
    "TcpExt.SyncookiesFailed",
    "TcpExt.TCPBacklogDrop",
    "TcpExt.TCPRcvQDrop",
    "TcpExt.TCPSynRetrans",
    "TcpExt.TCPTimeouts",
    "TcpExt.TCPMemoryPressures",
    "TcpExt.TCPAbortOnMemory",
    "TcpExt.TCPAbortOnTimeout",
    "TcpExt.TCPAbortOnData",
    "TcpExt.TCPTimeWaitOverflow",
    "TcpExt.PAWSActive",
    "TcpExt.PruneCalled",
    "Tcp.AttemptFails",
    "Tcp.EstabResets",
    "Tcp.RetransSegs",
    "Tcp.OutRsts",
    "Tcp.InErrs",
    "TCP.mem",
    "TCP.orphan",
    "TCP.tw",
    "softnet.dropped",
    "softnet.time_squeeze",
    "conntrack.drop",
    "conntrack.early_drop",
    "conntrack.insert_failed",
    "vmstat.oom_kill",
];

impl Counters {
    /// The counters of `host` now.
    pub fn read(host: &HostRoot) -> Self {
        let mut all = BTreeMap::new();
        let mut add = |name: String, value: u64| *all.entry(name).or_default() += value;
        let text = |path| host.text(path).unwrap_or_default();
        tables(&text("proc/thread-self/net/netstat"), &mut add);
        tables(&text("proc/thread-self/net/snmp"), &mut add);
        sockstat(&text("proc/thread-self/net/sockstat"), &mut add);
        sockstat(&text("proc/thread-self/net/sockstat6"), &mut add);
        softnet(&text("proc/thread-self/net/softnet_stat"), &mut add);
        conntrack(&text("proc/thread-self/net/stat/nf_conntrack"), &mut add);
        if let Some(kills) =
            text("proc/vmstat").lines().find_map(|line| line.strip_prefix("oom_kill "))
        {
            add("vmstat.oom_kill".to_owned(), kills.trim().parse().unwrap_or(0));
        }
        Self(all)
    }

    /// One counter; `None` when this kernel does not have it.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// The change since `before`.
    pub fn since(&self, before: &Self) -> Deltas {
        let change = |(name, after): (&String, &u64)| {
            let before = before.get(name)?;
            let change = i64::try_from(i128::from(*after) - i128::from(before)).ok()?;
            (change != 0).then(|| (name.clone(), change))
        };
        Deltas(self.0.iter().filter_map(change).collect())
    }
}

impl Deltas {
    /// How much one rose; zero when it did not rise, or is not known.
    pub fn rise(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |change| u64::try_from(*change).unwrap_or(0))
    }

    /// Adds the deltas of a later stretch of time.
    pub fn merge(&mut self, later: &Self) {
        for (name, change) in &later.0 {
            *self.0.entry(name.clone()).or_default() += change;
        }
        self.0.retain(|_, change| *change != 0);
    }

    /// The counters that explain failures of connections.
    pub fn telling(&self) -> impl Iterator<Item = (&'static str, i64)> + '_ {
        TELLING.iter().filter_map(|name| Some((*name, *self.0.get(*name)?)))
    }
}

/// `Group: Name Name` over `Group: 1 2`. Some values are negative (`MaxConn`); they are not
/// counters.
fn tables(text: &str, add: &mut impl FnMut(String, u64)) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let Some((group, names)) = names.split_once(':') else { continue };
        let Some((_, values)) = values.split_once(':') else { continue };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            if let Ok(value) = value.parse() {
                add(format!("{group}.{name}"), value);
            }
        }
    }
}

/// `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 322`.
fn sockstat(text: &str, add: &mut impl FnMut(String, u64)) {
    for line in text.lines() {
        let Some((group, rest)) = line.split_once(':') else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            if let Ok(value) = pair[1].parse() {
                add(format!("{group}.{}", pair[0]), value);
            }
        }
    }
}

/// A line for each processor: packets, drops, times out of budget, in hexadecimal.
fn softnet(text: &str, add: &mut impl FnMut(String, u64)) {
    for line in text.lines() {
        let words = line.split_whitespace().map(|word| u64::from_str_radix(word, 16));
        for (name, value) in ["processed", "dropped", "time_squeeze"].iter().zip(words) {
            add(format!("softnet.{name}"), value.unwrap_or(0));
        }
    }
}

/// Names, then a line for each processor in hexadecimal. `entries` is the whole table's on every
/// line.
fn conntrack(text: &str, add: &mut impl FnMut(String, u64)) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    for (processor, line) in lines.enumerate() {
        for (name, value) in names.iter().zip(line.split_whitespace()) {
            if *name == "entries" && processor > 0 {
                continue;
            }
            if let Ok(value) = u64::from_str_radix(value, 16) {
                add(format!("conntrack.{name}"), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(files: &[(&str, &str)]) -> Counters {
        let folder = tempfile::tempdir().expect("make a folder");
        for (name, text) in files {
            let path = folder.path().join("proc").join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
            std::fs::write(path, text).expect("write a file");
        }
        Counters::read(&HostRoot::at(folder.path()))
    }

    #[test]
    fn every_table_is_read() {
        let all = counters(&[
            (
                "thread-self/net/netstat",
                "TcpExt: A ListenOverflows\nTcpExt: 1 7\nIpExt: B\nIpExt: 3\n",
            ),
            ("thread-self/net/snmp", "Tcp: MaxConn ActiveOpens\nTcp: -1 24\n"),
            (
                "thread-self/net/sockstat",
                "sockets: used 14\nTCP: inuse 1 orphan 0 tw 5 alloc 1 mem 3\n",
            ),
            (
                "thread-self/net/softnet_stat",
                "00000012 00000002 00000001 0\n00002874 0000000a 00000000 0\n",
            ),
            (
                "thread-self/net/stat/nf_conntrack",
                "entries  found drop\n0000000f  00000000 00000001\n0000000f  00000002 00000001\n",
            ),
            ("vmstat", "nr_free_pages 5\noom_kill 2\n"),
        ]);
        for (name, value) in [
            ("TcpExt.ListenOverflows", 7),
            ("IpExt.B", 3),
            ("Tcp.ActiveOpens", 24),
            ("TCP.tw", 5),
            ("sockets.used", 14),
            ("softnet.processed", 0x12 + 0x2874),
            ("softnet.dropped", 12),
            ("conntrack.entries", 15),
            ("conntrack.drop", 2),
            ("vmstat.oom_kill", 2),
        ] {
            assert_eq!(all.get(name), Some(value), "{name}");
        }
        assert_eq!(all.get("Tcp.MaxConn"), None);
        assert_eq!(counters(&[]), Counters::default());
    }

    #[test]
    fn deltas_hold_what_changed_and_add_up() {
        let at = |overflows: u32, tw: u32| {
            let netstat = format!("TcpExt: TW ListenOverflows\nTcpExt: 1 {overflows}\n");
            let sockstat = format!("TCP: inuse 1 tw {tw}\n");
            counters(&[
                ("thread-self/net/netstat", &netstat),
                ("thread-self/net/sockstat", &sockstat),
            ])
        };
        let (first, second, third) = (at(7, 5), at(9, 2), at(9, 5));
        let mut deltas = second.since(&first);
        assert_eq!(
            deltas.telling().collect::<Vec<_>>(),
            [("TcpExt.ListenOverflows", 2), ("TCP.tw", -3)]
        );
        assert_eq!((deltas.rise("TcpExt.ListenOverflows"), deltas.rise("TCP.tw")), (2, 0));
        deltas.merge(&third.since(&second));
        assert_eq!(deltas.telling().collect::<Vec<_>>(), [("TcpExt.ListenOverflows", 2)]);
        assert_eq!(first.since(&first), Deltas::default());
    }
}
