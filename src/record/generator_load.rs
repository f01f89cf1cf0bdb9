//! Turns withheld resources, and their effect on workers, into figures of a period that rules can
//! be held against.

use super::{HostId, HostPart, WorkerFacts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Shares of processor time are averaged over this many seconds: fewer would show the kernel's
/// ticks than of the load.
pub const WINDOW_SECONDS: u32 = 5;

/// The resources that the machine gave and withheld between two samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDelta {
    /// How long the looks are apart.
    pub elapsed_ns: u64,
    /// Time of all processors together, at work or idle.
    pub cpu_ns: u64,
    /// The part that a hypervisor gave to others.
    #[serde(default)]
    pub steal_ns: u64,
    /// Periods in which control groups around this process had used up their share; absent where no
    /// group counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_periods: Option<u64>,
    /// How long their processes were stalled by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_ns: Option<u64>,
    /// Time in which every process that had work waited for memory; absent where the kernel does
    /// not measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_stall_ns: Option<u64>,
    /// How far the wall clock went ahead of the monotonic clock, or fell behind.
    #[serde(default)]
    pub clock_step_ns: i64,
    /// How long the machine slept.
    #[serde(default)]
    pub suspended_ns: u64,
    /// How often the kernel took another clock source; absent where it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_source_changes: Option<u64>,
    /// Pages that were read back from swap; absent where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swapped_in_pages: Option<u64>,
}

impl HostDelta {
    /// Adds a later stretch: sums, and the larger step of the clock.
    pub fn merge(&mut self, later: &Self) {
        let sum = |mine: &mut Option<u64>, theirs: Option<u64>| {
            *mine = mine.map_or(theirs, |mine| Some(mine + theirs.unwrap_or(0)));
        };
        self.elapsed_ns += later.elapsed_ns;
        self.cpu_ns += later.cpu_ns;
        self.steal_ns += later.steal_ns;
        sum(&mut self.throttled_periods, later.throttled_periods);
        sum(&mut self.throttled_ns, later.throttled_ns);
        sum(&mut self.memory_stall_ns, later.memory_stall_ns);
        sum(&mut self.clock_source_changes, later.clock_source_changes);
        sum(&mut self.swapped_in_pages, later.swapped_in_pages);
        // Small steps are a clock that is being led; only a large one is a jump.
        if later.clock_step_ns.abs() > self.clock_step_ns.abs() {
            self.clock_step_ns = later.clock_step_ns;
        }
        self.suspended_ns += later.suspended_ns;
    }

    /// The part of all processor time that went to others; absent where none was counted.
    pub fn steal_share(&self) -> Option<f64> {
        (self.cpu_ns > 0).then(|| self.steal_ns as f64 / self.cpu_ns as f64)
    }
}

/// Workers in one phase of a stage, together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WorkerLoad {
    /// The longest stall of any worker; absent where it was not measured.
    pub stall_max_ns: Option<u64>,
    /// The stalls of all, together.
    pub stalled_ns: u64,
    /// Seconds of all at work, together, those included in which one told nothing because it stood
    /// still.
    pub worker_seconds: u64,
    /// The busiest five seconds of any worker, in thousandths of one processor.
    pub busy_permille: Option<u32>,
    /// The five seconds in which any worker waited most for a processor, in thousandths.
    pub waiting_permille: Option<u32>,
}

impl WorkerLoad {
    /// Adds the next second. `full`: the windows of five seconds lie in the phase.
    fn add(&mut self, workers: &WorkerFacts, at_work: u32, full: bool) {
        self.worker_seconds += u64::from(at_work);
        self.stall_max_ns = self.stall_max_ns.max(workers.stall_max_ns);
        self.stalled_ns += workers.stalled_ns;
        if full {
            self.busy_permille = self.busy_permille.max(workers.busy_permille);
            self.waiting_permille = self.waiting_permille.max(workers.waiting_permille);
        }
    }

    /// The part of their time in which they stood still.
    pub fn stalled_share(&self) -> Option<f64> {
        let worked = self.worker_seconds as f64 * 1e9;
        self.stall_max_ns.filter(|_| worked > 0.0).map(|_| self.stalled_ns as f64 / worked)
    }
}

/// The load of workers and host in one phase of a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeneratorLoad {
    /// Whole seconds of the phase.
    pub seconds: u32,
    /// All workers, of all hosts.
    pub workers: WorkerLoad,
    /// The largest share of a host that a hypervisor gave to others in five seconds.
    pub steal_worst: Option<f64>,
    /// The largest part of the processors that all processes of the run used in five seconds.
    pub run_worst: Option<f64>,
    hosts: BTreeMap<HostId, HostLoad>,
}

