//! The worker processes: started, given their assignments, followed, ended.

#![expect(
    clippy::disallowed_methods,
    reason = "workers that do not start or end in time are given up"
)]

use super::super::channel::wire::{
    Assignment, FromWorker, ToWorker, WireError, WorkerCommand, encode,
};
use super::super::channel::{Channel, Events, HostEvent, Pipe, WorkerEvent};
use super::super::clock::{ClockOffset, monotonic_ns};
use super::super::manifest::WorkerManifest;
use super::EngineError;
use crate::record::WorkerFacts;
use crate::schedule::Partition;
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long workers may take to get ready.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Events that wait to be handled before workers wait for the coordinator.
const EVENTS_WAITING: usize = 1024;

/// One worker.
pub(super) struct WorkerHandle {
    pub(super) scenario: u16,
    /// Which of the scenario's workers it is.
    pub(super) number: u16,
    /// The host that it is on; zero without others.
    pub(super) host: usize,
    /// The reporter of its facts: itself, or its host for all of the scenario's workers there.
    pub(super) reporter: usize,
    pub(super) partition: Partition,
    channel: Box<dyn Channel>,
    pub(super) state: WorkerState,
    /// When it last sent something, on this process's monotonic clock.
    pub(super) heard_ns: u64,
}

/// The identity of a worker.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WorkerPlace {
    /// Index into `Plan::scenarios`.
    pub(super) scenario: u16,
    /// Its number among the scenario's workers.
    pub(super) number: u16,
    /// The host.
    pub(super) host: usize,
    /// The reporter that carries its facts.
    pub(super) reporter: usize,
}

/// The messages that the coordinator may still expect of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerState {
    /// It is at work.
    Working,
    /// It has sent everything.
    Done,
    /// It died or stalled.
    Lost,
}

/// All workers of a run.
pub(super) struct WorkerPool {
    pub(super) handles: Vec<WorkerHandle>,
    events: mpsc::Receiver<(usize, WorkerEvent)>,
    sender: mpsc::Sender<(usize, WorkerEvent)>,
}

/// A message as a frame that several workers can be sent.
fn frame<T: Serialize>(message: &T) -> Result<Bytes, WireError> {
    encode(message).map(Bytes::from)
}

/// The manifest of a scenario as a frame: encoded once, sent to each of its workers.
pub(super) fn manifest_frame(manifest: WorkerManifest) -> Result<Bytes, EngineError> {
    frame(&ToWorker::Manifest(Box::new(manifest))).map_err(EngineError::Manifest)
}

impl WorkerPool {
    pub(super) fn new() -> Self {
        let (sender, events) = mpsc::channel(EVENTS_WAITING);
        Self { handles: Vec::new(), events, sender }
    }

    /// Starts a worker on this machine with its scenario's manifest and its own assignment.
    pub(super) fn spawn(
        &mut self,
        exe: &Path,
        place: WorkerPlace,
        manifest: Bytes,
        assignment: Assignment,
    ) -> Result<(), EngineError> {
        let channel = Pipe::spawn(exe, self.handles.len(), self.sender.clone())
            .map_err(|source| EngineError::Start { exe: exe.to_owned(), source })?;
        channel.send(manifest);
        self.add(place, Box::new(channel), assignment);
        Ok(())
    }

    /// Adds a worker that has its manifest, and gives it its assignment.
    pub(super) fn add(
        &mut self,
        WorkerPlace { scenario, number, host, reporter }: WorkerPlace,
        channel: Box<dyn Channel>,
        assignment: Assignment,
    ) {
        let mut handle = WorkerHandle {
            scenario,
            number,
            host,
            reporter,
            partition: assignment.partition,
            channel,
            state: WorkerState::Working,
            heard_ns: monotonic_ns(),
        };
        handle.send(&ToWorker::Assign(assignment));
        self.handles.push(handle);
    }

    /// Where events of workers go.
    pub(super) fn events(&self) -> Events {
        self.sender.clone()
    }

    /// Waits until every worker is ready; what those of each scenario use by then.
    pub(super) async fn all_ready(&mut self) -> Result<BTreeMap<u16, WorkerFacts>, EngineError> {
        let mut facts_of: BTreeMap<u16, WorkerFacts> = BTreeMap::new();
        let mut waiting = self.handles.len();
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        while waiting > 0 {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let why = match event {
                Ok(Some((worker, WorkerEvent::Message(FromWorker::Ready { clock, facts })))) => {
                    let handle = &self.handles[worker];
                    let offset = handle.channel.clock_offset();
                    let sent_ns = offset.here_ns(clock);
                    debug_assert!(
                        // That of another machine is not known as well as this.
                        offset != ClockOffset::SAME_MACHINE
                            || (handle.heard_ns..=monotonic_ns()).contains(&sent_ns),
                        "worker {worker} reads its clock between its start and now"
                    );
                    facts_of.entry(handle.scenario).or_default().merge(&facts);
                    waiting -= 1;
                    continue;
                }
                Ok(Some((_, WorkerEvent::Message(FromWorker::Failed { why })))) => why,
                Ok(Some((worker, WorkerEvent::Gone(why)))) => match self.handles[worker].kill() {
                    Some(status) => format!("{why}; it ended with {status}"),
                    None => why,
                },
                Ok(Some((_, WorkerEvent::Host(HostEvent::Gone(why))))) => {
                    return Err(EngineError::Host { why });
                }
                Ok(Some((_, WorkerEvent::Host(_)))) => continue,
                Ok(Some((_, WorkerEvent::Message(FromWorker::Report(_))))) => {
                    "it reported before the start".to_owned()
                }
                Ok(None) | Err(_) => {
                    format!("{waiting} workers were not ready within {} s", READY_WITHIN.as_secs())
                }
            };
            return Err(EngineError::Worker { why });
        }
        Ok(facts_of)
    }

