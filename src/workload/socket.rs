//! Turns a route into a socket that is being connected, without waiting.

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Begins to connect to `to`; writable once that is done. From `from` the kernel chooses the port
/// only when the whole tuple is known (`IP_BIND_ADDRESS_NO_PORT`), so that a port serves many
/// destinations; a `port` other than zero is bound as it is.
pub(crate) fn connect(to: SocketAddr, from: Option<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let socket =
        Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if port != 0 {
        // Ports bound by hand are shared among destinations.
        socket.set_reuse_address(true)?;
    } else if from.is_some() {
        setsockopt(&socket, IpBindAddressNoPort, &true)?;
    }
    if from.is_some() || port != 0 {
        let any = if to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        socket.bind(&SockAddr::from(SocketAddr::new(from.unwrap_or(any), port)))?;
    }
    match socket.connect(&SockAddr::from(to)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// A socket for Unix paths that is not connected yet.
pub(crate) fn unix() -> io::Result<UnixStream> {
    Ok(Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?.into())
}

/// Connects one, unless that has been done; false when the queue of the listener is full: no event
/// reports when there is room again.
pub(crate) fn connect_unix(socket: &UnixStream, path: &Path) -> io::Result<bool> {
    // Asked before: a full queue says so to those who are in it, too.
    if socket.peer_addr().is_ok() {
        return Ok(true);
    }
    match SockRef::from(socket).connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends a connection by RST.
pub(crate) fn reset(stream: TcpStream) {
    // A socket on which it cannot be set is closed by FIN.
    let _ = Socket::from(stream).set_linger(Some(Duration::ZERO));
}
