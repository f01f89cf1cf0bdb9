//! Turns a manifest into a run: starts workers, follows them, judges what they report, ends them.
//!
//! **Invariant:** the coordinator makes no load, and what it does never delays a connection or a
//! request.

#![expect(clippy::disallowed_methods, reason = "a run that is to end has so long to do so")]

mod diagnostics;
mod examination;
mod far;
mod fixed_work;
mod fleet;
mod fleet_tasks;
mod launched;
mod looked_up;
mod lost_workers;
mod progress;
mod recruiting;
mod row_pools;
mod spec;
mod team;
mod transitions;
mod workers;

use super::aggregator::Aggregator;
use super::channel::WorkerEvent;
use super::channel::wire::{FromWorker, ToWorker, WorkerCommand, WorkerReport};
use super::clock::{Clock, monotonic_ns};
use super::event::{Event, Subscribers};
use super::host_sampler::HostSampler;
use super::lookups::Lookups;
use super::monitors::Readings;
use super::narrator::Narrator;
use crate::machine::MachineLimits;
use crate::record::{Entry, HostSample, Second, StageTransition, StopReason};
use crate::schedule::Schedule;
use diagnostics::Diagnostics;
pub use examination::{ExaminedHost, examine_hosts};
use far::{FarSide, ready};
use fixed_work::FixedWorkProgress;
pub use launched::Launch;
use progress::{Announcement, RunProgress, Token};
pub use recruiting::HostsSpec;
use row_pools::{CommandTo, RowPools};
pub use spec::{Ended, EngineError, RunSpec};
use std::time::Duration;
use team::Team;
use tokio::sync::mpsc;
use workers::{WorkerPool, WorkerState};

/// A worker that has sent nothing for this long is lost, in nanoseconds. It reports once a second,
/// but a hundred processes that open a million connections on two cores have kept each other
/// waiting for more than four.
const SILENCE_NS: u64 = 10_000_000_000;

/// How often the coordinator reads the clock.
const TICK: Duration = Duration::from_millis(50);

/// From the start message to the run's first instant: time for the message to reach every worker.
const LEAD_NS: u64 = 200_000_000;

/// How long workers may take to end after their last report, or after the command to stop at once.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Runs a manifest. `signals` yields the numbers of signals that ask for its end: the first
/// gracefully, the second at once.
///
/// # Errors
/// If a worker cannot be started or is not ready to begin.
pub async fn run(
    mut spec: RunSpec,
    signals: mpsc::Receiver<i32>,
    subscribers: &mut Subscribers<'_>,
) -> Result<Ended, EngineError> {
    let schedule = Schedule::new(&spec.manifest.plan);
    let mut team = Team::new(spec.hosts.is_some());
    let mut far = match spec.hosts.clone() {
        None => {
            team.start_here(&spec, &schedule)?;
            None
        }
        Some(hosts) => {
            Some(Box::pin(FarSide::begin(&mut spec, &hosts, &schedule, &mut team)).await?)
        }
    };
    let (idle, t0_ns) = match ready(&spec, &mut team, far.as_mut()).await {
        Ok(ready) => ready,
        Err(error) => {
            if let Some(far) = far {
                far.give_up().await;
            }
            return Err(error);
        }
    };
    let manifest = &spec.manifest;
    let clock = Clock::starting_at(t0_ns);
    let readings =
        Readings::start(&manifest.plan.monitors, clock).map_err(EngineError::Monitors)?;
    let lookups =
        Lookups::start(&manifest.plan, &manifest.targets, clock).map_err(EngineError::Lookups)?;
    team.workers.start(t0_ns);
    let started = Event::Started {
        targets: manifest.targets.clone(),
        workers: manifest.workers.clone(),
        warnings: spec.warnings.clone(),
        hosts: far.as_ref().map(|far| far.hosts.clone()).unwrap_or_default(),
    };
    let mut host_sampler = HostSampler::new(spec.servers.clone(), spec.cores);
    let baseline = HostSample { workers: idle, ..host_sampler.baseline() };
    let cores = far.as_ref().map_or_else(|| vec![spec.cores], |far| far.fleet.cores());
    let skew_ns = far.as_ref().map(|far| far.fleet.skew_ns());
    let Team { workers, aggregator, row_pools } = team;
    let mut run = Run {
        progress: RunProgress::new(&schedule, &cores),
        narrator: Narrator::new(&manifest.plan),
        diagnostics: Diagnostics::new(manifest.network_paths(), MachineLimits::read),
        spec,
        schedule,
        workers,
        far,
        aggregator,
        row_pools,
        fixed_work: FixedWorkProgress::default(),
        clock,
        readings,
        lookups,
        subscribers,
        reason: None,
        ticked_ns: t0_ns,
        host_sampler,
        connected_ns: t0_ns,
    };
    run.notify(&started);
    run.record(Entry::Baseline(Box::new(baseline)));
    if let Some(bound_ns) = skew_ns {
        let hosts = run.far.as_ref().map(FarSide::names).unwrap_or_default();
        run.record(Entry::StartSkew { bound_ns, hosts });
    }
    run.follow(signals).await;
    Ok(Box::pin(run.finish()).await)
}

