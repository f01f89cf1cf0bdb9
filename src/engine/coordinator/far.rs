//! A run whose load other hosts make: begins with them, takes in what they report, accounts for one
//! that is lost, and compares what was taken in with what they counted.

#![expect(clippy::disallowed_methods, reason = "hosts that do not end in time are given up")]

use super::super::channel::wire::Assignment;
use super::super::channel::{HostEvent, Totals, WorkerEvent};
use super::super::clock::monotonic_ns;
use super::fleet::Fleet;
use super::recruiting::HostsSpec;
use super::workers::{WorkerPlace, WorkerState};
use super::{EngineError, Run, RunSpec, TICK, Team};
use crate::engine::channel::host_wire::{HostSecond, ToHost};
use crate::machine::RunHost;
use crate::plan::OnHostLoss;
use crate::record::{CellKey, Counters, Entry, HostId, HostSample, StopReason, WorkerFacts};
use crate::schedule::{Partition, Schedule};
use crate::units::narrow;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long hosts may take to say what they counted, once their workers have ended.
const TOTALS_WITHIN: Duration = Duration::from_secs(10);

/// How long hosts may take to learn that they are to end.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

/// The hosts of a run that goes on.
pub(super) struct FarSide {
    pub(super) fleet: Fleet,
    pub(super) hosts: Vec<RunHost>,
    /// The last sample of each machine that is in no second yet.
    samples: BTreeMap<HostId, HostSample>,
    totals: BTreeMap<usize, Totals>,
    lost: Vec<usize>,
}

/// Waits until all workers are ready and, on hosts, until all have taken in when the run starts.
/// The usage of each scenario's workers by then, and the time.
pub(super) async fn ready(
    spec: &RunSpec,
    team: &mut Team,
    far: Option<&mut FarSide>,
) -> Result<(BTreeMap<u16, WorkerFacts>, u64), EngineError> {
    let idle = team.workers.all_ready().await?;
    let t0_ns = match (far, &spec.hosts) {
        (Some(far), Some(hosts)) => far.fleet.arm(hosts, &mut team.workers).await?,
        _ => monotonic_ns() + super::LEAD_NS,
    };
    Ok((idle, t0_ns))
}

impl FarSide {
    /// Brings hosts together and gives each of their workers its part.
    pub(super) async fn begin(
        spec: &mut RunSpec,
        hosts: &HostsSpec,
        schedule: &Schedule,
        team: &mut Team,
    ) -> Result<Self, EngineError> {
        let mut fleet = Fleet::recruit(hosts).await?;
        match Self::prepare(&mut fleet, spec, hosts, schedule, team).await {
            Ok(facts) => Ok(Self {
                fleet,
                hosts: facts,
                samples: BTreeMap::new(),
                totals: BTreeMap::new(),
                lost: Vec::new(),
            }),
            Err(error) => {
                fleet.close(&ToHost::Abort, RELEASED_WITHIN).await;
                Err(error)
            }
        }
    }

    async fn prepare(
        fleet: &mut Fleet,
        spec: &mut RunSpec,
        hosts: &HostsSpec,
        schedule: &Schedule,
        team: &mut Team,
    ) -> Result<Vec<RunHost>, EngineError> {
        let plan = &spec.manifest.plan;
        let (warnings, shares) = fleet.prepare(hosts, plan, &mut team.workers).await?;
        let counts = shares.iter().map(|hosts| hosts.iter().map(|host| host.workers).sum());
        spec.manifest.workers = counts.collect();
        spec.warnings.extend(warnings);
        team.set_rows(&spec.manifest, schedule);
        let mut partitions: Vec<Vec<std::vec::IntoIter<Partition>>> = Vec::new();
        for shares in &shares {
            let parts = Partition::of_hosts(shares).unwrap_or_default();
            partitions.push(parts.into_iter().map(Vec::into_iter).collect());
        }
        let mut numbers = vec![0; shares.len()];
        for (slot, scenarios) in fleet.scenarios().into_iter().enumerate() {
            let mut reporters: BTreeMap<u16, usize> = BTreeMap::new();
            for (nth, scenario) in scenarios.iter().enumerate() {
                let index = usize::from(*scenario);
                let Some(partition) = partitions[index][slot].next() else { continue };
                let workers = shares[index][slot].workers;
                let host = HostId::numbered(narrow(slot + 1));
                let reporter = *reporters
                    .entry(*scenario)
                    .or_insert_with(|| team.aggregator.add_reporter(*scenario, workers, host));
                let (rows, iterations) = team.first_blocks(&spec.manifest, schedule, index);
                let number = narrow(numbers[index]);
                numbers[index] += 1;
                let place = WorkerPlace { scenario: *scenario, number, host: slot, reporter };
                let assignment = Assignment { partition, rows, iterations };
                team.workers.add(place, Box::new(fleet.line(slot, nth)), assignment);
            }
        }
        Ok(fleet.facts(&shares))
    }

    /// The names of the hosts, by slot.
    pub(super) fn names(&self) -> Vec<String> {
        self.hosts.iter().map(|host| host.name.clone()).collect()
    }

    /// Ends a run that did not begin.
    pub(super) async fn give_up(self) {
        self.fleet.close(&ToHost::Abort, RELEASED_WITHIN).await;
    }

    /// The samples of each machine since the last call.
    pub(super) fn take_samples(&mut self) -> impl Iterator<Item = HostSample> {
        std::mem::take(&mut self.samples).into_values()
    }
}

