//! Monitors: real exporters beside the load, and those that are slow, absent or wrong.

use crate::outcome::{Outcome, await_true, run, run_beside, run_once};
use crate::peers::{Peer, port};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// What a server says at a path, as curl would print it; nothing while it cannot be asked.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    // One that is asked while it starts may never answer.
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// An exporter that waits before each response; it lives as long as the tests.
pub(crate) fn exporter(wait: Duration, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                std::thread::sleep(wait);
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            });
        }
    });
    address
}

/// A plan of held connections with one monitor.
fn plan(monitor: &str, thresholds: &str) -> String {
    format!(
        r#"
name = "monitors"
[targets.t]
builtin = "tcp-hold"
[scenarios.s]
protocol = "tcp-hold"
stages = [{{ users = 20, hold = "3s" }}]
thresholds = ["success_ratio >= 99%", {thresholds}]
[monitors.m]
{monitor}
"#
    )
}

/// The figures of a metric in report.json.
fn figures<'a>(outcome: &'a Outcome, monitor: &str, metric: &str) -> &'a serde_json::Value {
    let named = |all: &'a serde_json::Value, name: &str| {
        let all = all.as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()
    };
    named(&named(&outcome.report["monitors"], monitor)["metrics"], metric)
}

fn rows(outcome: &Outcome) -> Vec<(f64, String, f64)> {
    let results = outcome.results.as_ref().unwrap();
    let text = std::fs::read_to_string(results.join("monitors.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("at_s,monitor,metric,value"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].parse().unwrap(), cells[1..3].join(" "), cells[3].parse().unwrap())
    };
    lines.map(row).collect()
}

#[test]
fn haproxy_and_node_exporter_are_read_beside_the_load() {
    let (front, stats, node) = (port(), port(), port());
    let backend = crate::served::Served::start(&["tcp-hold", "--listen", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n\
         frontend fe\n  bind 127.0.0.1:{front}\n  default_backend be\n\
         backend be\n  server one {backend}\n\
         frontend stats\n  mode http\n  bind 127.0.0.1:{stats}\n\
         \x20 http-request use-service prometheus-exporter if {{ path /metrics }}\n",
        backend = backend.address
    );
    let file = folder.path().join("haproxy.cfg");
    std::fs::write(&file, configuration).unwrap();
    let _proxy = Peer::start(Command::new("haproxy").args(["-db", "-f"]).arg(&file));
    let listen = format!("--web.listen-address=127.0.0.1:{node}");
    let _node = Peer::start(Command::new("prometheus-node-exporter").arg(listen));
    for port in [stats, node] {
        await_true("an exporter", Duration::from_secs(20), || {
            get(port, "/metrics").is_some_and(|text| text.contains(" 200 OK"))
        });
    }
    let plan = format!(
        r#"
name = "monitors"
[targets.lb]
address = "127.0.0.1:{front}"
probe = false
[scenarios.s]
protocol = "tcp-hold"
stages = [{{ users = 30, hold = "3s" }}, {{ users = 90, hold = "3s" }}]
thresholds = [
  {{ condition = "monitor.lb.sessions.max == 30", stage = "1" }},
  {{ condition = "monitor.lb.sessions.last == 90", stage = "2" }},
  {{ condition = "monitor.lb.opened.increase == 60", stage = "2", during = "all" }},
  "monitor.node.node_load1.max < 100k",
]
[monitors.lb]
url = "http://127.0.0.1:{stats}/metrics"
every = "1s"
metrics = {{ sessions = 'haproxy_frontend_current_sessions{{proxy="fe"}}', opened = 'haproxy_frontend_connections_total{{proxy="fe"}}' }}
[monitors.node]
url = "http://127.0.0.1:{node}/metrics"
metrics = ["node_load1", "node_sockstat_TCP_inuse"]
"#
    );
    let outcome = run(0, &plan, &[]);
    assert!(outcome.stdout.contains("What the monitors read"), "{}", outcome.stdout);
    assert_eq!(figures(&outcome, "lb", "sessions")["max"], 90.0);
    let sockets = figures(&outcome, "node", "node_sockstat_TCP_inuse")["max"].as_f64().unwrap();
    assert!(sockets >= 180.0, "both sides of each of 90 connections are here: {sockets}");
    let rows = rows(&outcome);
    assert!(rows.is_sorted_by(|one, next| one.0 <= next.0));
    let sessions = rows.iter().filter(|row| row.1 == "lb sessions").map(|row| row.2);
    assert!((6..=9).contains(&sessions.clone().count()), "a reading a second");
    assert_eq!(sessions.max_by(f64::total_cmp), Some(90.0));
    let page = std::fs::read_to_string(outcome.results.unwrap().join("report.html")).unwrap();
    assert!(page.contains("lb: sessions") && page.contains("node: node_load1"));
}

#[test]
fn netdata_is_read_in_the_format_of_prometheus() {
    let port = port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let configuration = format!(
        "[global]\n run as user = root\n[directories]\n cache = {path}\n lib = {path}\n log = {path}\n\
         config = {path}\n[db]\n mode = ram\n[web]\n bind to = 127.0.0.1:{port}\n\
         [plugins]\n enable running new plugins = no\n apps = no\n python.d = no\n go.d = no\n\
         charts.d = no\n cgroups = no\n tc = no\n ebpf = no\n slabinfo = no\n\
         [ml]\n enabled = no\n[health]\n enabled = no\n"
    );
    let file = folder.path().join("netdata.conf");
    std::fs::write(&file, configuration).unwrap();
    let _netdata = Peer::start(Command::new("netdata").args(["-D", "-c"]).arg(&file));
    let page = "/api/v1/allmetrics?format=prometheus";
    let metric = "netdata_ipv4_sockstat_tcp_sockets_sockets_average";
    await_true("netdata", Duration::from_mins(1), || {
        get(port, page).is_some_and(|text| text.contains(metric))
    });
    let monitor = format!(
        r#"url = "http://127.0.0.1:{port}{page}"
metrics = {{ sockets = '{metric}{{dimension="inuse"}}' }}
every = "1s""#
    );
    let outcome = run(0, &plan(&monitor, "\"monitor.m.sockets.min >= 0\""), &[]);
    assert!(figures(&outcome, "m", "sockets")["values"].as_u64().unwrap() >= 3);
}

#[test]
fn a_slow_monitor_delays_nothing() {
    let monitor = |address: SocketAddr| {
        format!(
            "url = \"http://{address}/\"\nmetrics = [\"up\"]\nevery = \"1s\"\ntimeout = \"200ms\""
        )
    };
    let slow = exporter(Duration::from_mins(1), "up 1\n");
    let outcome = run(0, &plan(&monitor(slow), ""), &["--no-probe"]);
    let failed = &outcome.report["monitors"][0];
    assert_eq!(failed["readings"], failed["failed"]);
    assert!(failed["readings"].as_u64().unwrap() >= 3, "{failed}");
    assert_eq!(failed["last_failure"], "no response within 200ms");
    let said = "monitor m: ";
    assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    // A threshold on what could not be read proves nothing about the target.
    let (outcome, ()) = run_beside(3, || {
        let plan = plan(&monitor(slow), "\"monitor.m.up.min == 1\"");
        (run_once(&plan, &["--no-probe"]), ())
    });
    assert_eq!(outcome.report["thresholds"][1]["state"], "no_data");
    assert_eq!(outcome.rules(), ["samples"]);
}

#[test]
fn a_monitor_that_cannot_be_read_ends_the_run_before_it_begins() {
    let up = exporter(Duration::ZERO, "up 1\nother 2\n");
    let monitor = |metric: &str| format!("url = \"http://{up}/\"\nmetrics = [\"{metric}\"]");
    let outcome = run_once(&plan(&monitor("upp"), ""), &[]);
    assert_eq!(outcome.code, Some(4));
    assert!(outcome.results.is_none(), "nothing is left behind");
    for expected in ["error: monitor `m`: its response has no `upp`\n", "help: did you mean `up`?"]
    {
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
    let closed = format!("url = \"http://127.0.0.1:{}/\"\nmetrics = [\"up\"]", port());
    let outcome = run_once(&plan(&closed, ""), &[]);
    assert_eq!(outcome.code, Some(4));
    assert!(outcome.stderr.contains("cannot connect: Connection refused"), "{}", outcome.stderr);
    // Whoever insists gets a warning.
    let outcome = run(0, &plan(&monitor("upp"), ""), &["--force"]);
    assert!(outcome.stdout.contains("its response has no `upp`"), "{}", outcome.stdout);
    let outcome = run(1, &plan(&monitor("up"), "\"monitor.m.up.max < 1\""), &[]);
    assert_eq!(outcome.report["thresholds"][1]["value"], 1.0);
}