/// A run in progress.
struct Run<'a, 'b> {
    spec: RunSpec,
    schedule: Schedule,
    workers: WorkerPool,
    /// The hosts that make the load; `None`: this machine does.
    far: Option<FarSide>,
    aggregator: Aggregator,
    row_pools: RowPools,
    fixed_work: FixedWorkProgress,
    progress: RunProgress,
    narrator: Narrator,
    diagnostics: Diagnostics,
    clock: Clock,
    readings: Readings,
    lookups: Lookups,
    subscribers: &'a mut Subscribers<'b>,
    /// Why the run is being stopped.
    reason: Option<StopReason>,
    /// When the coordinator last read the clock, on its monotonic clock.
    ticked_ns: u64,
    host_sampler: HostSampler,
    /// When there was a connection to the broker last, on its monotonic clock.
    connected_ns: u64,
}

impl Run<'_, '_> {
    /// Follows the workers until all scenarios have ended.
    async fn follow(&mut self, mut signals: mpsc::Receiver<i32>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut asked = 0;
        let mut halt_at = None;
        while !self.progress.is_over() {
            tokio::select! {
                (worker, event) = self.workers.next_event() => self.handle(worker, event),
                reading = self.readings.next() => self.record(Entry::Monitored(reading)),
                new = self.lookups.next() => self.looked_up(new),
                _ = tick.tick() => self.tick(),
                Some(signal) = signals.recv() => {
                    asked += 1;
                    self.interrupt(signal, asked);
                    if asked == 2 {
                        halt_at = Some(tokio::time::Instant::now() + END_WITHIN);
                    }
                }
            }
            if halt_at.is_some_and(|at| tokio::time::Instant::now() >= at) {
                self.lose_all("it did not stop when it was told to");
            }
        }
    }

    fn interrupt(&mut self, signal: i32, asked: u32) {
        let reason = StopReason::Interrupted { signal };
        if asked == 1 {
            self.stop(reason);
        } else {
            self.notify(&Event::Stopping { reason, at_once: true });
            self.workers.send_to_all(&ToWorker::Command(WorkerCommand::Halt));
        }
    }

    /// Stops the run gracefully; the first reason is kept.
    fn stop(&mut self, reason: StopReason) {
        if self.reason.is_some() {
            return;
        }
        self.reason = Some(reason.clone());
        self.notify(&Event::Stopping { reason, at_once: false });
        let announcements = self.progress.drain(self.clock.now_ns());
        self.announce(announcements);
    }

    fn announce(&mut self, announcements: Vec<Announcement>) {
        for announcement in announcements {
            match announcement {
                Announcement::Transition(StageTransition { scenario, transition: mark, at_ns }) => {
                    self.workers
                        .send_to_scenario(scenario, &WorkerCommand::Transition { mark, at_ns });
                }
                Announcement::Token { worker, of } => {
                    let command = match of {
                        Token::Ramp(stage) => WorkerCommand::StartRamp { stage },
                        Token::Close => WorkerCommand::StartClosing,
                    };
                    self.workers.handles[worker].send(&ToWorker::Command(command));
                }
            }
        }
    }

    fn send(&mut self, commands: Vec<CommandTo>) {
        for (worker, command) in commands {
            self.workers.handles[worker].send(&ToWorker::Command(command));
        }
    }

