//! The hosts of a run: recruited, prepared, brought to the same moment, released.
//!
//! **Invariant:** every wait has a deadline, which is said, and ends in the names of the hosts that
//! missed it.

#![expect(clippy::disallowed_methods, reason = "hosts that do not come in time are given up")]

use super::super::channel::broker::{Broker, LogReader, LogWriter, Room, without_password};
use super::super::channel::host_wire::{HostClaim, RunNotice, ToHost};
use super::super::channel::wire::VERSION;
use super::super::channel::{FarWorker, HostEvent, HostLink, WorkerEvent};
use super::super::clock::{ClockOffset, monotonic_ns};
use super::EngineError;
use super::fleet_tasks::{beat, pass_on, restore};
use super::launched::Launched;
use super::recruiting::{self, HostsSpec, LOOK_EVERY};
use super::workers::WorkerPool;
use crate::machine::{HostRequirement, RunHost, part_of_plan, workers};
use crate::plan::Plan;
use crate::record::HostId;
use crate::schedule::{HostShare, Partition};
use crate::units::{narrow, sha256};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

/// How long hosts may take to check themselves and to start their workers.
pub(super) const PREPARED_WITHIN: Duration = Duration::from_mins(1);

/// How long hosts may take to say that they wait for the start.
const ARMED_WITHIN: Duration = Duration::from_secs(10);

/// Round trips by which the clock of a host is found.
const ROUND_TRIPS: u32 = 16;

/// From the decision to start until the start, in nanoseconds, at least.
const LEAD_NS: u64 = 2_000_000_000;

/// Hosts whose moments of start may be further apart make the run prove nothing, in nanoseconds.
pub(crate) const SKEW_MAX_NS: u64 = 50_000_000;

/// A host that has claimed a slot.
#[derive(Debug)]
struct FarHost {
    claim: HostClaim,
    link: HostLink,
    /// The scenario of each of its workers.
    scenarios: Vec<u16>,
    /// The number of its first worker among all.
    first: usize,
    error_ns: u64,
    rtt_ns: u64,
    /// What it said that its part asks of it.
    requirements: Vec<HostRequirement>,
}

/// The hosts of a run.
pub(super) struct Fleet {
    room: Room,
    hosts: Vec<FarHost>,
    weights: Vec<u32>,
    /// The launchers, which end with this.
    launched: Vec<Launched>,
    /// What the broker is told and asked meanwhile.
    tasks: Vec<JoinHandle<()>>,
}

impl Fleet {
    /// Opens the run at the broker and waits until every slot is claimed.
    pub(super) async fn recruit(spec: &HostsSpec) -> Result<Self, EngineError> {
        let ca = spec.broker_ca.as_deref();
        if Broker::lets_anybody_in(&spec.broker, ca).await {
            let broker = without_password(&spec.broker);
            let why = format!(
                "the broker at {broker} lets anybody in who could make your hosts send load: start it with `--user NAME --pass WORD`, and give `--nats nats://NAME:WORD@HOST:4222`"
            );
            return Err(EngineError::Host { why });
        }
        let broker = Broker::connect(&spec.broker, ca, &spec.run).await?;
        let room = broker.open().await?;
        let slots = narrow(spec.weights.len());
        let plan_sha256 = sha256(&spec.manifest.text);
        room.found(&RunNotice { version: VERSION, hosts: slots, plan_sha256 }).await?;
        let (claims, launched) = match recruiting::launch_and_claim(spec, &room).await {
            Ok(recruited) => recruited,
            Err(error) => {
                recruiting::dismiss(&room, slots).await;
                return Err(error);
            }
        };
        room.put_manifest(&spec.manifest).await?;
        let mut hosts = Vec::new();
        for (slot, claim) in claims.into_iter().enumerate() {
            let log = LogWriter::new(&room, &format!("to.{slot}"), 0).await?;
            let link = HostLink { log, offset: ClockOffset::SAME_MACHINE };
            let (scenarios, first) = (Vec::new(), 0);
            let requirements = Vec::new();
            hosts.push(FarHost {
                claim,
                link,
                scenarios,
                first,
                error_ns: 0,
                rtt_ns: 0,
                requirements,
            });
        }
        let tasks = vec![
            tokio::spawn(beat(room.broker().clone())),
            tokio::spawn(restore(room.broker().clone())),
        ];
        Ok(Self { room, hosts, weights: spec.weights.clone(), launched, tasks })
    }

    /// Workers of each scenario on each host.
    pub(super) fn divide(&self, plan: &Plan) -> Result<Vec<Vec<HostShare>>, EngineError> {
        let total: u32 = self.weights.iter().sum();
        let parts: Vec<Plan> =
            self.weights.iter().map(|weight| part_of_plan(plan, (*weight, total))).collect();
        let shares = (0..plan.scenarios.len()).map(|scenario| {
            let hosts = self.hosts.iter().zip(&parts).zip(&self.weights);
            let share = hosts.map(|((host, part), weight)| HostShare {
                weight: *weight,
                workers: workers(&part.scenarios[scenario], part, &host.claim.limits),
            });
            let share: Vec<HostShare> = share.collect();
            Partition::of_hosts(&share).map(|_| share)
        });
        shares.collect::<Option<_>>().ok_or_else(|| EngineError::Host {
            why: "the weights of the hosts have no common divisor that is small enough: give smaller weights".to_owned(),
        })
    }

