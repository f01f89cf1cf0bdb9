//! Requests, to servers that behave in every wrong way that is known: one run, a scenario for each.

use super::answers::{
    After, Behaviour, Expected, Play, REFUSED, SILENT, SLOW, UNOPENED, at, broken, odd, wrong,
};
use super::{acts, alone, dies_after_the_probe, full, reset, say, serve};
use crate::outcome::{Outcome, run_beside, run_broken, run_once};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const HOLD_MS: u64 = 3_000;
const TIMEOUT_MS: u64 = 1_500;

/// Bodies of requests that are not read.
const BODY_BYTES: usize = 32 << 10;

/// Reads the head of one request; its path.
fn asked(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty).map(|_| path)
}

/// What a server does with a request; whether the connection goes on.
fn answer(play: &Play, stream: &TcpStream, path: &str) -> bool {
    match play {
        _ if path == "/good" => say(stream, acts::OK),
        Play::Says(bytes, after) => {
            say(stream, bytes);
            if *after == After::Rst {
                reset(stream.try_clone().unwrap());
            }
            *after == After::Stays
        }
        Play::Acts(act) | Play::Greets(act) => act(stream),
        Play::At(_) => false,
    }
}

/// Where a behaviour is played, and how many requests it gets.
fn play(play: Play) -> (SocketAddr, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    if let Play::At(address) = play {
        return (address, count);
    }
    let counted = Arc::clone(&count);
    let address = serve(move |stream| {
        if let Play::Greets(act) = &play {
            act(&stream);
            return;
        }
        while let Some(path) = asked(&stream) {
            counted.fetch_add(1, Ordering::SeqCst);
            if !answer(&play, &stream, &path) {
                break;
            }
        }
    });
    (address, count)
}

/// What is known of a behaviour once it is played.
struct Played {
    name: &'static str,
    expected: Expected,
    method: &'static str,
    apart: bool,
    address: SocketAddr,
    got: Arc<AtomicU64>,
}

impl Played {
    fn new(behaviour: Behaviour) -> Self {
        let apart = behaviour.tells_requests_apart();
        let Behaviour { name, expected, method, .. } = behaviour;
        let (address, got) = play(behaviour.play);
        Self { name, expected, method, apart, address, got }
    }

    fn scenario(&self) -> String {
        let Self { name, address, method, .. } = self;
        let body = if *method == "POST" { "x".repeat(BODY_BYTES) } else { String::new() };
        format!(
            "[targets.{name}]\naddress = \"http://{address}\"\n[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\n\
             timeout = \"{TIMEOUT_MS}ms\"\nfirst_byte_timeout = \"1s\"\nconnect_timeout = \"1s\"\nthink_time = \"300ms\"\n\
             requests = [{{ name = \"bad\", method = \"{method}\", path = \"/bad\", body = \"{body}\" }},\n\
             {{ name = \"good\", path = \"/good\", weight = 2 }}]\n\
             stages = [{{ users = 3, hold = \"{HOLD_MS}ms\" }}]\nthresholds = [\"success_ratio >= 100%\"]\n"
        )
    }
}

/// A run against all of them.
struct Ran {
    outcome: Outcome,
    played: Vec<Played>,
    /// Whether anybody went where the redirect points.
    followed: bool,
}

static RUN: LazyLock<Ran> = LazyLock::new(|| {
    let _alone = alone();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = elsewhere.local_addr().unwrap();
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n");
    let redirect = Play::Says(redirect.into_bytes(), After::Stays);
    let expected = Expected::Good(302);
    let redirect = Behaviour { name: "redirect_away", play: redirect, expected, method: "GET" };
    // The kernel opens connections for who listens, also when nobody takes them.
    let asleep = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_room, full) = full();
    let elsewhere_too = [
        redirect,
        at("never_accepts", asleep.local_addr().unwrap(), SILENT),
        at("full_queue", full, UNOPENED),
        at("gone", dies_after_the_probe(), REFUSED),
    ];
    let all = odd().into_iter().chain(wrong()).chain(broken()).chain(elsewhere_too);
    let played: Vec<Played> = all.map(Played::new).collect();
    let scenarios: String = played.iter().map(Played::scenario).collect();
    let plan = format!("name = \"hostile\"\n{scenarios}[generator]\nworkers = 1\n");
    // A hundred workers are more than two cores can carry without a stall.
    let outcome = run_broken(&plan);
    elsewhere.set_nonblocking(true).unwrap();
    Ran { outcome, played, followed: elsewhere.accept().is_ok() }
});

