//! Turns an open connection to a forward proxy into one to the target: `CONNECT` (RFC 9110, 9.3.6).
//!
//! **Invariant:** nothing behind the proxy's answer is taken from the socket, and nothing is kept
//! of a connection but how far it has come.

use super::error::RequestError;
use super::transport::{Buffers, Handshake};
use crate::plan::{ForwardProxy, HttpUrl};
use crate::record::{Cause, Failure, FailureStage};
use crate::units::uri;
use crate::workload::Route;
use nix::sys::socket::{MsgFlags, recv, send};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Longest head of an answer that is looked at: bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// How far a tunnel has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TunnelState {
    /// The proxy has not been asked for it.
    #[default]
    New,
    /// It has.
    Asked,
    /// It leads to the target.
    Open,
}

/// The request that asks a proxy for a tunnel to a URL.
pub(crate) fn request(proxy: &ForwardProxy, url: &HttpUrl) -> Box<[u8]> {
    let (host, port) = url.site.authority();
    // With its port, whether it is the scheme's own or not.
    let mut authority = uri::authority(host, port, true);
    if port == 443 {
        authority.push_str(":443");
    }
    let agent = concat!("planrun/", env!("CARGO_PKG_VERSION"));
    let mut text =
        format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {agent}\r\n");
    if let Some(value) = &proxy.authorization {
        text.push_str("proxy-authorization: ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes().into()
}

impl TunnelState {
    /// Goes on: `Tunnelled` once the tunnel is open, `NotNeeded` where it was before.
    pub(crate) fn advance(
        &mut self,
        socket: BorrowedFd<'_>,
        request: &[u8],
        route: Route<'_>,
        buffers: &mut Buffers,
    ) -> Result<Handshake, RequestError> {
        let failed = |error: &io::Error| RequestError::proxy(route, broken(error), error);
        match self {
            Self::Open => return Ok(Handshake::NotNeeded),
            Self::Asked => {}
            Self::New => {
                // A socket on which nothing was sent has room for it.
                let sent = send(socket.as_raw_fd(), request, MsgFlags::MSG_NOSIGNAL)
                    .map_err(|errno| failed(&errno.into()))?;
                if sent < request.len() {
                    return Err(failed(&ErrorKind::WriteZero.into()));
                }
                *self = Self::Asked;
            }
        }
        let room = &mut buffers.plain[..LONGEST_HEAD];
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        let length = match recv(socket.as_raw_fd(), room, flags).map_err(io::Error::from) {
            Ok(0) => return Err(failed(&ErrorKind::UnexpectedEof.into())),
            Ok(length) => length,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(Handshake::Pending);
            }
            Err(error) => return Err(failed(&error)),
        };
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        let parsed = answer.parse(&room[..length]);
        let status = answer.code;
        match (parsed, status) {
            (Ok(httparse::Status::Complete(head)), Some(status))
                if (200..300).contains(&status) =>
            {
                recv(socket.as_raw_fd(), &mut room[..head], MsgFlags::MSG_DONTWAIT)
                    .map_err(|errno| failed(&errno.into()))?;
                *self = Self::Open;
                Ok(Handshake::Tunnelled)
            }
            (_, Some(status)) if status >= 300 => Err(RequestError::proxy_refused(route, status)),
            (Ok(httparse::Status::Partial), _) if length < LONGEST_HEAD => Ok(Handshake::Pending),
            _ => {
                let words = "its answer to CONNECT is not HTTP";
                Err(RequestError::proxy(route, bad(), &io::Error::other(words)))
            }
        }
    }
}

fn bad() -> Cause {
    Cause::new(Failure::BadHttp, FailureStage::Proxy)
}

/// The cause behind an error of the socket.
fn broken(error: &io::Error) -> Cause {
    Cause::from_io(error, FailureStage::Proxy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Address;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    #[test]
    fn an_answer_is_taken_and_nothing_behind_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Address::from(listener.local_addr().unwrap());
        let route = Route { to: &to, from: None, port: 0, proxy_protocol: None };
        let mut buffers = Buffers::new(1 << 16, false);
        let mut each = |answer: &[u8], behind: &[u8]| {
            let mut mine = TcpStream::connect(to.tcp().unwrap()).unwrap();
            mine.set_nonblocking(true).unwrap();
            let (mut theirs, _) = listener.accept().unwrap();
            theirs.set_nodelay(true).unwrap();
            let mut state = TunnelState::New;
            let mut go_on = || state.advance(mine.as_fd(), b"CONNECT", route, &mut buffers);
            assert_eq!(go_on(), Ok(Handshake::Pending));
            let mut asked = [0; 7];
            theirs.read_exact(&mut asked).unwrap();
            let mut last = Ok(Handshake::Pending);
            for byte in answer {
                theirs.write_all(&[*byte]).unwrap();
                if last == Ok(Handshake::Pending) {
                    last = go_on();
                }
            }
            theirs.write_all(behind).unwrap();
            drop(theirs);
            while last == Ok(Handshake::Pending) {
                last = go_on();
            }
            mine.set_nonblocking(false).unwrap();
            let mut rest = Vec::new();
            mine.read_to_end(&mut rest).unwrap();
            (last, rest)
        };
        let (open, rest) = each(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", b"TLS");
        assert_eq!((open, rest), (Ok(Handshake::Tunnelled), b"TLS".to_vec()));
        let refused = each(b"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n", b"");
        let refused = refused.0.unwrap_err();
        assert_eq!(refused.cause.failure, Failure::ProxyRefused);
        assert_eq!((refused.cause.at, refused.cause.code), (FailureStage::Proxy, 407));
        let wrong = each(b"SSH-2.0-x\r\n", b"").0.unwrap_err();
        assert_eq!((wrong.cause.failure, wrong.cause.at), (Failure::BadHttp, FailureStage::Proxy));
    }
}