    /// Has every host check itself and start its workers; finds the hosts' clocks. What the checks
    /// warned of, and the workers of each scenario, by host.
    pub(super) async fn prepare(
        &mut self,
        spec: &HostsSpec,
        plan: &Plan,
        pool: &mut WorkerPool,
    ) -> Result<(Vec<String>, Vec<Vec<HostShare>>), EngineError> {
        let shares = self.divide(plan)?;
        let mut first = 0;
        for slot in 0..self.hosts.len() {
            let mut scenarios = Vec::new();
            for (scenario, hosts) in shares.iter().enumerate() {
                let workers = hosts[slot].workers as usize;
                scenarios.extend(std::iter::repeat_n(narrow(scenario), workers));
            }
            let number = first;
            first += scenarios.len();
            self.ask(spec, (slot, number), (scenarios, false), pool).await?;
        }
        let within = PREPARED_WITHIN.as_secs();
        (spec.say)(&format!("hosts check themselves and start workers, within {within} s"));
        let deadline = Instant::now() + PREPARED_WITHIN;
        let warnings = self.all_say(pool, deadline, "were not prepared in time").await?;
        for slot in 0..self.hosts.len() {
            let (offset, error_ns, rtt_ns) = self.find_clock(slot).await?;
            let host = &mut self.hosts[slot];
            (host.link.offset, host.error_ns, host.rtt_ns) = (offset, error_ns, rtt_ns);
        }
        Ok((warnings, shares))
    }

    /// Tells a host its part: the scenarios of its workers, or that it is only asked.
    pub(super) async fn ask(
        &mut self,
        spec: &HostsSpec,
        (slot, first): (usize, usize),
        (scenarios, examine): (Vec<u16>, bool),
        pool: &WorkerPool,
    ) -> Result<(), EngineError> {
        let total: u32 = self.weights.iter().sum();
        let host = &mut self.hosts[slot];
        host.first = first;
        host.scenarios.clone_from(&scenarios);
        let incarnation = host.claim.incarnation;
        let log = LogReader::new(&self.room, &format!("from.{slot}"), incarnation).await?;
        tokio::spawn(pass_on(log, host.first, host.scenarios.len(), pool.events()));
        let grace_ms = u64::try_from(spec.grace.as_millis()).unwrap_or(u64::MAX);
        let share = (self.weights[slot], total);
        host.link.send(&ToHost::Prepare { share, workers: scenarios, examine, grace_ms });
        Ok(())
    }

    /// Waits until every host has said that it is as far; what they have to say about it.
    pub(super) async fn all_say(
        &mut self,
        pool: &mut WorkerPool,
        deadline: Instant,
        missed: &str,
    ) -> Result<Vec<String>, EngineError> {
        let mut waiting: Vec<usize> = (0..self.hosts.len()).collect();
        let mut said = Vec::new();
        while !waiting.is_empty() {
            let Ok((worker, event)) = timeout_at(deadline, pool.next_event()).await else {
                let names: Vec<&str> =
                    waiting.iter().map(|slot| self.hosts[*slot].claim.name.as_str()).collect();
                let why = format!("hosts {missed}: {}", names.join(", "));
                return Err(EngineError::Host { why });
            };
            let slot = self.slot_of(worker);
            let host = &mut self.hosts[slot];
            let name = &host.claim.name;
            match event {
                WorkerEvent::Host(HostEvent::Passed(warnings, requirements)) => {
                    waiting.retain(|one| *one != slot);
                    host.requirements.extend(requirements);
                    said.extend(warnings.iter().map(|one| format!("host {name}: {one}")));
                }
                WorkerEvent::Host(HostEvent::Gone(why)) | WorkerEvent::Gone(why) => {
                    return Err(EngineError::Host { why: format!("host {name}: {why}") });
                }
                WorkerEvent::Host(_) | WorkerEvent::Message(_) => {}
            }
        }
        Ok(said)
    }

    /// The host of a worker.
    pub(super) fn slot_of(&self, worker: usize) -> usize {
        self.hosts.partition_point(|host| host.first <= worker).saturating_sub(1)
    }

    /// How far a host's clock is ahead, how wrong that may be, and the shortest round trip.
    async fn find_clock(&self, slot: usize) -> Result<(ClockOffset, u64, u64), EngineError> {
        let mut best: Option<(u64, ClockOffset)> = None;
        for _ in 0..ROUND_TRIPS {
            let before = monotonic_ns();
            let answer = self.room.broker().ask(&format!("clock.{slot}")).await?;
            let after = monotonic_ns();
            let Some(there) = answer.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else {
                continue;
            };
            let rtt = after.saturating_sub(before);
            if best.is_none_or(|(known, _)| rtt < known) {
                let middle = i128::from(before) + i128::from(rtt / 2);
                let ahead = i64::try_from(i128::from(there) - middle).unwrap_or(0);
                best = Some((rtt, ClockOffset::ahead_by(ahead)));
            }
        }
        let name = &self.hosts[slot].claim.name;
        let (rtt, offset) = best.ok_or_else(|| EngineError::Host {
            why: format!("host {name}: it did not tell its clock"),
        })?;
        Ok((offset, rtt.div_ceil(2), rtt))
    }