#[test]
fn every_wrong_of_a_server_has_its_name() {
    assert!(RUN.played.len() >= 90, "{}", RUN.played.len());
    for Played { name, expected, .. } in &RUN.played {
        let facts = RUN.outcome.scenario(name);
        let failures = &facts.0["failures"];
        match *expected {
            Expected::Good(status) => {
                assert_eq!(facts.failures().len(), 0, "{name}: {failures}");
                assert!(facts.0["statuses"][status.to_string()].as_u64() > Some(0), "{name}");
            }
            Expected::Status(status) => {
                let found = facts.only_failure();
                assert_eq!((found.0, found.1, found.2), ("status", "application", "request"));
                assert_eq!(failures[0]["code"], status, "{name}");
            }
            Expected::Bad(failure, origin, phase) => {
                let found = facts.only_failure();
                assert_eq!(
                    (found.0, found.1, found.2),
                    (failure, origin, phase),
                    "{name}: {failures}"
                );
            }
        }
    }
    assert!(!RUN.followed, "a redirect is an answer, and not followed");
}

#[test]
fn a_good_request_to_a_hostile_server_is_as_good_as_any() {
    for Played { name, expected, apart, .. } in &RUN.played {
        expected.assert_kept_apart(name, RUN.outcome.scenario(name), *apart);
    }
}

#[test]
fn what_never_ends_is_ended_in_time() {
    let _alone = alone();
    let (outcome, ()) = run_beside(1, || {
        let all = broken().into_iter().filter(|one| matches!(one.expected, SLOW | SILENT));
        let played: Vec<Played> = all.map(Played::new).collect();
        assert!(played.len() >= 12);
        let scenarios: String = played.iter().map(Played::scenario).collect();
        let plan = format!("name = \"endless\"\n{scenarios}[generator]\nworkers = 1\n");
        (run_once(&plan, &[]), ())
    });
    // The longest ramp is that of somebody who asks once, the longest drain that of who is out of
    // time. A second is allowed; another two are for a busy machine.
    let ended_ms = outcome.report["stopped"]["at_ns"].as_u64().unwrap() / 1_000_000;
    assert!(ended_ms < HOLD_MS + TIMEOUT_MS + 3_000, "{ended_ms} ms");
}

#[test]
fn what_was_sent_is_what_came() {
    for Played { name, apart, got, .. } in RUN.played.iter().filter(|one| one.apart) {
        let facts = RUN.outcome.scenario(name);
        let retried = facts.counter("retried");
        let sent = facts.counter("started") + retried;
        // One that meets the end of its connection is not read, and sent again.
        let got = got.load(Ordering::SeqCst);
        assert!((sent - retried..=sent).contains(&got), "{name}, {apart}: {got} of {sent}");
    }
    // Nothing is decoded: two bytes came each time.
    let gzip = RUN.outcome.scenario("gzip");
    assert_eq!(gzip.counter("bytes.received"), 2 * gzip.counter("ok"));
    // Connections that are good are kept, others are not.
    for (name, kept) in [
        ("hints", true),
        ("chunked", true),
        ("trailers", true),
        ("status_500", true),
        ("folded", true),
        ("two_answers", false),
        ("204_body", false),
        ("lying_close", false),
    ] {
        let facts = RUN.outcome.scenario(name);
        let (opened, (ok, failed)) = (facts.counter("connect.ok"), facts.ended("bad"));
        let expected = if kept { opened == 3 } else { opened > 3 && opened + 3 >= ok + failed };
        assert!(expected, "{name}: {opened} connections, {ok} + {failed}");
    }
}

#[test]
fn a_run_against_them_ends_well_and_says_so() {
    let outcome = &RUN.outcome;
    // A hundred processes and as many servers keep each other waiting: exact times are the next
    // test's.
    assert!(outcome.took < Duration::from_secs(40), "{:?}", outcome.took);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(outcome.report["workers_lost"], Value::Array(Vec::new()));
    let thresholds = outcome.report["thresholds"].as_array().unwrap();
    for Played { name, expected, .. } in &RUN.played {
        let found = thresholds.iter().find(|one| one["scenario"] == *name).unwrap();
        let is_good = matches!(expected, Expected::Good(_));
        assert_eq!(found["passed"], is_good, "{name}: {found}");
    }
    // What they said does not reach the terminal as it came.
    for text in [&outcome.stdout, &outcome.stderr, &outcome.file("failures.csv")] {
        assert!(!text.contains('\u{1b}') && !text.contains('\0'));
    }
}
