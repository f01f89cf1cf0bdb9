//! Turns an address into an open socket.

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream};

/// Opens a connection with `TCP_NODELAY`. The source port is chosen when it connects, by the whole four-tuple, so that one source
/// address serves as many connections to each destination as there are ports.
pub(super) async fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_nodelay(true)?;
    if let Some(from) = from {
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(to).await?;
    // On loopback a socket can be given its own destination as source port, and connects to itself where nobody listens.
    if to.ip().is_loopback() && stream.local_addr()? == to {
        return Err(Errno::ECONNREFUSED.into());
    }
    Ok(stream)
}
