//! The opening handshake of a WebSocket: the client's request and the server's response (RFC 6455,
//! 4).

use super::super::ConversationError;
use crate::record::Failure;
use crate::units::visible;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::fmt::Display;
use std::mem::MaybeUninit;

/// The GUID that a server appends to the key before it hashes it.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The longest head of a response.
const HEAD_MAX: usize = 16 << 10;

/// The most headers of a response.
const HEADERS_MAX: usize = 128;

/// The `Sec-WebSocket-Accept` that belongs to a `Sec-WebSocket-Key`.
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
        // Writing empty headers would take longer than parsing a usual head.
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let head = &bytes[from..];
        match config.parse_response_with_uninit_headers(&mut response, head, &mut headers) {
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
        named.map(|header| header.value.trim_ascii())
    };
    let has_token = |name, token: &str| {
        let mut tokens = all(name).flat_map(|value| value.split(|byte| *byte == b','));
        tokens.any(|one| one.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let status = response.code.unwrap_or(0);
    if status != 101 {
        let reason = response.reason.unwrap_or_default();
        let detail = of_status(status, reason, |name| all(name).next().map(text));
        let code = i32::from(status);
        return Err(ConversationError { failure: Failure::HandshakeStatus, code, detail });
    }
    if !has_token("upgrade", "websocket") {
        return Err(wrong("the response has no `Upgrade: websocket`"));
    }
    if !has_token("connection", "upgrade") {
        return Err(wrong("the response has no `Connection: Upgrade`"));
    }
    let expected = accept_for(key.as_bytes());
    let mut accepts = all("sec-websocket-accept");
    match (accepts.next(), accepts.next()) {
        (Some(accept), None) if *accept == *expected.as_bytes() => {}
        (None, _) => return Err(wrong("the response has no `Sec-WebSocket-Accept`")),
        (Some(accept), _) => {
            let accept = text(accept);
            let shown = visible(&accept);
            return Err(wrong(format!(
                "expected `Sec-WebSocket-Accept: {expected}`, found `{shown}`"
            )));
        }
    }
    if let Some(extension) = all("sec-websocket-extensions").next() {
        let extension = text(extension);
        let shown = visible(&extension);
        return Err(wrong(format!(
            "the server chose the extension `{shown}`, which was not offered"
        )));
    }
    let mut chosen = all("sec-websocket-protocol");
    match (chosen.next(), chosen.next()) {
        (None, _) if protocols.is_empty() => Ok(()),
        (None, _) => {
            Err(wrong(format!("the server chose no subprotocol of `{}`", protocols.join(", "))))
        }
        (Some(one), None) if protocols.iter().any(|offered| *one == *offered.as_bytes()) => Ok(()),
        (Some(one), _) => {
            let one = text(one);
            let shown = visible(&one);
            Err(wrong(format!("the server chose the subprotocol `{shown}`, which was not offered")))
        }
    }
}

/// The meaning of a status other than 101.
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
