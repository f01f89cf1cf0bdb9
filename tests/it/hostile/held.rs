//! Held connections.

use super::{keep, pause, plan, reset, say, serve};
use crate::outcome::run;
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const USERS: u64 = 10;

/// Has room for the probe and nobody else, and never accepts. The socket must live as long as the run.
fn full() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Takes the probe, then is gone.
fn dies_after_the_probe() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || drop(listener.accept().unwrap()));
    address
}

fn in_pieces(stream: TcpStream) {
    for piece in [&b"h"[..], b"ell", b"ohello", b"hellohell", b"o"] {
        say(&stream, piece);
        pause(30);
    }
    keep(stream);
}

#[test]
fn every_wrong_of_a_server_has_its_name() {
    let quoted = |address: SocketAddr| format!("\"{address}\"");
    let target = |treat: fn(TcpStream)| quoted(serve(treat));
    let (_room, full) = full();
    let alive = serve(|stream| {
        say(&stream, b"hello");
        keep(stream);
    });
    let half = format!("[\"{alive}\", \"{}\"]", dies_after_the_probe());
    let common = "expect = \"hello\"\nconnect_timeout = \"600ms\"";
    let some = "stages = [{ users = 10, ramp = \"200ms\", hold = \"1500ms\" }]";
    let greeted =
        "greeting = \"500ms\"\nstages = [{ users = 10, ramp = \"200ms\", hold = \"1500ms\" }]";
    let watched = "greeting = \"5s\"\nheartbeat = { from = \"server\", every = \"300ms\", grace = \"200ms\" }\n\
                   stages = [{ users = 10, ramp = \"200ms\", hold = \"1500ms\" }]";
    let asking = "heartbeat = { from = \"client\", send = \"ping\", every = \"600ms\", timeout = \"200ms\" }\n\
                  stages = [{ users = 10, ramp = \"200ms\", hold = \"1500ms\" }]";
    let outcome = run(
        0,
        &plan(
            "tcp-hold",
            common,
            &[
                ("pieces", target(in_pieces), some),
                (
                    "flood",
                    target(|stream| {
                        say(&stream, &b"hello".repeat(100_000));
                        keep(stream);
                    }),
                    some,
                ),
                (
                    "wrong",
                    target(|stream| {
                        say(&stream, b"hello");
                        pause(50);
                        say(&stream, b"hellO");
                        keep(stream);
                    }),
                    some,
                ),
                ("rst", target(reset), some),
                (
                    "fin",
                    target(|stream| {
                        say(&stream, b"hello");
                    }),
                    some,
                ),
                (
                    "torn",
                    target(|stream| {
                        say(&stream, b"hel");
                    }),
                    some,
                ),
                ("mute", target(keep), greeted),
                (
                    "asleep",
                    target(|stream| {
                        say(&stream, b"hello");
                        keep(stream);
                    }),
                    watched,
                ),
                (
                    "deaf",
                    target(|stream| {
                        say(&stream, b"hello");
                        keep(stream);
                    }),
                    asking,
                ),
                ("full", quoted(full), some),
                ("half", half, "stages = [{ users = 128, ramp = \"300ms\", hold = \"500ms\" }]"),
            ],
        ),
        &[],
    );
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
    let facts = |name: &str| outcome.scenario(name);
    for (scenario, messages) in [("pieces", 4), ("flood", 100_000)] {
        let names = ["due", "ok", "verified", "messages.received"];
        assert_eq!(
            facts(scenario).counters(names),
            [USERS, USERS, USERS, messages * USERS],
            "{scenario}"
        );
    }
    for (scenario, failure, origin, phase) in [
        ("wrong", "wrong_data", "application", "hold"),
        ("rst", "reset", "network", "hold"),
        ("fin", "closed_by_server", "protocol", "hold"),
        ("torn", "closed_by_server", "protocol", "hold"),
        ("mute", "greeting_missed", "application", "hold"),
        ("asleep", "heartbeat_missed", "application", "hold"),
        ("deaf", "heartbeat_missed", "application", "hold"),
        ("full", "connect_timeout", "network", "connect"),
    ] {
        let facts = facts(scenario);
        assert_eq!(facts.only_failure(), (failure, origin, phase, USERS), "{scenario}");
        let opened = if scenario == "full" { 0 } else { USERS };
        assert_eq!(facts.counters(["due", "connect.ok", "ok"]), [USERS, opened, 0], "{scenario}");
    }
    assert_eq!(facts("full").counters(["timed_out", "connect.failed"]), [USERS, USERS]);
    for (scenario, verified) in
        [("wrong", USERS), ("fin", USERS), ("torn", 0), ("mute", 0), ("rst", 0)]
    {
        assert_eq!(facts(scenario).counter("verified"), verified, "{scenario}");
    }
    for scenario in ["asleep", "deaf"] {
        assert_eq!(
            facts(scenario).counters(["heartbeat.missed", "heartbeat.received"]),
            [USERS, 0]
        );
        assert_eq!(facts(scenario).ratio("heartbeat.success_ratio"), Some(0.0));
    }
    let half = facts("half");
    assert_eq!(half.only_failure(), ("refused", "network", "connect", 64));
    assert_eq!(half.counters(["connect.ok", "ok", "connect.failed"]), [64, 64, 64]);
    assert_eq!(half.ratio("connect.success_ratio"), Some(0.5));
    // What came is shown, and where it went wrong.
    let failures = outcome.file("failures.csv");
    assert!(
        failures.lines().any(|line| line.starts_with("wrong,") && line.contains("`O` at byte 4")),
        "{failures}"
    );
}
