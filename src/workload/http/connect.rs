//! Turns a route into an open socket.

use super::transport::Transport;
use crate::record::Failure;
use crate::units::Address;
use crate::workload::Route;
use crate::workload::{proxy_header, socket};
use nix::errno::Errno;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

/// Begins to open a connection.
pub(super) fn begin(route: Route<'_>) -> io::Result<Transport> {
    match route.to {
        Address::Tcp(to) => {
            tcp(*to, route.from, route.port).map(|socket| Transport::Tcp(socket, None))
        }
        Address::Unix(path) => {
            let socket = socket::unix()?;
            // If there is no room yet, `end` tries again.
            socket::connect_unix(&socket, path)?;
            Ok(Transport::Unix(socket))
        }
    }
}

fn tcp(to: SocketAddr, from: Option<IpAddr>, port: u16) -> io::Result<TcpStream> {
    match socket::connect(to, from, port) {
        // The connection before may still be in TIME_WAIT there.
        Err(error) if port != 0 && is_taken(&error) => socket::connect(to, from, 0),
        begun => begun,
    }
}

/// How far the opening of a connection has come.
pub(super) enum Opened {
    /// It is open.
    Now,
    /// It was open, and has met this errno already.
    Doomed(i32),
    /// The queue of its listener is full: try again.
    Later,
}

/// Whether a connection is open, once it can be written to.
pub(super) fn end(transport: &Transport, route: Route<'_>) -> io::Result<Opened> {
    if let (Transport::Unix(socket), Address::Unix(path)) = (transport, route.to) {
        let open = socket::connect_unix(socket, path)?;
        return Ok(if open { Opened::Now } else { Opened::Later });
    }
    if let Some(error) = transport.take_error()? {
        let errno = error.raw_os_error();
        // A connection that never was open is refused, not reset.
        let was_open = errno.filter(|errno| Failure::from_errno(*errno) == Failure::Reset);
        return was_open.map(Opened::Doomed).ok_or(error);
    }
    // On loopback a socket can be given its own destination as source port, and connects to itself
    // where nothing listens.
    if let (Transport::Tcp(stream, _), Address::Tcp(to)) = (transport, route.to)
        && to.ip().is_loopback()
        && stream.local_addr()? == *to
    {
        return Err(Errno::ECONNREFUSED.into());
    }
    if let (Some(version), Transport::Tcp(stream, _)) = (route.proxy_protocol, transport) {
        proxy_header::send(version, stream)?;
    }
    Ok(Opened::Now)
}

fn is_taken(error: &io::Error) -> bool {
    error.raw_os_error().map(Failure::from_errno) == Some(Failure::NoSourcePort)
}
