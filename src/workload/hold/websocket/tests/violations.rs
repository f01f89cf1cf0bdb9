//! Tests of servers that break the protocol, and of closes.

use super::*;

#[test]
fn responses_that_are_no_handshake_are_told_apart() {
    let good = greeted(&mut client(None)).1;
    let answer = |head: &str| format!("HTTP/1.1 {head}\r\n\r\n");
    let without = |line: &str| {
        good.lines().filter(|one| !one.starts_with(line)).collect::<Vec<_>>().join("\r\n")
            + "\r\n\r\n"
    };
    let with = |line: &str| good.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    let (status, bad) = (Failure::HandshakeStatus, Failure::BadHandshake);
    let cases = [
        (answer("200 OK\r\ncontent-length: 0"), status, 200, "answered as for plain HTTP"),
        (
            answer("301 Moved Permanently\r\nlocation: https://a/"),
            status,
            301,
            "redirects to `https://a/`",
        ),
        (answer("401 Unauthorized\r\nwww-authenticate: Basic"), status, 401, "asks for `Basic`"),
        (answer("401 Unauthorized"), status, 401, ": Unauthorized"),
        (answer("403 No \u{202e}way"), status, 403, ""),
        (answer("404 Not Found"), status, 404, ": Not Found"),
        (
            answer("426 Upgrade Required\r\nsec-websocket-version: 8, 7"),
            status,
            426,
            "asks for version 8, 7",
        ),
        (answer("426 Upgrade Required\r\nupgrade: h2c"), status, 426, "upgrade to `h2c`"),
        (answer("503"), status, 503, ""),
        (without("upgrade"), bad, 0, "no `Upgrade: websocket`"),
        (without("connection"), bad, 0, "no `Connection: Upgrade`"),
        (without("Sec-WebSocket-Accept"), bad, 0, "no `Sec-WebSocket-Accept`"),
        (good.replace("Accept: ", "Accept: x"), bad, 0, "found `x"),
        (with("Sec-WebSocket-Extensions: permessage-deflate"), bad, 0, "permessage-deflate"),
        (with("Sec-WebSocket-Protocol: chat"), bad, 0, "`chat`, which was not offered"),
        ("SSH-2.0-OpenSSH_9.9\r\n".into(), bad, 0, "not HTTP"),
        (
            format!("HTTP/1.1 101 \r\nx: {}\r\n", "y".repeat(20_000)),
            bad,
            0,
            "more than 16384 bytes",
        ),
    ];
    for (response, failure, code, words) in cases {
        let bytes = response.as_bytes();
        for cuts in [vec![], (1..bytes.len()).step_by(7).collect::<Vec<_>>()] {
            let heard = hear(&mut client(None), &mut WebSocketState::default(), bytes, &cuts);
            let (found, number, detail) = heard.failed.unwrap_or_else(|| panic!("{response}"));
            assert_eq!((found, number), (failure, code), "{response}: {detail}");
            assert!(detail.contains(words), "{detail}");
            assert!(!heard.opened && heard.said.is_empty());
        }
    }
    let offering =
        Settings { protocols: vec!["chat".into()], ..settings(None, HeartbeatFrame::Messages) };
    for (response, words) in [
        (good.clone(), "chose no subprotocol of `chat`"),
        (with("Sec-WebSocket-Protocol: other"), "`other`, which was not offered"),
        (with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat"), "not offered"),
    ] {
        let mut client = WebSocketClient::new(offering.clone());
        let heard = hear(&mut client, &mut WebSocketState::default(), response.as_bytes(), &[]);
        assert!(heard.failed.as_ref().unwrap().2.contains(words), "{heard:?}");
    }
    let response = with("Sec-WebSocket-Protocol: chat");
    let mut client = WebSocketClient::new(offering);
    assert!(hear(&mut client, &mut WebSocketState::default(), response.as_bytes(), &[]).opened);
}

#[test]
fn violations_are_named_and_told_to_the_server() {
    let masked = {
        let mut bytes = Vec::new();
        write(&mut bytes, Opcode::Text, Some([1, 2, 3, 4]), b"ok");
        bytes
    };
    let fragments = |parts: &[(Opcode, bool, &[u8])]| {
        let mut bytes = Vec::new();
        for (opcode, last, payload) in parts {
            write_part(&mut bytes, (*opcode, *last), None, payload);
        }
        bytes
    };
    let close = |payload: &[u8]| fragments(&[(Opcode::Close, true, payload)]);
    let cases: Vec<(Vec<u8>, Failure, u16)> = vec![
        (masked, Failure::MaskedFrame, 1002),
        (vec![0xC1, 0], Failure::ReservedBits, 1002),
        (vec![0x83, 0], Failure::BadOpcode, 1002),
        (vec![0x09, 0], Failure::BadControlFrame, 1002),
        (vec![0x89, 126, 0, 126], Failure::BadControlFrame, 1002),
        (vec![0x82, 126, 0, 1], Failure::BadFrameLength, 1002),
        (vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Failure::BadFrameLength, 1002),
        (vec![0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0], Failure::OverLimit, 1009),
        (
            fragments(&[(Binary, false, &[0; 900]), (Continuation, true, &[0; 101])]),
            Failure::OverLimit,
            1009,
        ),
        (fragments(&[(Continuation, true, b"x")]), Failure::UnexpectedContinuation, 1002),
        (fragments(&[(Text, false, b"x"), (Text, true, b"y")]), Failure::UnfinishedMessage, 1002),
        (fragments(&[(Text, true, &[0xFF])]), Failure::InvalidUtf8, 1007),
        (fragments(&[(Text, true, &[0xC3])]), Failure::InvalidUtf8, 1007),
        (
            fragments(&[(Text, false, &[0xC3]), (Continuation, true, b"x")]),
            Failure::InvalidUtf8,
            1007,
        ),
        (close(b"x"), Failure::BadCloseFrame, 1002),
        (close(&999_u16.to_be_bytes()), Failure::BadCloseFrame, 1002),
        (close(&1005_u16.to_be_bytes()), Failure::BadCloseFrame, 1002),
        (close(&1015_u16.to_be_bytes()), Failure::BadCloseFrame, 1002),
        (close(&5000_u16.to_be_bytes()), Failure::BadCloseFrame, 1002),
        (close(&[0x03, 0xE8, 0xFF]), Failure::InvalidUtf8, 1007),
    ];
    for (wrong, failure, code) in cases {
        let mut bytes = Vec::new();
        write(&mut bytes, Opcode::Ping, None, b"");
        write(&mut bytes, Opcode::Binary, None, b"fine");
        bytes.extend_from_slice(&wrong);
        let before = bytes.len() - wrong.len();
        for cuts in [vec![], (1..bytes.len()).collect(), vec![before], vec![before + 1]] {
            let heard = hear(&mut client(None), &mut opened(), &bytes, &cuts);
            let (found, number, detail) = heard.failed.unwrap_or_else(|| panic!("{wrong:x?}"));
            assert_eq!((found, number), (failure, 0), "{wrong:x?}: {detail}");
            assert!(detail.ends_with(&format!("; closed with {code}")), "{detail}");
            assert_eq!(heard.messages, 1, "{wrong:x?}");
            let said = [(Opcode::Pong, vec![]), (Opcode::Close, code.to_be_bytes().to_vec())];
            assert_eq!(heard.said, said, "{wrong:x?}");
        }
    }
}

#[test]
fn a_close_frame_says_who_ended_it_and_why() {
    for (payload, code, detail, echo) in [
        (&b""[..], 1005, "", &b""[..]),
        (&[0x03, 0xE9][..], 1001, "", &[0x03, 0xE9][..]),
        (b"\x03\xe9going \x1baway", 1001, ": the server said `going \\x1baway`", &[0x03, 0xE9]),
        (b"\x0b\xb8!", 3000, ": the server said `!`", &[0x0B, 0xB8]),
    ] {
        let mut bytes = Vec::new();
        write(&mut bytes, Opcode::Close, None, payload);
        write(&mut bytes, Opcode::Text, None, b"too late");
        let heard = hear(&mut client(None), &mut opened(), &bytes, &[]);
        assert_eq!(heard.failed, Some((Failure::CloseFrame, code, detail.to_owned())));
        assert_eq!(heard.said, [(Opcode::Close, echo.to_vec())]);
    }
    // This side has sent Close: the server's Close is only the reply.
    let (mut client, mut state, mut out) = (client(None), opened(), Vec::new());
    client.close(&mut state, &mut out);
    assert_eq!(frames(&out), [(Opcode::Close, vec![0x03, 0xE8])]);
    let heard = hear(&mut client, &mut state, &[0x88, 2, 0x03, 0xE8], &[]);
    assert!(heard.said.is_empty());
    assert_eq!(heard.failed, Some((Failure::CloseFrame, 1000, String::new())));
}
