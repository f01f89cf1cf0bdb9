//! The conversation by tables, cut at every byte, and with everything that a server can say wrong.

use super::frame::{FrameHeader, Opcode, apply, write, write_part};
use super::*;
use Opcode::{Binary, Continuation, Text};
use proptest::prelude::*;

mod opening;
mod violations;

const ID: ConnectionId = ConnectionId { slot: 3, begun_ns: 77 };

fn settings(expect: Option<&str>, heartbeat: HeartbeatFrame) -> Settings {
    Settings {
        places: vec![("example.org:9001".to_owned(), "/chat?room=1".to_owned())],
        headers: Vec::new(),
        protocols: Vec::new(),
        opening: Vec::new(),
        own: None,
        is_binary: true,
        expect: expect.map(Expect::from),
        heartbeat,
        max_message: 1_000,
        secrets: Secrets::default(),
        seed: 5,
    }
}

fn client(expect: Option<&str>) -> WebSocketClient {
    WebSocketClient::new(settings(expect, HeartbeatFrame::Messages))
}

/// The request of a handshake, and the response that accepts it.
fn greeted(client: &mut WebSocketClient) -> (String, String) {
    let mut out = Vec::new();
    client.begin(ID, 0, &mut out);
    let request = String::from_utf8(out).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_for(key.as_bytes())
    );
    (request, response)
}

/// How a client reads some bytes.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    opened: bool,
    messages: u32,
    heartbeats: u32,
    failed: Option<(Failure, i32, String)>,
    said: Vec<(Opcode, Vec<u8>)>,
}

/// Gives a client bytes in pieces that end at these places.
fn hear(
    client: &mut WebSocketClient,
    state: &mut WebSocketState,
    bytes: &[u8],
    cuts: &[usize],
) -> Heard {
    let (mut heard, mut out, mut from) = (Heard::default(), Vec::new(), 0);
    for end in cuts.iter().copied().chain([bytes.len()]) {
        while from < end && heard.failed.is_none() {
            let received = client.receive(ID, state, &bytes[from..end], &mut out);
            assert!((1..=end - from).contains(&received.used), "{received:?}");
            from += received.used;
            match received.event {
                ConversationEvent::HandshakeDone | ConversationEvent::Opened => {
                    heard.opened = true;
                }
                ConversationEvent::Messages { messages, heartbeats } => {
                    heard.messages += messages;
                    heard.heartbeats += heartbeats;
                }
                ConversationEvent::Failed(error) => {
                    heard.failed = Some((error.failure, error.code, error.detail));
                }
            }
        }
    }
    heard.said = frames(&out);
    heard
}

