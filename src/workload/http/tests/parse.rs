//! Whatever the bytes and however they are split: one result.

use super::super::{ParseError, Parser};
use proptest::prelude::*;

/// What is known after all bytes, fed in these pieces: the status, the body, bytes taken, whether
/// it is whole and keeps.
pub(super) type Told = Result<(Option<u16>, Vec<u8>, usize, bool, bool), ParseError>;

pub(super) fn told<'a>(bodiless: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Told {
    let (mut parser, mut body, mut taken) = (Parser::new(bodiless), Vec::new(), 0);
    for piece in pieces {
        taken += parser.feed(piece, |bytes: &[u8]| body.extend_from_slice(bytes))?;
        if parser.is_done() {
            break;
        }
    }
    let open = parser.is_done();
    parser.close()?;
    Ok((parser.status(), body, taken, open, parser.keeps()))
}

pub(super) fn split(bytes: &[u8], mut cuts: Vec<usize>) -> Vec<&[u8]> {
    for cut in &mut cuts {
        *cut %= bytes.len() + 1;
    }
    cuts.sort_unstable();
    let mut from = 0;
    let mut pieces: Vec<&[u8]> = Vec::new();
    for cut in cuts {
        pieces.push(&bytes[from..cut]);
        from = cut;
    }
    pieces.push(&bytes[from..]);
    pieces
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("HTTP/1.1 200 OK\r\n".to_owned()),
        Just("HTTP/1.0 200\r\n".to_owned()),
        Just("HTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 404 No\r\n".to_owned()),
        Just("HTTP/1.1 204 None\r\n".to_owned()),
        "[A-Z/0-9. \r\n]{0,24}",
    ]
}

fn header() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..40_u32).prop_map(|n| format!("content-length: {n}\r\n")),
        Just("transfer-encoding: chunked\r\n".to_owned()),
        Just("Transfer-Encoding: gzip, chunked\r\n".to_owned()),
        Just("connection: close\r\n".to_owned()),
        Just("connection: x, keep-alive\r\n".to_owned()),
        "[a-z]{1,8}: ?[ -~]{0,60}\r\n",
    ]
}

fn body() -> impl Strategy<Value = String> {
    let chunk = "[a-z]{1,40}".prop_map(|text| format!("{:x};e=1\r\n{text}\r\n", text.len()));
    prop_oneof![
        "[ -~]{0,80}",
        prop::collection::vec(chunk, 0..5)
            .prop_map(|chunks| format!("{}0\r\nt: x\r\n\r\nHTTP", chunks.concat())),
    ]
}

proptest! {
    #[test]
    fn a_split_changes_nothing(
        line in line(), headers in prop::collection::vec(header(), 0..4), body in body(),
        cuts in prop::collection::vec(0..1_000_usize, 0..12), bodiless: bool,
    ) {
        let text = format!("{line}{}\r\n{body}", headers.concat());
        let whole = told(bodiless, [text.as_bytes()]);
        let pieces = split(text.as_bytes(), cuts);
        let single = text.as_bytes().chunks(1);
        if whole.is_err() {
            // Which of several faults is named may depend on how much of the text has come.
            prop_assert!(told(bodiless, pieces).is_err());
            prop_assert!(told(bodiless, single).is_err());
        } else {
            prop_assert_eq!(&told(bodiless, pieces), &whole);
            prop_assert_eq!(&told(bodiless, single), &whole);
        }
    }

    #[test]
    fn a_body_comes_out_as_it_went_in(chunks in prop::collection::vec("[a-z\r\n]{1,300}", 0..6)) {
        let framed = |text: &String| format!("{:X}\r\n{text}\r\n", text.len());
        let sent = chunks.iter().map(framed).collect::<Vec<_>>().concat();
        let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{sent}0\r\n\r\nrest");
        let expected = (Some(200), chunks.concat().into_bytes(), text.len() - 4, true, true);
        prop_assert_eq!(told(false, [text.as_bytes()]), Ok(expected));
    }
}

#[test]
fn who_may_mean_two_things_is_not_understood() {
    let table = [
        ("content-length: 2\r\ntransfer-encoding: chunked\r\n", ParseError::Ambiguous),
        ("transfer-encoding: chunked\r\ncontent-length: 2\r\n", ParseError::Ambiguous),
        ("content-length: 2\r\ncontent-length: 3\r\n", ParseError::Length),
        ("content-length: 2, 3\r\n", ParseError::Length),
        ("content-length: +2\r\n", ParseError::Length),
        ("content-length: \r\n", ParseError::Length),
    ];
    for (headers, wrong) in table {
        let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        assert_eq!(told(false, [text.as_bytes()]), Err(wrong), "{headers}");
    }
    let old = b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(told(false, [&old[..]]), Err(ParseError::Ambiguous));
    let same = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2, 2\r\n\r\nok";
    assert_eq!(told(false, [&same[..]]), Ok((Some(200), b"ok".to_vec(), same.len(), true, true)));
}

#[test]
fn a_connection_is_kept_by_the_rules_of_its_version() {
    let table = [
        ("HTTP/1.1 200 OK\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: Close\r\n", false),
        ("HTTP/1.1 200 OK\r\nconnection: x, close\r\n", false),
        ("HTTP/1.0 200 OK\r\n", false),
        ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n", true),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive, close\r\n", false),
    ];
    for (head, kept) in table {
        let text = format!("{head}content-length: 0\r\n\r\n");
        assert_eq!(told(false, [text.as_bytes()]).unwrap().4, kept, "{head}");
    }
    // A connection whose end is the end of the body is not kept.
    assert!(!told(false, [&b"HTTP/1.1 200 OK\r\n\r\nok"[..]]).unwrap().4);
}
