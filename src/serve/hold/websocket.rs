//! The server's side of WebSockets (RFC 6455).
//!
//! **Invariant:** only what has come in part is kept, beside the connections.

use super::talk::{Heard, Talk};
use super::tally::ServedEnd;
use crate::plan::WebSocketServer;
use crate::units::index;
use crate::workload::hold::websocket::frame::{FrameHeader, Opcode, apply, write};
use crate::workload::hold::websocket::{Violation, accept_for, close_of};
use std::collections::HashMap;
use std::mem::MaybeUninit;

/// The longest head of a request, and the most headers in it.
const HEAD_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 128;

/// The longest message that is taken.
const MESSAGE_MAX: u32 = 1 << 20;

/// The settings that all conversations of the server share.
#[derive(Debug)]
pub(super) struct WebSocketTalk {
    reply_to: Option<Vec<u8>>,
    /// Chosen where a client offers it.
    subprotocol: Option<String>,
    /// Answers handshakes with this status in place of 101.
    status: Option<u16>,
    /// Whether heartbeats are pings.
    pings: bool,
    /// By slot, what has come in part.
    partial: HashMap<u32, Partial>,
    counts: FrameCounts,
}

#[derive(Debug, Default)]
struct Partial {
    input: Vec<u8>,
    /// The fragments of a message so far; `None`: none has begun.
    message: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct FrameCounts {
    handshakes: u64,
    handshakes_refused: u64,
    messages_received: u64,
    pings_received: u64,
    pongs_received: u64,
    closes_received: u64,
    violations: u64,
}

/// Whether the handshake is done, and whether something is kept beside the connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServedWebSocket {
    is_open: bool,
    is_partial: bool,
}

/// The effect of one frame.
enum FrameAction {
    Nothing,
    Reply,
    Over,
}

impl WebSocketTalk {
    pub(super) fn new(
        reply_to: Option<&[u8]>,
        options: &WebSocketServer,
        status: Option<u16>,
    ) -> Self {
        Self {
            reply_to: reply_to.map(<[u8]>::to_vec),
            subprotocol: options.subprotocol.clone(),
            status,
            pings: options.pings,
            partial: HashMap::new(),
            counts: FrameCounts::default(),
        }
    }