/// One host in a phase: what it withheld, and how its own workers were. Of one machine that makes
/// the load alone, [`GeneratorLoad`] has the latter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostLoad {
    /// The resources that it withheld.
    pub all: HostDelta,
    /// Its workers.
    pub workers: WorkerLoad,
    /// The largest share that a hypervisor gave to others in five seconds.
    pub steal_worst: Option<f64>,
    /// The largest part of the processors that all processes of the run used in five seconds.
    pub run_worst: Option<f64>,
    recent: VecDeque<HostDelta>,
}

impl HostLoad {
    /// Adds the next second; the share of steal of the last five.
    fn add(&mut self, delta: &HostDelta) -> Option<f64> {
        self.all.merge(delta);
        self.recent.push_back(*delta);
        if self.recent.len() > WINDOW_SECONDS as usize {
            self.recent.pop_front();
        }
        let mut window = HostDelta::default();
        self.recent.iter().for_each(|one| window.merge(one));
        let full = self.recent.len() == WINDOW_SECONDS as usize;
        let share = window.steal_share().filter(|_| full);
        self.steal_worst = [self.steal_worst, share].into_iter().flatten().reduce(f64::max);
        share
    }
}

impl GeneratorLoad {
    /// Adds the next second that lies wholly in the phase. `hosts`: what each of the machines that
    /// make the load withheld.
    pub(super) fn add<'a>(
        &mut self,
        (workers, at_work): (&WorkerFacts, u32),
        hosts: impl Iterator<Item = (HostId, &'a HostDelta)>,
    ) {
        self.seconds += 1;
        self.workers.add(workers, at_work, self.has_full_window());
        for (host, delta) in hosts {
            let share = self.hosts.entry(host).or_default().add(delta);
            let worst = [self.steal_worst, share].into_iter().flatten();
            self.steal_worst = worst.reduce(f64::max);
        }
    }

    /// Adds what one host's workers did in the second that was added last.
    pub(super) fn add_part(&mut self, part: &HostPart) {
        let full = self.has_full_window();
        let host = self.hosts.entry(part.host).or_default();
        host.workers.add(&part.workers, part.at_work.max(part.reporting), full);
    }

    /// Whether the last five seconds lie in the phase: its first windows still see the one before.
    fn has_full_window(&self) -> bool {
        self.seconds >= WINDOW_SECONDS
    }

    /// How one of several hosts was.
    pub fn of_host(&self, host: HostId) -> Option<&HostLoad> {
        self.hosts.get(&host)
    }

    /// The host for which a figure is largest; `None` where one machine makes the load, or no host
    /// has the figure.
    pub fn worst_host(&self, figure: impl Fn(&HostLoad) -> Option<f64>) -> Option<HostId> {
        let far = self.hosts.iter().filter(|(host, _)| !host.is_coordinator());
        let figures = far.filter_map(|(host, load)| Some((*host, figure(load)?)));
        let worst = figures.reduce(|worst, next| if next.1 > worst.1 { next } else { worst });
        worst.map(|(host, _)| host)
    }

    /// The part of a host's processor time that went to others, of the host with the largest;
    /// absent where none was counted.
    pub fn steal_share(&self) -> Option<f64> {
        self.hosts.values().filter_map(|host| host.all.steal_share()).reduce(f64::max)
    }

    /// Notes what part of the processors all processes of the run used in the five seconds up to
    /// the one that was added last.
    pub(super) fn add_cpu_utilisation(&mut self, host: HostId, share: f64) {
        if self.has_full_window() {
            let larger = |worst: Option<f64>| Some(worst.map_or(share, |worst| worst.max(share)));
            self.run_worst = larger(self.run_worst);
            let host = self.hosts.entry(host).or_default();
            host.run_worst = larger(host.run_worst);
        }
    }

    /// The part of all the time of all workers in which they stood still: as much of what they
    /// measured is theirs and not the target's. Of several hosts: of the one that stood still most.
    pub fn stalled_share(&self) -> Option<f64> {
        let far = self.hosts.values().filter_map(|host| host.workers.stalled_share());
        far.reduce(f64::max).or_else(|| self.workers.stalled_share())
    }
}

/// The processor time that the processes of a run used over the last five seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CpuUtilisation(VecDeque<(u64, u64)>);

