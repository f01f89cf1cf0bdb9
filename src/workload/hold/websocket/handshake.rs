//! Turns a connection into a WebSocket: what a client asks, what a server must answer (RFC 6455,
//! 4).

use super::super::ConversationError;
use crate::record::Failure;
use crate::units::visible;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::fmt::Display;

/// What a server appends to the key before it hashes it.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The longest head of a response.
const HEAD_MAX: usize = 16 << 10;

/// The most headers of a response.
const HEADERS_MAX: usize = 128;

/// What `Sec-WebSocket-Accept` must be for a `Sec-WebSocket-Key`.
pub(crate) fn accept_for(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// The `Sec-WebSocket-Key` made of these bytes.
pub(super) fn key_of(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// A request that lacks only its key.
#[derive(Debug, Clone)]
pub(super) struct UpgradeRequest {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl UpgradeRequest {
    pub(super) fn new(
        host: &str,
        path: &str,
        protocols: &[String],
        headers: &[(String, String)],
    ) -> Self {
        let mut after = String::from("\r\nSec-WebSocket-Version: 13\r\n");
        if !protocols.is_empty() {
            after.extend(["Sec-WebSocket-Protocol: ", &protocols.join(", "), "\r\n"]);
        }
        let says_host = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        for (name, value) in headers {
            after.extend([name, ": ", value, "\r\n"]);
        }
        after.push_str("\r\n");
        let host = if says_host { String::new() } else { format!("Host: {host}\r\n") };
        let before = format!(
            "GET {path} HTTP/1.1\r\n{host}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
        );
        Self { before: before.into_bytes(), after: after.into_bytes() }
    }

    pub(super) fn write(&self, key: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&self.after);
    }
}

/// Reads the head of a response; its length once it has come as a whole and is right, `None`
/// before.
pub(super) fn read(
    bytes: &[u8],
    key: &str,
    protocols: &[String],
) -> Result<Option<usize>, ConversationError> {
    let mut from = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes[from..]) {
            Ok(httparse::Status::Partial) if bytes.len() > HEAD_MAX => {
                return Err(wrong(format!("a head of more than {HEAD_MAX} bytes")));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(length)) => {
                from += length;
                let status = response.code.unwrap_or(0);
                // An interim response: the final one follows.
                if (100..200).contains(&status) && status != 101 {
                    continue;
                }
                verify(&response, key, protocols)?;
                return Ok(Some(from));
            }
            Err(error) => {
                let shown = String::from_utf8_lossy(&bytes[from..bytes.len().min(from + 32)]);
                return Err(wrong(format!("not HTTP ({error}): `{}`", visible(&shown))));
            }
        }
    }
}

fn wrong(detail: impl Display) -> ConversationError {
    ConversationError { failure: Failure::BadHandshake, code: 0, detail: format!(": {detail}") }
}

fn verify(
    response: &httparse::Response<'_, '_>,
    key: &str,
    protocols: &[String],
) -> Result<(), ConversationError> {
    let all = |name: &'static str| {
        let headers = response.headers.iter();
        let named = headers.filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let has_token = |name, token: &str| {
        all(name).any(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(token)))
    };
    let status = response.code.unwrap_or(0);
    if status != 101 {
        let detail =
            of_status(status, response.reason.unwrap_or_default(), |name| all(name).next());
        let code = i32::from(status);
        return Err(ConversationError { failure: Failure::HandshakeStatus, code, detail });
    }
    if !has_token("upgrade", "websocket") {
        return Err(wrong("the response has no `Upgrade: websocket`"));
    }
    if !has_token("connection", "upgrade") {
        return Err(wrong("the response has no `Connection: Upgrade`"));
    }
    let accepts: Vec<String> = all("sec-websocket-accept").collect();
    match accepts.as_slice() {
        [accept] if *accept == accept_for(key.as_bytes()) => {}
        [] => return Err(wrong("the response has no `Sec-WebSocket-Accept`")),
        [accept, ..] => {
            let (shown, expected) = (visible(accept), accept_for(key.as_bytes()));
            return Err(wrong(format!(
                "expected `Sec-WebSocket-Accept: {expected}`, found `{shown}`"
            )));
        }
    }
    if let Some(extension) = all("sec-websocket-extensions").next() {
        let shown = visible(&extension);
        return Err(wrong(format!(
            "the server chose the extension `{shown}`, which was not offered"
        )));
    }
    let chosen: Vec<String> = all("sec-websocket-protocol").collect();
    match chosen.as_slice() {
        [] if protocols.is_empty() => Ok(()),
        [] => Err(wrong(format!("the server chose no subprotocol of `{}`", protocols.join(", ")))),
        [one] if protocols.contains(one) => Ok(()),
        [one, ..] => {
            let shown = visible(one);
            Err(wrong(format!("the server chose the subprotocol `{shown}`, which was not offered")))
        }
    }
}

/// What a status that is not 101 means.
fn of_status(status: u16, reason: &str, header: impl Fn(&'static str) -> Option<String>) -> String {
    let shown = |name| header(name).map(|value| visible(&value).into_owned());
    let because = match status {
        200..=299 => Some("the server answered as for plain HTTP and did not upgrade".to_owned()),
        300..=399 => shown("location").map(|to| format!("redirects to `{to}`")),
        401 => shown("www-authenticate").map(|how| format!("asks for `{how}`")),
        407 => shown("proxy-authenticate").map(|how| format!("asks for `{how}`")),
        426 => match (shown("sec-websocket-version"), shown("upgrade")) {
            (Some(version), _) => Some(format!("asks for version {version} of WebSocket")),
            (None, Some(what)) => Some(format!("asks for an upgrade to `{what}`")),
            (None, None) => None,
        },
        _ => None,
    };
    let reason = visible(reason);
    match (because, reason.is_empty()) {
        (Some(because), _) => format!(": {because}"),
        (None, true) => String::new(),
        (None, false) => format!(": {reason}"),
    }
}