    /// Answers the request at the front of `input`, if it has come as a whole; its length, and
    /// whether it was accepted.
    fn shake_hands(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<(usize, bool)> {
        // Writing empty headers would take longer than parsing a usual head.
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let answer = match request.parse_with_uninit_headers(input, &mut headers) {
            Ok(httparse::Status::Partial) if input.len() <= HEAD_MAX => return None,
            Ok(httparse::Status::Complete(length)) => {
                self.answer(&request).map(|response| (length, response))
            }
            Ok(httparse::Status::Partial) | Err(_) => Err("400 Bad Request".to_owned()),
        };
        match answer {
            Ok((length, response)) => {
                self.counts.handshakes += 1;
                out.extend_from_slice(response.as_bytes());
                Some((length, true))
            }
            Err(refusal) => {
                self.counts.handshakes_refused += 1;
                let response =
                    format!("HTTP/1.1 {refusal}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                out.extend_from_slice(response.as_bytes());
                Some((input.len(), false))
            }
        }
    }

    /// The response to a request, or the status and headers that refuse it.
    fn answer(&self, request: &httparse::Request<'_, '_>) -> Result<String, String> {
        let all = |name: &'static str| {
            let headers = request.headers.iter();
            let named = headers.filter(move |header| header.name.eq_ignore_ascii_case(name));
            named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
        };
        let has = |name, token: &str| {
            let mut tokens = all(name).flat_map(|value| value.split(','));
            tokens.any(|one| one.trim().eq_ignore_ascii_case(token))
        };
        if let Some(status) = self.status {
            let words = http::StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or_default();
            let more = match status {
                301..=308 => "\r\nlocation: /elsewhere",
                401 => "\r\nwww-authenticate: Bearer",
                426 => "\r\nsec-websocket-version: 13",
                _ => "",
            };
            return Err(format!("{status} {words}{more}"));
        }
        let is_asked = request.method == Some("GET")
            && has("upgrade", "websocket")
            && has("connection", "upgrade");
        if !is_asked || !has("sec-websocket-version", "13") {
            return Err(
                "426 Upgrade Required\r\nupgrade: websocket\r\nsec-websocket-version: 13".into()
            );
        }
        let Some(key) = all("sec-websocket-key").next().filter(|key| key.len() == 24) else {
            return Err("400 Bad Request".into());
        };
        let accept = accept_for(key.as_bytes());
        let chosen = self.subprotocol.as_deref().filter(|name| has("sec-websocket-protocol", name));
        let protocol =
            chosen.map_or(String::new(), |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        Ok(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
        ))
    }

    /// Takes in the frame at the front of `input`; its length, `None` where the rest must come
    /// first.
    fn next(
        &mut self,
        message: &mut Option<Vec<u8>>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<(usize, FrameAction)>, Violation> {
        let Some(header) = FrameHeader::read(input)? else { return Ok(None) };
        let Some(mask) = header.mask else { return Err(Violation::Unmasked) };
        let before = message.as_ref().map_or(0, Vec::len) as u64;
        let length = before + header.length;
        if length > u64::from(MESSAGE_MAX) {
            return Err(Violation::TooLong { length, limit: MESSAGE_MAX });
        }
        let total = index(header.total());
        if input.len() < total {
            return Ok(None);
        }
        let mut payload = input[header.size..total].to_vec();
        apply(mask, &mut payload);
        let step = match header.opcode {
            Opcode::Ping => {
                self.counts.pings_received += 1;
                write(out, Opcode::Pong, None, &payload);
                FrameAction::Nothing
            }
            Opcode::Pong => {
                self.counts.pongs_received += 1;
                FrameAction::Nothing
            }
            Opcode::Close => {
                close_of(&payload)?;
                self.counts.closes_received += 1;
                write(out, Opcode::Close, None, payload.get(..2).unwrap_or_default());
                FrameAction::Over
            }
            opcode => {
                match (message.as_mut(), opcode) {
                    (None, Opcode::Continuation) => return Err(Violation::Continuation),
                    (Some(before), Opcode::Continuation) => before.extend_from_slice(&payload),
                    (Some(_), _) => return Err(Violation::Unfinished),
                    (None, _) => *message = Some(payload),
                }
                match message.take_if(|_| header.is_final) {
                    None => FrameAction::Nothing,
                    Some(whole) => {
                        self.counts.messages_received += 1;
                        let is_asked = self.reply_to.as_ref() == Some(&whole);
                        if is_asked { FrameAction::Reply } else { FrameAction::Nothing }
                    }
                }
            }
        };
        Ok(Some((total, step)))
    }
}

impl Talk for WebSocketTalk {
    type State = ServedWebSocket;

    const SHAKES_HANDS: bool = true;

    fn receive(
        &mut self,
        slot: u32,
        state: &mut ServedWebSocket,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Heard {
        let mut heard = Heard::default();
        let mut partial = if state.is_partial {
            self.partial.remove(&slot).unwrap_or_default()
        } else {
            Partial::default()
        };
        state.is_partial = false;
        let joined;
        let mut input = if partial.input.is_empty() {
            bytes
        } else {
            partial.input.extend_from_slice(bytes);
            joined = std::mem::take(&mut partial.input);
            &joined
        };
        if !state.is_open
            && let Some((used, accepted)) = self.shake_hands(input, out)
        {
            input = &input[used..];
            state.is_open = accepted;
            heard.shaken = true;
            heard.end = (!accepted).then_some(ServedEnd::ClosedByUs);
        }
        while state.is_open && heard.end.is_none() && !input.is_empty() {
            match self.next(&mut partial.message, input, out) {
                Ok(None) => break,
                Ok(Some((used, step))) => {
                    input = &input[used..];
                    heard.replies += u32::from(matches!(step, FrameAction::Reply));
                    heard.end =
                        matches!(step, FrameAction::Over).then_some(ServedEnd::ClosedByClient);
                }
                Err(violation) => {
                    self.counts.violations += 1;
                    write(out, Opcode::Close, None, &violation.close_code().to_be_bytes());
                    heard.end = Some(ServedEnd::ClosedByUs);
                }
            }
        }
        if heard.end.is_none() && (!input.is_empty() || partial.message.is_some()) {
            partial.input = input.to_vec();
            self.partial.insert(slot, partial);
            state.is_partial = true;
        }
        heard
    }

    fn frame(&self, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let opcode =
            if std::str::from_utf8(message).is_ok() { Opcode::Text } else { Opcode::Binary };
        write(&mut frame, opcode, None, message);
        frame
    }

    fn beat(&self) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Ping, None, b"beat");
        self.pings.then_some(frame)
    }

    fn goodbye(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Close, None, b"\x03\xe9going away");
        frame
    }

