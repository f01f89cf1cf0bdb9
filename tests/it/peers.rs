//! Real servers and proxies: what they counted is what the report says. A peer that is not
//! installed fails the test.

use crate::outcome::{Outcome, Stage, await_true, exe, run_beside, run_once};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A process that is ended with the test.
pub(crate) struct Peer(Child);

impl Peer {
    pub(crate) fn start(command: &mut Command) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let program = command.get_program().to_owned();
        let command = command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| {
            panic!("{}: {error}; tests/setup.sh installs it", program.display())
        }))
    }

    /// nginx with this `http` block, all of its files in a folder.
    pub(crate) fn nginx(folder: &Path, http: &str) -> Self {
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {at}/{kind};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
             events {{ worker_connections 1000; }}\nhttp {{\n{temporary}{http}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let log = folder.join("start.log");
        Self::start(Command::new("nginx").arg("-e").arg(log).arg("-c").arg(file))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A port that was free a moment ago.
pub(crate) fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn await_port(port: u16) {
    await_true("a peer that listens", Duration::from_secs(20), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// A proxy in front of one server.
pub(crate) struct HaProxy {
    _process: Peer,
    folder: TempDir,
    pub(crate) port: u16,
}

impl HaProxy {
    /// `bind`: what its port speaks, if not what `mode` says.
    pub(crate) fn start(mode: &str, bind: &str, server: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = port();
        let configuration = format!(
            "global\n  stats socket {}/socket level user\n  maxconn 2000\n\
             defaults\n  mode {mode}\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n\
             frontend front\n  bind 127.0.0.1:{port} {bind}\n  default_backend back\n\
             backend back\n  server one 127.0.0.1:{server}\n",
            folder.path().display()
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, configuration).unwrap();
        let process = Peer::start(Command::new("haproxy").args(["-db", "-f"]).arg(file));
        let proxy = Self { _process: process, folder, port };
        await_true("HAProxy", Duration::from_secs(20), || proxy.ask().is_some());
        proxy
    }

    fn ask(&self) -> Option<String> {
        let mut socket = UnixStream::connect(self.folder.path().join("socket")).ok()?;
        socket.write_all(b"show stat\n").ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// A figure of its frontend.
    pub(crate) fn count(&self, column: &str) -> u64 {
        let text = self.ask().unwrap();
        let mut rows = csv::Reader::from_reader(text.trim_start_matches("# ").as_bytes());
        let at = rows.headers().unwrap().iter().position(|name| name == column).unwrap();
        let row = rows.records().map(Result::unwrap).find(|row| &row[0] == "front").unwrap();
        row[at].parse().unwrap()
    }

    /// Waits until it has seen the ends of all connections: it counts some things only then.
    pub(crate) fn settle(&self) {
        await_true("the end of all sessions", Duration::from_secs(20), || self.count("scur") == 0);
    }
}

/// Speaks HTTP/1.1 on one port, and HTTP/2 on the other.
pub(crate) struct Nginx {
    _process: Peer,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    pub(crate) shared: u16,
}

impl Nginx {
    fn start() -> Self {
        Self::keeping("keepalive_requests 25;")
    }

    /// Hands WebSockets on to another server on this machine.
    pub(crate) fn proxying(server: u16) -> Self {
        Self::with(
            "",
            &format!(
                "location / {{ proxy_pass http://127.0.0.1:{server}; proxy_http_version 1.1; \
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; }} \
                 location /nowhere {{ return 404; }}"
            ),
        )
    }

    /// `keeps`: how long it keeps connections.
    pub(crate) fn keeping(keeps: &str) -> Self {
        Self::with(keeps, "location / { return 200 ok; }")
    }

    /// `FOLDER` in its locations is its own.
    pub(crate) fn with(keeps: &str, locations: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, shared) = (port(), port());
        let locations = locations.replace("FOLDER", &folder.path().display().to_string());
        let http = format!(
            "  access_log off;\n  {keeps}\n  server {{\n    listen 127.0.0.1:{port}; client_max_body_size 1k;\n    {locations}\n\
         \x20   location = /who {{ if ($http_authorization != \"Basic YTpi\") {{ return 401; }} return 200 $arg_q; }}\n\
         \x20      location = /status {{ stub_status; }}\n  }}\n  http2_max_concurrent_streams 4;\n\
         \x20 server {{ listen 127.0.0.1:{shared} http2; client_max_body_size 1k; location / {{ return 200 ok; }} }}"
        );
        let process = Peer::nginx(folder.path(), &http);
        await_port(port);
        Self { _process: process, folder, port, shared }
    }
}

/// Connections and requests that nginx has counted, this question among them.
fn stub_status(port: u16) -> (u64, u64) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /status HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().skip_while(|line| !line.starts_with("server accepts")).nth(1).unwrap();
    let counts: Vec<u64> = line.split_whitespace().map(|count| count.parse().unwrap()).collect();
    (counts[0], counts[2])
}

/// A passing run of users and of arrivals against nginx, which counts the same requests and
/// connections as the run. With `keys` it speaks HTTP/2.
fn counted_by_nginx(keys: &str, users: u32) -> Outcome {
    let nginx = Nginx::start();
    let Nginx { port, shared, .. } = nginx;
    let asked = if keys.is_empty() { port } else { shared };
    let plan = format!(
        r#"
name = "nginx"
[targets.web]
address = "http://127.0.0.1:{asked}/"
[scenarios.web]
protocol = "http"
{keys}
think_time = "1ms..5ms"
requests = [{{ path = "/", expect = {{ status = 200, body = "ok" }} }}]
stages = [{{ name = "users", users = {users}, hold = "1s" }}, {{ name = "rate", rate = "300/s", hold = "1s" }}]
thresholds = ["failure_ratio <= 0%"]
"#
    );
    let (outcome, (accepted, requests)) = run_beside(0, || {
        let before = stub_status(port);
        let outcome = run_once(&plan, &[]);
        let after = stub_status(port);
        // The second question is in its own answer, the first one in both.
        (outcome, (after.0 - before.0 - 1, after.1 - before.1 - 1))
    });
    let web = outcome.scenario("web");
    let [started, ok, opened] = web.counters(["started", "ok", "connect.ok"]);
    assert_eq!([requests, requests], [started, ok]);
    let probes = outcome.report["targets"][0]["preflight.probes"].as_u64().unwrap();
    assert_eq!(accepted, opened + probes);
    // It ends each connection after 25 requests, and says so.
    assert!(opened >= requests / 25, "{opened} {requests}");
    assert_eq!(web.stage("rate").counter("started"), 300);
    outcome
}

#[test]
fn a_pass_against_nginx_is_shown() {
    let Nginx { port, shared, .. } = &Nginx::start();
    for (port, version) in [(port, "1.1"), (shared, "2")] {
        let plan = format!(
            "name = \"nginx\"\n[targets.web]\naddress = \"http://127.0.0.1:{port}/\"\n\
             [scenarios.web]\nprotocol = \"http\"\nversion = \"{version}\"\n\
             requests = [{{ path = \"/\", expect = {{ status = 200, body = \"ok\" }} }}]\n\
             stages = [{{ users = 5, hold = \"1s\" }}]\n"
        );
        let stage = Stage::new(&plan);
        let mut command = Command::new(exe());
        command.args(["try", "plan.toml"]);
        stage.prepare(&mut command);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        let version = if version == "2" { "HTTP/2" } else { "HTTP/1.1" };
        for line in [
            &format!("> GET / {version}\n"),
            &format!("< {version} 200 OK\n"),
            "< server: nginx",
            "< ok\n",
            "✓ body\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}

#[test]
fn nginx_counts_the_same_requests() {
    let outcome = counted_by_nginx("", 8);
    assert_eq!(outcome.scenario("web").counter("retried"), 0);
}

#[test]
fn nginx_counts_the_same_requests_of_http2() {
    // It allows four streams where the plan has eight, and nothing fails for that.
    let outcome = counted_by_nginx("version = \"2\"\nconnection = { streams = 8 }", 16);
    let [started, opened] = outcome.scenario("web").counters(["started", "connect.ok"]);
    assert!(opened < started / 5, "{opened} {started}");
}

#[test]
fn nginx_answers_before_it_has_read_the_request() {
    let nginx = Nginx::start();
    let Nginx { port, shared, .. } = nginx;
    // More than the buffers of a connection take: what is left of it is never sent.
    let large = nginx.folder.path().join("large");
    std::fs::write(&large, vec![b'x'; 8 << 20]).unwrap();
    let large = large.display();
    for (asked, keys) in [(port, ""), (shared, "version = \"2\"\nconnection = { streams = 4 }\n")] {
        let plan = format!(
            "name = \"large\"\ntargets.web.address = \"http://127.0.0.1:{asked}/\"\n[scenarios.web]\nprotocol = \"http\"\n\
             {keys}think_time = \"10ms\"\nstages = [{{ users = 4, hold = \"1s\" }}]\n\
             requests = [{{ method = \"POST\", path = \"/\", body_file = \"{large}\", expect = {{ status = 413 }} }}]\n\
             thresholds = [\"failure_ratio <= 0%\"]\n"
        );
        let outcome = run_beside(0, || (run_once(&plan, &[]), ())).0;
        let [ok, opened] = outcome.scenario("web").counters(["ok", "connect.ok"]);
        assert!(ok >= 20, "{keys}{ok}");
        // Half of a request lies on a connection of HTTP/1.1; the others share theirs, whatever
        // became of one.
        assert!(if keys.is_empty() { opened == ok } else { opened < ok }, "{keys}{opened} {ok}");
    }
}

#[test]
fn nginx_is_told_who_asks_and_for_what() {
    let nginx = Nginx::start();
    let port = nginx.port;
    let plan = |auth: &str| {
        format!(
            "name = \"nginx\"\ntargets.web.address = \"http://127.0.0.1:{port}/\"\n[scenarios.web]\nprotocol = \"http\"\n\
             auth = {{ basic = \"{auth}\" }}\nstages = [{{ rate = \"50/s\", hold = \"1s\" }}]\n\
             requests = [{{ path = \"/who\", query = {{ q = \"ä b&c\" }}, expect = {{ status = 200, body = \"%C3%A4%20b%26c\" }} }}]\n\
             thresholds = [\"failure_ratio <= 0%\"]\n"
        )
    };
    let known = run_beside(0, || (run_once(&plan("a:b"), &[]), ())).0;
    assert_eq!(known.scenario("web").counters(["ok", "failed"]), [50, 0]);
    let unknown = run_beside(1, || (run_once(&plan("a:c"), &[]), ())).0;
    assert_eq!(unknown.scenario("web").counters(["ok", "failed"]), [0, 50]);
}

#[test]
fn haproxy_counts_the_same_connections_to_the_server_of_the_article() {
    let server = port();
    let program = source("tcp_hold.py");
    let _server =
        Peer::start(Command::new("python3").arg(program).args([&server.to_string(), "1"]));
    await_port(server);
    let proxy = HaProxy::start("tcp", "", server);
    let plan = format!(
        r#"
name = "haproxy-tcp"
[targets.lb]
address = "127.0.0.1:{}"
[scenarios.hold]
protocol = "tcp-hold"
expect = "ok"
heartbeat = {{ from = "server", every = "1s", grace = "10s" }}
stages = [{{ users = 300, ramp = "1s", hold = "2500ms" }}]
thresholds = ["connect.success_ratio >= 100%", "hold.survival_ratio >= 100%", "success_ratio >= 100%"]
"#,
        proxy.port
    );
    let (outcome, (sessions, bytes)) = run_beside(0, || {
        let before = (proxy.count("stot"), proxy.count("bout"));
        let outcome = run_once(&plan, &[]);
        proxy.settle();
        (outcome, (proxy.count("stot") - before.0, proxy.count("bout") - before.1))
    });
    let hold = outcome.scenario("hold");
    let probes = outcome.report["targets"][0]["preflight.probes"].as_u64().unwrap();
    assert_eq!((sessions, probes), (hold.counter("connect.ok") + probes, 1));
    assert_eq!(hold.counters(["due", "ok", "verified", "heartbeat.missed"]), [300, 300, 300, 0]);
    // Each got two messages at least. The server of the article does not look for an end: it sends
    // until that fails.
    let received = hold.counter("messages.received");
    assert!(received >= 600, "{received}");
    assert_eq!(hold.counter("bytes.received"), 2 * received);
    assert!(bytes >= 2 * received, "{bytes} {received}");
}

/// Builds the HTTP server of the article into a folder.
pub(crate) fn go_server(folder: &Path) -> PathBuf {
    let binary = folder.join("http");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg(source("http.go"))
        .env("GOCACHE", folder.join("cache"))
        .env("GO111MODULE", "off")
        .status()
        .unwrap_or_else(|error| panic!("go: {error}; tests/setup.sh installs it"));
    assert!(built.success());
    binary
}

#[test]
fn haproxy_counts_the_same_requests_to_the_server_of_the_article() {
    let folder = tempfile::tempdir().unwrap();
    let binary = go_server(folder.path());
    let server = port();
    let _server = Peer::start(Command::new(binary).arg(server.to_string()));
    await_port(server);
    for (bind, keys, shared_by) in
        [("", "", 1), ("proto h2", "version = \"2\"\nconnection = { streams = 5 }", 5)]
    {
        let proxy = HaProxy::start("http", bind, server);
        let plan = format!(
            r#"
name = "haproxy-http"
[targets.web]
address = "http://127.0.0.1:{}/"
[scenarios.web]
protocol = "http"
{keys}
think_time = "2ms..10ms"
requests = [{{ path = "/", expect = {{ status = 200, body = "ok" }} }}]
stages = [{{ name = "10", users = 10, hold = "700ms" }}, {{ name = "20", users = 20, hold = "700ms" }}]
thresholds = ["failure_ratio <= 0%"]
[generator]
workers = 1
"#,
            proxy.port
        );
        let names = ["stot", "req_tot", "hrsp_2xx"];
        let (outcome, counted) = run_beside(0, || {
            let before = names.map(|name| proxy.count(name));
            let outcome = run_once(&plan, &[]);
            proxy.settle();
            let after = names.map(|name| proxy.count(name));
            (outcome, [0, 1, 2].map(|at| after[at] - before[at]))
        });
        let web = outcome.scenario("web");
        let probes = outcome.report["targets"][0]["preflight.probes"].as_u64().unwrap();
        assert_eq!(web.counter("connect.ok"), 20 / shared_by);
        assert_eq!(web.counters(["retried", "unfinished"]), [0, 0]);
        let [started, ok] = web.counters(["started", "ok"]);
        // A connection that ends without a request, as a probe does, is a request to it in
        // HTTP/1.1.
        let empty = if bind.is_empty() { probes } else { 0 };
        assert_eq!(counted, [20 / shared_by + probes, started + empty, ok], "{bind}");
        assert_eq!(web.0["statuses"]["200"].as_u64(), Some(ok));
    }
}
