//! Requests that a server did not process, or may not have: they go elsewhere, or say why they do
//! not.

use super::frames::{Act, GOAWAY, NONE, answer, converse, frame};
use super::{say, serve};
use crate::outcome::{Outcome, run_beside, run_once};
use crate::peers::Nginx;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};

fn plan(address: &str, keys: &str, requests: &str, users: &str) -> String {
    format!(
        "name = \"again\"\ntargets.web.address = \"http://{address}/\"\n[scenarios.web]\nprotocol = \"http\"\n{keys}\n\
         requests = [{requests}]\nstages = [{{ {users} }}]\nthresholds = [\"failure_ratio == 0%\"]\n"
    )
}

const POST: &str = "method = \"POST\", path = \"/\", body = \"please\"";

const SHARED: &str = "version = \"2\"\nconnection = { streams = 10 }";

#[test]
fn nginx_that_ends_connections_after_a_few_requests_fails_none_of_them() {
    for most in [1, 2, 3] {
        let nginx = Nginx::keeping(&format!("keepalive_requests {most};"));
        let address = format!("127.0.0.1:{}", nginx.shared);
        let requests = format!("{{ path = \"/get\" }}, {{ {POST} }}");
        let plan = plan(&address, SHARED, &requests, "users = 10, hold = \"700ms\"");
        let outcome = run_beside(0, || (run_once(&plan, &[]), ())).0;
        let web = outcome.scenario("web");
        let [ok, failed, late, retried] = web.counters(["ok", "failed", "timed_out", "retried"]);
        assert!(ok > 50 && retried > 0, "{most}: {ok} {retried}");
        assert_eq!([failed, late], [0, 0], "{most}");
        let opened = web.counter("connect.ok");
        assert!(opened >= ok / most, "{most}");
        let by_goaway = web.0["connections_ended"]["goaway"].as_u64().unwrap_or(0);
        assert!(by_goaway + 10 >= opened, "{most}: {}", web.0["connections_ended"]);
    }
}

