//! Samples the coordinator's machine during a run: what servers and kernel use, what the kernel
//! counted, and which resources the machine withheld.

use crate::engine::clock::{cpu_ns, monotonic_ns, offsets_ns};
use crate::machine::{Counters, CumulativeHostStats, HostRoot, HostUsage, clock_source, levels};
use crate::record::{HostDelta, HostSample};

/// Keeps the last sample, so that counters become changes.
#[derive(Debug)]
pub(super) struct HostSampler {
    host: HostRoot,
    servers: Vec<u32>,
    /// Processors that the run may use.
    cores: u32,
    clock_source: Option<String>,
    before: Counters,
    withheld: CumulativeHostStats,
    looked_ns: u64,
    offsets_ns: Option<(i64, i64)>,
}

impl HostSampler {
    /// A sampler that begins now. `servers` are the processes of the built-in servers.
    pub(super) fn new(servers: Vec<u32>, cores: usize) -> Self {
        let host = HostRoot::default();
        Self {
            before: Counters::read(&host),
            withheld: CumulativeHostStats::read(&host),
            looked_ns: monotonic_ns(),
            offsets_ns: offsets_ns(),
            clock_source: clock_source(&host),
            host,
            servers,
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
        }
    }

    /// The first sample, which later ones are compared with.
    pub(super) fn baseline(&mut self) -> HostSample {
        HostSample { delta: None, ..self.sample(0) }
    }

    /// One sample: takes a few milliseconds at most, also with a hundred servers.
    pub(super) fn sample(&mut self, at_ns: u64) -> HostSample {
        let reading = HostUsage::take(&self.host, &self.servers);
        let now = Counters::read(&self.host);
        let changes = now.since(&self.before);
        let levels = levels(&self.host, &now);
        self.before = now;
        HostSample {
            at_ns,
            servers_cpu_ns: reading.cpu_ns,
            servers_rss_bytes: reading.rss_bytes,
            own_cpu_ns: cpu_ns(),
            processors: self.cores,
            kernel_bytes: reading.slab_bytes,
            available_bytes: reading.available_bytes,
            levels: Some(levels),
            counters: changes.telling().map(|(name, change)| (name.to_owned(), change)).collect(),
            delta: Some(self.supply()),
            ..HostSample::default()
        }
    }

    /// The resources withheld since the last time.
    fn supply(&mut self) -> HostDelta {
        let before = std::mem::replace(&mut self.withheld, CumulativeHostStats::read(&self.host));
        let now = self.withheld;
        let looked_ns = std::mem::replace(&mut self.looked_ns, monotonic_ns());
        let rise = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        let mut supply = HostDelta {
            elapsed_ns: self.looked_ns.saturating_sub(looked_ns),
            cpu_ns: rise(now.cpu_ns, before.cpu_ns).unwrap_or(0),
            steal_ns: rise(now.steal_ns, before.steal_ns).unwrap_or(0),
            throttled_periods: rise(now.throttled_periods, before.throttled_periods),
            throttled_ns: rise(now.throttled_ns, before.throttled_ns),
            memory_stall_ns: rise(now.memory_stall_ns, before.memory_stall_ns),
            swapped_in_pages: rise(now.swapped_in_pages, before.swapped_in_pages),
            clock_source_changes: self.clock_source_changes(),
            ..HostDelta::default()
        };
        // A reading that failed is made up for by the next one.
        if let Some((wall, boot)) = offsets_ns() {
            if let Some((wall_before, boot_before)) = self.offsets_ns {
                let slept = boot.saturating_sub(boot_before);
                // The wall clock continues while the machine sleeps: that is not a step.
                supply.clock_step_ns = wall.saturating_sub(wall_before).saturating_sub(slept);
                // Two readings are a little apart also when nobody slept.
                supply.suspended_ns = u64::try_from(slept).unwrap_or(0) / 1_000_000 * 1_000_000;
            }
            self.offsets_ns = Some((wall, boot));
        }
        supply
    }
}

impl HostSampler {
    /// One when the kernel took another clock source since the last time.
    fn clock_source_changes(&mut self) -> Option<u64> {
        let now = clock_source(&self.host)?;
        let before = self.clock_source.replace(now.clone())?;
        Some(u64::from(before != now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_what_passed_since_the_last_one() {
        let mut sampler = HostSampler::new(Vec::new(), 2);
        assert_eq!(sampler.baseline().delta, None);
        std::thread::sleep(std::time::Duration::from_millis(50));
        let supply = sampler.sample(0).delta.expect("looked twice");
        assert!(supply.elapsed_ns >= 50_000_000, "{supply:?}");
        assert!(supply.cpu_ns > 0, "{supply:?}");
        assert!(supply.clock_step_ns.abs() < 50_000_000, "{supply:?}");
        assert_eq!(supply.suspended_ns, 0);
    }
}