    /// The most by which two hosts start apart, in nanoseconds.
    pub(super) fn skew_ns(&self) -> u64 {
        let mut errors: Vec<u64> = self.hosts.iter().map(|host| host.error_ns).collect();
        errors.sort_unstable();
        errors.iter().rev().take(2).sum()
    }

    /// The line to one of a host's workers.
    pub(super) fn line(&self, slot: usize, nth: usize) -> FarWorker {
        let worker = u32::try_from(nth).unwrap_or(u32::MAX);
        self.hosts[slot].link.worker(worker)
    }

    /// The scenario of each worker of each host.
    pub(super) fn scenarios(&self) -> Vec<Vec<u16>> {
        self.hosts.iter().map(|host| host.scenarios.clone()).collect()
    }

    /// Processors of each host.
    pub(super) fn cores(&self) -> Vec<usize> {
        let cores = |host: &FarHost| host.claim.limits.cpus.map_or(1, |cpus| cpus as usize);
        self.hosts.iter().map(cores).collect()
    }

    /// Each host, as reports describe it.
    pub(super) fn facts(&self, shares: &[Vec<HostShare>]) -> Vec<RunHost> {
        let facts = |(slot, host): (usize, &FarHost)| RunHost {
            host: HostId::numbered(narrow(slot + 1)),
            name: host.claim.name.clone(),
            weight: self.weights[slot],
            workers: shares.iter().map(|hosts| hosts[slot].workers).collect(),
            clock_error_ns: host.error_ns,
            limits: host.claim.limits.clone(),
            requirements: host.requirements.clone(),
        };
        self.hosts.iter().enumerate().map(facts).collect()
    }

    /// What a host said that its part asks of it.
    pub(super) fn requirements(&self, slot: usize) -> &[HostRequirement] {
        &self.hosts[slot].requirements
    }

    /// The name of a host.
    pub(super) fn name(&self, slot: usize) -> &str {
        &self.hosts[slot].claim.name
    }

    /// Says when the run starts, and waits until every host has taken it in. When that is.
    pub(super) async fn arm(
        &mut self,
        spec: &HostsSpec,
        pool: &mut WorkerPool,
    ) -> Result<u64, EngineError> {
        let skew_ns = self.skew_ns();
        if skew_ns > SKEW_MAX_NS {
            let worst = self.hosts.iter().max_by_key(|host| host.error_ns);
            let name = worst.map_or("?", |host| host.claim.name.as_str());
            let (bound, most) = (skew_ns as f64 / 1e6, SKEW_MAX_NS / 1_000_000);
            let why = format!(
                "host {name}: its clock is known too badly to start with the others: within {bound:.1} ms, at most {most} ms is allowed"
            );
            return Err(EngineError::Host { why });
        }
        let rtt_ns = self.hosts.iter().map(|host| host.rtt_ns).max().unwrap_or(0);
        let lead_ns = LEAD_NS.max(20 * rtt_ns);
        let t0_ns = monotonic_ns() + lead_ns;
        for host in &self.hosts {
            host.link.send(&ToHost::Arm { t0: host.link.offset.there(t0_ns) });
        }
        let (bound, lead) = (skew_ns as f64 / 1e6, lead_ns as f64 / 1e9);
        (spec.say)(&format!(
            "{} hosts start in {lead:.1} s, within {bound:.2} ms of each other",
            self.hosts.len()
        ));
        let deadline = Instant::now() + ARMED_WITHIN.min(Duration::from_nanos(lead_ns / 2));
        self.all_say(pool, deadline, "did not take in the start in time").await?;
        Ok(t0_ns)
    }

    /// Ends everything on a host at once.
    pub(super) fn abort(&self, slot: usize) {
        self.hosts[slot].link.send(&ToHost::Abort);
    }

    /// Tells every host how it ends, and removes the run from the broker.
    pub(super) async fn close(mut self, to_all: &ToHost, within: Duration) {
        let deadline = Instant::now() + within;
        for host in &mut self.hosts {
            host.link.send(to_all);
        }
        for host in &mut self.hosts {
            let left = deadline.saturating_duration_since(Instant::now());
            host.link.log.is_stored(left).await;
        }
        // Agents read what they were told last before it is gone.
        sleep(2 * LOOK_EVERY).await;
        for one in &mut self.launched {
            let left = deadline.saturating_duration_since(Instant::now());
            one.join(left).await;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        self.room.close().await;
    }

    /// Whether there is a connection to the broker.
    pub(super) fn is_connected(&self) -> bool {
        self.room.broker().is_connected()
    }
}