    fn forget(&mut self, slot: u32) {
        self.partial.remove(&slot);
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("handshakes", self.counts.handshakes),
            ("handshakes_refused", self.counts.handshakes_refused),
            ("messages_received", self.counts.messages_received),
            ("pings_received", self.counts.pings_received),
            ("pongs_received", self.counts.pongs_received),
            ("closes_received", self.counts.closes_received),
            ("violations", self.counts.violations),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /any HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: superchat, chat\r\n\r\n";

    fn server() -> WebSocketTalk {
        let options = WebSocketServer { subprotocol: Some("chat".into()), pings: false };
        WebSocketTalk::new(Some(b"ping"), &options, None)
    }

    fn said(server: &mut WebSocketTalk, bytes: &[u8], cut: usize) -> (Vec<u8>, Heard) {
        let (mut state, mut out, mut sum) =
            (ServedWebSocket::default(), Vec::new(), Heard::default());
        for piece in [&bytes[..cut], &bytes[cut..]] {
            if sum.end.is_some() || piece.is_empty() {
                continue;
            }
            let heard = server.receive(1, &mut state, piece, &mut out);
            sum.shaken |= heard.shaken;
            sum.replies += heard.replies;
            sum.end = heard.end;
        }
        (out, sum)
    }

    #[test]
    fn a_client_is_answered_however_its_bytes_are_cut() {
        let mut bytes = REQUEST.as_bytes().to_vec();
        let mask = Some([9, 8, 7, 6]);
        write(&mut bytes, Opcode::Text, mask, b"ping");
        crate::workload::hold::websocket::frame::write_part(
            &mut bytes,
            (Opcode::Binary, false),
            mask,
            b"pi",
        );
        write(&mut bytes, Opcode::Ping, mask, b"?");
        write(&mut bytes, Opcode::Continuation, mask, b"ng");
        write(&mut bytes, Opcode::Text, mask, b"pong");
        write(&mut bytes, Opcode::Close, mask, b"\x03\xe8");
        for cut in 0..=bytes.len() {
            let mut server = server();
            let (out, heard) = said(&mut server, &bytes, cut);
            assert_eq!(
                heard,
                Heard { shaken: true, replies: 2, end: Some(ServedEnd::ClosedByClient) },
                "cut at {cut}"
            );
            let text = String::from_utf8_lossy(&out);
            assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
            assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
            assert!(text.contains("Sec-WebSocket-Protocol: chat\r\n"));
            assert!(out.ends_with(b"\r\n\r\n\x8a\x01?\x88\x02\x03\xe8"), "{text}");
            assert!(server.partial.is_empty());
        }
    }

    #[test]
    fn what_is_no_handshake_or_breaks_the_rules_is_refused() {
        let mut unmasked = REQUEST.as_bytes().to_vec();
        write(&mut unmasked, Opcode::Text, None, b"ping");
        let cases = [
            (
                REQUEST
                    .replace("version: 13", "version: 8")
                    .replace("Version: 13", "Version: 8")
                    .into_bytes(),
                "HTTP/1.1 426 ",
            ),
            (REQUEST.replace("Upgrade: websocket\r\n", "").into_bytes(), "HTTP/1.1 426 "),
            (REQUEST.replace("dGhl", "").into_bytes(), "HTTP/1.1 400 "),
            (b"\x16\x03\x01\x02".to_vec(), "HTTP/1.1 400 "),
            (unmasked, "HTTP/1.1 101 "),
        ];
        for (bytes, begins) in cases {
            let mut server = server();
            let (out, heard) = said(&mut server, &bytes, bytes.len() / 2);
            assert!(heard.end == Some(ServedEnd::ClosedByUs), "{begins}");
            assert!(String::from_utf8_lossy(&out).starts_with(begins), "{}", out.escape_ascii());
        }
        let options = WebSocketServer { subprotocol: None, pings: false };
        let mut refusing = WebSocketTalk::new(None, &options, Some(401));
        let (out, heard) = said(&mut refusing, REQUEST.as_bytes(), 7);
        assert!(heard.shaken && heard.end == Some(ServedEnd::ClosedByUs));
        assert!(String::from_utf8_lossy(&out).contains("401 Unauthorized\r\nwww-authenticate"));
    }
}
