//! Tries whether an address accepts a connection.

use crate::plan::Generator;
use crate::units::Address;
use crate::workload::socket;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a target may take to accept the probe.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

/// Opens a connection and closes it again, from the plan's first source address of that family: a
/// target may accept no other.
pub(super) fn probe(address: &Address, generator: &Generator) -> io::Result<()> {
    match address {
        Address::Tcp(address) => {
            let socket =
                Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
            if let Some(source) = generator.first_source_to(address.ip()) {
                // One that is not this machine's is reported with the other requirements.
                let _ = socket.bind(&SockAddr::from(SocketAddr::new(source, 0)));
            }
            socket.connect_timeout(&SockAddr::from(*address), PROBE_WITHIN)
        }
        // Somebody listens, even where others came first.
        Address::Unix(path) => socket::connect_unix(&socket::unix()?, path).map(|_| ()),
    }
}
