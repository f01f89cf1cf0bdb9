//! Turns two readings of what processes and kernel use into the cost of a connection and of a
//! heartbeat.
//!
//! **Invariant:** a cost without anything to divide by, or without a reading, is absent.

use super::{Counters, HostRoot, SocketSlabs};
use crate::record::HostLevels;
use serde::{Deserialize, Serialize};

/// The usage of processes and the kernel at one moment, and the work done until then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUsage {
    /// Resident memory of the processes, in bytes.
    pub rss_bytes: u64,
    /// Processor time that they have used, in nanoseconds; the kernel counts it in hundredths of a
    /// second.
    pub cpu_ns: u64,
    /// Memory of the slabs that sockets live in, of the whole machine; absent when the tables
    /// cannot be read.
    pub slab_bytes: Option<u64>,
    /// Memory that can be had, of the whole machine.
    pub available_bytes: Option<u64>,
    /// Connections open.
    pub connections: u64,
    /// Connections opened so far.
    pub opened: u64,
    /// Heartbeats so far.
    pub heartbeats: u64,
}

impl HostUsage {
    /// Reads the usage of the processes `pids`; those that have ended use nothing. What was done is
    /// the caller's to fill in.
    pub fn take(host: &HostRoot, pids: &[u32]) -> Self {
        let meminfo = host.text("proc/meminfo").unwrap_or_default();
        let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
        let available = available.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let slabs = host.text("proc/slabinfo").as_deref().and_then(SocketSlabs::parse);
        let mut reading = Self {
            slab_bytes: slabs.map(|slabs| slabs.total_bytes()),
            available_bytes: available.map(|kib: u64| kib * 1024),
            ..Self::default()
        };
        for pid in pids {
            reading.rss_bytes += rss_bytes(host, *pid).unwrap_or(0);
            reading.cpu_ns += cpu_ns(host, *pid).unwrap_or(0);
        }
        reading
    }
}

/// How busy a machine is and how many sockets its counters show.
pub fn levels(host: &HostRoot, counters: &Counters) -> HostLevels {
    const PAGE: u64 = 4096;
    let load = host.text("proc/loadavg");
    let load: Option<f64> =
        load.as_deref().and_then(|text| text.split_whitespace().next()?.parse().ok());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let hundredths = |load: f64| (load * 100.0).round() as u32;
    let both = |v4: &str, v6: &str| Some(counters.get(v4)? + counters.get(v6).unwrap_or(0));
    HostLevels {
        load_hundredths: load.map(hundredths),
        tcp_in_use: both("TCP.inuse", "TCP6.inuse"),
        tcp_time_wait: counters.get("TCP.tw"),
        tcp_buffer_bytes: counters.get("TCP.mem").map(|pages| pages * PAGE),
    }
}

/// The second field of `statm`, in pages.
fn rss_bytes(host: &HostRoot, pid: u32) -> Option<u64> {
    const PAGE: u64 = 4096;
    let pages = host.text(&format!("proc/{pid}/statm"))?;
    pages.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE)
}

/// User and system time: the 14th and 15th field of `stat`, counted behind the name, which may hold
/// anything.
fn cpu_ns(host: &HostRoot, pid: u32) -> Option<u64> {
    const TICK_NS: u64 = 10_000_000;
    let stat = host.text(&format!("proc/{pid}/stat"))?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * TICK_NS)
}

/// The cost of work between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Resident memory for each connection that is open more, in bytes.
    pub rss_per_connection: Option<f64>,
    /// Kernel memory for each connection that is open more, all its ends on this machine, in bytes.
    pub kernel_per_connection: Option<f64>,
    /// Processor seconds per thousand connections opened, including all other work meanwhile.
    pub cpu_per_thousand_connections: Option<f64>,
    /// Processor seconds for a heartbeat; only where no connection was opened meanwhile, so that
    /// the time is theirs.
    pub cpu_per_heartbeat: Option<f64>,
}

