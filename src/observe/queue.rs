//! The queue of output, and the separate thread that writes it.
//!
//! A terminal or a reader may be slow: newer frames and heartbeats take the place of older ones,
//! and all other lines wait in order, up to [`MOST_WAITING`] bytes of them. Beyond that the newest
//! are lost; their number is reported as soon as there is room again.
//!
//! **Invariant:** the producer never waits for the reader.

use super::lines::OutputLine;
use super::terminal::Terminal;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of lines that wait for a reader at most.
pub(super) const MOST_WAITING: usize = 64 << 20;

/// Bytes written at once: a pipe accepts all or none of them, which reveals whether anybody reads.
const CHUNK: usize = 4_096;

/// Bytes that the writer takes out of the queue at once.
const BATCH: usize = 64 << 10;

/// Between the thread that renders and the thread that writes.
#[derive(Debug, Default)]
pub(super) struct OutputQueue {
    pending: Mutex<PendingLines>,
    changed: Condvar,
    /// Bytes that somebody has taken so far.
    written: AtomicU64,
}

/// The pending output.
#[derive(Debug, Default)]
pub(super) struct PendingLines {
    lines: std::collections::VecDeque<OutputLine>,
    /// Bytes of these lines.
    bytes: usize,
    /// Lines for which there was no room since the last that had some.
    lost: u64,
    pub(super) frame: Option<String>,
    pub(super) closed: bool,
}

impl PendingLines {
    /// Adds a line; a heartbeat takes the place of one that still waits. `lost` words how many
    /// lines were lost before it.
    pub(super) fn put(&mut self, line: OutputLine, lost: impl FnOnce(u64) -> String) {
        if line.beat {
            let bytes = &mut self.bytes;
            self.lines.retain(|waiting| {
                *bytes -= if waiting.beat { waiting.text.len() } else { 0 };
                !waiting.beat
            });
        }
        if self.bytes + line.text.len() > MOST_WAITING {
            self.lost += 1;
            return;
        }
        self.tell_lost(lost);
        self.push(line);
    }

    /// Says how many lines were lost, if any were.
    pub(super) fn tell_lost(&mut self, lost: impl FnOnce(u64) -> String) {
        if self.lost > 0 {
            let text = lost(std::mem::take(&mut self.lost));
            self.push(OutputLine { text, beat: false });
        }
    }

    fn push(&mut self, line: OutputLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
    }

    fn is_quiet(&self) -> bool {
        self.lines.is_empty() && self.frame.is_none() && !self.closed
    }

    /// The next lines, oldest first.
    fn batch(&mut self) -> Vec<String> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH
            && let Some(line) = self.lines.pop_front()
        {
            bytes += line.text.len();
            batch.push(line.text);
        }
        self.bytes -= bytes;
        batch
    }
}

impl OutputQueue {
    fn pending(&self) -> MutexGuard<'_, PendingLines> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what waits.
    pub(super) fn change(&self, change: impl FnOnce(&mut PendingLines)) {
        change(&mut self.pending());
        self.changed.notify_one();
    }

    /// How many bytes the reader has taken.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes what comes until the queue is closed and empty.
    pub(super) fn write(&self, mut writer: OutputWriter) {
        loop {
            let mut pending = self
                .changed
                .wait_while(self.pending(), |pending| pending.is_quiet())
                .unwrap_or_else(PoisonError::into_inner);
            let (lines, frame) = (pending.batch(), pending.frame.take());
            let is_last = pending.closed && pending.lines.is_empty();
            drop(pending);
            writer.write(&lines, frame, |bytes| {
                self.written.fetch_add(bytes as u64, Ordering::Relaxed);
            });
            if is_last {
                writer.finish();
                return;
            }
        }
    }
}

/// The output for lines.
pub(super) enum OutputWriter {
    /// Lines that stay above lines that move.
    Terminal(Terminal),
    /// Nothing but lines.
    Plain(Box<dyn Write + Send>),
}

impl OutputWriter {
    /// Writes lines and a frame; `taken` counts bytes as they are taken.
    fn write(&mut self, lines: &[String], frame: Option<String>, mut taken: impl FnMut(usize)) {
        match self {
            Self::Terminal(terminal) => {
                terminal.write(lines, frame);
                taken(1);
            }
            Self::Plain(out) => {
                let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
                // Nobody reads on; the run does not depend on it.
                let _ = write_chunks(out, text.as_bytes(), taken);
            }
        }
    }

    fn finish(self) {
        if let Self::Terminal(terminal) = self {
            terminal.finish();
        }
    }
}

fn write_chunks(out: &mut dyn Write, bytes: &[u8], mut taken: impl FnMut(usize)) -> io::Result<()> {
    for chunk in bytes.chunks(CHUNK) {
        out.write_all(chunk)?;
        taken(chunk.len());
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> OutputLine {
        OutputLine { text: text.to_owned(), beat: false }
    }

    #[test]
    fn what_has_no_room_is_counted_and_said_once_there_is_some() {
        let lost = |count: u64| format!("lost {count}");
        let mut pending = PendingLines::default();
        let half = "x".repeat(MOST_WAITING / 2);
        for text in [half.as_str(), &half, "a", "b"] {
            pending.put(line(text), lost);
        }
        assert_eq!((pending.lines.len(), pending.lost), (2, 2));
        assert_eq!(pending.batch(), [half.as_str()], "a line is never split");
        pending.put(line("c"), lost);
        assert_eq!(pending.batch(), [half.as_str()]);
        assert_eq!(pending.batch(), ["lost 2", "c"]);
        assert_eq!((pending.bytes, pending.lost), (0, 0));
    }

    #[test]
    fn of_two_heartbeats_that_wait_the_newer_is_enough() {
        let mut pending = PendingLines::default();
        let beat = |text: &str| OutputLine { text: text.to_owned(), beat: true };
        for one in [beat("1"), line("a"), beat("2")] {
            pending.put(one, |_| String::new());
        }
        assert_eq!(pending.batch(), ["a", "2"]);
        assert_eq!(pending.bytes, 0);
    }
}
