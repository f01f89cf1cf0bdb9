//! Turns what comes over one socket into plaintext, and plaintext into what goes over it.
//!
//! **Invariant:** a session that waits for nothing owns no buffer: only a record that has come, or
//! gone, in part is kept.

use super::failed;
use rustls::HandshakeKind;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// Plaintext that is encrypted at once: one record of the largest size.
const RECORD: usize = 16_384;

/// One side of a connection's TLS.
pub(crate) trait TlsSide {
    /// rustls' word for the side.
    type Data;

    /// Takes in records from the front of `incoming`, up to the next thing to do.
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether the handshake is in progress.
    fn is_handshaking(&self) -> bool;

    /// Whether the handshake went on with an earlier session.
    fn is_resumed(&self) -> bool;

    /// The protocol agreed on (ALPN), if any.
    fn spoken(&self) -> Option<&[u8]>;
}

impl TlsSide for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn is_handshaking(&self) -> bool {
        (**self).is_handshaking()
    }

    fn is_resumed(&self) -> bool {
        self.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn spoken(&self) -> Option<&[u8]> {
        self.alpn_protocol()
    }
}

impl TlsSide for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn is_handshaking(&self) -> bool {
        (**self).is_handshaking()
    }

    fn is_resumed(&self) -> bool {
        self.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn spoken(&self) -> Option<&[u8]> {
        self.alpn_protocol()
    }
}

/// The TLS of one connection.
pub(crate) struct TlsSession<E> {
    end: E,
    /// A record that has come in part.
    inbox: Vec<u8>,
    /// Records that wait for room in the socket's buffer.
    outbox: Vec<u8>,
    /// Plaintext that came with the end of the handshake.
    early: Vec<u8>,
    /// The handshake is done.
    is_secured: bool,
    /// The peer has said that it will send no more.
    is_over: bool,
}

/// The bytes to send.
#[derive(Clone, Copy)]
enum Outgoing<'a> {
    Nothing,
    Data(&'a [u8]),
    Goodbye,
}

impl<E> fmt::Debug for TlsSession<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys must not reach a log.
        f.debug_struct("Session").field("is_secured", &self.is_secured).finish_non_exhaustive()
    }
}

impl<E: TlsSide> TlsSession<E> {
    /// A session that has yet to shake hands.
    pub(crate) fn new(end: E) -> Self {
        Self {
            end,
            inbox: Vec::new(),
            outbox: Vec::new(),
            early: Vec::new(),
            is_secured: false,
            is_over: false,
        }
    }

    /// Goes on with the handshake as far as it goes without waiting; true once it is done and all
    /// of it is on its way.
    pub(crate) fn secure(&mut self, socket: &TcpStream, scratch: &mut [u8]) -> io::Result<bool> {
        // A client speaks first.
        let mut plain = std::mem::take(&mut self.early);
        if self.end.is_handshaking() && self.inbox.is_empty() {
            self.process(&mut [], &mut plain, Outgoing::Nothing).map_err(failed)?;
            self.flush(socket)?;
        }
        let result = loop {
            if !self.end.is_handshaking() {
                break self.flush(socket).map(|()| self.outbox.is_empty());
            }
            match self.take_in(socket, scratch, &mut plain) {
                Ok(0) => break Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(false),
                Err(error) => break Err(error),
            }
        };
        self.early = plain;
        self.is_secured = matches!(result, Ok(true));
        result
    }

    /// Whether the handshake has yet to be done.
    pub(crate) fn is_securing(&self) -> bool {
        !self.is_secured
    }

