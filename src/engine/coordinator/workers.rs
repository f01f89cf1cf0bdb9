//! The worker processes: started, told, listened to, ended.

use super::super::wire::{Assignment, Command, FromWorker, Inbox, ToWorker, VERSION, encode};
use super::EngineError;
use crate::record::WorkerFacts;
use crate::schedule::Partition;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout};
use tokio::sync::mpsc;

/// How long workers may take to understand their assignments.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// From a worker's closed pipe to its exit status.
const EXIT_WITHIN: Duration = Duration::from_millis(100);

/// What a worker does, or that it is gone.
pub(super) enum WorkerEvent {
    Message(FromWorker),
    Gone(String),
}

/// One worker process.
pub(super) struct WorkerHandle {
    pub(super) scenario: u16,
    pub(super) share: Partition,
    child: Child,
    orders: mpsc::UnboundedSender<Vec<u8>>,
    pub(super) state: WorkerState,
    /// When it last said something, on the monotonic clock.
    pub(super) heard_ns: u64,
}

/// How a worker stands with its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerState {
    /// At work.
    Working,
    /// Has told everything.
    Done,
    /// Dead or stalled.
    Lost,
}

/// All worker processes.
pub(super) struct WorkerPool {
    pub(super) handles: Vec<WorkerHandle>,
    words: mpsc::Receiver<(usize, WorkerEvent)>,
    sender: mpsc::Sender<(usize, WorkerEvent)>,
}

impl WorkerPool {
    pub(super) fn new() -> Self {
        let (sender, words) = mpsc::channel(1024);
        Self { handles: Vec::new(), words, sender }
    }

    /// Starts one more worker with its assignment.
    pub(super) fn spawn(&mut self, exe: &Path, assignment: Assignment) -> Result<(), EngineError> {
        let (scenario, share) = (assignment.scenario, assignment.partition);
        let mut child = tokio::process::Command::new(exe)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            // A Ctrl-C of the terminal is for the coordinator.
            .process_group(0)
            .spawn()
            .map_err(|source| EngineError::Start { exe: exe.to_owned(), source })?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(EngineError::Worker { why: "it has no pipes".to_owned() });
        };
        let (orders, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::task::spawn_local(async move {
            while let Some(frame) = queue.recv().await {
                if input.write_all(&frame).await.is_err() {
                    break;
                }
            }
        });
        tokio::task::spawn_local(listen(self.handles.len(), output, self.sender.clone()));
        let mut member = WorkerHandle {
            scenario,
            share,
            child,
            orders,
            state: WorkerState::Working,
            heard_ns: 0,
        };
        member.send(&ToWorker::Assign(Box::new(assignment)));
        self.handles.push(member);
        Ok(())
    }

    /// Waits until every worker has understood its assignment; what those of each scenario use by then.
    pub(super) async fn all_ready(&mut self) -> Result<BTreeMap<u16, WorkerFacts>, EngineError> {
        let mut facts_of: BTreeMap<u16, WorkerFacts> = BTreeMap::new();
        let mut waiting = self.handles.len();
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        while waiting > 0 {
            let word = tokio::time::timeout_at(deadline, self.words.recv()).await;
            let why = match word {
                Ok(Some((
                    worker,
                    WorkerEvent::Message(FromWorker::Ready { version: VERSION, facts }),
                ))) => {
                    facts_of.entry(self.handles[worker].scenario).or_default().merge(&facts);
                    waiting -= 1;
                    continue;
                }
                Ok(Some((_, WorkerEvent::Message(FromWorker::Ready { version, .. })))) => {
                    format!("it speaks version {version} of the messages, not {VERSION}")
                }
                Ok(Some((
                    _,
                    WorkerEvent::Message(FromWorker::Failed { why }) | WorkerEvent::Gone(why),
                ))) => why,
                Ok(Some((_, WorkerEvent::Message(FromWorker::Report(_))))) => {
                    "it spoke before the start".to_owned()
                }
                Ok(None) | Err(_) => {
                    format!("{waiting} workers were not ready within {} s", READY_WITHIN.as_secs())
                }
            };
            return Err(EngineError::Worker { why });
        }
        Ok(facts_of)
    }

    /// The next word of any worker.
    pub(super) async fn next_event(&mut self) -> (usize, WorkerEvent) {
        // The crew holds a sender itself, so the channel never ends.
        match self.words.recv().await {
            Some(word) => word,
            None => std::future::pending().await,
        }
    }

    /// Tells all workers of a scenario.
    pub(super) fn send_to_scenario(&mut self, scenario: u16, order: &Command) {
        let message = ToWorker::Command(order.clone());
        self.handles
            .iter_mut()
            .filter(|member| member.scenario == scenario)
            .for_each(|member| member.send(&message));
    }

    /// Tells all workers.
    pub(super) fn send_to_all(&mut self, message: &ToWorker) {
        self.handles.iter_mut().for_each(|member| member.send(message));
    }

    /// Whether all workers of a scenario are done or lost.
    pub(super) fn is_done(&self, scenario: u16) -> bool {
        let mut members = self.handles.iter().filter(|member| member.scenario == scenario);
        members.all(|member| member.state != WorkerState::Working)
    }

    /// Waits for all processes to end, and ends those that do not.
    pub(super) async fn join(&mut self, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        for member in &mut self.handles {
            if tokio::time::timeout_at(deadline, member.child.wait()).await.is_err() {
                // One that has ended meanwhile cannot be killed, and need not be.
                let _ = member.child.kill().await;
            }
        }
    }
}

impl WorkerHandle {
    /// Sends a message; a worker that is gone is noticed by its silence.
    pub(super) fn send(&mut self, message: &ToWorker) {
        if let Ok(frame) = encode(message) {
            let _ = self.orders.send(frame);
        }
    }

    /// Ends the process at once; says how it had ended if it had.
    pub(super) fn kill(&mut self) -> Option<String> {
        let ended = self.child.try_wait().ok().flatten().map(|status| status.to_string());
        let _ = self.child.start_kill();
        ended
    }
}

async fn listen(worker: usize, mut output: ChildStdout, words: mpsc::Sender<(usize, WorkerEvent)>) {
    let mut inbox = Inbox::default();
    let mut buffer = vec![0; 64 << 10];
    let why = loop {
        match output.read(&mut buffer).await {
            Ok(0) => {
                // A process that dies closes its pipes before its exit status can be read.
                tokio::time::sleep(EXIT_WITHIN).await;
                break "its pipe was closed".to_owned();
            }
            Ok(length) => inbox.feed(&buffer[..length]),
            Err(error) => break format!("its pipe cannot be read: {error}"),
        }
        loop {
            match inbox.take() {
                Ok(Some(message)) => {
                    if words.send((worker, WorkerEvent::Message(message))).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let _ = words.send((worker, WorkerEvent::Gone(error.to_string()))).await;
                    return;
                }
            }
        }
    };
    let _ = words.send((worker, WorkerEvent::Gone(why))).await;
}
