//! Requests.

use super::{keep, pause, plan, reset, say, serve};
use crate::outcome::{Outcome, run_beside, run_once};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Reads the head of one request; whether there was one.
fn asked(stream: &TcpStream) -> bool {
    let mut lines = BufReader::new(stream).lines();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.is_empty() => return true,
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return false,
        }
    }
}

/// A server that answers every request on a connection in its own way, as long as that says that it goes on. Also: how many it got.
fn answering(
    answer: impl Fn(&TcpStream) -> bool + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let address = serve(move |stream| {
        while asked(&stream) {
            counted.fetch_add(1, Ordering::SeqCst);
            if !answer(&stream) {
                break;
            }
        }
    });
    (address, count)
}

fn endless_head(stream: &TcpStream) -> bool {
    say(stream, b"HTTP/1.1 200 OK\r\n");
    while say(stream, b"x-more: of the same\r\n") {}
    false
}

fn drip_body(stream: &TcpStream) -> bool {
    say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    while say(stream, b"x") {
        pause(40);
    }
    false
}

fn drip_head(stream: &TcpStream) -> bool {
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".iter().cycle() {
        if !say(stream, &[*byte]) {
            break;
        }
        pause(40);
    }
    false
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// One target: its name, where it is, how many requests it got.
type Case = (&'static str, (SocketAddr, Arc<AtomicU64>));

/// A case whose answers are these bytes, on a connection that stays or is closed after them.
fn saying(name: &'static str, bytes: &'static [u8], stays: bool) -> Case {
    (name, answering(move |stream| say(stream, bytes) && stays))
}

fn cases(redirect: String) -> Vec<Case> {
    vec![
        saying("garbage", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", true),
        saying("truncated", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome", false),
        saying("torn_head", b"HTTP/1.1 200 OK\r\nconte", false),
        saying("closed", b"", false),
        saying("error", b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", true),
        saying("bad_chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", true),
        saying(
            "chunked",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            true,
        ),
        saying("no_length", b"HTTP/1.1 200 OK\r\n\r\nok", false),
        ("endless_head", answering(endless_head)),
        ("drip_body", answering(drip_body)),
        ("drip_head", answering(drip_head)),
        (
            "rst",
            answering(|stream| {
                reset(stream.try_clone().unwrap());
                false
            }),
        ),
        (
            "mute",
            answering(|stream| {
                keep(stream.try_clone().unwrap());
                false
            }),
        ),
        (
            "hints",
            answering(|stream| {
                say(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n") && say(stream, OK)
            }),
        ),
        ("redirect", answering(move |stream| say(stream, redirect.as_bytes()))),
    ]
}

/// A run against all of them, and how many requests each got; whether anybody went where the redirect points.
struct Ran {
    outcome: Outcome,
    got: Vec<(&'static str, u64)>,
    followed: bool,
}

static RUN: LazyLock<Ran> = LazyLock::new(|| {
    let (outcome, (got, followed)) = run_beside(0, || {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = elsewhere.local_addr().unwrap();
        let cases = cases(format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n"
        ));
        let stages = "stages = [{ users = 2, hold = \"900ms\" }]";
        let target =
            |(name, (address, _)): &Case| (*name, format!("\"http://{address}/\""), stages);
        let targets: Vec<_> = cases.iter().map(target).collect();
        let common = "timeout = \"800ms\"\nfirst_byte_timeout = \"600ms\"\nthink_time = \"50ms\"";
        let outcome = run_once(&plan("http", common, &targets), &[]);
        elsewhere.set_nonblocking(true).unwrap();
        let got = cases.iter().map(|(name, (_, got))| (*name, got.load(Ordering::SeqCst)));
        (outcome, (got.collect(), elsewhere.accept().is_ok()))
    });
    Ran { outcome, got, followed }
});

#[test]
fn odd_answers_are_answers() {
    for (scenario, status) in
        [("hints", "200"), ("redirect", "302"), ("chunked", "200"), ("no_length", "200")]
    {
        let facts = RUN.outcome.scenario(scenario);
        assert_eq!(facts.failures().len(), 0, "{scenario} {:?}", facts.failures());
        assert_eq!(facts.0["statuses"][status].as_u64(), Some(facts.counter("ok")), "{scenario}");
    }
    // A redirect is an answer, and not followed.
    assert!(!RUN.followed);
}

#[test]
fn every_wrong_of_a_server_has_its_name() {
    assert!(RUN.outcome.took < Duration::from_secs(30), "{:?}", RUN.outcome.took);
    for (scenario, failure, origin) in [
        ("garbage", "bad_http", "protocol"),
        ("endless_head", "bad_http", "protocol"),
        ("bad_chunk", "bad_http", "protocol"),
        ("truncated", "closed_by_server", "protocol"),
        ("torn_head", "closed_by_server", "protocol"),
        ("closed", "closed_by_server", "protocol"),
        ("rst", "reset", "network"),
        ("drip_body", "request_timeout", "network"),
        ("drip_head", "request_timeout", "network"),
        ("mute", "first_byte_timeout", "network"),
        ("error", "status", "application"),
    ] {
        let facts = RUN.outcome.scenario(scenario);
        let found = facts.only_failure();
        assert_eq!((found.0, found.1, found.2), (failure, origin, "request"), "{scenario}");
        assert_eq!(facts.counter("ok"), 0, "{scenario}");
        assert_eq!(found.3, facts.counter("started") - facts.counter("unfinished"), "{scenario}");
        assert!(found.3 >= 2, "{scenario}");
    }
    assert_eq!(RUN.outcome.scenario("error").0["failures"][0]["code"], 500);
}

#[test]
fn what_was_sent_is_what_came() {
    for (scenario, got) in &RUN.got {
        let facts = RUN.outcome.scenario(scenario);
        let sent = facts.counter("started") + facts.counter("retried");
        assert_eq!(*got, sent, "{scenario}");
        let reused = ["hints", "error", "redirect", "chunked"].contains(scenario);
        let opened = if reused { 2 } else { sent };
        assert_eq!(facts.counter("connect.ok"), opened, "{scenario}");
    }
}
