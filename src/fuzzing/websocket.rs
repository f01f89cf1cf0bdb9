//! Turns any bytes into what a server of WebSocket says: a whole handshake and frames, or frames
//! alone.

use super::{choices, split};
use crate::plan::{Expect, Secrets};
use crate::record::Failure;
use crate::workload::hold::websocket::frame::{FrameHeader, Opcode};
use crate::workload::hold::websocket::{
    HeartbeatFrame, Settings, WebSocketClient, WebSocketState, accept_for,
};
use crate::workload::hold::{ConnectionId, Conversation, ConversationEvent};

const ID: ConnectionId = ConnectionId { slot: 1, begun_ns: 1 };

/// The result of a client's reading of the bytes.
#[derive(Debug, Default, PartialEq)]
struct ClientOutcome {
    opened: bool,
    messages: u64,
    heartbeats: u64,
    failed: Option<(Failure, i32)>,
    said: Vec<Opcode>,
}

fn client(expect: Option<&str>) -> WebSocketClient {
    WebSocketClient::new(Settings {
        places: vec![("localhost".to_owned(), "/".to_owned())],
        headers: Vec::new(),
        protocols: Vec::new(),
        opening: Vec::new(),
        own: None,
        is_binary: true,
        expect: expect.map(Expect::from),
        heartbeat: HeartbeatFrame::Pings,
        max_message: 1 << 16,
        secrets: Secrets::default(),
        seed: 1,
    })
}

/// The response that opens the only connection of [`client`].
fn handshake(client: &mut WebSocketClient) -> Vec<u8> {
    let mut request = Vec::new();
    client.begin(ID, 0, &mut request);
    let request = String::from_utf8_lossy(&request);
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = accept_for(key.unwrap_or_default().as_bytes());
    format!("HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

fn hear(expect: Option<&str>, pieces: &[&[u8]]) -> ClientOutcome {
    let mut client = client(expect);
    let (mut outcome, mut state, mut out) =
        (ClientOutcome::default(), WebSocketState::default(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && outcome.failed.is_none() {
            let received = client.receive(ID, &mut state, rest, &mut out);
            assert!((1..=rest.len()).contains(&received.used), "{received:?}");
            rest = &rest[received.used..];
            match received.event {
                ConversationEvent::HandshakeDone | ConversationEvent::Opened => {
                    outcome.opened = true;
                }
                ConversationEvent::Messages { messages, heartbeats } => {
                    outcome.messages += u64::from(messages);
                    outcome.heartbeats += u64::from(heartbeats);
                }
                ConversationEvent::Failed(error) => {
                    assert!(!error.detail.contains(char::is_control), "{}", error.detail);
                    outcome.failed = Some((error.failure, error.code));
                }
            }
        }
    }
    let mut said = out.as_slice();
    while !said.is_empty() {
        let header = FrameHeader::read(said).ok().flatten().expect("a client says whole frames");
        assert!(header.mask.is_some(), "a client masks");
        outcome.said.push(header.opcode);
        said = &said[usize::try_from(header.total()).expect("a short frame")..];
    }
    outcome
}

/// What a server of WebSocket says: from its handshake on where the bytes begin as HTTP does, else
/// after it.
///
/// # Panics
/// Where a split plays a part, or what the client says is not whole, masked frames.
pub fn websocket(bytes: &[u8]) {
    let mut rng = choices(bytes);
    let expect = rng.bool().then_some("ok");
    let mut all = Vec::new();
    if !bytes.starts_with(b"HTTP/") {
        all = handshake(&mut client(expect));
    }
    all.extend_from_slice(bytes);
    let pieces = split(&all, &mut rng);
    assert_eq!(hear(expect, &[&all]), hear(expect, &pieces));
}
