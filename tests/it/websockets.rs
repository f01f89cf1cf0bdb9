//! WebSockets: both sides count the same, every fault has its own cause, and servers and proxies of
//! others agree.

use crate::outcome::{Outcome, run};
use crate::peers::{await_port, port};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

/// A scenario of WebSockets: its name, its target, its own keys.
fn scenario((name, target, keys): (&str, &str, &str)) -> String {
    format!(
        "[targets.{name}]\n{target}\n[scenarios.{name}]\nprotocol = \"ws-hold\"\n\
         target = \"{name}\"\nexpect = \"ok\"\nconnect_timeout = \"900ms\"\n{keys}\n\
         stages = [{{ users = 40, spawn_rate = \"200/s\", hold = \"2500ms\" }}]\nthresholds = []\n"
    )
}

fn held(scenarios: &[(&str, &str, &str)]) -> Outcome {
    let tables: Vec<String> = scenarios.iter().map(|one| scenario(*one)).collect();
    run(0, &format!("name = \"websockets\"\n{}", tables.concat()), &[])
}

const USERS: u64 = 40;
const BUILTIN: &str = "builtin = \"ws-hold\"";
const GREETING: &str = "greeting = \"900ms\"";

#[test]
fn both_sides_count_the_same_messages_pings_and_closes() {
    let ping = "heartbeat = { from = \"client\", every = \"500ms\", timeout = \"400ms\" }";
    let text =
        "heartbeat = { from = \"client\", send = \"hi\", every = \"500ms\", timeout = \"400ms\" }";
    let pings =
        "heartbeat = { from = \"server\", frame = \"ping\", every = \"500ms\", grace = \"500ms\" }";
    let messages = "heartbeat = { from = \"server\", every = \"500ms\", grace = \"500ms\" }";
    let binary = format!("{text}\nmessage = \"binary\"\nsubprotocol = [\"chat\", \"other\"]");
    let outcome = held(&[
        ("ping", BUILTIN, ping),
        ("text", BUILTIN, text),
        ("binary", BUILTIN, &binary),
        ("pings", BUILTIN, pings),
        ("messages", BUILTIN, messages),
        ("secured", &format!("{BUILTIN}\ntls = {{}}"), &format!("{GREETING}\n{ping}")),
        ("rst", BUILTIN, &format!("{GREETING}\nclose = \"rst\"")),
        ("renewed", BUILTIN, &format!("{GREETING}\nlifetime = \"800ms\"")),
    ]);
    for name in ["ping", "text", "binary", "pings", "messages", "secured", "rst"] {
        let (facts, server) = (outcome.scenario(name), outcome.server(name));
        assert_eq!(facts.counters(["ok", "failed", "timed_out"]), [USERS, 0, 0], "{name}");
        assert_eq!((server["accepted"], server["handshakes"]), (USERS, USERS), "{name}");
        assert_eq!(facts.samples("handshake.time"), USERS, "{name}");
        assert_eq!(facts.counter("bytes.received"), server["bytes_sent"], "{name}");
        assert_eq!(facts.counter("messages.received"), server["messages_sent"], "{name}");
        if name != "rst" {
            assert_eq!(facts.counter("bytes.sent"), server["bytes_received"], "{name}");
            assert_eq!(server["closes_received"], USERS, "{name}");
        }
        assert_eq!((server["violations"], server["handshakes_refused"]), (0, 0), "{name}");
    }
    for (name, counter) in [
        ("ping", "pings_received"),
        ("secured", "pings_received"),
        ("text", "replies"),
        ("binary", "replies"),
    ] {
        let [sent, received] =
            outcome.scenario(name).counters(["heartbeat.sent", "heartbeat.received"]);
        assert_eq!((sent, outcome.server(name)[counter]), (received, received), "{name}");
        assert!(sent >= 4 * USERS, "{name}: {sent}");
    }
    let pings = outcome.scenario("pings").counter("heartbeat.received");
    assert_eq!(outcome.server("pings")["pongs_received"], pings);
    assert!(pings >= 4 * USERS, "{pings}");
    assert!(outcome.scenario("messages").counter("heartbeat.received") >= 4 * USERS);
    let renewed = outcome.scenario("renewed");
    let [opened, failed] = renewed.counters(["connect.ok", "failed"]);
    assert!(opened >= 3 * USERS, "{opened}");
    let server = outcome.server("renewed");
    assert_eq!((server["accepted"], server["closes_received"], failed), (opened, opened, 0));
}

