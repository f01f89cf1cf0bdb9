//! Plans of `plans/` against servers of others, in small: both sides count the same.

use crate::outcome::{Outcome, await_true, run_beside, run_once};
use crate::peers::{HaProxy, Nginx, Peer, await_port, port, source};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A shipped plan, a few users of it for a short while.
fn run_shipped(name: &str, target: (&str, u16), (scenario, scale): (&str, &str)) -> Outcome {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let plan = fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
    let beats = plan.contains("from = \"client\"");
    let owns = plan.contains("send_every");
    let stream = if name == "ws-chat" { "ws://127.0.0.1" } else { "127.0.0.1" };
    let path = if name == "ws-chat" { "/chat" } else { "" };
    let target = format!("{}={stream}:{}{path}", target.0, target.1);
    let mut sets = vec![format!("scenarios.{scenario}.stages.0.hold=1700ms")];
    if beats {
        sets.push(format!("scenarios.{scenario}.heartbeat.every=500ms"));
        sets.push(format!("scenarios.{scenario}.heartbeat.timeout=450ms"));
    }
    if owns {
        sets.push(format!("scenarios.{scenario}.send_every.every=400ms"));
    }
    let mut arguments = vec!["--target", &target, "--scale", scale];
    for set in &sets {
        arguments.extend(["--set", set]);
    }
    run_once(&plan, &arguments)
}

/// Connections that opened, all of them successfully, and heartbeats with their replies.
fn held(outcome: &Outcome, scenario: &str) -> (u64, u64) {
    let facts = outcome.scenario(scenario);
    let [opened, ok, sent, received] =
        facts.counters(["connect.ok", "ok", "heartbeat.sent", "heartbeat.received"]);
    assert_eq!((opened, sent), (ok, received), "{}", outcome.stdout);
    (opened, sent)
}

fn redis() -> (Peer, u16) {
    let port = port();
    let arguments = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port"];
    let server = Peer::start(Command::new("redis-server").args(arguments).arg(port.to_string()));
    await_port(port);
    (server, port)
}

/// How often redis has run a command.
fn calls(port: u16, command: &str) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"INFO commandstats\r\nQUIT\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = format!("cmdstat_{command}:calls=");
    let found = text.lines().find_map(|one| one.strip_prefix(&line));
    found.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

#[test]
fn redis_counts_the_same_names_and_pings() {
    let (outcome, (names, pings)) = run_beside(0, || {
        let (_server, port) = redis();
        let outcome = run_shipped("redis", ("redis", port), ("clients", "10%"));
        (outcome, (calls(port, "client|setname"), calls(port, "ping")))
    });
    let (opened, beats) = held(&outcome, "clients");
    assert_eq!((opened, names, beats), (20, 20, pings));
    assert!(beats >= 40, "{beats}");
    assert_eq!(outcome.scenario("clients").samples("opening.time"), 20);
}

#[test]
fn haproxy_takes_the_header_of_each_connection_to_redis() {
    let (outcome, (sessions, pings)) = run_beside(0, || {
        let (_server, behind) = redis();
        let proxy = HaProxy::start("tcp", "accept-proxy", behind);
        let outcome = run_shipped("proxy-protocol", ("lb", proxy.port), ("clients", "10%"));
        proxy.settle();
        (outcome, (proxy.count("stot"), calls(behind, "ping")))
    });
    let (opened, beats) = held(&outcome, "clients");
    assert_eq!((opened, beats), (20, pings));
    // A probe ends without a header, and is no session.
    assert_eq!(sessions, opened);
}

#[test]
fn mosquitto_logs_the_same_clients_pings_and_messages() {
    let (outcome, log) = run_beside(0, || {
        let folder = tempfile::tempdir().unwrap();
        let (port, log) = (port(), folder.path().join("log"));
        let configuration = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_type all\nlog_dest file {}\n",
            log.display()
        );
        let file = folder.path().join("mosquitto.conf");
        fs::write(&file, configuration).unwrap();
        let _broker = Peer::start(Command::new("mosquitto").arg("-c").arg(file));
        await_port(port);
        let outcome = run_shipped("mqtt", ("broker", port), ("clients", "10%"));
        let ended = |log: &str| log.lines().filter(|line| line.contains("Client planrun-")).count();
        await_true("the end of all clients", Duration::from_secs(20), || {
            ended(&fs::read_to_string(&log).unwrap_or_default()) >= 20
        });
        (outcome, fs::read_to_string(&log).unwrap())
    });
    let (opened, beats) = held(&outcome, "clients");
    let count = |words: &str| log.lines().filter(|line| line.contains(words)).count() as u64;
    assert_eq!(count("Received PINGREQ from planrun-"), beats);
    let published = outcome.scenario("clients").counter("messages.sent");
    assert_eq!(count("Received PUBLISH from planrun-"), published);
    assert!(published >= 60, "{published}");
    // Each under a name of its own.
    let names = log.lines().filter_map(|line| line.split_once(" as planrun-"));
    let names: BTreeSet<&str> = names.map(|(_, rest)| &rest[..8]).collect();
    assert_eq!((opened, names.len(), names.first().copied()), (20, 20, Some("00000000")));
}

