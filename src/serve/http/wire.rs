//! Turns a TCP stream into one that counts its bytes, knows how it ended, and breaks off where a
//! fault says so.

use super::tally::HttpTally;
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// State shared by a connection and the responses on it.
#[derive(Debug, Default)]
pub(super) struct FlushSignal {
    /// The connection must end by RST.
    reset: AtomicBool,
    /// How often all pending data had been handed to the kernel.
    flushes: AtomicU64,
    /// They wait for the next flush.
    waiting: std::sync::Mutex<Vec<Waker>>,
}

impl FlushSignal {
    /// The connection ends by RST when it is dropped.
    pub(super) fn reset(&self) {
        self.reset.store(true, Relaxed);
    }

    pub(super) fn flushes(&self) -> u64 {
        self.flushes.load(Relaxed)
    }

    /// Ready once there were more flushes than `before`.
    pub(super) fn poll_flushed(&self, before: u64, cx: &Context<'_>) -> Poll<()> {
        if self.flushes() > before {
            return Poll::Ready(());
        }
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn flushed(&self) {
        self.flushes.fetch_add(1, Relaxed);
        let waiting = self.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting));
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// The HTTP version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpokenVersion {
    Http1,
    Http2,
}

impl SpokenVersion {
    /// The result of a handshake.
    pub(super) fn agreed(alpn: Option<&[u8]>) -> Self {
        if alpn == Some(b"h2") { Self::Http2 } else { Self::Http1 }
    }
}

/// The connection preface of HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait for the rest of that.
const REST: Duration = Duration::from_millis(1);

/// A connection.
#[derive(Debug)]
pub(super) struct ServedStream {
    stream: TcpStream,
    line: Arc<FlushSignal>,
    tally: Arc<HttpTally>,
    /// Bytes until the reset, if a fault asks for one.
    left: Option<u64>,
    client_closed: bool,
    client_reset: bool,
}

impl ServedStream {
    pub(super) fn new(
        stream: TcpStream,
        line: Arc<FlushSignal>,
        tally: Arc<HttpTally>,
        left: Option<u64>,
    ) -> Self {
        Self { stream, line, tally, left, client_closed: false, client_reset: false }
    }

    /// The client's HTTP version, by its first bytes.
    pub(super) async fn version(&mut self) -> SpokenVersion {
        let mut first = [0; PREFACE.len()];
        // At most one second: a client that sends only part of the preface does not speak HTTP/2.
        for _ in 0..1_000 {
            let Ok(length) = self.stream.peek(&mut first).await else {
                // The next read sees an end of file: this peek has consumed the error.
                self.client_reset = true;
                break;
            };
            match &first[..length] {
                PREFACE => return SpokenVersion::Http2,
                [] => return SpokenVersion::Http1,
                // A client writes it at once; the network may not.
                begun if PREFACE.starts_with(begun) => tokio::time::sleep(REST).await,
                _ => break,
            }
        }
        SpokenVersion::Http1
    }

    /// How much of `length` bytes may be sent; an error once the fault strikes.
    fn allowed(&self, length: usize) -> io::Result<usize> {
        match self.left {
            Some(0) => {
                self.line.reset();
                Err(ErrorKind::ConnectionAborted.into())
            }
            Some(left) => Ok(usize::try_from(left).unwrap_or(usize::MAX).min(length)),
            None => Ok(length),
        }
    }

    fn sent(&mut self, result: io::Result<usize>) -> io::Result<usize> {
        match &result {
            Ok(length) => {
                let length = *length as u64;
                self.tally.bytes_sent.fetch_add(length, Relaxed);
                self.left = self.left.map(|left| left.saturating_sub(length));
                // Now, not at the next send, which may never come.
                self.allowed(0)?;
            }
            Err(_) => self.client_reset = true,
        }
        result
    }
}

impl AsyncRead for ServedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let length = buffer.filled().len() - before;
        self.tally.bytes_received.fetch_add(length as u64, Relaxed);
        match result {
            Ok(()) => self.client_closed |= length == 0 && buffer.remaining() > 0,
            Err(_) => self.client_reset = true,
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for ServedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let length = self.allowed(bytes.len())?;
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..length]));
        Poll::Ready(self.sent(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.left.is_some() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(cx, first.map_or(&[], |slice| &**slice));
        }
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        Poll::Ready(self.sent(result))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for ServedStream {
    fn drop(&mut self) {
        let tally = &self.tally;
        tally.open.fetch_sub(1, Relaxed);
        let end = if self.line.reset.load(Relaxed) {
            // Cannot fail on an open socket; without it the close is a FIN.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
            &tally.reset_by_us
        } else if self.client_reset {
            &tally.reset_by_client
        } else if self.client_closed {
            &tally.closed_by_client
        } else {
            &tally.closed_by_us
        };
        end.fetch_add(1, Relaxed);
    }
}
