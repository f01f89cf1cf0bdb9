//! Turns the bytes of an answer into a body that comes at once, slowly, or not to its end.

#![expect(clippy::disallowed_methods, reason = "a fault delays bodies by the clock")]

use super::wire::FlushSignal;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Pieces of a slow body, unless it has fewer bytes.
const PIECES: usize = 10;

/// The body ends here, short of its promise: the server closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("truncated on purpose")]
pub(super) struct Truncated;

/// The body of an answer.
#[derive(Debug)]
pub(super) struct FaultyBody {
    /// Bytes still to send.
    left: Bytes,
    /// Bytes that the head announced but that are never sent.
    withheld: u64,
    pace: Option<BodyPacing>,
    cut: Option<Cut>,
}

/// When the pieces of a slow body are due: evenly spread, the last at the end of the time.
#[derive(Debug)]
struct BodyPacing {
    sleep: Pin<Box<Sleep>>,
    piece: usize,
    step: Duration,
}

/// Waits until the bytes before the cut were sent, so that exactly those arrive.
#[derive(Debug)]
struct Cut {
    line: Arc<FlushSignal>,
    flushes: Option<u64>,
}

impl FaultyBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self { left: bytes, withheld: 0, pace: None, cut: None }
    }

    /// Spreads it over `time`.
    pub(super) fn slow(mut self, time: Duration) -> Self {
        let piece = self.left.len().div_ceil(PIECES).max(1);
        let pieces = u32::try_from(self.left.len().div_ceil(piece)).unwrap_or(1).max(1);
        let step = time / pieces;
        let sleep = Box::pin(sleep_until(Instant::now() + step));
        self.pace = Some(BodyPacing { sleep, piece, step });
        self
    }

    /// Keeps the second half back, and then breaks off.
    pub(super) fn truncated(mut self, line: Arc<FlushSignal>) -> Self {
        let whole = self.left.len();
        self.left.truncate(whole / 2);
        self.withheld = (whole - whole / 2) as u64;
        self.cut = Some(Cut { line, flushes: None });
        self
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = Truncated;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let answer = &mut *self;
        if answer.left.is_empty() {
            let Some(cut) = &mut answer.cut else { return Poll::Ready(None) };
            let before = *cut.flushes.get_or_insert_with(|| cut.line.flushes());
            ready!(cut.line.poll_flushed(before, cx));
            return Poll::Ready(Some(Err(Truncated)));
        }
        let piece = match &mut answer.pace {
            None => std::mem::take(&mut answer.left),
            Some(pace) => {
                ready!(pace.sleep.as_mut().poll(cx));
                let due = pace.sleep.deadline() + pace.step;
                pace.sleep.as_mut().reset(due);
                answer.left.split_to(pace.piece.min(answer.left.len()))
            }
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.withheld == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64 + self.withheld)
    }
}
