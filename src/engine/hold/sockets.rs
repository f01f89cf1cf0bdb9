//! Held connections on real sockets.

use super::super::Link;
use super::super::clock::Clock;
use super::super::load::Load;
use super::super::worker::{Epoll, Precision, SlotId, Sockets};
use super::HoldHost;
use crate::plan::Close;
use crate::units::Address;
use crate::workload::tls::Sessions;
use crate::workload::{proxy_header, socket};
use rustls::client::UnbufferedClientConnection;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;

/// How many events are taken from the kernel at once. Few with TLS: a handshake takes long, and the
/// loop must look at what is due between them.
const EVENTS: usize = 1024;
const EVENTS_SECURED: usize = 8;

/// The sockets of connections that are held.
pub(crate) struct HoldSockets {
    load: Load,
    sessions: Sessions<UnbufferedClientConnection>,
}

impl HoldSockets {
    /// A host for the connections of `load`. Nothing that connections are held for needs waits that
    /// end more exactly than epoll's own, which cost one system call less.
    ///
    /// # Errors
    /// Where the kernel has no more descriptors.
    pub(crate) fn host(clock: Clock, link: Link, load: Load) -> io::Result<Epoll<Self>> {
        let events = if load.tls.is_some() { EVENTS_SECURED } else { EVENTS };
        let sockets = Self { load, sessions: Sessions::default() };
        Epoll::new(clock, link, Precision::Milliseconds, events, sockets)
    }
}

impl Sockets for HoldSockets {}

/// A slot is reused only after its socket was closed, and with it its events.
fn id(slot: u32) -> SlotId {
    SlotId { slot, generation: 0 }
}

impl HoldHost for Epoll<HoldSockets> {
    type Socket = TcpStream;

    fn connect(&mut self, slot: u32, user: u64) -> io::Result<TcpStream> {
        let route = self.sockets.load.route(user);
        // A plan holds TCP connections only.
        let to = route.to.tcp().ok_or(io::ErrorKind::Unsupported)?;
        let stream = socket::connect(to, route.from, route.port)?;
        self.register(stream.as_fd(), id(slot))?;
        Ok(stream)
    }

    fn learn_addresses(&mut self, found: &[(Address, u16)]) {
        self.sockets.load.learn_addresses(found);
    }

    fn introduce(&mut self, socket: &TcpStream, user: u64) -> io::Result<()> {
        let version = self.sockets.load.route(user).proxy_protocol;
        version.map_or(Ok(()), |version| proxy_header::send(version, socket).map(drop))
    }

    fn secure(&mut self, socket: &TcpStream, user: u64) -> io::Result<bool> {
        let HoldSockets { load, sessions } = &mut self.sockets;
        if !sessions.has(socket)
            && let Some(tls) = &load.tls
        {
            let end = tls.session(load.like(load.address(user))).map_err(io::Error::other)?;
            sessions.begin(socket, end);
        }
        sessions.secure(socket)
    }

    fn watch(&mut self, socket: &TcpStream, slot: u32) -> io::Result<()> {
        self.rename(socket.as_fd(), id(slot))
    }

    fn receive(&mut self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.sockets.sessions.receive(socket, buffer)
    }

    fn send(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.sockets.sessions.send(socket, bytes)
    }

    fn error(&mut self, socket: &TcpStream) -> Option<io::Error> {
        socket.take_error().ok().flatten()
    }

    fn close(&mut self, stream: TcpStream, how: Close) {
        self.sockets.sessions.close(&stream, how == Close::Fin);
        if how == Close::Rst {
            socket::reset(stream);
        }
    }
}