impl Run<'_, '_> {
    /// Takes in what a host says of itself as a whole; `worker` is its first.
    pub(super) fn handle_host(&mut self, worker: usize, event: HostEvent) {
        let Some(far) = &mut self.far else { return };
        let slot = far.fleet.slot_of(worker);
        if far.lost.contains(&slot) {
            // It has been accounted for already.
            return;
        }
        let heard_ns = monotonic_ns();
        for handle in self.workers.handles.iter_mut().filter(|handle| handle.host == slot) {
            handle.heard_ns = heard_ns;
        }
        match event {
            HostEvent::Second(second) => self.add_second(slot, &second),
            HostEvent::Sample(mut sample) => {
                sample.host = HostId::numbered(narrow(slot + 1));
                far.samples.insert(sample.host, *sample);
            }
            HostEvent::Passed(..) => {}
            HostEvent::Ended(totals) => drop(far.totals.insert(slot, totals)),
            HostEvent::Gone(why) => self.lose_host(slot, &why),
        }
    }

    fn add_second(&mut self, slot: usize, second: &HostSecond) {
        for part in &second.scenarios {
            let mut handles = self.workers.handles.iter();
            let its = handles.find(|one| one.host == slot && one.scenario == part.scenario);
            if let Some(reporter) = its.map(|handle| handle.reporter) {
                self.aggregator.add(reporter, &part.snapshot, part.reporting);
            }
        }
    }

    /// Hosts are not silent while the broker is not there: the load goes on, and what they say
    /// comes later. It may be gone for as long as agents wait for their coordinator.
    pub(super) fn look_at_broker(&mut self, now_ns: u64) {
        let Some(far) = &self.far else { return };
        if far.fleet.is_connected() {
            self.connected_ns = now_ns;
            return;
        }
        let grace = self.spec.hosts.as_ref().map_or(Duration::ZERO, |hosts| hosts.grace);
        if Duration::from_nanos(now_ns.saturating_sub(self.connected_ns)) <= grace {
            self.workers.handles.iter_mut().for_each(|handle| handle.heard_ns = now_ns);
            return;
        }
        let why = format!("the broker was gone for {} s", grace.as_secs());
        for slot in 0..far.hosts.len() {
            if self.far.as_ref().is_some_and(|far| !far.lost.contains(&slot)) {
                self.lose_host(slot, &why);
            }
        }
    }

    /// Accounts for a host that died, fell silent or gave up.
    pub(super) fn lose_host(&mut self, slot: usize, why: &str) {
        let Some(far) = &mut self.far else { return };
        far.lost.push(slot);
        far.fleet.abort(slot);
        let why = format!("host {} (slot {slot}): {why}", far.fleet.name(slot));
        for worker in 0..self.workers.handles.len() {
            let handle = &self.workers.handles[worker];
            if handle.host == slot && handle.state == WorkerState::Working {
                self.lose(worker, &why);
            }
        }
        if self.spec.manifest.plan.generator.on_host_loss == OnHostLoss::Stop {
            self.stop(StopReason::WorkerLoss);
        }
    }

    /// Waits for what hosts counted, and compares it with what came of them; then they may end.
    pub(super) async fn release_hosts(&mut self) {
        let waited = Instant::now();
        let mut deadline = waited + TOTALS_WITHIN;
        let grace = self.spec.hosts.as_ref().map_or(TOTALS_WITHIN, |hosts| hosts.grace);
        while let Some(far) = &self.far
            && far.totals.len() + far.lost.len() < far.hosts.len()
        {
            match tokio::time::timeout(TICK, self.workers.next_event()).await {
                Ok((worker, WorkerEvent::Host(event))) => self.handle_host(worker, event),
                // While the broker is not there, nothing can come.
                Err(_) if !far.fleet.is_connected() && waited.elapsed() < grace => {
                    deadline = Instant::now() + TOTALS_WITHIN;
                }
                Err(_) if Instant::now() >= deadline => break,
                _ => {}
            }
        }
        let Some(far) = self.far.take() else { return };
        for slot in (0..far.hosts.len()).filter(|slot| !far.lost.contains(slot)) {
            let why = match far.totals.get(&slot) {
                None => "it did not say what it counted".to_owned(),
                Some(totals) => match self.missing(slot, totals) {
                    Some(why) => why,
                    None => continue,
                },
            };
            let why = format!("host {} (slot {slot}): {why}", far.fleet.name(slot));
            let mut handles = self.workers.handles.iter();
            let Some(first) = handles.find(|handle| handle.host == slot) else { continue };
            let (scenario, worker, at_ns) = (first.scenario, first.number, self.clock.now_ns());
            let host = HostId::numbered(narrow(slot + 1));
            self.record(Entry::WorkerLost { scenario, worker, host, at_ns, why });
        }
        far.fleet.close(&ToHost::Release, RELEASED_WITHIN).await;
    }

    /// The differences between a host's own counters and the received ones, in words.
    fn missing(&self, slot: usize, totals: &Totals) -> Option<String> {
        totals.iter().find_map(|(scenario, counted)| {
            let mut handles = self.workers.handles.iter();
            let its = handles.find(|one| one.host == slot && one.scenario == *scenario)?;
            let came = self.aggregator.counted(its.reporter);
            let counted: BTreeMap<CellKey, Counters> = counted.iter().copied().collect();
            let name = &self.spec.manifest.plan.scenarios[usize::from(*scenario)].name;
            (*came != counted).then(|| format!("what came of {name} is not what the host counted"))
        })
    }
}