    /// Whether the handshake went on with an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.end.is_resumed()
    }

    /// Reads plaintext; zero once the peer has closed its side as TLS does it. An end without that
    /// word is a separate error. What `buffer` has no room for is kept for the next call: nothing,
    /// where it is as long as `scratch`.
    pub(crate) fn receive(
        &mut self,
        socket: &TcpStream,
        scratch: &mut [u8],
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.flush(socket)?;
        let mut plain = std::mem::take(&mut self.early);
        while plain.is_empty() {
            if self.is_over {
                return Ok(0);
            }
            if self.take_in(socket, scratch, &mut plain)? == 0 {
                let why = "the end came without a close_notify";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
            }
        }
        let length = plain.len().min(buffer.len());
        buffer[..length].copy_from_slice(&plain[..length]);
        self.early = plain.split_off(length);
        Ok(length)
    }

    /// Encrypts and sends; what the socket has no room for goes out later. How much of `bytes` was
    /// taken.
    pub(crate) fn send(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        if !self.outbox.is_empty() || self.end.is_handshaking() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = &bytes[..bytes.len().min(RECORD)];
        self.say(Outgoing::Data(taken)).map_err(failed)?;
        self.flush(socket)?;
        Ok(taken.len())
    }

    /// Hands to the kernel what is unsent; `WouldBlock` when there is no room for it.
    pub(crate) fn flush_all(&mut self, socket: &TcpStream) -> io::Result<()> {
        self.flush(socket)?;
        if self.outbox.is_empty() { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// The protocol agreed on (ALPN), if any.
    pub(crate) fn spoken(&self) -> Option<&[u8]> {
        self.end.spoken()
    }

    /// Whether something waits for room in the socket's buffer.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Sends `close_notify`, if the socket has room for it.
    pub(crate) fn close(mut self, socket: &TcpStream) {
        // No reply is awaited: the socket is closed next.
        if !self.end.is_handshaking() && self.say(Outgoing::Goodbye).is_ok() {
            let _ = self.flush(socket);
        }
    }

    fn say(&mut self, what: Outgoing<'_>) -> Result<(), rustls::Error> {
        let mut inbox = std::mem::take(&mut self.inbox);
        let mut plain = std::mem::take(&mut self.early);
        let result = self.process(&mut inbox, &mut plain, what);
        if let Ok(used) = result {
            inbox.drain(..used);
        }
        self.inbox = inbox;
        self.early = plain;
        result.map(|_| ())
    }

    /// Reads once and processes what arrived; returns the bytes read, zero at the end.
    fn take_in(
        &mut self,
        socket: &TcpStream,
        scratch: &mut [u8],
        plain: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let kept = self.inbox.len();
        if kept >= scratch.len() {
            let error = rustls::Error::General("a message of the peer is too long".to_owned());
            return Err(failed(error));
        }
        let mut socket = socket;
        let read = loop {
            match socket.read(&mut scratch[kept..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if read == 0 {
            return Ok(0);
        }
        scratch[..kept].copy_from_slice(&self.inbox);
        let incoming = &mut scratch[..kept + read];
        let result = self.process(incoming, plain, Outgoing::Nothing);
        // An alert goes out even if nothing more is taken in.
        let flushed = self.flush(socket);
        let used = result.map_err(failed)?;
        flushed?;
        self.inbox = incoming[used..].to_vec();
        Ok(read)
    }

    /// Takes in records until more must come; bytes that were used up.
    fn process(
        &mut self,
        incoming: &mut [u8],
        plain: &mut Vec<u8>,
        say: Outgoing<'_>,
    ) -> Result<usize, rustls::Error> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state } = self.end.process(&mut incoming[used..]);
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    // The alert that says so to the peer.
                    if let UnbufferedStatus {
                        state: Ok(ConnectionState::EncodeTlsData(mut data)),
                        ..
                    } = self.end.process(&mut [])
                    {
                        append(&mut self.outbox, |room| data.encode(room).map_err(encoded))?;
                    }
                    return Err(error);
                }
            };
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.outbox, |room| data.encode(room).map_err(encoded))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.is_over = true,
                ConnectionState::WriteTraffic(mut traffic) => {
                    match say {
                        Outgoing::Nothing => {}
                        Outgoing::Data(bytes) => append(&mut self.outbox, |room| {
                            traffic.encrypt(bytes, room).map_err(encrypted)
                        })?,
                        Outgoing::Goodbye => append(&mut self.outbox, |room| {
                            traffic.queue_close_notify(room).map_err(encrypted)
                        })?,
                    }
                    return Ok(used + discard);
                }
                // More must come; early data is never offered.
                _ => return Ok(used + discard),
            }
            used += discard;
        }
    }

    /// Hands to the kernel what there is room for.
    fn flush(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match socket.write(&self.outbox) {
                Ok(length) if length == self.outbox.len() => self.outbox = Vec::new(),
                Ok(length) => drop(self.outbox.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Why nothing was written to the room that was offered.
enum Refused {
    TooSmall(usize),
    Other(rustls::Error),
}

fn encoded(error: EncodeError) -> Refused {
    match error {
        EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Refused::TooSmall(required_size)
        }
        error @ EncodeError::AlreadyEncoded => {
            Refused::Other(rustls::Error::General(error.to_string()))
        }
    }
}

fn encrypted(error: EncryptError) -> Refused {
    match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Refused::TooSmall(required_size)
        }
        error @ EncryptError::EncryptExhausted => {
            Refused::Other(rustls::Error::General(error.to_string()))
        }
    }
}

/// Lets `write` add to `bytes`, which grows by what it asks for.
fn append(
    bytes: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Refused>,
) -> Result<(), rustls::Error> {
    let start = bytes.len();
    loop {
        match write(&mut bytes[start..]) {
            Ok(length) => {
                bytes.truncate(start + length);
                return Ok(());
            }
            Err(Refused::TooSmall(size)) if size > bytes.len() - start => {
                bytes.reserve_exact(size);
                bytes.resize(start + size, 0);
            }
            Err(Refused::TooSmall(_)) => {
                bytes.truncate(start);
                return Err(rustls::Error::General("no room is enough for a record".to_owned()));
            }
            Err(Refused::Other(error)) => {
                bytes.truncate(start);
                return Err(error);
            }
        }
    }
}
