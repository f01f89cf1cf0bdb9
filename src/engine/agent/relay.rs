//! The workers of this host: what comes for them is passed on as it is, what they report is merged
//! into one message a second.

use super::allowed::{self, AllowedTarget};
use super::claim::AgentError;
use crate::engine::aggregator::{Aggregator, PATIENCE_NS};
use crate::engine::channel::host_wire::{FromHost, HostScenarioSecond, HostSecond};
use crate::engine::channel::wire::{FromWorker, ToWorker, WorkerCommand, WorkerReport, encode};
use crate::engine::channel::{Channel, Pipe, Totals, WorkerEvent};
use crate::engine::clock::{Clock, ClockReading, monotonic_ns};
use crate::engine::host_sampler::HostSampler;
use crate::engine::manifest::WorkerManifest;
use crate::record::{Counters, HostId, ScenarioSecond, Second, Snapshot};
use crate::units::SECOND_NS;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that wait to be passed on before workers wait for the agent.
const EVENTS_WAITING: usize = 1024;

/// How long workers may take to end.
const END_WITHIN: Duration = Duration::from_secs(2);

/// The consequence of an event.
pub(super) enum Next {
    /// Nothing.
    Nothing,
    /// These go to the coordinator, in order.
    Say(Vec<FromHost>),
    /// The agent may end.
    Released,
}

/// The workers of this host.
pub(super) struct Relay {
    pipes: Vec<Pipe>,
    /// The scenario of each worker, and whether it has ended.
    workers: Vec<(u16, bool)>,
    aggregator: Aggregator,
    events: mpsc::Receiver<(usize, WorkerEvent)>,
    sender: mpsc::Sender<(usize, WorkerEvent)>,
    clock: Option<Clock>,
    sampler: Option<HostSampler>,
    sampled_ns: u64,
    has_ended: bool,
    /// Processor time that each worker has used.
    cpu_ns: Vec<u64>,
}

impl Relay {
    /// No workers yet.
    pub(super) fn new() -> Self {
        let (sender, events) = mpsc::channel(EVENTS_WAITING);
        Self {
            pipes: Vec::new(),
            workers: Vec::new(),
            aggregator: Aggregator::new(PATIENCE_NS),
            events,
            sender,
            clock: None,
            sampler: None,
            sampled_ns: 0,
            has_ended: false,
            cpu_ns: Vec::new(),
        }
    }

