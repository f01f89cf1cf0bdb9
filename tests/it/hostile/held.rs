//! Held connections.

use super::{dies_after_the_probe, full, keep, pause, plan, reset, say, serve};
use crate::outcome::{Outcome, run};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

const USERS: u64 = 10;

fn in_pieces(stream: TcpStream) {
    for piece in [&b"h"[..], b"ell", b"ohello", b"hellohell", b"o"] {
        say(&stream, piece);
        pause(30);
    }
    keep(stream);
}

fn and_stays(stream: TcpStream) {
    say(&stream, b"hello");
    keep(stream);
}

fn flood(stream: TcpStream) {
    say(&stream, &b"hello".repeat(100_000));
    keep(stream);
}

fn wrong(stream: TcpStream) {
    say(&stream, b"hello");
    pause(50);
    say(&stream, b"hellO");
    keep(stream);
}

fn fin(stream: TcpStream) {
    say(&stream, b"hello");
    drop(stream);
}

fn torn(stream: TcpStream) {
    say(&stream, b"hel");
    drop(stream);
}

/// Resets, but lets the look before the run see it open.
fn soon_reset(stream: TcpStream) {
    pause(20);
    reset(stream);
}

static RUN: LazyLock<Outcome> = LazyLock::new(|| {
    let quoted = |address: SocketAddr| format!("\"{address}\"");
    let target = |treat: fn(TcpStream)| quoted(serve(treat));
    let (_room, full) = full();
    let half = format!("[\"{}\", \"{}\"]", serve(and_stays), dies_after_the_probe());
    let common = "expect = \"hello\"\nconnect_timeout = \"600ms\"\nthresholds = []";
    let stages = "\nstages = [{ users = 10, ramp = \"200ms\", hold = \"1500ms\" }]";
    let greeted = &format!("greeting = \"500ms\"{stages}");
    let watched = "heartbeat = { from = \"server\", every = \"300ms\", grace = \"200ms\" }";
    let watched = &format!("greeting = \"5s\"\n{watched}{stages}");
    let asking = "heartbeat = { from = \"client\", send = \"ping\", every = \"600ms\", timeout = \"200ms\" }";
    let asking = &format!("{asking}{stages}");
    let targets = [
        ("pieces", target(in_pieces), stages),
        ("flood", target(flood), stages),
        ("wrong", target(wrong), stages),
        ("rst", target(soon_reset), stages),
        ("fin", target(fin), stages),
        ("torn", target(torn), stages),
        ("mute", target(keep), greeted),
        ("asleep", target(and_stays), watched),
        ("deaf", target(and_stays), asking),
        ("full", quoted(full), stages),
        ("half", half, "stages = [{ users = 128, ramp = \"300ms\", hold = \"500ms\" }]"),
    ];
    run(0, &plan("tcp-hold", common, &targets), &[])
});

#[test]
fn messages_come_in_any_pieces() {
    for (scenario, messages) in [("pieces", 4), ("flood", 100_000)] {
        let names = ["due", "ok", "verified", "messages.received"];
        let counters = RUN.scenario(scenario).counters(names);
        assert_eq!(counters, [USERS, USERS, USERS, messages * USERS], "{scenario}");
    }
}

#[test]
fn every_wrong_of_a_server_has_its_name() {
    assert!(RUN.took < Duration::from_secs(30), "{:?}", RUN.took);
    for (scenario, failure, origin, phase, verified) in [
        ("wrong", "wrong_data", "application", "hold", USERS),
        ("rst", "reset", "network", "hold", 0),
        ("fin", "closed_by_server", "protocol", "hold", USERS),
        ("torn", "closed_by_server", "protocol", "hold", 0),
        ("mute", "greeting_missed", "application", "hold", 0),
        ("asleep", "heartbeat_missed", "application", "hold", USERS),
        ("deaf", "heartbeat_missed", "application", "hold", USERS),
        ("full", "connect_timeout", "network", "connect", 0),
    ] {
        let facts = RUN.scenario(scenario);
        assert_eq!(facts.only_failure(), (failure, origin, phase, USERS), "{scenario}");
        let opened = if scenario == "full" { 0 } else { USERS };
        let names = ["due", "connect.ok", "ok", "verified"];
        assert_eq!(facts.counters(names), [USERS, opened, 0, verified], "{scenario}");
    }
    // What came is shown, and where it went wrong.
    let failures = RUN.file("failures.csv");
    let shown = |line: &str| line.starts_with("wrong,") && line.contains("`O` at byte 4");
    assert!(failures.lines().any(shown), "{failures}");
}

#[test]
fn a_full_queue_is_a_time_out() {
    let names = ["timed_out", "connect.failed"];
    assert_eq!(RUN.scenario("full").counters(names), [USERS, USERS]);
}

#[test]
fn missing_heartbeats_are_counted() {
    for scenario in ["asleep", "deaf"] {
        let facts = RUN.scenario(scenario);
        assert_eq!(facts.counters(["heartbeat.missed", "heartbeat.received"]), [USERS, 0]);
        assert_eq!(facts.ratio("heartbeat.success_ratio"), Some(0.0));
    }
}

#[test]
fn one_dead_address_of_two_is_half_a_target() {
    let half = RUN.scenario("half");
    assert_eq!(half.only_failure(), ("refused", "network", "connect", 64));
    assert_eq!(half.counters(["connect.ok", "ok", "connect.failed"]), [64, 64, 64]);
    assert_eq!(half.ratio("connect.success_ratio"), Some(0.5));
}
