//! The socket that an HTTP/2 connection reads from and writes to; it keeps the errors that it met
//! there.
//!
//! **Invariant:** one turn reads no more than its share: a peer that never stops sending does not
//! keep the others waiting.

use super::super::transport::{Buffers, Transport};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read in one turn.
const TURN: usize = 64 << 10;

/// The state of the socket, shared with the connection that reads and writes it.
#[derive(Debug)]
pub(super) struct SocketStatus {
    /// Something may be there to read.
    readable: Cell<bool>,
    /// The peer may have closed its side.
    closing: Cell<bool>,
    /// Bytes that may still be read in this turn.
    left: Cell<usize>,
    /// The turn ended before the bytes did.
    more: Cell<bool>,
    received: Cell<u64>,
    /// The peer has closed its side.
    ended: Cell<bool>,
    error: RefCell<Option<io::Error>>,
}

impl Default for SocketStatus {
    fn default() -> Self {
        Self {
            // Data may have arrived before the socket was registered.
            readable: Cell::new(true),
            closing: Cell::default(),
            left: Cell::default(),
            more: Cell::default(),
            received: Cell::default(),
            ended: Cell::default(),
            error: RefCell::default(),
        }
    }
}

impl SocketStatus {
    /// The socket can be read, and may have ended.
    pub(super) fn notify(&self, closed: bool) {
        self.readable.set(true);
        self.closing.set(self.closing.get() || closed);
    }

    /// Begins a turn.
    pub(super) fn begin_turn(&self) {
        self.left.set(TURN);
        self.more.set(false);
    }

    /// Whether the turn ended before the bytes did.
    pub(super) fn has_more(&self) -> bool {
        self.more.get()
    }

    /// Bytes that came in all.
    pub(super) fn came(&self) -> u64 {
        self.received.get()
    }

    /// How the connection ended: with an error, or (`Ok`) because the peer closed it; `None` when
    /// the socket met nothing.
    pub(super) fn end<T>(&self, look: impl FnOnce(Result<(), &io::Error>) -> T) -> Option<T> {
        match (&*self.error.borrow(), self.ended.get()) {
            (Some(error), _) => Some(look(Err(error))),
            (None, true) => Some(look(Ok(()))),
            (None, false) => None,
        }
    }

    fn met<T>(&self, result: io::Result<T>) -> Poll<io::Result<T>> {
        match result {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => {
                let kind = error.kind();
                // The first error has the cause; later ones only repeat that the socket failed.
                self.error.borrow_mut().get_or_insert(error);
                Poll::Ready(Err(kind.into()))
            }
        }
    }
}

/// A socket whose readiness the engine's loop watches: no waker is ever kept.
#[derive(Debug)]
pub(super) struct Socket {
    transport: Transport,
    line: Rc<SocketStatus>,
    buffers: Rc<RefCell<Buffers>>,
}

impl Socket {
    pub(super) fn new(
        transport: Transport,
        line: Rc<SocketStatus>,
        buffers: Rc<RefCell<Buffers>>,
    ) -> Self {
        Self { transport, line, buffers }
    }
}

/// Repeats a call that a signal interrupted.
fn again<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let one = &mut *self;
        if !one.line.readable.get() {
            return Poll::Pending;
        }
        let left = one.line.left.get();
        if left == 0 {
            one.line.more.set(true);
            return Poll::Pending;
        }
        let room = buffer.initialize_unfilled();
        let mut buffers = one.buffers.borrow_mut();
        let (read, whole) = (again(|| one.transport.receive(&mut buffers, room)), room.len());
        let met = one.line.met(read);
        // A short read has emptied the socket, unless TLS is in between or the end is behind it.
        let emptied = match met {
            Poll::Pending => true,
            Poll::Ready(Ok(length)) => {
                length < whole && !one.transport.is_secured() && !one.line.closing.get()
            }
            Poll::Ready(Err(_)) => false,
        };
        one.line.readable.set(!emptied);
        met.map_ok(|length| {
            one.line.left.set(left.saturating_sub(length));
            one.line.received.set(one.line.received.get() + length as u64);
            one.line.ended.set(one.line.ended.get() || length == 0);
            buffer.advance(length);
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let one = &mut *self;
        one.line.met(again(|| one.transport.write(bytes)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let one = &mut *self;
        one.line.met(again(|| one.transport.write_all_of(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let one = &mut *self;
        one.line.met(again(|| one.transport.flush()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Dropped next, which closes it.
        self.poll_flush(cx)
    }
}