impl Cost {
    /// The cost of the work from `before` to `after`.
    pub fn between(before: &HostUsage, after: &HostUsage) -> Self {
        let more = after.connections.saturating_sub(before.connections);
        let opened = after.opened.saturating_sub(before.opened);
        let heartbeats = after.heartbeats.saturating_sub(before.heartbeats);
        let cpu_seconds = after.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e9;
        let each = |amount: f64, count: u64| (count > 0).then(|| amount / count as f64);
        let rss = after.rss_bytes as f64 - before.rss_bytes as f64;
        let slabs = after.slab_bytes.zip(before.slab_bytes);
        let kernel = match (slabs, after.available_bytes.zip(before.available_bytes)) {
            (Some((after, before)), _) => Some(after as f64 - before as f64),
            // Memory that is used and not the processes' own is the kernel's, as long as nothing
            // else runs.
            (None, Some((after, before))) => Some(before as f64 - after as f64 - rss),
            (None, None) => None,
        };
        Self {
            rss_per_connection: each(rss, more),
            kernel_per_connection: kernel.and_then(|kernel| each(kernel, more)),
            cpu_per_thousand_connections: each(cpu_seconds * 1e3, opened),
            cpu_per_heartbeat: if opened == 0 { each(cpu_seconds, heartbeats) } else { None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_read_whatever_their_names() {
        let folder = tempfile::tempdir().expect("make a folder");
        let put = |name: &str, text: &str| {
            let path = folder.path().join("proc").join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
            std::fs::write(path, text).expect("write a file");
        };
        put("7/statm", "1000 25 10 1 0 5 0\n");
        put("7/stat", "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0\n");
        put("meminfo", "MemTotal: 10 kB\nMemAvailable: 8 kB\n");
        let reading = HostUsage::take(&HostRoot::at(folder.path()), &[7, 8]);
        assert_eq!((reading.rss_bytes, reading.cpu_ns), (25 * 4096, 2_000_000_000));
        assert_eq!((reading.available_bytes, reading.slab_bytes), (Some(8192), None));
    }

    #[test]
    fn levels_are_those_of_uptime_and_of_both_families_of_sockets() {
        let folder = tempfile::tempdir().expect("make a folder");
        let put = |name: &str, text: &str| {
            let path = folder.path().join("proc").join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
            std::fs::write(path, text).expect("write a file");
        };
        let host = HostRoot::at(folder.path());
        assert_eq!(levels(&host, &Counters::read(&host)), HostLevels::default());
        put("loadavg", "1.07 0.97 0.90 2/345 6789\n");
        put("thread-self/net/sockstat", "TCP: inuse 10 orphan 0 tw 4 alloc 12 mem 3\n");
        put("thread-self/net/sockstat6", "TCP6: inuse 5\n");
        let expected = HostLevels {
            load_hundredths: Some(107),
            tcp_in_use: Some(15),
            tcp_time_wait: Some(4),
            tcp_buffer_bytes: Some(3 * 4096),
        };
        assert_eq!(levels(&host, &Counters::read(&host)), expected);
    }

    #[test]
    fn this_process_uses_something() {
        let reading = HostUsage::take(&HostRoot::default(), &[std::process::id()]);
        assert!(reading.rss_bytes > 100_000, "{reading:?}");
        assert!(reading.available_bytes.is_some_and(|bytes| bytes > 0), "{reading:?}");
    }

    #[test]
    fn a_ramp_and_a_hold_cost_what_they_took() {
        let before = HostUsage {
            rss_bytes: 8_000_000,
            cpu_ns: 1_000_000_000,
            slab_bytes: Some(1_000_000),
            available_bytes: Some(1 << 30),
            ..HostUsage::default()
        };
        let up = HostUsage {
            rss_bytes: 14_400_000,
            cpu_ns: 3_000_000_000,
            slab_bytes: Some(834_000_000),
            available_bytes: Some(1 << 29),
            connections: 100_000,
            opened: 100_000,
            heartbeats: 50,
        };
        let ramp = Cost::between(&before, &up);
        assert_eq!(ramp.rss_per_connection, Some(64.0));
        assert_eq!(ramp.kernel_per_connection, Some(8_330.0));
        assert_eq!(ramp.cpu_per_thousand_connections, Some(0.02));
        assert_eq!(ramp.cpu_per_heartbeat, None, "opening took most of it");
        let held = HostUsage { cpu_ns: 3_500_000_000, heartbeats: 100_050, ..up };
        let hold = Cost::between(&up, &held);
        assert_eq!(hold.cpu_per_heartbeat, Some(5e-6));
        assert_eq!((hold.rss_per_connection, hold.cpu_per_thousand_connections), (None, None));
        let unread = |reading: HostUsage| HostUsage { slab_bytes: None, ..reading };
        let guessed = Cost::between(&unread(before), &unread(up)).kernel_per_connection;
        assert!((guessed.expect("from what is available") - 5_304.7).abs() < 0.1, "{guessed:?}");
    }
}
