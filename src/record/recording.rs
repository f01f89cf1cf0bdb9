//! Folds the entries of a run, in order, into the run's facts; live, saved and recovered runs use
//! the same fold.

use super::generator_load::CpuUtilisation;
use super::host::{add_changes, update_peak};
use super::monitored::{MonitorReading, MonitorRecording, MonitorTally};
use super::{
    Cell, CellKey, Counter, Diagnosis, Gauge, Gauges, GeneratorLoad, HostDelta, HostId, HostPart,
    HostReading, HostRecordings, HostSample, Lookup, LookupRecording, LostWorker,
    PassedTransitions, Peak, Second, StageTransition, Transition, WorkerFacts,
};
use crate::units::SECOND_NS;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One entry of a run's journal. The recording of a run is the fold of its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The machine before the first connection.
    Baseline(Box<HostSample>),
    /// The facts of one second.
    Second(Second),
    /// A scenario entered a phase.
    #[serde(rename = "boundary")]
    Transition(StageTransition),
    /// A worker died or stalled; its open attempts are among the unfinished of the next second.
    WorkerLost {
        /// Index into `Plan::scenarios`.
        scenario: u16,
        /// Which of the scenario's workers.
        worker: u16,
        /// The host that it was on, of several.
        #[serde(default, skip_serializing_if = "HostId::is_coordinator")]
        host: HostId,
        /// When it was noticed, on the run's clock.
        at_ns: u64,
        /// The evidence: `exit status 1`, `sent nothing for 10 s`.
        why: String,
    },
    /// Why attempts of a scenario have failed so far; replaces earlier diagnoses.
    Diagnosed {
        /// Index into `Plan::scenarios`.
        scenario: u16,
        /// When, on the run's clock.
        at_ns: u64,
        /// The most frequent root cause first.
        diagnoses: Vec<Diagnosis>,
    },
    /// Several hosts made the load: by how much their starts may be apart.
    StartSkew {
        /// At most, in nanoseconds.
        bound_ns: u64,
        /// The name of each host, by slot; empty in recordings that do not say.
        #[serde(default)]
        hosts: Vec<String>,
    },
    /// A monitor was read.
    Monitored(MonitorReading),
    /// The names of a target were looked up again, with another result.
    LookedUp(Lookup),
    /// The run ended.
    Stopped {
        /// When, on the run's clock.
        at_ns: u64,
        /// Why.
        reason: StopReason,
    },
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The plan was completed.
    Completed,
    /// A threshold with `abort` was broken.
    Aborted {
        /// Index into `Plan::scenarios`.
        scenario: u16,
        /// Index into `Scenario::thresholds`.
        threshold: u16,
    },
    /// A signal asked for the end.
    Interrupted {
        /// 1 for SIGHUP, 2 for SIGINT, 15 for SIGTERM.
        signal: i32,
    },
    /// A worker was lost and the plan says `on_worker_loss = "stop"`, or no worker was left.
    WorkerLoss,
    /// A rule of validity was broken so that the run could only be INVALID, and the plan does not
    /// say `on_invalid = "continue"`.
    BeyondRepair {
        /// Its name in reports.
        rule: String,
    },
}

impl StopReason {
    /// The word in reports and in the lines of `--progress json`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Aborted { .. } => "aborted",
            Self::Interrupted { .. } => "interrupted",
            Self::WorkerLoss => "worker_loss",
            Self::BeyondRepair { .. } => "beyond_repair",
        }
    }
}

/// The name of a signal: `SIGINT`; `signal 99` where it has none.
pub fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}

