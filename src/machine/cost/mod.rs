//! Turns the facts of a run into what its connections and heartbeats cost: the generator, a
//! built-in target, the kernel.
//!
//! **Invariant:** what several scenarios use together is not attributed to one of them.
//! **Invariant:** a cost without anything to divide by, or without a reading, is absent.

use super::{Cost, HostUsage};
use crate::plan::{Phase, Plan};
use crate::record::{Gauge, HostReading, HostSample, Peak, Recording, WorkerFacts};
use crate::units::figure;

/// The cost of held connections, when most of them were open.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct ResourceCost {
    /// Connections that were open.
    pub connections: u64,
    /// Kernel memory for each of them, all their ends on this machine, in bytes.
    pub kernel_per_connection: Option<f64>,
    /// The workers.
    pub generator: ProcessCost,
    /// The built-in servers; absent without any, and where others use them, too.
    pub target: Option<ProcessCost>,
}

/// The cost of some processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct ProcessCost {
    /// Their resident memory with all connections open, in bytes.
    pub rss_bytes: u64,
    /// Their resident memory before the first connection, in bytes.
    pub fixed_bytes: Option<u64>,
    /// Without the fixed part, for each connection.
    pub cost: Cost,
}

impl ProcessCost {
    /// All of the resident memory, divided by connections.
    pub fn rss_share(&self, connections: u64) -> Option<f64> {
        (connections > 0).then(|| self.rss_bytes as f64 / connections as f64)
    }
}

impl ResourceCost {
    /// The cost of one scenario's connections, if they are held. Where it is the only scenario, the
    /// kernel's memory and the servers are its own.
    pub fn of_scenario(plan: &Plan, recording: &Recording, index: usize) -> Option<Self> {
        let level = plan.scenarios.get(index)?.protocol.row().level;
        let scenario = recording.scenarios.get(index).filter(|_| level == Gauge::Open)?;
        let peak = scenario.peak.as_ref()?;
        let baseline = recording.baseline.as_ref();
        let idle = baseline
            .and_then(|sample| sample.workers.get(&u16::try_from(index).ok()?))
            .filter(|idle| idle.rss_bytes > 0);
        let times = Times::of_scenario(recording, index);
        let mut total = Self {
            connections: peak.open,
            generator: process_cost(peak.open, idle, &peak.workers, &times.generator),
            ..Self::default()
        };
        if plan.scenarios.len() == 1 {
            total.share_machine(baseline, peak, &times.target);
        }
        Some(total)
    }

    /// The cost of all scenarios' connections together; only if all of them hold connections, and
    /// there are several.
    pub fn of_run(plan: &Plan, recording: &Recording) -> Option<Self> {
        let all_held = plan.scenarios.iter().all(|one| one.protocol.row().level == Gauge::Open);
        if plan.scenarios.len() < 2 || !all_held {
            return None;
        }
        let (peak, baseline) = (recording.peak.as_ref()?, recording.baseline.as_ref());
        let mut idle = WorkerFacts::default();
        baseline.into_iter().flat_map(|one| one.workers.values()).for_each(|one| idle.merge(one));
        let mut used = CpuTime::default();
        for index in 0..plan.scenarios.len() {
            used.merge(&Times::of_scenario(recording, index).generator);
        }
        let idle = Some(&idle).filter(|idle| idle.rss_bytes > 0);
        let mut total = Self {
            connections: peak.open,
            generator: process_cost(peak.open, idle, &peak.workers, &used),
            ..Self::default()
        };
        // It is not known for which scenario's connections a server worked.
        total.share_machine(baseline, peak, &CpuTime::default());
        Some(total)
    }

    /// Adds the costs of the whole machine: the kernel's memory and the servers.
    fn share_machine(&mut self, baseline: Option<&HostSample>, peak: &Peak, servers: &CpuTime) {
        let Some(baseline) = baseline else { return };
        let mut idle = WorkerFacts::default();
        baseline.workers.values().for_each(|one| idle.merge(one));
        let reading = |sample: &HostSample, workers: &WorkerFacts, connections| HostUsage {
            rss_bytes: workers.rss_bytes + sample.servers_rss_bytes,
            slab_bytes: sample.kernel_bytes,
            available_bytes: sample.available_bytes,
            connections,
            ..HostUsage::default()
        };
        let after = reading(&peak.host, &peak.workers, peak.open);
        let cost = Cost::between(&reading(baseline, &idle, 0), &after);
        self.kernel_per_connection = cost.kernel_per_connection;
        if baseline.servers_rss_bytes > 0 && peak.host.servers_rss_bytes > 0 {
            let facts = |rss_bytes| WorkerFacts { rss_bytes, ..WorkerFacts::default() };
            let (before, now) =
                (facts(baseline.servers_rss_bytes), facts(peak.host.servers_rss_bytes));
            self.target = Some(process_cost(peak.open, Some(&before), &now, servers));
        }
    }
}

