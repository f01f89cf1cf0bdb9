//! Messages that open a conversation, against a server that follows its own script and counts.

use crate::outcome::{Outcome, run_beside, run_once};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What the server did.
#[derive(Default)]
struct Counts {
    logins: AtomicU64,
    pings: AtomicU64,
}

/// Reads up to the end of a line; empty at the end.
fn line(stream: &mut TcpStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\r\n") && stream.read(&mut byte).is_ok_and(|length| length == 1) {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Greets by a number that differs from connection to connection, replies `welcome` to a login, and
/// answers `PING` by lines that differ.
fn serve(mut stream: TcpStream, number: u64, welcome: &'static str, counts: &Counts) {
    // In two pieces, so that a read has a part of it.
    let _ = stream.write_all(format!("220 mail{number}").as_bytes());
    thread::sleep(std::time::Duration::from_millis(2));
    let _ = stream.write_all(b" ready\r\n");
    loop {
        let reply = match line(&mut stream).as_str() {
            "" => return,
            "LOGIN\r\n" if welcome == "close" => return,
            "LOGIN\r\n" => {
                counts.logins.fetch_add(1, Ordering::Relaxed);
                welcome.to_owned()
            }
            "PING\r\n" => {
                let nth = counts.pings.fetch_add(1, Ordering::Relaxed);
                format!("+PONG {nth}\r\n")
            }
            other => panic!("{other}"),
        };
        let _ = stream.write_all(reply.as_bytes());
    }
}

fn server(welcome: &'static str) -> (u16, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, counts) = (listener.local_addr().unwrap().port(), Arc::new(Counts::default()));
    let mine = Arc::clone(&counts);
    // Goes with the process: tests end when runs have.
    thread::spawn(move || {
        for (stream, number) in listener.incoming().zip(0_u64..) {
            let counts = Arc::clone(&mine);
            thread::spawn(move || serve(stream.unwrap(), number, welcome, &counts));
        }
    });
    (port, counts)
}

fn plan(port: u16) -> String {
    format!(
        r#"
name = "opening"
[targets.mail]
address = "127.0.0.1:{port}"
[scenarios.hold]
protocol = "tcp-hold"
opening = [
  {{ expect = {{ pattern = '^220 mail\d+ ready', until = "\r\n" }} }},
  {{ send = "LOGIN\r\n", expect = {{ prefix = "+OK", until = "\r\n" }} }},
]
opening_timeout = "700ms"
expect = {{ prefix = "+PONG ", until = "\r\n" }}
heartbeat = {{ from = "client", send = "PING\r\n", every = "500ms", timeout = "450ms" }}
stages = [{{ users = 40, ramp = "400ms", hold = "1s" }}]
thresholds = ["success_ratio >= 100%"]
"#
    )
}

/// A run against a server, and the logins and pings that this has counted.
fn of_server(welcome: &'static str, code: i32) -> (Outcome, [u64; 2]) {
    run_beside(code, || {
        let (port, counts) = server(welcome);
        let outcome = run_once(&plan(port), &[]);
        (outcome, [&counts.logins, &counts.pings].map(|count| count.load(Ordering::Relaxed)))
    })
}

#[test]
fn both_sides_count_the_same_openings_and_replies() {
    let (outcome, [logins, pings]) = of_server("+OK hello\r\n", 0);
    let hold = outcome.scenario("hold");
    let [opened, ok, sent, received] =
        hold.counters(["connect.ok", "ok", "heartbeat.sent", "heartbeat.received"]);
    assert_eq!((opened, ok, logins), (40, 40, 40));
    assert_eq!((sent, received), (pings, pings));
    assert!(pings >= 60, "{pings}");
    let times = &hold.0["times"];
    assert_eq!(times["opening.time"]["samples"], 40);
    let p50 = |name: &str| times[name]["p50_ns"].as_u64().unwrap();
    // The greeting takes two milliseconds, and belongs to both.
    assert!(p50("opening.time") >= 2_000_000, "{}", p50("opening.time"));
    assert!(p50("opening.time") <= p50("connect.time"));
    assert!(outcome.stdout.contains("opening.time"), "{}", outcome.stdout);
}

#[test]
fn an_opening_that_fails_says_at_which_step_and_by_what() {
    for (welcome, cause, words) in [
        (
            "-ERR no such user\r\n",
            "wrong_data,application,opening",
            "step 2 of the opening expected a message that begins with `+OK` and ends with `\\r\\n`, found `-ERR no such user\\r\\n`",
        ),
        (
            "+OK",
            "opening_timeout,application,opening",
            "step 2 of the opening expected a message that begins with `+OK` and ends with `\\r\\n`, a part of it came",
        ),
        ("close", "closed_by_server,protocol,opening", ""),
    ] {
        let (outcome, _) = of_server(welcome, 1);
        let hold = outcome.scenario("hold");
        let [started, ok, opened] = hold.counters(["started", "ok", "connect.ok"]);
        assert_eq!((started, ok, opened), (40, 0, 0));
        let failures = outcome.results.unwrap().join("failures.csv");
        let failures = std::fs::read_to_string(failures).unwrap();
        assert!(failures.contains(cause), "{failures}");
        assert!(failures.contains(words), "{failures}");
    }
}
