//! Turns descriptors into sessions: beside the sockets, so that a connection's own record does not
//! grow.

use super::session::{TlsSession, TlsSide};
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// Ciphertext that is read at once.
const SCRATCH: usize = 32_768;

/// The sessions of a process, by descriptor, and the one buffer that all of them read with.
pub(crate) struct Sessions<E> {
    by_descriptor: Vec<Option<Box<TlsSession<E>>>>,
    scratch: Box<[u8]>,
}

impl<E: TlsSide> Default for Sessions<E> {
    fn default() -> Self {
        Self { by_descriptor: Vec::new(), scratch: vec![0; SCRATCH].into_boxed_slice() }
    }
}

impl<E> fmt::Debug for Sessions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("room", &self.by_descriptor.len()).finish_non_exhaustive()
    }
}

fn index(socket: &TcpStream) -> usize {
    usize::try_from(socket.as_raw_fd()).expect("an open descriptor is not negative")
}

impl<E: TlsSide> Sessions<E> {
    /// Gives a socket a session that has yet to shake hands.
    pub(crate) fn begin(&mut self, socket: &TcpStream, end: E) {
        let index = index(socket);
        if self.by_descriptor.len() <= index {
            self.by_descriptor.resize_with(index + 1, || None);
        }
        self.by_descriptor[index] = Some(Box::new(TlsSession::new(end)));
    }

    /// Whether a socket has a session.
    pub(crate) fn has(&self, socket: &TcpStream) -> bool {
        self.by_descriptor.get(index(socket)).is_some_and(Option::is_some)
    }

    /// Goes on with the handshake; true once it is done, and at once where there is no session.
    pub(crate) fn secure(&mut self, socket: &TcpStream) -> io::Result<bool> {
        match of(&mut self.by_descriptor, socket) {
            Some(session) => session.secure(socket, &mut self.scratch),
            None => Ok(true),
        }
    }

    /// Whether a socket has a session whose handshake has yet to be done.
    pub(crate) fn is_securing(&self, socket: &TcpStream) -> bool {
        let session = self.by_descriptor.get(index(socket));
        session.and_then(Option::as_ref).is_some_and(|session| session.is_securing())
    }

    /// Reads plaintext, as [`Session::receive`] does; from a socket without a session as it comes.
    pub(crate) fn receive(
        &mut self,
        mut socket: &TcpStream,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        match of(&mut self.by_descriptor, socket) {
            Some(session) => session.receive(socket, &mut self.scratch, buffer),
            None => io::Read::read(&mut socket, buffer),
        }
    }

    /// Sends, as [`Session::send`] does; to a socket without a session as it is.
    pub(crate) fn send(&mut self, mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        match of(&mut self.by_descriptor, socket) {
            Some(session) => session.send(socket, bytes),
            None => io::Write::write(&mut socket, bytes),
        }
    }

    /// Whether something of a socket's session waits for room in its buffer.
    pub(crate) fn has_unsent(&self, socket: &TcpStream) -> bool {
        let session = self.by_descriptor.get(index(socket));
        session.and_then(Option::as_ref).is_some_and(|session| session.has_unsent())
    }

    /// Ends the session of a socket that is closed next; politely says so to the peer.
    pub(crate) fn close(&mut self, socket: &TcpStream, politely: bool) {
        let session = self.by_descriptor.get_mut(index(socket)).and_then(Option::take);
        if let Some(session) = session.filter(|_| politely) {
            session.close(socket);
        }
    }
}

fn of<'a, E>(
    by_descriptor: &'a mut [Option<Box<TlsSession<E>>>],
    socket: &TcpStream,
) -> Option<&'a mut TlsSession<E>> {
    by_descriptor.get_mut(index(socket))?.as_deref_mut()
}
