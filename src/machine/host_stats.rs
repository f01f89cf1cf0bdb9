//! Reads from the kernel which resources processors, control groups and memory have withheld so
//! far.

use super::HostRoot;
use super::limits::cgroup_folders;

/// Sums since the machine, or the control group, began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CumulativeHostStats {
    /// Time of all processors, at work or idle; absent when it cannot be read.
    pub cpu_ns: Option<u64>,
    /// The part that a hypervisor gave to others.
    pub steal_ns: Option<u64>,
    /// Periods in which the control groups around this process had used up their share; absent when
    /// no group counts them.
    pub throttled_periods: Option<u64>,
    /// How long their processes were stalled by that.
    pub throttled_ns: Option<u64>,
    /// Time in which every process that had work waited for memory; absent where the kernel does
    /// not measure it.
    pub memory_stall_ns: Option<u64>,
    /// Pages that were read back from swap; absent where the kernel does not count them.
    pub swapped_in_pages: Option<u64>,
}

impl CumulativeHostStats {
    /// Reads all accounts.
    pub fn read(host: &HostRoot) -> Self {
        let (cpu_ns, steal_ns) = processors(host).unzip();
        let mut all = Self { cpu_ns, steal_ns, ..Self::default() };
        // Each level throttles for itself, and its count holds only that.
        for folder in cgroup_folders(host, "cpu") {
            let stat = host.text(&format!("{folder}/cpu.stat")).unwrap_or_default();
            let of = |name: &str| -> Option<u64> {
                let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
                stat.lines().find_map(value)
            };
            let Some(periods) = of("nr_throttled ") else { continue };
            // The first version counts nanoseconds, the second microseconds.
            let ns = of("throttled_time ").or(of("throttled_usec ").map(|us| us * 1_000));
            *all.throttled_periods.get_or_insert(0) += periods;
            *all.throttled_ns.get_or_insert(0) += ns.unwrap_or(0);
        }
        all.memory_stall_ns = host.text("proc/pressure/memory").as_deref().and_then(full_stall);
        let vmstat = host.text("proc/vmstat").unwrap_or_default();
        let pages = vmstat.lines().find_map(|line| line.strip_prefix("pswpin "));
        all.swapped_in_pages = pages.and_then(|pages| pages.trim().parse().ok());
        all
    }
}

/// The clock that the kernel reads all times from.
pub fn clock_source(host: &HostRoot) -> Option<String> {
    host.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, in
/// hundredths of a second. Guests are in user already.
fn processors(host: &HostRoot) -> Option<(u64, u64)> {
    const TICK_NS: u64 = 10_000_000;
    let stat = host.text("proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> =
        line.split_ascii_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((ticks.iter().sum::<u64>() * TICK_NS, ticks.get(7)? * TICK_NS))
}

/// `full avg10=0.00 avg60=0.00 avg300=0.00 total=123`, in microseconds.
fn full_stall(pressure: &str) -> Option<u64> {
    let full = pressure.lines().find_map(|line| line.strip_prefix("full "))?;
    let total = full.split(' ').find_map(|word| word.strip_prefix("total="))?;
    total.trim().parse::<u64>().ok().map(|us| us * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> CumulativeHostStats {
        let folder = tempfile::tempdir().expect("make a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
            std::fs::write(path, text).expect("write a file");
        }
        CumulativeHostStats::read(&HostRoot::at(folder.path()))
    }

    #[test]
    fn a_container_of_the_second_version_is_read_with_what_is_around_it() {
        let all = read(&[
            ("proc/stat", "cpu  100 0 50 800 10 0 20 20 7 0\ncpu0 1 2 3\n"),
            (
                "proc/pressure/memory",
                "some avg10=0.00 total=9\nfull avg10=0.00 avg60=0.00 total=7\n",
            ),
            ("proc/vmstat", "nr_free_pages 7\npswpin 12\npswpout 34\n"),
            ("proc/self/cgroup", "0::/pod/box\n"),
            ("proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 5\n"),
            ("sys/fs/cgroup/pod/cpu.stat", "nr_periods 9\nnr_throttled 2\nthrottled_usec 30\n"),
            ("sys/fs/cgroup/pod/box/cpu.stat", "nr_throttled 1\nthrottled_usec 20\nnr_bursts 0\n"),
        ]);
        let expected = CumulativeHostStats {
            cpu_ns: Some(10_000_000_000),
            steal_ns: Some(200_000_000),
            throttled_periods: Some(3),
            throttled_ns: Some(50_000),
            memory_stall_ns: Some(7_000),
            swapped_in_pages: Some(12),
        };
        assert_eq!(all, expected);
    }

    #[test]
    fn the_first_version_counts_in_nanoseconds() {
        let all = read(&[
            ("proc/self/cgroup", "4:memory:/a\n1:cpu,cpuacct:/a\n0::/\n"),
            ("proc/self/mountinfo", "30 1 0:26 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"),
            ("cg/cpu/a/cpu.stat", "nr_periods 4\nnr_throttled 4\nthrottled_time 123\n"),
        ]);
        assert_eq!((all.throttled_periods, all.throttled_ns), (Some(4), Some(123)));
        assert_eq!((all.cpu_ns, all.memory_stall_ns), (None, None));
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        assert_eq!(read(&[]), CumulativeHostStats::default());
    }

    #[test]
    fn this_machine_has_processors() {
        assert!(CumulativeHostStats::read(&HostRoot::default()).cpu_ns.is_some_and(|ns| ns > 0));
    }
}
