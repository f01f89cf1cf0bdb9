//! HTTP/2: users and arrivals that share connections, and servers that do not speak it.

use super::super::outcome::{Outcome, run, run_once};
use std::io::{Read, Write};
use std::net::TcpListener;

fn plan(target: &str, keys: &str, stages: &str) -> String {
    format!(
        "name = \"shared\"\n[targets.web]\n{target}\n[scenarios.web]\nprotocol = \"http\"\nversion = \"2\"\n\
         think_time = \"5ms\"\n{keys}\nstages = [{stages}]\nthresholds = [\"success_ratio == 100%\"]\n\
         [generator]\nworkers = 1\n"
    )
}

/// What the built-in server of a run counted.
fn served(outcome: &Outcome, what: &str) -> u64 {
    outcome.server("web")[what]
}

const USERS: &str = "{ users = 20, hold = \"800ms\" }";

#[test]
fn as_many_share_a_connection_as_the_plan_says() {
    for (streams, connections) in [(1, 20), (5, 4), (8, 3), (100, 1)] {
        let keys = format!("connection = {{ streams = {streams} }}");
        let outcome = run(0, &plan("builtin = \"http\"", &keys, USERS), &[]);
        let web = outcome.scenario("web");
        assert_eq!(web.counter("connect.ok"), connections, "{streams}");
        assert_eq!(served(&outcome, "accepted"), connections, "{streams}");
        assert_eq!(served(&outcome, "requests"), web.counter("started"), "{streams}");
        assert!(web.counter("ok") > 500, "{}", web.counter("ok"));
        assert_eq!(web.counters(["failed", "retried", "unfinished"]), [0, 0, 0]);
    }
}

#[test]
fn https_agrees_on_it_first_and_goes_on_with_sessions() {
    let target = "builtin = \"http\"\ntls = {}";
    let keys = "connection = { streams = 4, max_requests = 10 }\n\
                requests = [{ path = \"/\" }, { method = \"POST\", path = \"/echo\", body = \"hello\", expect = { body = \"hello\" } }]";
    let outcome = run(0, &plan(target, keys, USERS), &[]);
    let web = outcome.scenario("web");
    let [ok, opened, resumed] = web.counters(["ok", "connect.ok", "tls.resumed"]);
    assert!(ok > 200 && opened >= ok / 10, "{ok} {opened}");
    assert_eq!(served(&outcome, "secured"), opened);
    let ends = &web.0["connections_ended"];
    assert!(ends["max_requests"].as_u64().unwrap() >= opened - 20, "{ends}");
    // The first ones come before there is anything to go on with.
    assert!(resumed > 0 && resumed == served(&outcome, "resumed"), "{resumed} of {opened}");
    assert_eq!(web.counters(["failed", "timed_out", "retried"]), [0, 0, 0]);
}

#[test]
fn arrivals_share_connections_too_and_a_connection_has_its_age() {
    let stages = "{ rate = \"200/s\", hold = \"2s\" }";
    let keys = "connection = { streams = 50, max_age = \"500ms\" }";
    let text = plan("builtin = \"http\"", keys, stages).replace("think_time = \"5ms\"\n", "");
    let outcome = run(0, &text, &[]);
    let web = outcome.scenario("web");
    assert_eq!(web.counters(["due", "ok", "dropped"]), [400, 400, 0]);
    let opened = web.counter("connect.ok");
    assert!((4..=20).contains(&opened), "{opened}");
    let ends = &web.0["connections_ended"];
    let [aged, planned] = ["max_age", "planned"].map(|end| ends[end].as_u64().unwrap_or(0));
    assert!(aged > 0 && aged + planned == opened, "{ends}");
}

#[test]
fn a_server_that_says_no_more_is_left_for_another_connection() {
    // Each connection is reset after some bytes: a request in flight on it fails, a waiting one
    // goes elsewhere.
    let target = "builtin = \"http\"\nfaults = { reset_after_bytes = 2000 }";
    let outcome = run(1, &plan(target, "connection = { streams = 5 }", USERS), &[]);
    let web = outcome.scenario("web");
    let [ok, failed, opened] = web.counters(["ok", "failed", "connect.ok"]);
    assert!(ok > failed && failed > 0 && opened > 4, "{ok} {failed} {opened}");
    let found = web.failures();
    let ends = ["reset", "closed_by_server"];
    assert!(found.keys().all(|name| ends.contains(&name.as_str())), "{found:?}");
}

#[test]
fn a_truncated_body_is_a_stream_that_the_server_ended() {
    let target = "builtin = \"http\"\nfaults = { truncate_body = true, share = 0.3 }";
    let outcome = run(1, &plan(target, "connection = { streams = 20 }", USERS), &[]);
    let web = outcome.scenario("web");
    let found = web.only_failure();
    assert_eq!((found.0, found.1, found.2), ("stream_reset", "protocol", "request"));
    // The others on the same connection do not notice.
    assert_eq!(web.counter("connect.ok"), 1);
    assert!(web.counter("ok") > web.counter("failed"));
    assert!(outcome.file("failures.csv").contains("stream_reset"));
}

#[test]
fn a_silent_server_costs_time_outs_and_no_more() {
    let target = "builtin = \"http\"\nfaults = { delay = \"3s\", share = 0.05 }";
    let keys = "connection = { streams = 20 }\ntimeout = \"300ms\"";
    let outcome = run(1, &plan(target, keys, USERS), &[]);
    let web = outcome.scenario("web");
    let [ok, late, opened] = web.counters(["ok", "timed_out", "connect.ok"]);
    assert!(late > 0 && ok > late, "{ok} {late}");
    assert_eq!(web.only_failure().0, "request_timeout");
    // Others are answered meanwhile: the connection is as good as before.
    assert!(opened <= 2, "{opened}");
}

/// Answers whatever comes as a server of HTTP/1.1 does.
fn old_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                // Who closes with something unread resets.
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            });
        }
    });
    address
}

#[test]
fn who_does_not_speak_it_is_told_so_and_not_asked_without_a_pause() {
    let target = format!("address = \"http://{}\"", old_server());
    let outcome = run_once(&plan(&target, "connection = { streams = 5 }", USERS), &[]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let web = outcome.scenario("web");
    let found = web.only_failure();
    assert_eq!((found.0, found.1, found.2), ("bad_http", "protocol", "connect"));
    assert!(outcome.file("failures.csv").contains("before it sent the settings of HTTP/2"));
    assert_eq!(web.counter("ok"), 0);
    // Each user waits 10 ms, then twice as long each time.
    assert!(web.counter("failed") < 20 * 10, "{}", web.counter("failed"));
}
