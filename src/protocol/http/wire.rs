//! Turns a socket, plain or secured by TLS, into something to read from and to write to without waiting.

use super::connect::Ends;
use super::fault::Fault;
use crate::protocol::tls::{self, Session};
use crate::record::{Cause, Failure, Phase};
use rustls::client::UnbufferedClientConnection;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

/// Ciphertext that is read at once.
const SCRATCH: usize = 32_768;

/// What all lanes of a process read with: none owns a buffer.
#[derive(Debug)]
pub struct Buffers {
    /// What has come, as the parser takes it.
    pub(super) plain: Box<[u8]>,
    /// What has come, as TLS takes it; empty where there is none.
    scratch: Box<[u8]>,
}

impl Buffers {
    /// For reads of at most `size` bytes, at least 32 KiB where connections are secured.
    pub fn new(size: usize, secured: bool) -> Self {
        let scratch = if secured { SCRATCH } else { 0 };
        Self {
            plain: vec![0; size.max(scratch)].into_boxed_slice(),
            scratch: vec![0; scratch].into_boxed_slice(),
        }
    }
}

/// How far the securing of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// The peer must say more.
    Waits,
    /// There is nothing to secure.
    Plain,
    /// By a whole handshake.
    Whole,
    /// By going on with an earlier session.
    Resumed,
}

/// A socket. What TLS needs lies apart, so that a plain one is as small as can be.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    session: Option<Box<Session<UnbufferedClientConnection>>>,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, session: None }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Gives an open socket a session that has yet to shake hands.
    pub(super) fn secure_by(&mut self, end: UnbufferedClientConnection) {
        self.session = Some(Box::new(Session::new(end)));
    }

    /// Whether a short read says nothing about what is still there.
    pub(super) fn is_secured(&self) -> bool {
        self.session.is_some()
    }

    /// Goes on with the handshake.
    pub(super) fn secure(&mut self, ends: Ends, buffers: &mut Buffers) -> Result<Secured, Fault> {
        let Some(session) = &mut self.session else { return Ok(Secured::Plain) };
        match session.secure(&self.socket, &mut buffers.scratch) {
            Ok(false) => Ok(Secured::Waits),
            Ok(true) if session.is_resumed() => Ok(Secured::Resumed),
            Ok(true) => Ok(Secured::Whole),
            Err(error) => Err(Fault::handshake(ends, &error)),
        }
    }

    /// Reads into `buffers.plain`; zero at the end.
    pub(super) fn read(&mut self, buffers: &mut Buffers) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.read(&mut buffers.plain),
            Some(session) => {
                session.receive(&self.socket, &mut buffers.scratch, &mut buffers.plain)
            }
        }
    }

    /// Writes what there is room for.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.write(bytes),
            Some(session) => session.send(&self.socket, bytes),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.close(&self.socket);
        }
    }
}

/// What an error of a read or a write is counted as, after so many bytes of an answer.
pub(super) fn broken(error: &io::Error, bytes: u64) -> Fault {
    let phase = Phase::Request;
    let cause = if error.kind() == ErrorKind::UnexpectedEof {
        Cause::new(Failure::ClosedByServer, phase)
    } else {
        tls::cause(error, phase)
    };
    Fault { cause, sample: format!("{error}, after {bytes} bytes") }
}
