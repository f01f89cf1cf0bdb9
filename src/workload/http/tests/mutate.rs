//! Turns good answers into thousands of bad ones: nothing panics, nothing hangs, nothing depends on
//! how the bytes are split.

use super::parse::{split, told};
use fastrand::Rng;

/// Good answers of every kind, which mutations start from.
const GOOD: [&str; 10] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 12\r\nserver: x\r\n\r\nhello, world",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nt: u\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno",
    "HTTP/1.0 200 OK\r\nserver: old\r\n\r\nall of it, to the end",
    "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 204 None\r\nconnection: close\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\netag: \"e\"\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "HTTP/1.1 200 OK\r\nx-folded: one\r\n two\r\n\tthree\r\nContent-Length:\r\n 2\r\n\r\nok",
    "\r\n\r\nHTTP/1.1 500 \r\nTransfer-Encoding: gzip, chunked\r\n\r\n0a\r\n0123456789\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
];

/// Bytes that mutations insert.
const UGLY: [&str; 16] = [
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\0",
    "\u{1b}[2J",
    " ",
    ":",
    ",",
    ";",
    "0",
    "ffffffffffffffff",
    "-1",
    "content-length: 99999999999999999999\r\n",
    "transfer-encoding: chunked\r\n",
    "HTTP/1.1 199 x\r\n\r\n",
];

/// One to four mutations of a good answer.
fn mutated(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = GOOD[rng.usize(..GOOD.len())].as_bytes().to_vec();
    for _ in 0..rng.usize(1..=4) {
        let at = rng.usize(..=bytes.len());
        let to = (at + rng.usize(..24)).min(bytes.len());
        match rng.u8(..7) {
            0 => drop(bytes.drain(at..to)),
            1 => bytes[at..to].fill_with(|| rng.u8(..)),
            2 => drop(bytes.splice(at..at, UGLY[rng.usize(..UGLY.len())].bytes())),
            3 => drop(bytes.splice(at..to, UGLY[rng.usize(..UGLY.len())].bytes())),
            4 => {
                let piece = bytes[at..to].repeat(rng.usize(1..800));
                drop(bytes.splice(at..at, piece));
            }
            5 => bytes[at..to].reverse(),
            _ => {
                let other = GOOD[rng.usize(..GOOD.len())].as_bytes();
                bytes.truncate(at);
                bytes.extend_from_slice(&other[rng.usize(..other.len())..]);
            }
        }
    }
    bytes
}

fn cuts(rng: &mut Rng, length: usize) -> Vec<usize> {
    (0..rng.usize(..12)).map(|_| rng.usize(..=length)).collect()
}

#[test]
fn ten_thousand_mutations_are_told_the_same_however_they_are_split() {
    let (mut rng, mut wrong, mut whole) = (Rng::with_seed(42), 0, 0);
    for number in 0..10_000 {
        let bytes = mutated(&mut rng);
        let bodiless = rng.u8(..8) == 0;
        let once = told(bodiless, [&bytes[..]]);
        let pieces = split(&bytes, cuts(&mut rng, bytes.len()));
        let words = || format!("{number}: {}", bytes[..bytes.len().min(600)].escape_ascii());
        match (&once, told(bodiless, pieces), told(bodiless, bytes.chunks(1))) {
            // Which of several faults is named may depend on how much has come.
            (Err(_), Err(_), Err(_)) => wrong += 1,
            (Ok(_), pieces, single) => {
                assert_eq!(&pieces, &once, "{}", words());
                assert_eq!(&single, &once, "{}", words());
                whole += 1;
            }
            (once, pieces, single) => panic!("{once:?} {pieces:?} {single:?} {}", words()),
        }
    }
    // Neither kind is the rule: the mutations are neither harmless nor plain noise.
    assert!(wrong > 1_500 && whole > 1_500, "{wrong} {whole}");
}

#[test]
fn every_good_answer_is_the_same_in_any_two_pieces() {
    let mut rng = Rng::with_seed(7);
    for good in GOOD {
        let once = told(false, [good.as_bytes()]);
        assert!(once.as_ref().is_ok_and(|told| told.0.is_some()), "{good:?}: {once:?}");
        for cut in 0..=good.len() {
            let (left, right) = good.as_bytes().split_at(cut);
            assert_eq!(told(false, [left, right]), once, "{cut} of {good:?}");
        }
        for _ in 0..200 {
            let pieces = split(good.as_bytes(), cuts(&mut rng, good.len()));
            assert_eq!(told(false, pieces), once, "{good:?}");
        }
    }
}

#[test]
fn what_is_kept_of_a_head_is_bounded_whatever_comes() {
    let endless: [(&str, &str); 5] = [
        ("HTTP/1.1 200 OK\r\nx: ", "aaaaaaaaaaaaaaaa"),
        ("HTTP/1.1 200 ", "reason "),
        ("HTTP/1.1 200 OK\r\nx: y", "\r\n folded"),
        ("", "\r\n"),
        ("HTTP/1.1 103 Hints\r\nx: ", "bbbbbbbb"),
    ];
    for (head, more) in endless {
        let limits = crate::plan::AnswerLimits { head: 16 << 10, ..Default::default() };
        let mut parser = super::super::parse::Parser::within(false, limits);
        let mut fed = head.len();
        parser.feed(head.as_bytes(), |_: &[u8]| {}).unwrap();
        let wrong = loop {
            match parser.feed(more.as_bytes(), |_: &[u8]| {}) {
                Ok(_) => fed += more.len(),
                Err(wrong) => break wrong,
            }
            assert!(parser.kept_bytes() <= 20 << 10, "{head:?}");
            assert!(fed <= 17 << 10, "{head:?} has no end");
        };
        assert_eq!(wrong, super::super::ParseError::TooLarge(16 << 10), "{head:?}");
    }
}
