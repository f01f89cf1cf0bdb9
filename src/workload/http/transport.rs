//! Turns a socket, plain or secured by TLS, into something to read from and to write to without
//! waiting.

use super::error::RequestError;
use crate::record::{Cause, Failure, FailureStage};
use crate::workload::Route;
use crate::workload::tls::{self, TlsSession};
use rustls::client::UnbufferedClientConnection;
use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Ciphertext that is read at once.
const SCRATCH: usize = 32_768;

/// The read buffers that all connections of a process share: none owns one.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// Received bytes, as the parser takes them.
    pub(super) plain: Box<[u8]>,
    /// Received bytes, as TLS takes them; empty without TLS.
    scratch: Box<[u8]>,
}

impl Buffers {
    /// For reads of at most `size` bytes, at least 32 KiB where connections are secured.
    pub(crate) fn new(size: usize, secured: bool) -> Self {
        let scratch = if secured { SCRATCH } else { 0 };
        Self {
            plain: vec![0; size.max(scratch)].into_boxed_slice(),
            scratch: vec![0; scratch].into_boxed_slice(),
        }
    }
}

/// How far the securing of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// The peer must say more.
    Pending,
    /// There is nothing to secure.
    NotNeeded,
    /// The tunnel of a forward proxy is open; nothing is secured yet.
    Tunnelled,
    /// By a whole handshake.
    Full,
    /// By going on with an earlier session.
    Resumed,
}

type Tls = TlsSession<UnbufferedClientConnection>;

/// A socket. What TLS needs lies apart, so that a plain one is as small as can be.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream, Option<Box<Tls>>),
    Unix(UnixStream),
}

impl Transport {
    /// The error that the socket met, if it met one; taken from it.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(socket, _) => socket.take_error(),
            Self::Unix(socket) => socket.take_error(),
        }
    }

    /// Gives an open socket a session that has yet to shake hands. Only TCP is secured.
    pub(super) fn secure_by(&mut self, end: UnbufferedClientConnection) {
        if let Self::Tcp(_, session) = self {
            *session = Some(Box::new(TlsSession::new(end)));
        }
    }

    /// Whether a short read says nothing about what is still there.
    pub(super) fn is_secured(&self) -> bool {
        matches!(self, Self::Tcp(_, Some(_)))
    }

    /// Goes on with the handshake.
    pub(super) fn secure(
        &mut self,
        route: Route<'_>,
        buffers: &mut Buffers,
    ) -> Result<Handshake, RequestError> {
        let Self::Tcp(socket, Some(session)) = self else { return Ok(Handshake::NotNeeded) };
        match session.secure(socket, &mut buffers.scratch) {
            Ok(false) => Ok(Handshake::Pending),
            Ok(true) if session.is_resumed() => Ok(Handshake::Resumed),
            Ok(true) => Ok(Handshake::Full),
            Err(error) => Err(RequestError::handshake(route, &error)),
        }
    }

    /// Reads into `buffers.plain`; zero at the end.
    pub(super) fn read(&mut self, buffers: &mut Buffers) -> io::Result<usize> {
        match self {
            Self::Tcp(socket, None) => socket.read(&mut buffers.plain),
            Self::Tcp(socket, Some(session)) => {
                session.receive(socket, &mut buffers.scratch, &mut buffers.plain)
            }
            Self::Unix(socket) => socket.read(&mut buffers.plain),
        }
    }

    /// Reads into `room`; zero at the end.
    pub(super) fn receive(&mut self, buffers: &mut Buffers, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket, None) => socket.read(room),
            Self::Tcp(socket, Some(session)) => session.receive(socket, &mut buffers.scratch, room),
            Self::Unix(socket) => socket.read(room),
        }
    }

    /// Writes of several slices what there is room for.
    pub(super) fn write_all_of(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket, None) => socket.write_vectored(slices),
            Self::Tcp(socket, Some(session)) => {
                let first = slices.iter().find(|slice| !slice.is_empty());
                first.map_or(Ok(0), |slice| session.send(socket, slice))
            }
            Self::Unix(socket) => socket.write_vectored(slices),
        }
    }

    /// Hands to the kernel what TLS still holds; `WouldBlock` when there is no room for it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket, Some(session)) => session.flush_all(socket),
            _ => Ok(()),
        }
    }

    /// The protocol agreed on inside TLS (ALPN); `Err` without TLS.
    pub(super) fn spoken(&self) -> Result<Option<&[u8]>, ()> {
        match self {
            Self::Tcp(_, Some(session)) => Ok(session.spoken()),
            _ => Err(()),
        }
    }

    /// Writes what there is room for.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket, None) => socket.write(bytes),
            Self::Tcp(socket, Some(session)) => session.send(socket, bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket, _) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if let Self::Tcp(socket, session) = self
            && let Some(session) = session.take()
        {
            session.close(socket);
        }
    }
}

/// The failure of a read or write error; `bytes`: how many of the response came before.
pub(super) fn broken(error: &io::Error, bytes: u64) -> RequestError {
    let phase = FailureStage::Request;
    let cause = if error.kind() == ErrorKind::UnexpectedEof {
        Cause::new(Failure::ClosedByServer, phase)
    } else {
        tls::cause(error, phase)
    };
    RequestError { cause, sample: format!("{error}, after {bytes} bytes") }
}