    fn handle(&mut self, worker: usize, event: WorkerEvent) {
        let event = match event {
            WorkerEvent::Host(event) => return self.handle_host(worker, event),
            event => event,
        };
        let handle = &mut self.workers.handles[worker];
        handle.heard_ns = monotonic_ns();
        let (scenario, working) = (handle.scenario, handle.state == WorkerState::Working);
        match event {
            // Later messages of a lost worker were already accounted for.
            _ if !working => {}
            WorkerEvent::Message(FromWorker::Report(WorkerReport::Snapshot(snapshot))) => {
                self.aggregator.add(worker, &snapshot, 1);
            }
            WorkerEvent::Message(FromWorker::Report(WorkerReport::RampReached { .. })) => {
                let now_ns = self.clock.now_ns();
                // A quick worker is there before the next tick.
                self.pass_transitions(now_ns);
                let announcements = self.progress.return_token(scenario, worker, now_ns);
                self.announce(announcements);
            }
            WorkerEvent::Message(FromWorker::Report(WorkerReport::Done)) => {
                self.workers.handles[worker].state = WorkerState::Done;
                let reporter = self.workers.handles[worker].reporter;
                if self.workers.is_silent(reporter) {
                    self.aggregator.finish(reporter);
                }
                let commands = self.row_pools.remove_worker(worker);
                self.send(commands);
                let announcements =
                    self.progress.return_token(scenario, worker, self.clock.now_ns());
                self.announce(announcements);
                self.end_if_done(scenario);
            }
            WorkerEvent::Message(FromWorker::Report(WorkerReport::Want { of, waits })) => {
                let commands = self.row_pools.request(worker, of, waits);
                self.send(commands);
            }
            WorkerEvent::Message(FromWorker::Report(WorkerReport::Returned { of, blocks })) => {
                let commands = self.row_pools.give_back(worker, of, &blocks);
                self.send(commands);
            }
            WorkerEvent::Message(FromWorker::Report(WorkerReport::WorkDone { stage })) => {
                self.fixed_work.add(scenario, stage, worker);
                self.end_stages_that_are_done();
            }
            WorkerEvent::Message(FromWorker::Failed { why }) | WorkerEvent::Gone(why) => {
                self.lose(worker, &why);
            }
            WorkerEvent::Message(FromWorker::Ready { .. }) | WorkerEvent::Host(_) => {}
        }
    }

    fn end_if_done(&mut self, scenario: u16) {
        if !self.workers.is_done(scenario) {
            return;
        }
        let now_ns = self.clock.now_ns();
        self.drop_partitions_of_lost(scenario, now_ns);
        self.plan_rows_left(scenario);
        self.pass_transitions(now_ns);
        let end = self.progress.end(scenario, now_ns);
        self.record(Entry::Transition(end));
    }

    /// Acts on the time: transitions that have passed, seconds that are complete, workers that have
    /// gone silent.
    fn tick(&mut self) {
        let monotonic = monotonic_ns();
        if monotonic > self.ticked_ns + SILENCE_NS / 2 {
            // It was this process that stood still.
            self.workers.handles.iter_mut().for_each(|handle| handle.heard_ns = monotonic);
        }
        self.ticked_ns = monotonic;
        self.look_at_broker(monotonic);
        let now_ns = self.clock.now_ns();
        self.pass_transitions(now_ns);
        self.end_stages_that_are_done();
        while let Some(second) = self.aggregator.complete_second(now_ns) {
            self.write(second);
        }
        for worker in 0..self.workers.handles.len() {
            let handle = &self.workers.handles[worker];
            if handle.state == WorkerState::Working && monotonic > handle.heard_ns + SILENCE_NS {
                let why = format!("sent nothing for {} s", SILENCE_NS / 1_000_000_000);
                match self.far {
                    Some(_) => self.lose_host(handle.host, &why),
                    None => self.lose(worker, &why),
                }
            }
        }
    }

    fn record(&mut self, entry: Entry) {
        for event in self.narrator.narrate(entry) {
            match event {
                Event::Stopping { reason, .. } => self.stop(reason),
                event => self.notify(&event),
            }
        }
    }

    fn notify(&mut self, event: &Event) {
        self.subscribers.notify(event, self.narrator.recording());
    }

    fn write(&mut self, mut second: Second) {
        second.hosts = vec![self.host_sampler.sample(self.clock.now_ns())];
        second.hosts.extend(self.far.iter_mut().flat_map(FarSide::take_samples));
        self.record(Entry::Second(second));
        self.diagnose(false);
    }

    /// `last`: no later diagnosis of this run follows.
    fn diagnose(&mut self, last: bool) {
        let (recording, at_ns) = (self.narrator.recording(), self.clock.now_ns());
        for entry in self.diagnostics.look(&self.spec.manifest.plan, recording, at_ns, last) {
            self.record(entry);
        }
    }

    async fn finish(mut self) -> Ended {
        self.workers.join(END_WITHIN).await;
        self.release_hosts().await;
        while let Some(reading) = self.readings.waiting() {
            self.record(Entry::Monitored(reading));
        }
        while let Some(second) = self.aggregator.remaining_second() {
            self.write(second);
        }
        self.diagnose(true);
        let reason = self.reason.take().unwrap_or(StopReason::Completed);
        self.record(Entry::Stopped { at_ns: self.clock.now_ns(), reason });
        let recording = self.narrator.recording().clone();
        Ended { verdict: self.narrator.judgement(), recording }
    }
}