/// The frames of a client, each masked.
fn frames(mut bytes: &[u8]) -> Vec<(Opcode, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(header) = FrameHeader::read(bytes).unwrap() {
        let (head, rest) = bytes.split_at(header.size);
        let (payload, rest) = rest.split_at(usize::try_from(header.length).unwrap());
        let mut payload = payload.to_vec();
        apply(header.mask.expect("a client masks"), &mut payload);
        assert_eq!(head.len(), header.size);
        frames.push((header.opcode, payload));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    frames
}

fn opened() -> WebSocketState {
    let mut state = WebSocketState::default();
    state.open();
    state
}

#[test]
fn the_accept_key_is_that_of_the_rfc() {
    assert_eq!(accept_for(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn a_handshake_asks_for_what_the_plan_says() {
    let mut client = WebSocketClient::new(Settings {
        protocols: vec!["chat".into(), "superchat".into()],
        headers: vec![("Authorization".into(), "Bearer x".into())],
        ..settings(None, HeartbeatFrame::Messages)
    });
    let (request, _) = greeted(&mut client);
    let (key, rest) = request.split_once("Sec-WebSocket-Key: ").unwrap();
    assert_eq!(
        key,
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.org:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    );
    let (key, rest) = rest.split_once("\r\n").unwrap();
    assert_eq!(key.len(), 24);
    assert_eq!(
        rest,
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\nAuthorization: Bearer x\r\n\r\n"
    );
    let mut other = Vec::new();
    client.begin(ConnectionId { slot: 4, ..ID }, 0, &mut other);
    assert_ne!(String::from_utf8(other).unwrap(), request, "each connection has a key of its own");
    let named = [("host".to_owned(), "other.example".to_owned())].to_vec();
    let mut client = WebSocketClient::new(Settings {
        headers: named,
        ..settings(None, HeartbeatFrame::Messages)
    });
    let request = greeted(&mut client).0;
    assert_eq!(request.to_lowercase().matches("host:").count(), 1, "{request}");
}

/// A right conversation: handshake, messages in all forms, a ping.
fn conversation(response: &str) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec();
    bytes.extend_from_slice(response.as_bytes());
    write(&mut bytes, Opcode::Text, None, "grüß".as_bytes());
    write_part(&mut bytes, (Opcode::Text, false), None, "gr".as_bytes());
    write(&mut bytes, Opcode::Ping, None, b"there?");
    write_part(&mut bytes, (Opcode::Continuation, false), None, &"ü".as_bytes()[..1]);
    write_part(&mut bytes, (Opcode::Continuation, false), None, b"");
    write(&mut bytes, Opcode::Pong, None, b"unasked");
    let rest: Vec<u8> = "ü".as_bytes()[1..].iter().chain("ß".as_bytes()).copied().collect();
    write_part(&mut bytes, (Opcode::Continuation, true), None, &rest);
    write(&mut bytes, Opcode::Binary, None, "grüß".as_bytes());
    bytes
}

#[test]
fn a_conversation_may_be_cut_at_every_byte() {
    for expect in [Some("grüß"), None] {
        let response = greeted(&mut client(expect)).1;
        let bytes = conversation(&response);
        let pong = vec![(Opcode::Pong, b"there?".to_vec())];
        let whole = Heard { opened: true, messages: 3, heartbeats: 3, failed: None, said: pong };
        for first in 0..=bytes.len() {
            for second in [first, first + 1, first + 7, bytes.len()] {
                let cuts = [first, second.min(bytes.len())];
                let mut client = client(expect);
                let heard = hear(&mut client, &mut WebSocketState::default(), &bytes, &cuts);
                assert_eq!(heard, whole, "cut at {cuts:?}");
                assert!(client.partial.is_empty());
            }
        }
        let every: Vec<usize> = (1..bytes.len()).collect();
        let heard = hear(&mut client(expect), &mut WebSocketState::default(), &bytes, &every);
        assert_eq!(heard, whole);
    }
}

#[test]
fn wrong_messages_are_found_where_they_are() {
    let cases: [(&[u8], &str); 4] = [
        (b"oK", "`K` at byte 1 of a message"),
        (b"o", "a message of 1 bytes, expected 2"),
        (b"okay", "`ay` at byte 2 of a message"),
        (b"", "a message of 0 bytes, expected 2"),
    ];
    for (payload, words) in cases {
        let mut bytes = Vec::new();
        write(&mut bytes, Opcode::Text, None, b"ok");
        write(&mut bytes, Opcode::Text, None, payload);
        for cuts in [vec![], (1..bytes.len()).collect()] {
            let heard = hear(&mut client(Some("ok")), &mut opened(), &bytes, &cuts);
            let (failure, _, detail) = heard.failed.unwrap();
            assert_eq!((failure, heard.messages), (Failure::WrongData, 1));
            assert!(cuts.len() > 1 && payload == b"okay" || detail.contains(words), "{detail}");
            assert_eq!(heard.said, [(Opcode::Close, 1008_u16.to_be_bytes().to_vec())]);
        }
    }
}

#[test]
fn only_the_right_frames_are_heartbeats() {
    let mut bytes = Vec::new();
    write(&mut bytes, Opcode::Ping, None, b"p");
    write(&mut bytes, Opcode::Pong, None, b"q");
    write(&mut bytes, Opcode::Text, None, b"m");
    write(&mut bytes, Opcode::Text, None, b"n");
    let reply = HeartbeatFrame::Reply { payload: "hello".into() };
    for (heartbeat, beats) in [
        (HeartbeatFrame::Messages, 2),
        (HeartbeatFrame::Pings, 1),
        (HeartbeatFrame::Pong, 0),
        (reply.clone(), 2),
    ] {
        let mut client = WebSocketClient::new(settings(None, heartbeat));
        let heard = hear(&mut client, &mut opened(), &bytes, &[]);
        assert_eq!((heard.messages, heard.heartbeats), (2, beats));
    }
    let mut client = WebSocketClient::new(settings(None, HeartbeatFrame::Pong));
    let mut out = Vec::new();
    client.send_heartbeat(ID, &mut out);
    let [(Opcode::Ping, payload)] = &frames(&out)[..] else { panic!("{out:?}") };
    let mut pong = Vec::new();
    write(&mut pong, Opcode::Pong, None, payload);
    assert_eq!(hear(&mut client, &mut opened(), &pong, &[]).heartbeats, 1);
    out.clear();
    WebSocketClient::new(settings(None, reply)).send_heartbeat(ID, &mut out);
    assert_eq!(frames(&out), [(Opcode::Binary, b"hello".to_vec())]);
}

#[test]
fn what_came_in_part_follows_a_connection_and_goes_with_it() {
    let (mut client, mut state) = (client(None), opened());
    assert_eq!(hear(&mut client, &mut state, &[0x89, 3, b'a'], &[]).said, []);
    client.move_slot(ID.slot, 9, &state);
    let id = ConnectionId { slot: 9, begun_ns: 0 };
    let mut out = Vec::new();
    client.receive(id, &mut state, b"bc", &mut out);
    assert_eq!(frames(&out), [(Opcode::Pong, b"abc".to_vec())]);
    hear(&mut client, &mut state, &[0x89], &[]);
    client.remove(ID.slot, &state);
    assert!(client.partial.is_empty());
}

proptest! {
    /// Whatever a server says, cuts change nothing but how a wrong payload is shown.
    #[test]
    fn cuts_change_nothing(
        parts in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..6),
            (0..3_usize, any::<bool>(), "[k-o]{0,3}|ok").prop_map(|(kind, last, text)| {
                let mut bytes = Vec::new();
                let opcode = [Opcode::Text, Opcode::Binary, Opcode::Continuation][kind];
                write_part(&mut bytes, (opcode, last), None, text.as_bytes());
                bytes
            }),
            ("[a-z]{0,4}", any::<bool>()).prop_map(|(text, ping)| {
                let mut bytes = Vec::new();
                write(&mut bytes, if ping { Opcode::Ping } else { Opcode::Pong }, None, text.as_bytes());
                bytes
            }),
        ], 0..12),
        cuts in proptest::collection::vec(0..80_usize, 0..12),
        expects: bool,
    ) {
        let bytes = parts.concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let expect = expects.then_some("ok");
        let mut heard: Vec<Heard> = [vec![], cuts]
            .iter()
            .map(|cuts| hear(&mut client(expect), &mut opened(), &bytes, cuts))
            .collect();
        for one in &mut heard {
            if let Some((_, _, detail)) = &mut one.failed {
                detail.clear();
            }
        }
        prop_assert_eq!(&heard[0], &heard[1]);
    }
}
