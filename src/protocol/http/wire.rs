//! Turns a socket into one that remembers what was seen on it: the first byte, the end, the errno that a parser would hide.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What was seen since the last request was sent.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: Cell<Option<Instant>>,
    bytes: Cell<u64>,
    end: Cell<bool>,
    errno: Cell<Option<i32>>,
    /// What the next use of the socket comes to.
    doom: Cell<Option<i32>>,
}

impl Seen {
    /// Forgets the answer before.
    pub(super) fn reset(&self) {
        self.first.set(None);
        self.bytes.set(0);
    }

    /// When the first byte came.
    pub(super) fn first(&self) -> Option<Instant> {
        self.first.get()
    }

    /// Bytes that came: heads, bodies and their framing.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether the server has closed its side.
    pub(super) fn end(&self) -> bool {
        self.end.get()
    }

    /// Why the socket failed.
    pub(super) fn errno(&self) -> Option<i32> {
        self.errno.get()
    }

    /// Lets the next use of the socket fail: its error has been taken from it already.
    pub(super) fn doom(&self, errno: Option<i32>) {
        self.doom.set(errno);
    }

    /// The failure that was kept for this use of the socket.
    fn doomed(&self) -> io::Result<()> {
        match self.doom.take() {
            Some(errno) => self.note(Err(io::Error::from_raw_os_error(errno))),
            None => Ok(()),
        }
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.errno.set(error.raw_os_error().or(self.errno.get()));
        }
        result
    }
}

/// A socket under watch.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    seen: Rc<Seen>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, seen: Rc<Seen>) -> Self {
        Self { stream, seen }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.seen.doomed()?;
        let (before, room) = (buf.filled().len(), buf.remaining());
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        let seen = &self.seen;
        match buf.filled().len() - before {
            0 if result.is_ok() && room > 0 => seen.end.set(true),
            0 => {}
            bytes => {
                if seen.first.get().is_none() {
                    seen.first.set(Some(Instant::now()));
                }
                seen.bytes.set(seen.bytes.get() + bytes as u64);
            }
        }
        Poll::Ready(seen.note(result))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.seen.doomed()?;
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        Poll::Ready(self.seen.note(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.seen.doomed()?;
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        Poll::Ready(self.seen.note(result))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