#[test]
fn every_fault_has_a_cause_of_its_own() {
    let faulty = |faults: &str| format!("{BUILTIN}\nfaults = {{ {faults} }}");
    let targets: Vec<(&str, String)> = [
        ("refuse", "refuse = true"),
        ("reset_after", "reset_after = \"400ms\""),
        ("silence", "silence = true"),
        ("wrong_data", "wrong_data = true"),
        ("close_after", "close_after = \"400ms\""),
        ("delay", "delay = \"200ms\""),
        ("slow", "delay = \"3s\""),
        ("cut", "reset_after_bytes = 3"),
        ("ok", "status = 200"),
        ("moved", "status = 301"),
        ("denied", "status = 401"),
        ("upgrade", "status = 426"),
        ("share", "close_after = \"400ms\", share = \"30%\""),
    ]
    .into_iter()
    .map(|(name, faults)| (name, faulty(faults)))
    .collect();
    let scenarios: Vec<(&str, &str, &str)> =
        targets.iter().map(|(name, target)| (*name, target.as_str(), GREETING)).collect();
    let outcome = held(&scenarios);
    for (name, failure, origin, stage) in [
        ("refuse", "refused", "network", "connect"),
        ("reset_after", "reset", "network", "hold"),
        ("silence", "connect_timeout", "network", "handshake"),
        ("wrong_data", "wrong_data", "application", "hold"),
        ("close_after", "close_frame", "protocol", "hold"),
        ("slow", "connect_timeout", "network", "handshake"),
        ("ok", "handshake_status", "application", "handshake"),
        ("moved", "handshake_status", "application", "handshake"),
        ("denied", "handshake_status", "application", "handshake"),
        ("upgrade", "handshake_status", "application", "handshake"),
    ] {
        let facts = outcome.scenario(name);
        assert_eq!(facts.only_failure(), (failure, origin, stage, USERS), "{name}");
    }
    // A reset takes with it what was not read yet, the end of the handshake among it.
    assert_eq!(outcome.scenario("cut").failures(), BTreeMap::from([("reset".to_owned(), USERS)]));
    let code = |name: &str| outcome.scenario(name).0["failures"][0]["code"].clone();
    let sample =
        |name: &str| outcome.scenario(name).0["failures"][0]["sample"].as_str().unwrap().to_owned();
    for (name, number, words) in [
        ("ok", 200, "answered as for plain HTTP"),
        ("moved", 301, "redirects to `/elsewhere`"),
        ("denied", 401, "asks for `Bearer`"),
        ("upgrade", 426, "asks for version 13"),
        ("close_after", 1001, "the server said `going away`"),
    ] {
        assert_eq!(code(name), number, "{name}");
        assert!(sample(name).contains(words), "{name}: {}", sample(name));
    }
    let delay = outcome.scenario("delay");
    assert_eq!(delay.counters(["ok", "failed"]), [USERS, 0]);
    assert!(delay.0["times"]["handshake.time"]["min_ns"].as_f64().unwrap() >= 1.98e8);
    let hit = outcome.server("share")["affected"];
    assert_eq!(outcome.scenario("share").failures()["close_frame"], hit);
    assert!((10..=14).contains(&hit), "{hit}");
}

/// Python's `websockets`.
struct Python {
    child: Child,
    port: u16,
}

impl Python {
    fn start() -> Self {
        let port = port();
        let child = Command::new("python3")
            .arg("tests/peers/websockets_server.py")
            .arg(port.to_string())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        await_port(port);
        Self { child, port }
    }

    fn stop(mut self) -> BTreeMap<String, u64> {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}; tests/setup.sh installs `websockets`"));
        serde_json::from_value(said).unwrap()
    }
}

#[test]
fn a_server_of_python_and_nginx_in_front_of_it_agree() {
    let python = Python::start();
    let nginx = crate::peers::Nginx::proxying(python.port);
    let direct = |path: &str| format!("address = \"ws://127.0.0.1:{}{path}\"", python.port);
    let text = format!(
        "{GREETING}\nsubprotocol = \"chat\"\nheaders = {{ authorization = \"Bearer secret\" }}\n\
         heartbeat = {{ from = \"client\", send = \"hi\", every = \"500ms\", timeout = \"450ms\" }}"
    );
    let binary = format!("{text}\nmessage = \"binary\"\npath = \"/proxied\"");
    let ping = "heartbeat = { from = \"client\", every = \"500ms\", timeout = \"450ms\" }";
    let pings =
        "heartbeat = { from = \"server\", frame = \"ping\", every = \"500ms\", grace = \"900ms\" }";
    let proxied = format!("address = \"ws://127.0.0.1:{}/\"", nginx.port);
    let outcome = held(&[
        ("text", &direct("/"), &text),
        ("binary", &proxied, &binary),
        ("ping", &proxied, ping),
        ("pings", &direct("/pings"), pings),
        ("restart", &direct("/restart"), GREETING),
        ("denied", &direct("/denied"), GREETING),
        ("lost", &proxied, &format!("{GREETING}\npath = \"/nowhere\"")),
    ]);
    for name in ["text", "binary", "ping", "pings"] {
        let facts = outcome.scenario(name);
        assert_eq!(facts.counters(["ok", "failed", "timed_out"]), [USERS, 0, 0], "{name}");
        assert!(facts.counter("heartbeat.received") >= 3 * USERS, "{name}");
    }
    for (name, failure, code) in [
        ("restart", "close_frame", 1012),
        ("denied", "handshake_status", 401),
        ("lost", "handshake_status", 404),
    ] {
        let facts = outcome.scenario(name);
        assert_eq!(facts.failures(), BTreeMap::from([(failure.to_owned(), USERS)]), "{name}");
        assert_eq!(facts.0["failures"][0]["code"], code, "{name}");
    }
    let counts = python.stop();
    let received = |name: &str| outcome.scenario(name).counter("heartbeat.received");
    assert_eq!(counts["opened"], 5 * USERS);
    assert_eq!((counts["subprotocol_chat"], counts["authorized"]), (2 * USERS, 2 * USERS));
    assert_eq!((counts["text"], counts["binary"]), (received("text"), received("binary")));
    assert_eq!(counts["pongs"], received("pings"));
    assert_eq!((counts["closed_1000"], counts["closed_1012"]), (4 * USERS, USERS));
}
