//! Turns messages between coordinator and workers into frames, and back: one versioned format, near or far.
//!
//! ```text
//!  coordinator ── Assign ─▶ worker      frame = length (4 bytes, little endian) + postcard
//!              ◀─ Ready ───
//!              ── Start ──▶
//!              ◀─ Snapshot, once a second; Reached; Done
//!              ── Boundary, Turn, Stop ─▶
//! ```

use super::rows::RowSource;
use crate::machine::Sources;
use crate::plan::Overrides;
use crate::protocol::http::Files;
use crate::protocol::tls::Peers;
use crate::record::{Snapshot, Transition, WorkerFacts};
use crate::schedule::Partition;
use crate::units::Address;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of all messages; a worker of another version is refused.
pub const VERSION: u32 = 5;

/// A frame larger than this is not ours.
const FRAME_MAX: usize = 64 << 20;

/// What an inbox keeps of its room once a larger frame was taken, in bytes: bodies and rows come once.
const KEPT_ROOM: usize = 64 << 10;

/// From the coordinator to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// What to do; the first message.
    Assign(Box<Assignment>),
    /// The run's clock starts at this reading of the machine's monotonic clock.
    Start {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        t0_ns: u64,
    },
    /// Something that only the coordinator knows.
    Command(Command),
}

/// What a worker learns while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A mark that no arithmetic can know.
    Transition {
        /// Which.
        mark: Transition,
        /// When, on the run's clock.
        at_ns: u64,
    },
    /// This worker may now make its part of an unpaced ramp.
    StartRamp {
        /// Of this stage.
        stage: u16,
    },
    /// This worker may now close the connections that it still holds after the drain has begun.
    StartClosing,
    /// Stop at once, without closing anything in order.
    Halt,
    /// These rows are this worker's alone; none now, and perhaps later, when `count` is zero.
    Rows {
        /// The first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// No row is left anywhere.
    NoRows,
    /// Others have no rows: give back half of those that no pass has taken.
    ReturnRows,
}

/// What one worker does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// [`VERSION`] of the coordinator.
    pub version: u32,
    /// The plan's file name, for messages.
    pub plan_name: String,
    /// The plan's text.
    pub plan_text: String,
    /// What the command line changed.
    pub overrides: Overrides,
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// This worker's part.
    pub partition: Partition,
    /// The target, resolved and pinned.
    pub addresses: Vec<Address>,
    /// Which of the plan's addresses each of these belongs to; empty for a built-in server.
    pub origins: Vec<u16>,
    /// Where to connect from.
    pub sources: Sources,
    /// Ports to bind explicitly; `None` lets the kernel choose one at connect time.
    pub ports: Option<(u16, u16)>,
    /// Whom to secure connections with; `None`: they are plain.
    pub tls: Option<Peers>,
    /// http: the files that the scenario names.
    pub files: Files,
    /// http: where rows come from that are used once.
    pub rows: RowSource,
}

/// From a worker to the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The assignment is understood.
    Ready {
        /// [`VERSION`] of the worker.
        version: u32,
        /// What it uses before it does anything.
        facts: WorkerFacts,
    },
    /// The assignment cannot be done, or the worker cannot go on.
    Failed {
        /// Why, in words.
        why: String,
    },
    /// What happened.
    Report(WorkerReport),
}

/// What a worker tells while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WorkerReport {
    /// One second.
    Snapshot(Box<Snapshot>),
    /// All of this worker's part of an unpaced ramp has been tried, and every try has ended.
    RampReached {
        /// Of this stage.
        stage: u16,
    },
    /// Everything has ended and the last snapshot was sent.
    Done,
    /// Rows are wanted, ahead of need.
    WantRows {
        /// A pass waits for one.
        waits: bool,
    },
    /// Rows that no pass has taken: the first of each block, and how many.
    ReturnedRows {
        /// May be none.
        blocks: Vec<(u64, u64)>,
    },
}

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The length is out of bounds.
    #[error("a frame of {0} bytes is not one of ours")]
    Length(usize),
    /// The content is not a message of this version.
    #[error("a frame does not hold a message of version {VERSION}: {0}")]
    Content(#[from] postcard::Error),
}

/// A message as a frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    let mut frame = postcard::to_extend(message, vec![0; 4])?;
    let length = frame.len() - 4;
    let prefix = u32::try_from(length)
        .ok()
        .filter(|_| length <= FRAME_MAX)
        .ok_or(WireError::Length(length))?;
    frame[..4].copy_from_slice(&prefix.to_le_bytes());
    Ok(frame)
}

/// Bytes as they come in, until they are whole frames.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Adds bytes that came in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if there is one.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        let Some(prefix) = self.bytes.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > FRAME_MAX {
            return Err(WireError::Length(length));
        }
        let Some(frame) = self.bytes.get(4..4 + length) else { return Ok(None) };
        let message = postcard::from_bytes(frame)?;
        self.bytes.drain(..4 + length);
        if self.bytes.capacity() > KEPT_ROOM {
            self.bytes.shrink_to(KEPT_ROOM);
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_split() {
        let messages = [
            Command::StartRamp { stage: 3 },
            Command::Halt,
            Command::Transition { mark: Transition::Hold(1), at_ns: 70 },
        ]
        .map(ToWorker::Command);
        let bytes: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
        for step in 1..bytes.len() {
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for part in bytes.chunks(step) {
                inbox.feed(part);
                while let Some(message) = inbox.take::<ToWorker>().unwrap() {
                    seen.push(message);
                }
            }
            assert_eq!(seen, messages);
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let mut inbox = Inbox::default();
        inbox.feed(b"GET / HTTP/1.1\r\n");
        assert!(matches!(inbox.take::<ToWorker>(), Err(WireError::Length(_))));
    }
}
