//! A channel to a worker process of this machine: its standard input and output.

use super::super::clock::ClockOffset;
use super::wire::{Inbox, WireError, hello};
use super::{Channel, Events, Joined, WorkerEvent};
use bytes::Bytes;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

/// How long to wait for the exit status once a worker has closed its pipe: it closes its pipes
/// first.
const EXIT_WITHIN: Duration = Duration::from_millis(100);

/// A worker process and the two pipes to it.
#[derive(Debug)]
pub(in super::super) struct Pipe {
    child: Child,
    frames: mpsc::UnboundedSender<Bytes>,
}

impl Pipe {
    /// Starts `exe` as worker number `worker`; what it sends goes to `events`.
    pub(in super::super) fn spawn(exe: &Path, worker: usize, events: Events) -> io::Result<Self> {
        let mut child = Command::new(exe)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            // A Ctrl-C of the terminal is for the coordinator.
            .process_group(0)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("it has no pipes"));
        };
        let (frames, queue) = mpsc::unbounded_channel();
        tokio::task::spawn_local(write(input, queue));
        tokio::task::spawn_local(read(worker, output, events));
        Ok(Self { child, frames })
    }
}

impl Channel for Pipe {
    fn send(&self, frame: Bytes) {
        let _ = self.frames.send(frame);
    }

    fn kill(&mut self) -> Option<String> {
        let ended = self.child.try_wait().ok().flatten().map(|status| status.to_string());
        let _ = self.child.start_kill();
        ended
    }

    fn join(&mut self, within: Duration) -> Joined<'_> {
        Box::pin(async move {
            if tokio::time::timeout(within, self.child.wait()).await.is_err() {
                // One that has ended meanwhile cannot be killed, and need not be.
                let _ = self.child.kill().await;
            }
        })
    }

    fn clock_offset(&self) -> ClockOffset {
        ClockOffset::SAME_MACHINE
    }
}

async fn write(mut input: ChildStdin, mut queue: mpsc::UnboundedReceiver<Bytes>) {
    // A worker that is gone is noticed where it is read from.
    if input.write_all(&hello()).await.is_err() {
        return;
    }
    while let Some(frame) = queue.recv().await {
        if input.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn read(worker: usize, output: ChildStdout, events: Events) {
    let why = match messages(worker, output, &events).await {
        Ok(why) => why,
        Err(error) => error.to_string(),
    };
    let _ = events.send((worker, WorkerEvent::Gone(why))).await;
}

/// Passes messages on until no more can come; says why.
async fn messages(
    worker: usize,
    mut output: ChildStdout,
    events: &Events,
) -> Result<String, WireError> {
    let (mut inbox, mut greeted) = (Inbox::default(), false);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match output.read(&mut buffer).await {
            Ok(0) => {
                tokio::time::sleep(EXIT_WITHIN).await;
                return Ok("its pipe was closed".to_owned());
            }
            Ok(length) => inbox.feed(&buffer[..length]),
            Err(error) => return Ok(format!("its pipe cannot be read: {error}")),
        }
        if !greeted {
            greeted = inbox.take_hello()?;
        }
        while greeted && let Some(message) = inbox.take()? {
            if events.send((worker, WorkerEvent::Message(message))).await.is_err() {
                return Ok("nobody listens".to_owned());
            }
        }
    }
}
