//! Turns messages between coordinator and workers into frames, and back: one versioned format for
//! every channel.
//!
//! ```text
//!  coordinator ── hello ────▶ worker    hello = b"planrun\0" + version (4 bytes, little endian)
//!              ◀─ hello ─────
//!              ── Manifest, Assign ─▶   frame = length (4 bytes, little endian) + postcard
//!              ◀─ Ready ─────
//!              ── Start ────▶
//!              ◀─ Snapshot, once a second; RampReached, Want, Returned, WorkDone; Done
//!              ── Transition, StartRamp, StartClosing, Grant, Halt ─▶
//! ```
//!
//! A hello has the same twelve bytes in every version, and nothing else is decoded before it has
//! been compared.

use super::super::clock::ClockReading;
use super::super::manifest::WorkerManifest;
use super::super::rows::{RowSource, Supply};
use crate::record::{Snapshot, Transition, WorkerFacts};
use crate::schedule::Partition;
use crate::units::{Address, visible_bytes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of all messages. Each side refuses any other.
pub const VERSION: u32 = 9;

/// The first bytes that both sides send, before the version.
const MAGIC: [u8; 8] = *b"planrun\0";

/// The length of a hello in bytes.
const HELLO_BYTES: usize = MAGIC.len() + size_of::<u32>();

/// A longer frame is refused, in bytes.
const FRAME_MAX: usize = 64 << 20;

/// The capacity that an inbox keeps after it took a larger frame, in bytes: a manifest comes once.
const KEPT_ROOM: usize = 64 << 10;

/// From the coordinator to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The manifest of the run: the first message, the same for all workers of a scenario.
    Manifest(Box<WorkerManifest>),
    /// This worker's share of it: the second message.
    Assign(Assignment),
    /// The run's clock starts at this reading of the worker's own clock.
    Start {
        /// Translated by the coordinator.
        t0: ClockReading,
    },
    /// Something that only the coordinator knows.
    Command(WorkerCommand),
}

/// A command to a running worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerCommand {
    /// A transition that no arithmetic can know.
    Transition {
        /// Which.
        mark: Transition,
        /// When, on the run's clock.
        at_ns: u64,
    },
    /// Run this worker's part of an unpaced ramp now.
    StartRamp {
        /// Of this stage.
        stage: u16,
    },
    /// Close the connections that are still held after the drain has begun.
    StartClosing,
    /// Stop at once, without closing anything in order.
    Halt,
    /// These numbers are this worker's alone. A `count` of zero means none now, perhaps later.
    Grant {
        /// What they are numbers of.
        of: Supply,
        /// The first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// The addresses that the target's names have now, each with the index of the plan's address
    /// that it belongs to. None of a name that could not be looked up.
    Addresses {
        /// Those of all names.
        found: Vec<(Address, u16)>,
    },
    /// None is left anywhere.
    NothingLeft {
        /// Of what.
        of: Supply,
    },
    /// Others have none: give back half of those that no iteration has taken.
    GiveBack {
        /// Of what.
        of: Supply,
    },
}

/// The share of one worker of its scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its part of the users and arrivals.
    pub partition: Partition,
    /// http: where rows come from that are used once.
    pub rows: RowSource,
    /// The first block of each stage with a number of iterations, in order: its first number, and
    /// how many.
    pub iterations: Vec<(u64, u64)>,
}

/// From a worker to the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The assignment is understood.
    Ready {
        /// The worker's clock when it sent this.
        clock: ClockReading,
        /// Its usage before any load.
        facts: WorkerFacts,
    },
    /// The assignment is impossible, or the worker cannot continue.
    Failed {
        /// Why, in words.
        why: String,
    },
    /// The error.
    Report(WorkerReport),
}

/// A report of a running worker.
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
    /// More is wanted, ahead of need.
    Want {
        /// Of what.
        of: Supply,
        /// A pass waits for one.
        waits: bool,
    },
    /// All iterations of a stage have begun, and those of this worker have ended.
    WorkDone {
        /// Index into `Scenario::stages`.
        stage: u16,
    },
    /// What no pass has taken: the first of each block, and how many.
    Returned {
        /// Of what.
        of: Supply,
        /// May be none.
        blocks: Vec<(u64, u64)>,
    },
}

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The first bytes are not a hello.
    #[error("expected a planrun process, found one that sent {}", visible_bytes(.0, usize::MAX))]
    Foreign(Vec<u8>),
    /// The other side is another version of planrun.
    #[error("it speaks version {0} of the messages, this process version {VERSION}")]
    Version(u32),
    /// The length is out of bounds.
    #[error("a frame of {0} bytes is longer than {FRAME_MAX}")]
    Length(usize),
    /// Nobody takes what is sent.
    #[error("{0} bytes wait for a reader that does not come")]
    Waiting(usize),
    /// The content is not a message of this version.
    #[error("a frame does not hold a message of version {VERSION}: {0}")]
    Content(#[from] postcard::Error),
}

/// The first bytes that a process sends.
pub fn hello() -> [u8; HELLO_BYTES] {
    hello_of(VERSION)
}

fn hello_of(version: u32) -> [u8; HELLO_BYTES] {
    let mut hello = [0; HELLO_BYTES];
    hello[..MAGIC.len()].copy_from_slice(&MAGIC);
    hello[MAGIC.len()..].copy_from_slice(&version.to_le_bytes());
    hello
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

    /// The hello of the other side; `false` until it has come in whole.
    ///
    /// # Errors
    /// Where it is not a hello, or one of another version.
    pub fn take_hello(&mut self) -> Result<bool, WireError> {
        let known = self.bytes.len().min(MAGIC.len());
        if self.bytes[..known] != MAGIC[..known] {
            let shown = self.bytes.len().min(HELLO_BYTES);
            return Err(WireError::Foreign(self.bytes[..shown].to_vec()));
        }
        let Some(hello) = self.bytes.first_chunk::<HELLO_BYTES>() else { return Ok(false) };
        if *hello != self::hello() {
            let version = hello.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            return Err(WireError::Version(version));
        }
        self.bytes.drain(..HELLO_BYTES);
        Ok(true)
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
            WorkerCommand::StartRamp { stage: 3 },
            WorkerCommand::Halt,
            WorkerCommand::Transition { mark: Transition::Hold(1), at_ns: 70 },
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
    fn a_hello_is_compared_before_anything_is_decoded() {
        let mut inbox = Inbox::default();
        for byte in hello() {
            assert!(!inbox.take_hello().unwrap());
            inbox.feed(&[byte]);
        }
        assert!(inbox.take_hello().unwrap());
        assert!(inbox.bytes.is_empty());
        // The bytes after the hello of another version need not even be a frame.
        inbox.feed(&[&hello_of(VERSION + 1)[..], b"\xff\xff\xff\xff"].concat());
        assert!(matches!(inbox.take_hello(), Err(WireError::Version(10))));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let mut inbox = Inbox::default();
        inbox.feed(b"GET / HTTP/1.1\r\n");
        let error = inbox.take_hello().unwrap_err().to_string();
        assert_eq!(error, "expected a planrun process, found one that sent GET / HTTP/1");
        assert!(matches!(inbox.take::<ToWorker>(), Err(WireError::Length(_))));
    }
}
