//! Requests.

use super::{keep, pause, plan, reset, say, serve};
use crate::outcome::run;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

#[test]
fn every_wrong_of_a_server_has_its_name() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
        elsewhere.local_addr().unwrap()
    );
    let cases: Vec<(&str, (SocketAddr, Arc<AtomicU64>))> = vec![
        ("garbage", answering(|stream| say(stream, b"SSH-2.0-OpenSSH_9.6\r\n\r\n"))),
        ("endless_head", answering(endless_head)),
        (
            "truncated",
            answering(|stream| {
                say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome");
                false
            }),
        ),
        (
            "torn_head",
            answering(|stream| {
                say(stream, b"HTTP/1.1 200 OK\r\nconte");
                false
            }),
        ),
        ("closed", answering(|_| false)),
        (
            "rst",
            answering(|stream| {
                reset(stream.try_clone().unwrap());
                false
            }),
        ),
        (
            "hints",
            answering(|stream| {
                say(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n") && say(stream, OK)
            }),
        ),
        ("drip_body", answering(drip_body)),
        ("drip_head", answering(drip_head)),
        ("error", answering(|stream| say(stream, b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"))),
        ("redirect", answering(move |stream| say(stream, location.as_bytes()))),
        (
            "bad_chunk",
            answering(|stream| {
                say(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
            }),
        ),
        (
            "chunked",
            answering(|stream| {
                say(
                    stream,
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                )
            }),
        ),
        (
            "no_length",
            answering(|stream| {
                say(stream, b"HTTP/1.1 200 OK\r\n\r\nok");
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
    ];
    let targets: Vec<(&str, String, &str)> = cases
        .iter()
        .map(|(name, (address, _))| {
            let stages = "stages = [{ users = 2, hold = \"900ms\" }]";
            (*name, format!("\"http://{address}/\""), stages)
        })
        .collect();
    let common = "timeout = \"800ms\"\nfirst_byte_timeout = \"600ms\"\nthink_time = \"50ms\"";
    let outcome = run(0, &plan("http", common, &targets), &[]);
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);

    let facts = |name: &str| outcome.scenario(name);
    for (scenario, status) in
        [("hints", "200"), ("redirect", "302"), ("chunked", "200"), ("no_length", "200")]
    {
        let facts = facts(scenario);
        assert_eq!(facts.failures().len(), 0, "{scenario} {:?}", facts.failures());
        assert_eq!(facts.0["statuses"][status].as_u64(), Some(facts.counter("ok")), "{scenario}");
    }
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
        let facts = facts(scenario);
        let found = facts.only_failure();
        assert_eq!((found.0, found.1, found.2), (failure, origin, "request"), "{scenario}");
        assert_eq!(facts.counter("ok"), 0, "{scenario}");
        assert_eq!(found.3, facts.counter("started") - facts.counter("unfinished"), "{scenario}");
        assert!(found.3 >= 2, "{scenario}");
    }
    assert_eq!(facts("error").0["failures"][0]["code"], 500);
    for (scenario, (_, got)) in &cases {
        let facts = facts(scenario);
        let sent = facts.counter("started") + facts.counter("retried");
        assert_eq!(got.load(Ordering::SeqCst), sent, "{scenario}");
        let reused = ["hints", "error", "redirect", "chunked"].contains(scenario);
        let opened = if reused { 2 } else { sent };
        assert_eq!(facts.counter("connect.ok"), opened, "{scenario}");
    }
    // A redirect is an answer, and not followed.
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err());
}