/// The facts of a whole run, or of the part of it that was saved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// By index into `Plan::scenarios`.
    pub scenarios: Vec<ScenarioRecording>,
    /// How many seconds have been recorded: the last one's number plus one.
    pub seconds: u32,
    /// The machine before the first connection.
    pub baseline: Option<HostSample>,
    /// Changes of the kernel's counters over the whole run.
    pub kernel: BTreeMap<String, i64>,
    /// The resources that the host withheld over the whole run; absent if not measured.
    pub host_delta: Option<HostDelta>,
    /// The processor time that each host withheld over the whole run.
    pub host_deltas: BTreeMap<HostId, HostDelta>,
    /// When all scenarios together had most connections open.
    pub peak: Option<Peak>,
    cpu: CpuUtilisation,
    far_cpu: BTreeMap<HostId, CpuUtilisation>,
    /// The readings of monitors, by index into `Plan::monitors`.
    pub monitors: BTreeMap<u16, MonitorRecording>,
    /// What each of several hosts did.
    pub hosts: HostRecordings,
    /// Later lookups of names, by index into `Plan::targets`.
    pub lookups: BTreeMap<u16, LookupRecording>,
    /// By how much the starts of hosts may be apart; `None`: one machine made the load.
    pub start_skew_ns: Option<u64>,
    /// Workers that were lost.
    pub lost_workers: Vec<LostWorker>,
    /// Why and when the run ended; `None` while it is in progress, and if it was killed.
    pub stopped: Option<(StopReason, u64)>,
}

/// The facts of one scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScenarioRecording {
    /// Everything that happened, by stage and phase.
    pub cells: BTreeMap<CellKey, Cell>,
    /// Levels at the end of the last second.
    pub gauges: Gauges,
    /// Levels at the end of each phase; of the current one, at the end of its last second.
    pub gauges_at: BTreeMap<CellKey, Gauges>,
    /// The phases whose end workers have reported, so that no later level counts.
    ended: BTreeSet<CellKey>,
    /// The workers together at the end of the last second; the lag is the worst of the run.
    pub workers: WorkerFacts,
    /// Its transitions so far.
    pub transitions: PassedTransitions,
    /// Changes of the kernel's counters while each stage and phase was the current one.
    pub kernel: BTreeMap<CellKey, BTreeMap<String, i64>>,
    /// The first and the last sample of the host while each stage and phase was current.
    pub host_samples: BTreeMap<CellKey, (HostReading, HostReading)>,
    /// The load of workers and host in the whole seconds of each stage and phase.
    pub generator_load: BTreeMap<CellKey, GeneratorLoad>,
    /// Throttled periods, by the stage and phase in which each sample's second began.
    pub throttled: BTreeMap<CellKey, u64>,
    /// The readings of monitors in each stage and phase, by monitor and metric.
    pub monitors: BTreeMap<CellKey, BTreeMap<(u16, u16), MonitorTally>>,
    /// When it had most connections open.
    pub peak: Option<Peak>,
    /// Why attempts failed, as it was found last while the run went on; empty in recordings that do
    /// not say.
    pub diagnoses: Vec<Diagnosis>,
}

impl ScenarioRecording {
    /// A sample of the host, with what the scenario has done up to now.
    fn host_reading(&self, host: &HostSample, workers: WorkerFacts) -> HostReading {
        let sum = |counter| self.cells.values().map(|cell| cell.counters.get(counter)).sum::<u64>();
        HostReading {
            host: host.clone(),
            workers,
            opened: sum(Counter::ConnectOk),
            heartbeats: sum(Counter::HeartbeatReceived) + sum(Counter::HeartbeatSent),
        }
    }

    /// Adds the load of workers and host in one second.
    fn add_load(
        &mut self,
        second: u32,
        workers: (&WorkerFacts, u32),
        (hosts, parts, cpu): (&[&HostSample], &[&HostPart], &[(HostId, f64)]),
    ) {
        let first_ns = u64::from(second) * SECOND_NS;
        let (begun, ended) = (self.phase_at(first_ns), self.phase_at(first_ns + 999_999_999));
        let deltas = || hosts.iter().filter_map(|one| Some((one.host, one.delta.as_ref()?)));
        if let Some(key) = begun.filter(|_| begun == ended) {
            let load = self.generator_load.entry(key).or_default();
            load.add(workers, deltas());
            for part in parts {
                load.add_part(part);
            }
            for (host, share) in cpu {
                load.add_cpu_utilisation(*host, *share);
            }
        }
        let throttled = deltas().filter_map(|(_, delta)| delta.throttled_periods).sum::<u64>();
        if let Some(key) = begun.or(ended).filter(|_| throttled > 0) {
            *self.throttled.entry(key).or_default() += throttled;
        }
    }

