//! Turns an address into a port that listens, or one that refuses.

use super::ServeError;
use crate::plan::Faults;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// The most that the kernel takes; it caps it to `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// Several processes share the port, and the kernel spreads connections over them.
    pub shared: bool,
}

/// A port that was taken.
#[derive(Debug)]
pub(super) struct BoundListener {
    pub(super) socket: Socket,
    pub(super) address: SocketAddr,
    /// Whether to accept connections.
    pub(super) accepts: bool,
}

/// Reads `HOST:PORT`; a name takes its first address.
pub fn resolve(text: &str) -> Result<SocketAddr, ServeError> {
    let wrong = |reason: String| ServeError::Address { text: text.into(), reason };
    let mut addresses = text.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
    addresses.next().ok_or_else(|| wrong("the name has no address".into()))
}

/// Fails if some other process holds the port, which sharing it would hide.
pub(super) fn ensure_free(address: SocketAddr) -> Result<(), ServeError> {
    bind(Listen { address, shared: false }, &Faults::default()).map(drop)
}

/// Takes the port, non-blocking.
pub(super) fn bind(listen: Listen, faults: &Faults) -> Result<BoundListener, ServeError> {
    let taken = || -> io::Result<BoundListener> {
        let domain = Domain::for_address(listen.address);
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        // Past connections in TIME_WAIT must not keep a fresh server from its port.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(listen.shared)?;
        // Accepted connections inherit it: one system call less for each.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&listen.address.into())?;
        if faults.never_accept {
            socket.listen(1)?;
        } else if !faults.refuse {
            socket.listen(BACKLOG)?;
        }
        let address = socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("the socket has no address"))?;
        Ok(BoundListener { socket, address, accepts: !faults.refuse && !faults.never_accept })
    };
    taken().map_err(|source| ServeError::Listen { address: listen.address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_told_with_a_way_out() {
        let listen =
            |port, shared| Listen { address: SocketAddr::from(([127, 0, 0, 1], port)), shared };
        let first = bind(listen(0, true), &Faults::default()).unwrap();
        let port = first.address.port();
        let error = bind(listen(port, false), &Faults::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on 127.0.0.1:{port}: the port is in use")
        );
        assert!(error.help().unwrap().contains(&format!("sport = :{port}")));
        assert!(ensure_free(first.address).is_err());
        bind(listen(port, true), &Faults::default()).unwrap();
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(resolve("[::1]:80").unwrap(), "[::1]:80".parse().unwrap());
        assert_eq!(resolve("localhost:80").unwrap().port(), 80);
        assert!(resolve("127.0.0.1").unwrap_err().help().unwrap().contains("HOST:PORT"));
    }
}