fn process_cost(
    open: u64,
    idle: Option<&WorkerFacts>,
    now: &WorkerFacts,
    used: &CpuTime,
) -> ProcessCost {
    let reading = |facts: &WorkerFacts, connections| HostUsage {
        rss_bytes: facts.rss_bytes,
        connections,
        ..HostUsage::default()
    };
    let memory =
        idle.map(|idle| Cost::between(&reading(idle, 0), &reading(now, open))).unwrap_or_default();
    ProcessCost {
        rss_bytes: now.rss_bytes,
        fixed_bytes: idle.map(|idle| idle.rss_bytes),
        cost: Cost { rss_per_connection: memory.rss_per_connection, ..used.cost() },
    }
}

/// With fewer connections the memory for each is imprecise, because it is allocated in pages.
pub const FEWEST_CONNECTIONS: u64 = 1_000;

/// Bytes of memory for people; what shrank while connections were opened costs nothing.
pub fn cost_bytes(bytes: f64) -> String {
    figure::bytes(super::figures::whole(bytes.max(0.0)))
}

/// Processor time, by purpose.
#[derive(Debug, Clone, Copy, Default)]
struct CpuTime {
    opening_ns: u64,
    opened: u64,
    holding_ns: u64,
    heartbeats: u64,
}

impl CpuTime {
    /// Adds the processor time between two samples: it is the opened connections', and in a hold in
    /// which none is opened the heartbeats'. What a hold uses while it opens connections, is
    /// neither's.
    fn add(&mut self, held: bool, cpu_ns: u64, opened: u64, heartbeats: u64) {
        if !held && opened > 0 {
            self.opening_ns += cpu_ns;
            self.opened += opened;
        }
        if held && opened == 0 && heartbeats > 0 {
            self.holding_ns += cpu_ns;
            self.heartbeats += heartbeats;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.opening_ns += other.opening_ns;
        self.opened += other.opened;
        self.holding_ns += other.holding_ns;
        self.heartbeats += other.heartbeats;
    }

    fn cost(&self) -> Cost {
        let nothing = HostUsage::default();
        let of = |cpu_ns, opened, heartbeats| {
            Cost::between(&nothing, &HostUsage { cpu_ns, opened, heartbeats, ..nothing })
        };
        Cost {
            cpu_per_heartbeat: of(self.holding_ns, 0, self.heartbeats).cpu_per_heartbeat,
            ..of(self.opening_ns, self.opened, 0)
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    generator: CpuTime,
    target: CpuTime,
}

impl Times {
    /// Processes a scenario's samples in order. What the processes had used before its start is not
    /// the load's. The last piece of a ramp may end within the first second of the hold.
    fn of_scenario(recording: &Recording, index: usize) -> Self {
        let mut times = Self::default();
        let sample = recording.baseline.as_ref();
        let at = u16::try_from(index).ok();
        let Some((sample, idle)) =
            sample.zip(at).and_then(|(sample, at)| Some((sample, sample.workers.get(&at)?)))
        else {
            return times;
        };
        let start = HostReading { host: sample.clone(), workers: *idle, ..HostReading::default() };
        let mut before = &start;
        for (key, (first, last)) in &recording.scenarios[index].host_samples {
            for (held, after) in [(false, first), (key.phase == Phase::Hold, last)] {
                if key.phase != Phase::Drain {
                    times.add(held, before, after);
                }
                before = after;
            }
        }
        times
    }

    fn add(&mut self, held: bool, before: &HostReading, after: &HostReading) {
        let opened = after.opened - before.opened;
        let heartbeats = after.heartbeats - before.heartbeats;
        let generator = after.workers.cpu_ns.saturating_sub(before.workers.cpu_ns);
        self.generator.add(held, generator, opened, heartbeats);
        let target = after.host.servers_cpu_ns.saturating_sub(before.host.servers_cpu_ns);
        self.target.add(held, target, opened, heartbeats);
    }
}

#[cfg(test)]
mod tests;