    /// When a transition happened, on the run's clock.
    pub fn at(&self, mark: Transition) -> Option<u64> {
        self.transitions.at(mark)
    }

    /// The phase that was current at `at_ns`; `None` before the scenario's start and after its end.
    pub fn phase_at(&self, at_ns: u64) -> Option<CellKey> {
        self.transitions.phase_at(at_ns)
    }
}

impl Recording {
    /// An empty recording of `scenarios` scenarios.
    pub fn new(scenarios: usize) -> Self {
        Self { scenarios: vec![ScenarioRecording::default(); scenarios], ..Self::default() }
    }

    /// Adds the next entry of the run.
    pub fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Baseline(sample) => {
                self.baseline = Some((**sample).clone());
            }
            Entry::Second(second) => self.add_second(second),
            Entry::Transition(transition) => {
                if let Some(scenario) = self.scenarios.get_mut(usize::from(transition.scenario)) {
                    scenario.transitions.push(*transition);
                }
            }
            Entry::WorkerLost { scenario, worker, host, at_ns, why } => {
                if !host.is_coordinator() {
                    self.hosts.lose(*host);
                }
                self.lost_workers.push(LostWorker {
                    scenario: *scenario,
                    worker: *worker,
                    host: *host,
                    at_ns: *at_ns,
                    why: why.clone(),
                });
            }
            Entry::Diagnosed { scenario, diagnoses, .. } => {
                if let Some(scenario) = self.scenarios.get_mut(usize::from(*scenario)) {
                    scenario.diagnoses.clone_from(diagnoses);
                }
            }
            Entry::StartSkew { bound_ns, hosts } => {
                self.start_skew_ns = Some(*bound_ns);
                self.hosts.names.clone_from(hosts);
            }
            Entry::Monitored(reading) => self.add_reading(reading),
            Entry::LookedUp(lookup) => self.lookups.entry(lookup.target).or_default().add(lookup),
            Entry::Stopped { at_ns, reason } => self.stopped = Some((reason.clone(), *at_ns)),
        }
    }

    /// Adds a reading to the monitor, and to the phase of each scenario that it was read in.
    fn add_reading(&mut self, reading: &MonitorReading) {
        let added = self.monitors.entry(reading.monitor).or_default().add(reading);
        for scenario in &mut self.scenarios {
            let Some(key) = scenario.phase_at(reading.at_ns) else { continue };
            let tallies = scenario.monitors.entry(key).or_default();
            for (metric, tally) in &added {
                let all = tallies.entry((reading.monitor, *metric));
                all.and_modify(|all| all.merge(tally)).or_insert(*tally);
            }
        }
    }

    /// The share of each host's processors that all processes of the run used recently.
    fn recent_cpu(&mut self, second: &Second, hosts: &[&HostSample]) -> Vec<(HostId, f64)> {
        let far = hosts.iter().filter(|sample| !sample.host.is_coordinator());
        let shares = far.filter_map(|sample| {
            let cpu = self.far_cpu.entry(sample.host).or_default();
            let share = cpu.add(sample.at_ns, sample.own_cpu_ns, sample.processors.max(1));
            Some((sample.host, share?))
        });
        let mut shares: Vec<(HostId, f64)> = shares.collect();
        let own = self.own_cpu(second, hosts).map(|share| (HostId::COORDINATOR, share));
        shares.extend(own);
        shares
    }

    /// The same, where this machine makes the load.
    fn own_cpu(&mut self, second: &Second, hosts: &[&HostSample]) -> Option<f64> {
        let host = hosts.first().filter(|one| one.host.is_coordinator() && one.processors > 0)?;
        let workers = (0..).zip(&self.scenarios).map(|(index, known)| {
            let new = second.scenarios.get(&index).filter(|facts| facts.reporting > 0);
            new.map_or(known.workers.cpu_ns, |facts| facts.workers.cpu_ns)
        });
        let used = workers.sum::<u64>() + host.servers_cpu_ns + host.own_cpu_ns;
        self.cpu.add(host.at_ns, used, host.processors)
    }

    /// Updates the peak of all scenarios together.
    fn update_run_peak(&mut self, second: &Second, sample: &HostSample) {
        let (mut open, mut workers) = (0, WorkerFacts::default());
        for facts in second.scenarios.values() {
            open += facts.gauges.get(Gauge::Open);
            workers.merge(&facts.workers);
        }
        update_peak(&mut self.peak, open, sample, workers);
    }

    fn add_second(&mut self, second: &Second) {
        self.seconds = self.seconds.max(second.second + 1);
        for sample in &second.hosts {
            add_changes(&mut self.kernel, &sample.counters);
            if let Some(delta) = &sample.delta {
                self.host_delta.get_or_insert_default().merge(delta);
                self.host_deltas.entry(sample.host).or_default().merge(delta);
            }
        }
        // Where other hosts make the load, what the coordinator's machine does says nothing of it.
        let far: Vec<&HostSample> =
            second.hosts.iter().filter(|sample| !sample.host.is_coordinator()).collect();
        let is_far = self.start_skew_ns.is_some();
        let sample = second.host(HostId::COORDINATOR).filter(|_| !is_far);
        let hosts = if is_far { far } else { sample.into_iter().collect() };
        if let Some(sample) = sample {
            self.update_run_peak(second, sample);
        }
        let cpu = self.recent_cpu(second, &hosts);
        self.hosts.add(&second.parts, &cpu);
        for (index, facts) in &second.scenarios {
            let Some(scenario) = self.scenarios.get_mut(usize::from(*index)) else { continue };
            for (key, cell) in &facts.cells {
                scenario.cells.entry(*key).or_default().merge(cell);
            }
            for (key, gauges) in &facts.ended {
                if scenario.ended.insert(*key) {
                    scenario.gauges_at.insert(*key, Gauges::default());
                }
                scenario.gauges_at.entry(*key).or_default().merge(gauges);
            }
            // A worker that has not reported a second may have stalled in it.
            let workers = facts.reporting.max(facts.at_work);
            if workers > 0 {
                let parts = second.parts.iter().filter(|part| part.scenario == *index);
                let parts: Vec<&HostPart> = parts.collect();
                let hosts = (hosts.as_slice(), parts.as_slice(), cpu.as_slice());
                scenario.add_load(second.second, (&facts.workers, workers), hosts);
            }
            if facts.reporting > 0 {
                let worst = scenario.workers.lag_max_ns.max(facts.workers.lag_max_ns);
                scenario.gauges = facts.gauges;
                scenario.workers = WorkerFacts { lag_max_ns: worst, ..facts.workers };
                // A phase that begins with the end of the second is not in its levels yet.
                let last_ns = (u64::from(second.second) + 1) * SECOND_NS - 1;
                let key = scenario.phase_at(last_ns);
                if let Some(key) = key.filter(|key| !scenario.ended.contains(key)) {
                    scenario.gauges_at.insert(key, facts.gauges);
                }
                if let Some(sample) = sample {
                    update_peak(
                        &mut scenario.peak,
                        facts.gauges.get(Gauge::Open),
                        sample,
                        facts.workers,
                    );
                    if let Some(key) = key {
                        let reading = scenario.host_reading(sample, facts.workers);
                        let samples = scenario
                            .host_samples
                            .entry(key)
                            .or_insert_with(|| (reading.clone(), HostReading::default()));
                        samples.1 = reading;
                    }
                }
                // A second in which the scenario ended is its last phase's.
                let first_ns = u64::from(second.second) * SECOND_NS;
                if let Some(key) = key.or_else(|| scenario.phase_at(first_ns)) {
                    for sample in &hosts {
                        add_changes(scenario.kernel.entry(key).or_default(), &sample.counters);
                    }
                }
            }
        }
    }
}
