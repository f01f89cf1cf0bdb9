//! The header of the PROXY protocol (versions 1 and 2): it tells the
//! target whose connection this is, before anything else is sent.

use crate::plan::ProxyVersion;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};

/// The first bytes of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, a connection on behalf of another.
const PROXY: u8 = 0x21;

/// A stream over IPv4, and one over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// Sends the header of an open connection: its own addresses. How many bytes it has.
///
/// # Errors
/// Of the socket. `WriteZero` where it has no room for all of it, which a socket has that nothing
/// was sent on.
pub(crate) fn send(version: ProxyVersion, mut socket: &TcpStream) -> io::Result<usize> {
    let header = header(version, socket.local_addr()?, socket.peer_addr()?);
    let sent = socket.write(&header)?;
    if sent == header.len() { Ok(sent) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// The header of a connection between these addresses.
fn header(version: ProxyVersion, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    match version {
        ProxyVersion::V1 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let (source, target) = (from.ip(), to.ip());
            format!("PROXY {family} {source} {target} {} {}\r\n", from.port(), to.port())
                .into_bytes()
        }
        ProxyVersion::V2 => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let (family, length) = if from.is_ipv4() { (TCP4, 12_u16) } else { (TCP6, 36) };
            let mut header = SIGNATURE.to_vec();
            header.extend([PROXY, family]);
            header.extend(length.to_be_bytes());
            header.extend(octets(from.ip()));
            header.extend(octets(to.ip()));
            header.extend(from.port().to_be_bytes());
            header.extend(to.port().to_be_bytes());
            header
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_specification() {
        let four = ["192.168.0.1:56324", "192.168.0.11:443"].map(|text| text.parse().unwrap());
        let six = ["[2001:db8::1]:56324", "[2001:db8::2]:443"].map(|text| text.parse().unwrap());
        let text = |[from, to]: [SocketAddr; 2]| header(ProxyVersion::V1, from, to);
        assert_eq!(text(four), b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
        assert_eq!(text(six), b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n");
        let bytes =
            |[from, to]: [SocketAddr; 2]| crate::units::hex(&header(ProxyVersion::V2, from, to));
        assert_eq!(bytes(four), "0d0a0d0a000d0a515549540a2111000cc0a80001c0a8000bdc0401bb");
        assert_eq!(
            bytes(six),
            "0d0a0d0a000d0a515549540a2121002420010db800000000000000000000000120010db8000000000000000000000002dc0401bb"
        );
    }
}