/// Answers three requests on each connection, and says that it has not seen those behind them.
fn answers_three(code: u8) -> SocketAddr {
    const ACTS: [Act; 2] = [
        |one| match one.before {
            0 | 1 => one.say(&[answer(one.stream)]),
            2 => one.say(&[answer(one.stream), goaway(one.stream, 0)]),
            _ => true,
        },
        |one| match one.before {
            0 | 1 => one.say(&[answer(one.stream)]),
            2 => one.say(&[answer(one.stream), goaway(one.stream, 11)]),
            _ => true,
        },
    ];
    serve(move |socket| converse(&socket, &[], ACTS[usize::from(code > 0)]))
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, NONE, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

#[test]
fn what_is_behind_the_last_stream_of_a_goaway_goes_elsewhere_as_often_as_it_takes() {
    // With `NO_ERROR`, and with `ENHANCE_YOUR_CALM`: what was not processed was not processed.
    for code in [0, 11] {
        let address = answers_three(code).to_string();
        let requests = format!("{{ {POST} }}");
        let plan = plan(&address, SHARED, &requests, "users = 10, hold = \"700ms\"");
        let outcome = run_beside(0, || (run_once(&plan, &[]), ())).0;
        let [ok, failed, retried] = outcome.scenario("web").counters(["ok", "failed", "retried"]);
        assert!(ok > 50 && failed == 0 && retried > ok / 10, "{code}: {ok} {failed} {retried}");
        // Each connection but those that the run's end met was ended by its GOAWAY.
        let web = outcome.scenario("web");
        let ended: BTreeMap<String, u64> =
            serde_json::from_value(web.0["connections_ended"].clone()).unwrap();
        let opened = web.counter("connect.ok");
        let by_goaway = *ended.get("goaway").unwrap_or(&0);
        assert_eq!(ended.values().sum::<u64>(), opened, "{code}: {ended:?}");
        assert!(by_goaway >= opened - 1 && by_goaway >= ok / 3 - 1, "{code}: {ended:?} {ok}");
        assert!(outcome.stdout.contains("ended by the server's GOAWAY"), "{}", outcome.stdout);
    }
}

/// Answers the first request of each connection, and closes it at the second.
fn closes_at_the_second(version: &str) -> SocketAddr {
    if version == "2" {
        let act: Act = |one| one.before == 0 && one.say(&[answer(one.stream)]);
        return serve(move |socket| converse(&socket, &[], act));
    }
    serve(|mut socket: TcpStream| {
        let mut room = [0; 4_096];
        if socket.read(&mut room).unwrap_or(0) > 0 {
            say(&socket, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            let _ = socket.read(&mut room);
        }
    })
}

fn meets_idle_closes(version: &str, code: i32, request: &str) -> Outcome {
    let address = closes_at_the_second(version).to_string();
    let keys = format!("version = \"{version}\"\nthink_time = \"5ms\"");
    let plan = plan(&address, &keys, &format!("{{ {request} }}"), "users = 3, hold = \"1500ms\"");
    run_beside(code, || (run_once(&plan, &[]), ())).0
}

#[test]
fn a_request_that_meets_the_close_of_an_idle_connection_says_so_or_is_sent_again() {
    for version in ["1.1", "2"] {
        let outcome = meets_idle_closes(version, 1, POST);
        let web = outcome.scenario("web");
        let (failure, origin, phase, count) = web.only_failure();
        assert_eq!((failure, origin, phase), ("closed_idle", "protocol", "request"), "{version}");
        assert_eq!([count, web.counter("retried")], [web.counter("failed"), 0], "{version}");
        let sample = web.0["failures"][0]["sample"].as_str().unwrap();
        let words = "the server closed the idle connection before it answered; POST is not sent again: set `retry = \"always\"`";
        assert!(sample.contains(words), "{version}: {sample}");

        let always = format!("{POST}, retry = \"always\"");
        let outcome = meets_idle_closes(version, 0, &always);
        let [ok, failed, retried] = outcome.scenario("web").counters(["ok", "failed", "retried"]);
        assert!(ok > 50 && failed == 0 && retried > ok / 2, "{version}: {ok} {failed} {retried}");
    }
}

#[test]
fn an_idempotent_request_is_sent_again_unless_the_plan_says_never() {
    let put = POST.replace("POST", "PUT");
    let outcome = meets_idle_closes("1.1", 0, &put);
    let [failed, retried] = outcome.scenario("web").counters(["failed", "retried"]);
    assert!(failed == 0 && retried > 20, "{failed} {retried}");
    let outcome = meets_idle_closes("1.1", 1, &format!("{put}, retry = \"never\""));
    let web = outcome.scenario("web");
    assert_eq!((web.only_failure().0, web.counter("retried")), ("closed_idle", 0));
    let sample = web.0["failures"][0]["sample"].as_str().unwrap();
    assert!(sample.contains("`retry = \"never\"`: it is not sent again"), "{sample}");
}

#[test]
fn what_nginx_closes_for_idleness_is_sent_again() {
    // A connection rests as long as nginx keeps it: some requests meet its close, and none fails
    // for that.
    let nginx = Nginx::keeping("keepalive_timeout 1s;");
    let requests = format!("{{ {POST}, retry = \"always\" }}");
    for (port, version) in [(nginx.port, "1.1"), (nginx.shared, "2")] {
        let keys = format!("version = \"{version}\"\nthink_time = \"995ms..1005ms\"");
        let plan = plan(
            &format!("127.0.0.1:{port}"),
            &keys,
            &requests,
            "users = 100, spawn_rate = \"200/s\", hold = \"2500ms\"",
        );
        let outcome = run_beside(0, || (run_once(&plan, &[]), ())).0;
        let web = outcome.scenario("web");
        assert!(web.counter("connect.ok") > 100, "{version}: {}", web.counter("connect.ok"));
        assert_eq!(web.counters(["failed", "timed_out"]), [0, 0], "{version}");
    }
}