    /// The next event of any worker, and the worker's number.
    pub(super) async fn next_event(&mut self) -> (usize, WorkerEvent) {
        // The pool holds a sender itself, so the channel never ends.
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Starts the run's clock of all workers at `t0_ns` of this process's monotonic clock.
    pub(super) fn start(&mut self, t0_ns: u64) {
        self.handles.iter_mut().for_each(|handle| handle.start(t0_ns));
    }

    /// Sends a command to all workers of a scenario.
    pub(super) fn send_to_scenario(&mut self, scenario: u16, command: &WorkerCommand) {
        let message = ToWorker::Command(command.clone());
        self.handles
            .iter_mut()
            .filter(|handle| handle.scenario == scenario)
            .for_each(|handle| handle.send(&message));
    }

    /// Sends a message to all workers.
    pub(super) fn send_to_all(&mut self, message: &ToWorker) {
        self.handles.iter_mut().for_each(|handle| handle.send(message));
    }

    /// Whether nobody reports through this reporter any more.
    pub(super) fn is_silent(&self, reporter: usize) -> bool {
        let mut handles = self.handles.iter().filter(|handle| handle.reporter == reporter);
        handles.all(|handle| handle.state != WorkerState::Working)
    }

    /// Whether all workers of a scenario are done or lost.
    pub(super) fn is_done(&self, scenario: u16) -> bool {
        let mut handles = self.handles.iter().filter(|handle| handle.scenario == scenario);
        handles.all(|handle| handle.state != WorkerState::Working)
    }

    /// Waits for all workers to end, and ends those that do not.
    pub(super) async fn join(&mut self, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        for handle in &mut self.handles {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            handle.channel.join(left).await;
        }
    }
}

impl WorkerHandle {
    /// Sends a message; a worker that is gone is noticed by its event or by its silence.
    pub(super) fn send(&mut self, message: &ToWorker) {
        // Everything but a manifest, which is encoded before, is far below the largest frame.
        if let Ok(frame) = frame(message) {
            self.channel.send(frame);
        }
    }

    /// Starts the run's clock of the worker at `t0_ns` of this process's monotonic clock.
    pub(super) fn start(&mut self, t0_ns: u64) {
        let t0 = self.channel.clock_offset().there(t0_ns);
        self.send(&ToWorker::Start { t0 });
        self.heard_ns = t0_ns;
    }

    /// Ends the worker at once; says how it had ended if it had.
    pub(super) fn kill(&mut self) -> Option<String> {
        self.channel.kill()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::channel::wire::VERSION;
    use super::*;
    use crate::engine::rows::RowSource;
    use std::os::unix::fs::PermissionsExt;
    use tokio::runtime::Builder;
    use tokio::task::LocalSet;

    /// The coordinator's error about a worker that sends these bytes.
    fn said_of(sent: &str) -> String {
        error_of(&format!("printf '{sent}'\nexec cat")).to_string()
    }

    /// The coordinator's error about a worker that does this.
    fn error_of(script: &str) -> EngineError {
        let folder = tempfile::tempdir().unwrap();
        let fake = folder.path().join("planrun");
        std::fs::write(&fake, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let mut pool = WorkerPool::new();
            let assignment = Assignment {
                partition: Partition::WHOLE,
                rows: RowSource::Any,
                iterations: Vec::new(),
            };
            pool.spawn(&fake, WorkerPlace::default(), Bytes::new(), assignment).unwrap();
            pool.all_ready().await.unwrap_err()
        })
    }

    #[test]
    fn a_worker_killed_before_it_is_ready_is_told_with_its_signal() {
        let killed = error_of("kill -9 $$");
        let expected =
            "a worker could not begin: its pipe was closed; it ended with signal: 9 (SIGKILL)";
        assert_eq!(killed.to_string(), expected);
        assert!(killed.help().unwrap().contains("dmesg"));
        let ended = error_of("exit 7");
        assert!(ended.to_string().ends_with("; it ended with exit status: 7"), "{ended}");
        assert!(ended.help().unwrap().starts_with("nothing was sent"));
    }

    #[test]
    fn a_worker_of_another_version_is_told_as_such() {
        let expected = format!(
            "a worker could not begin: it speaks version 99 of the messages, this process version {VERSION}"
        );
        // Nothing after its hello is decoded.
        assert_eq!(said_of(r"planrun\000\143\000\000\000\377\377\377\377garbage"), expected);
    }

    #[test]
    fn a_program_that_is_no_worker_is_told_as_such() {
        assert_eq!(
            said_of("Usage: planrun [OPTIONS]"),
            "a worker could not begin: expected a planrun process, found one that sent Usage: planr"
        );
    }
}