/// Where the programs of `PostgreSQL` are.
fn postgresql() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap_or_else(|error| {
        panic!("PostgreSQL: {error}; tests/setup.sh installs it");
    });
    versions.map(|one| one.unwrap().path()).max().unwrap().join("bin")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program as somebody who is not root: `PostgreSQL` serves nobody else.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

#[test]
fn postgresql_logs_the_same_sessions_and_queries() {
    let (outcome, log) = run_beside(0, || {
        let folder = tempfile::tempdir().unwrap();
        let (home, port, programs) = (folder.path().join("data"), port(), postgresql());
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(folder.path()).status();
            assert!(owned.unwrap().success());
        }
        let made = unprivileged(&programs.join("initdb"))
            .args(["--username=planrun", "--auth=trust", "--no-sync", "-D"])
            .arg(&home)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let _server = Peer::start(
            unprivileged(&programs.join("postgres"))
                .arg("-D")
                .arg(&home)
                .args(["-p", &port.to_string(), "-k"])
                .arg(folder.path())
                .args(["-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=on"])
                .args(["-c", "log_filename=log", "-c", "log_line_prefix=%a "])
                .args([
                    "-c",
                    "log_statement=all",
                    "-c",
                    "log_disconnections=on",
                    "-c",
                    "fsync=off",
                ]),
        );
        await_port(port);
        let outcome = run_shipped("postgresql", ("database", port), ("sessions", "40%"));
        let log = || fs::read_to_string(home.join("log/log")).unwrap_or_default();
        await_true("the end of all sessions", Duration::from_secs(20), || {
            log().matches("disconnection: session time").count() >= 20
        });
        (outcome, log())
    });
    let (opened, queries) = held(&outcome, "sessions");
    let mine = |words: &str| {
        let lines = log.lines().filter(|line| line.starts_with("planrun-") && line.contains(words));
        lines.map(|line| &line[..12]).collect::<Vec<_>>()
    };
    assert_eq!(mine("statement: SELECT 1").len() as u64, queries);
    assert!(queries >= 40, "{queries}");
    let sessions: BTreeSet<&str> = mine("disconnection: session time").into_iter().collect();
    assert_eq!((opened, sessions.len()), (20, 20));
}

#[test]
fn nginx_hands_on_the_same_streams_of_events() {
    let (outcome, log) = run_beside(0, || {
        let behind = port();
        let _events = Peer::start(
            Command::new("python3").arg(source("events.py")).args([&behind.to_string(), "0.5"]),
        );
        await_port(behind);
        let nginx = Nginx::with(
            "log_format end '$uri $status $bytes_sent';",
            &format!(
                "location /events {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; \
                 proxy_buffering off; access_log FOLDER/streams.log end; }}"
            ),
        );
        let outcome = run_shipped("sse", ("stream", nginx.port), ("streams", "10%"));
        let log =
            || fs::read_to_string(nginx.folder.path().join("streams.log")).unwrap_or_default();
        await_true("the end of all streams", Duration::from_secs(20), || {
            log().lines().count() >= 20
        });
        (outcome, log())
    });
    let streams = outcome.scenario("streams");
    let [opened, ok, received] = streams.counters(["connect.ok", "ok", "messages.received"]);
    assert_eq!((opened, ok, log.lines().count()), (20, 20, 20));
    assert!(received >= 60, "{received}");
    let sent: Vec<u64> = log
        .lines()
        .map(|line| line.strip_prefix("/events 200 ").unwrap().parse().unwrap())
        .collect();
    // It may have handed on an event that came after the end of this side.
    let bytes = streams.counter("bytes.received");
    assert!(sent.iter().sum::<u64>() >= bytes, "{sent:?} {bytes}");
}

#[test]
fn a_chat_counts_the_same_names_and_words() {
    let (outcome, counts) = run_beside(0, || {
        let port = port();
        let mut chat = Command::new("python3")
            .arg(source("chat.py"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        await_port(port);
        let outcome = run_shipped("ws-chat", ("chat", port), ("users", "20%"));
        drop(chat.stdin.take());
        let output = chat.wait_with_output().unwrap();
        let counts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (outcome, counts)
    });
    let (opened, beats) = held(&outcome, "users");
    assert_eq!((opened, beats), (20, counts["say"].as_u64().unwrap()));
    for name in ["opened", "join", "names", "closed_1000"] {
        assert_eq!(counts[name], 20, "{name}: {counts}");
    }
    assert!(beats >= 40, "{beats}");
}