impl CpuUtilisation {
    /// Notes the processor time that all had used up to a moment; the part of all processors in the
    /// window that ends there.
    pub(super) fn add(&mut self, at_ns: u64, cpu_ns: u64, processors: u32) -> Option<f64> {
        // Time that goes back is that of a process that has gone.
        if self.0.back().is_some_and(|(_, before)| *before > cpu_ns) {
            self.0.clear();
        }
        self.0.push_back((at_ns, cpu_ns));
        if self.0.len() > WINDOW_SECONDS as usize + 1 {
            self.0.pop_front();
        }
        let (from_ns, before) = *self.0.front()?;
        let whole = at_ns.saturating_sub(from_ns) as f64 * f64::from(processors);
        let full = self.0.len() > WINDOW_SECONDS as usize && whole > 0.0;
        full.then(|| (cpu_ns - before) as f64 / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_a_run_share_the_processors() {
        const SECOND: u64 = 1_000_000_000;
        let (mut cpu, mut shares) = (CpuUtilisation::default(), Vec::new());
        for second in 0..8 {
            // One of two processors, and both from the fifth second on.
            let used = second * SECOND + second.saturating_sub(5) * SECOND;
            shares.push(cpu.add(second * SECOND, used, 2));
        }
        assert_eq!(shares[..5], [None; 5]);
        assert_eq!(shares[5..], [Some(0.5), Some(0.6), Some(0.7)]);
        // Some have gone: their time is not that of the others.
        assert_eq!(cpu.add(9 * SECOND, SECOND, 2), None);
    }

    fn delta(steal_ms: u64) -> HostDelta {
        let (elapsed_ns, cpu_ns) = (1_000_000_000, 2_000_000_000);
        HostDelta { elapsed_ns, cpu_ns, steal_ns: steal_ms * 1_000_000, ..HostDelta::default() }
    }

    /// This machine alone.
    fn here(delta: &HostDelta) -> impl Iterator<Item = (HostId, &HostDelta)> {
        std::iter::once((HostId::COORDINATOR, delta))
    }

    #[test]
    fn the_worst_host_counts_and_not_their_mean() {
        let mut load = GeneratorLoad::default();
        for _ in 0..5 {
            let (quiet, loud) = (delta(0), delta(500));
            let hosts = [(HostId::numbered(1), &quiet), (HostId::numbered(2), &loud)];
            load.add((&WorkerFacts::default(), 2), hosts.into_iter());
        }
        assert_eq!((load.steal_share(), load.steal_worst), (Some(0.25), Some(0.25)));
    }

    #[test]
    fn a_burst_of_steal_is_seen_in_its_five_seconds() {
        let mut load = GeneratorLoad::default();
        for second in 0..10 {
            let steal = if (3..5).contains(&second) { 500 } else { 0 };
            let delta = delta(steal);
            load.add((&WorkerFacts::default(), 1), here(&delta));
            let windows = load.steal_worst.is_some();
            assert_eq!(windows, second >= 4);
        }
        assert_eq!(load.steal_worst, Some(0.1));
        assert_eq!(load.steal_share(), Some(0.05));
    }

    #[test]
    fn what_was_not_measured_stays_so() {
        let mut load = GeneratorLoad::default();
        assert_eq!(load.stalled_share(), None);
        let busy = WorkerFacts { busy_permille: Some(990), ..WorkerFacts::default() };
        (0..4).for_each(|_| load.add((&busy, 1), std::iter::empty()));
        assert_eq!(
            (load.workers.busy_permille, load.steal_share()),
            (None, None),
            "five seconds are not over"
        );
        load.add((&busy, 1), std::iter::empty());
        assert_eq!(load.workers.busy_permille, Some(990));
    }

    #[test]
    fn journals_from_before_it_was_measured_are_read() {
        let facts: WorkerFacts =
            serde_json::from_str(r#"{"cpu_ns":1,"rss_bytes":2,"lag_max_ns":3}"#).expect("facts");
        assert_eq!((facts.stall_max_ns, facts.busy_permille, facts.lag_max_ns), (None, None, 3));
        let mut load = GeneratorLoad::default();
        load.add((&facts, 1), std::iter::empty());
        assert_eq!((load.workers.stall_max_ns, load.stalled_share()), (None, None));
    }

    #[test]
    fn one_of_many_that_stands_still_is_one_of_many() {
        let mut load = GeneratorLoad::default();
        let mut all = WorkerFacts::default();
        for stalled_ns in [300_000_000, 0, 0] {
            let stall_max_ns = Some(stalled_ns);
            all.merge(&WorkerFacts { stall_max_ns, stalled_ns, ..WorkerFacts::default() });
        }
        load.add((&all, 3), std::iter::empty());
        assert_eq!(
            (load.workers.stall_max_ns, load.stalled_share()),
            (Some(300_000_000), Some(0.1))
        );
    }

    #[test]
    fn the_larger_step_of_the_clock_stays_and_the_rest_adds_up() {
        let step = |clock_step_ns, throttled_periods| HostDelta {
            throttled_periods,
            clock_step_ns,
            ..HostDelta::default()
        };
        let mut all = step(2, None);
        all.merge(&step(-70, Some(3)));
        all.merge(&step(60, None));
        assert_eq!((all.clock_step_ns, all.throttled_periods), (-70, Some(3)));
    }
}
