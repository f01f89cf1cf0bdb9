//! Messages that open a conversation, and messages that vary.

use super::*;
use crate::plan::{MessageContent, OpeningStep, StreamPattern};

fn pattern(text: &str) -> Expect {
    let content = Some(MessageContent::Pattern(StreamPattern::new(text).unwrap()));
    Expect::Varying { frame: None, content }
}

fn prefix(text: &str) -> Expect {
    Expect::Varying { frame: None, content: Some(MessageContent::Prefix(text.into())) }
}

fn talking(opening: Vec<OpeningStep>, expect: Option<Expect>) -> WebSocketClient {
    let settings = settings(None, HeartbeatFrame::Pings);
    WebSocketClient::new(Settings { opening, expect, is_binary: false, ..settings })
}

/// Frames of a server.
fn said(frames: &[(Opcode, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (opcode, payload) in frames {
        write(&mut bytes, *opcode, None, payload.as_bytes());
    }
    bytes
}

#[test]
fn the_opening_goes_step_by_step_however_frames_are_cut() {
    let steps = || {
        vec![
            OpeningStep { send: Some("hello".into()), expect: None },
            OpeningStep { send: Some("join".into()), expect: Some(prefix("welcome ")) },
            OpeningStep { send: Some("list".into()), expect: Some("[]".into()) },
        ]
    };
    // A ping in between is answered, and is no heartbeat yet.
    let bytes = said(&[
        (Text, "welcome 17"),
        (Opcode::Ping, "x"),
        (Text, "[]"),
        (Opcode::Ping, "y"),
        (Text, "n=4"),
    ]);
    for cut in 0..bytes.len() {
        let (mut client, mut state) = (talking(steps(), Some(pattern("^n=[0-9]$"))), opened());
        let mut out = Vec::new();
        assert!(!client.begin_opening(ID, &mut state, &mut out));
        assert_eq!(frames(&out), [(Text, b"hello".to_vec()), (Text, b"join".to_vec())]);
        assert!(client.awaited(&state).contains(
            "step 2 of the opening expected a message that begins with `welcome `, nothing came"
        ));
        let heard = hear(&mut client, &mut state, &bytes, &[cut]);
        assert_eq!((heard.opened, heard.messages, heard.heartbeats), (true, 1, 1), "cut at {cut}");
        assert_eq!(heard.failed, None);
        let replies = [
            (Opcode::Pong, b"x".to_vec()),
            (Text, b"list".to_vec()),
            (Opcode::Pong, b"y".to_vec()),
        ];
        let mut answered = heard.said;
        // The reply to a ping goes out before or after the next step's message.
        answered.sort_by_key(|(opcode, payload)| (*opcode == Text, payload.clone()));
        let mut expected = replies.to_vec();
        expected.sort_by_key(|(opcode, payload)| (*opcode == Text, payload.clone()));
        assert_eq!(answered, expected);
    }
}

#[test]
fn messages_that_vary_are_told_from_wrong_ones() {
    for (expect, payload, wrong) in [
        (prefix("ok"), "okay", None),
        (prefix("ok"), "ox", Some(": `x` at byte 1 of a message")),
        (
            prefix("ok"),
            "o",
            Some(": a message of 1 bytes, expected a message that begins with `ok`"),
        ),
        (pattern("[0-9]"), "a7", None),
        (
            pattern("^[0-9]"),
            "",
            Some(": a message of 0 bytes, expected a message that matches `^[0-9]`"),
        ),
        (pattern("^[0-9]"), "a7", Some(": `a")),
        (pattern("[0-9]$"), "7a", Some(": a message of 2 bytes, expected a message that matches")),
    ] {
        let bytes = said(&[(Text, "7o7"), (Text, payload)]);
        for cut in 0..bytes.len() {
            let (mut client, mut state) = (talking(Vec::new(), Some(expect.clone())), opened());
            let own =
                matches!(&expect, Expect::Varying { content: Some(MessageContent::Prefix(_)), .. });
            let bytes = if own { &bytes[5..] } else { &bytes };
            let heard = hear(&mut client, &mut state, bytes, &[cut.min(bytes.len())]);
            match wrong {
                None => assert_eq!(heard.failed, None, "{payload} cut at {cut}"),
                Some(words) => {
                    let (failure, _, detail) =
                        heard.failed.unwrap_or_else(|| panic!("{payload} cut at {cut}"));
                    assert_eq!(failure, Failure::WrongData);
                    assert!(detail.starts_with(words), "{detail}");
                }
            }
        }
    }
    // A text that matches must be UTF-8 all the same.
    let mut bytes = Vec::new();
    write(&mut bytes, Text, None, b"ok\xff");
    let heard = hear(&mut talking(Vec::new(), Some(prefix("ok"))), &mut opened(), &bytes, &[]);
    assert_eq!(heard.failed.map(|(failure, ..)| failure), Some(Failure::InvalidUtf8));
}