    /// Starts a worker for each of these scenarios.
    pub(super) fn start(
        &mut self,
        exe: &Path,
        manifests: &[WorkerManifest],
        scenarios: &[u16],
    ) -> Result<(), AgentError> {
        let frame = |manifest: &WorkerManifest| {
            encode(&ToWorker::Manifest(Box::new(manifest.clone()))).map(Bytes::from)
        };
        let frames: Result<Vec<Bytes>, _> = manifests.iter().map(frame).collect();
        let frames = frames.map_err(|error| AgentError::ended(&error))?;
        for scenario in scenarios {
            let Some(frame) = frames.get(usize::from(*scenario)) else {
                return Err(AgentError::ended(&"its coordinator has another plan"));
            };
            let pipe = Pipe::spawn(exe, self.pipes.len(), self.sender.clone())
                .map_err(|error| AgentError::ended(&format!("cannot start a worker: {error}")))?;
            pipe.send(frame.clone());
            self.pipes.push(pipe);
            self.workers.push((*scenario, false));
            self.cpu_ns.push(0);
            self.aggregator.add_reporter(*scenario, 1, HostId::COORDINATOR);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.sampler = Some(HostSampler::new(Vec::new(), cores));
        Ok(())
    }

    /// The next event of any worker.
    pub(super) async fn next_event(&mut self) -> (usize, WorkerEvent) {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Passes a message on to a worker. None starts late: who is told too late to start does not.
    /// None gets addresses that load may not go to, or a manifest that was not looked at.
    pub(super) fn send(
        &mut self,
        worker: u32,
        frame: &[u8],
        allowed: &[AllowedTarget],
    ) -> Result<Next, AgentError> {
        let message = postcard::from_bytes::<ToWorker>(frame.get(4..).unwrap_or_default());
        let message = message.map_err(|error| AgentError::ended(&error))?;
        match &message {
            ToWorker::Start { t0 } => {
                let late = t0.starts().now_ns();
                if late > 0 {
                    let ms = late as f64 / 1e6;
                    return Err(AgentError::ended(&format!(
                        "it was told to start {ms:.0} ms after the start"
                    )));
                }
            }
            ToWorker::Command(WorkerCommand::Addresses { found }) => {
                let found = found.iter().map(|(address, _)| address);
                allowed::check(allowed, found).map_err(|why| AgentError::ended(&why))?;
            }
            ToWorker::Manifest(_) => {
                return Err(AgentError::ended(&"its coordinator sent a worker another manifest"));
            }
            ToWorker::Assign(_) | ToWorker::Command(_) => {}
        }
        // What was looked at goes on, and nothing that may stand behind it.
        let frame = encode(&message).map_err(|error| AgentError::ended(&error))?;
        if let Some(pipe) = self.pipes.get(worker as usize) {
            pipe.send(frame.into());
        }
        Ok(Next::Nothing)
    }

    /// Notes when the run's clock starts.
    pub(super) fn arm(&mut self, t0: ClockReading) {
        self.clock = Some(t0.starts());
    }

    /// Ends a worker at once.
    pub(super) fn kill(&mut self, worker: u32) {
        if let Some(pipe) = self.pipes.get_mut(worker as usize) {
            pipe.kill();
        }
    }

    /// Takes in what a worker says.
    pub(super) fn pass_on(
        &mut self,
        worker: usize,
        event: WorkerEvent,
    ) -> Result<Next, AgentError> {
        let number = u32::try_from(worker).unwrap_or(u32::MAX);
        let relayed = |message| FromHost::Worker { worker: number, message };
        match event {
            WorkerEvent::Message(FromWorker::Report(WorkerReport::Snapshot(snapshot))) => {
                self.cpu_ns[worker] = snapshot.worker.cpu_ns;
                self.aggregator.add(worker, &snapshot, 1);
                Ok(self.complete())
            }
            WorkerEvent::Message(FromWorker::Report(WorkerReport::Done)) => {
                self.workers[worker].1 = true;
                self.aggregator.finish(worker);
                let mut messages = Vec::new();
                while let Some(second) = self.aggregator.remaining_second() {
                    messages.push(message_of(second));
                }
                messages.push(relayed(FromWorker::Report(WorkerReport::Done)));
                if self.workers.iter().all(|(_, ended)| *ended) && !self.has_ended {
                    self.has_ended = true;
                    messages.push(FromHost::Ended { totals: self.totals() });
                }
                Ok(Next::Say(messages))
            }
            WorkerEvent::Message(FromWorker::Failed { why }) => {
                Err(AgentError::ended(&format!("worker {worker}: {why}")))
            }
            WorkerEvent::Gone(why) if !self.workers[worker].1 => {
                let why = self.pipes[worker].kill().unwrap_or(why);
                Err(AgentError::ended(&format!("worker {worker} was lost: {why}")))
            }
            WorkerEvent::Message(message) => Ok(Next::Say(vec![relayed(message)])),
            WorkerEvent::Gone(_) | WorkerEvent::Host(_) => Ok(Next::Nothing),
        }
    }

    /// The counters of all workers, by scenario.
    fn totals(&self) -> Totals {
        let scenarios: BTreeSet<u16> = self.workers.iter().map(|(scenario, _)| *scenario).collect();
        let totals = scenarios.into_iter().map(|scenario| {
            let mut all = BTreeMap::<_, Counters>::new();
            let its = self.workers.iter().enumerate().filter(|(_, (of, _))| *of == scenario);
            for (worker, _) in its {
                for (key, counters) in self.aggregator.counted(worker) {
                    all.entry(*key).or_default().merge(counters);
                }
            }
            (scenario, all.into_iter().collect())
        });
        totals.collect()
    }

    /// The seconds that are complete by now.
    fn complete(&mut self) -> Next {
        let Some(clock) = self.clock else { return Next::Nothing };
        let mut messages = Vec::new();
        // Once all have ended, no second is waited for.
        while !self.has_ended
            && let Some(second) = self.aggregator.complete_second(clock.now_ns())
        {
            messages.push(message_of(second));
        }
        if messages.is_empty() { Next::Nothing } else { Next::Say(messages) }
    }

    /// Looks at the clock: seconds that workers are late with, and the machine once a second.
    pub(super) fn tick(&mut self) -> Next {
        let mut messages = match self.complete() {
            Next::Say(messages) => messages,
            Next::Nothing | Next::Released => Vec::new(),
        };
        let now = monotonic_ns();
        if let Some(sampler) = &mut self.sampler
            && now >= self.sampled_ns + SECOND_NS
        {
            self.sampled_ns = now;
            let at_ns = self.clock.map_or(0, Clock::now_ns);
            let mut sample = sampler.sample(at_ns);
            // All that the run uses here.
            sample.own_cpu_ns += self.cpu_ns.iter().sum::<u64>();
            messages.push(FromHost::Sample(Box::new(sample)));
        }
        Next::Say(messages)
    }

    /// Ends all workers that have not ended.
    pub(super) async fn end(&mut self) {
        for (pipe, (_, ended)) in self.pipes.iter_mut().zip(&self.workers) {
            if !ended {
                pipe.kill();
            }
        }
        for pipe in &mut self.pipes {
            pipe.join(END_WITHIN).await;
        }
    }
}

/// A second, as it travels.
fn message_of(second: Second) -> FromHost {
    let number = second.second;
    let part = |(scenario, facts): (u16, ScenarioSecond)| {
        let ScenarioSecond { cells, gauges, ended, workers: worker, reporting, .. } = facts;
        let snapshot = Snapshot { second: number, cells, gauges, ended, worker };
        HostScenarioSecond { scenario, snapshot, reporting }
    };
    let scenarios = second.scenarios.into_iter().map(part).collect();
    FromHost::Second(Box::new(HostSecond { scenarios }))
}
