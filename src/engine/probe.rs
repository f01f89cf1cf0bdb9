//! Tries whether an address accepts a connection.

use crate::units::Address;
use crate::workload::socket;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// How long a target may take to accept the probe.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

/// Opens a connection and closes it again.
pub(super) fn probe(address: &Address) -> io::Result<()> {
    match address {
        Address::Tcp(address) => TcpStream::connect_timeout(address, PROBE_WITHIN).map(drop),
        // Somebody listens, even where others came first.
        Address::Unix(path) => socket::connect_unix(&socket::unix()?, path).map(|_| ()),
    }
}
