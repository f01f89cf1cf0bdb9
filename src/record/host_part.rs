//! The part of each host in what several hosts have done, beside the facts of all together.

use super::{Counters, Gauges, HostId, WorkerFacts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One second of one scenario on one host. Distributions are kept for all hosts together only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPart {
    /// The host.
    pub host: HostId,
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// All that was counted there, in all stages and phases.
    #[serde(default)]
    pub counters: Counters,
    /// Levels at the end of the second.
    #[serde(default)]
    pub gauges: Gauges,
    /// The host's workers of this scenario together.
    #[serde(default)]
    pub workers: WorkerFacts,
    /// How many of them these facts are from.
    #[serde(default)]
    pub reporting: u32,
    /// How many of them were at work, silent ones included.
    #[serde(default)]
    pub at_work: u32,
}

impl HostPart {
    /// Adds facts of the same host and scenario.
    pub fn merge(&mut self, counters: &Counters, gauges: &Gauges, workers: &WorkerFacts) {
        self.counters.merge(counters);
        self.gauges.merge(gauges);
        self.workers.merge(workers);
    }
}

/// A worker that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostWorker {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Which of the scenario's workers.
    pub worker: u16,
    /// The host that it was on, of several.
    pub host: HostId,
    /// When it was noticed, on the run's clock.
    pub at_ns: u64,
    /// The evidence.
    pub why: String,
}

/// The facts of one scenario on one host so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostTotals {
    /// All that was counted there.
    pub counters: Counters,
    /// Levels at the end of the last second.
    pub gauges: Gauges,
    /// The workers at the end of the last second that they reported; the lag and the longest stall
    /// are the worst of the run.
    pub workers: WorkerFacts,
    /// The part of the last second.
    pub last: HostPart,
}

/// The facts of all hosts of a run; empty where one machine makes the load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostRecordings {
    /// The name of each host, by its number less one.
    pub names: Vec<String>,
    totals: BTreeMap<(HostId, u16), HostTotals>,
    /// The part of its processors that the run used lately.
    cpu: BTreeMap<HostId, f64>,
    lost: BTreeSet<HostId>,
}

impl HostRecordings {
    /// The name of a host; `None` for the coordinator's machine, and where it is not known.
    pub fn name(&self, host: HostId) -> Option<&str> {
        self.names.get(host.slot()?).map(String::as_str)
    }

    /// The part of a host's processors that the run used in the last five seconds.
    pub fn cpu(&self, host: HostId) -> Option<f64> {
        self.cpu.get(&host).copied()
    }

    /// Whether workers of a host were lost.
    pub fn is_lost(&self, host: HostId) -> bool {
        self.lost.contains(&host)
    }

    /// Notes that a host's worker was lost.
    pub(super) fn lose(&mut self, host: HostId) {
        self.lost.insert(host);
    }

    /// What a host has done of a scenario.
    pub fn totals(&self, host: HostId, scenario: u16) -> Option<&HostTotals> {
        self.totals.get(&(host, scenario))
    }

    /// All hosts, by number, and scenarios.
    pub fn all(&self) -> impl Iterator<Item = (HostId, u16, &HostTotals)> {
        self.totals.iter().map(|((host, scenario), totals)| (*host, *scenario, totals))
    }

    /// The host of which a figure of a scenario is largest.
    pub fn worst(&self, scenario: u16, figure: impl Fn(&HostTotals) -> u64) -> Option<HostId> {
        let all = self.all().filter(|(_, of, _)| *of == scenario);
        let figures = all.map(|(host, _, totals)| (figure(totals), std::cmp::Reverse(host)));
        let worst = figures.max().filter(|(figure, _)| *figure > 0);
        worst.map(|(_, std::cmp::Reverse(host))| host)
    }

    /// Adds the parts of the next second, and what the run used of each host's processors.
    pub(super) fn add(&mut self, parts: &[HostPart], cpu: &[(HostId, f64)]) {
        let far = cpu.iter().filter(|(host, _)| !host.is_coordinator());
        self.cpu.extend(far.copied());
        for part in parts {
            let totals = self.totals.entry((part.host, part.scenario)).or_default();
            totals.counters.merge(&part.counters);
            totals.last = *part;
            if part.at_work == 0 && part.reporting == 0 {
                // It has ended, or is lost: what it used stands.
                totals.gauges = Gauges::default();
                continue;
            }
            totals.gauges = part.gauges;
            let (lag_max_ns, stall_max_ns, stalled_ns) = (
                totals.workers.lag_max_ns.max(part.workers.lag_max_ns),
                totals.workers.stall_max_ns.max(part.workers.stall_max_ns),
                totals.workers.stalled_ns + part.workers.stalled_ns,
            );
            totals.workers = WorkerFacts { lag_max_ns, stall_max_ns, stalled_ns, ..part.workers };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Counter;

    fn part(host: u16, started: u64, lag_max_ns: u64) -> HostPart {
        let mut part = HostPart {
            host: HostId::numbered(host),
            workers: WorkerFacts { lag_max_ns, cpu_ns: 10 * started, ..WorkerFacts::default() },
            reporting: 1,
            at_work: 1,
            ..HostPart::default()
        };
        part.counters.add(Counter::Started, started);
        part
    }

    #[test]
    fn hosts_are_summed_each_by_itself_and_the_worst_is_named() {
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let mut hosts = HostRecordings { names, ..HostRecordings::default() };
        hosts.add(&[part(1, 10, 5), part(2, 20, 90)], &[]);
        hosts.add(&[part(1, 11, 50), part(2, 21, 4)], &[]);
        let totals = hosts.totals(HostId::numbered(1), 0).expect("a host");
        assert_eq!((totals.counters.get(Counter::Started), totals.workers.lag_max_ns), (21, 50));
        assert_eq!(totals.workers.cpu_ns, 110);
        let lag = |totals: &HostTotals| totals.workers.lag_max_ns;
        let worst = hosts.worst(0, lag).expect("one is worst");
        assert_eq!(hosts.name(worst), Some("b"));
        assert_eq!(hosts.worst(0, |_| 0), None, "nobody has any of it");
        assert_eq!(hosts.worst(1, lag), None);
        assert_eq!(hosts.name(HostId::COORDINATOR), None);
    }
}
