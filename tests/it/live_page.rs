//! The live page: who may see a run and stop it, what is seen, and that no viewer delays a run.

use crate::outcome::{Outcome, Stage, await_true, exe, wait};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Some of its requests fail, and their name is markup.
fn plan(hold: &str) -> String {
    format!(
        "name = \"live\"\n[targets.web]\nbuiltin = \"http\"\n[scenarios.web]\nprotocol = \"http\"\n\
         target = \"web\"\nthink_time = \"20ms\"\n\
         requests = [{{ name = \"home\", path = \"/\", weight = 9 }},\n\
         {{ name = '<img src=x onerror=\"alert(1)\">', path = \"/status/503\" }}]\n\
         stages = [{{ users = 4, ramp = \"1s\", hold = \"{hold}\" }}]\n\
         thresholds = [{{ condition = \"failure_ratio < 50%\" }}]\n"
    )
}

/// A run whose page can be asked.
struct Live {
    stage: Stage,
    child: Child,
    since: Instant,
    /// `127.0.0.1:43817`
    address: String,
    token: String,
}

impl Live {
    fn start(hold: &str) -> Self {
        Self::of(&plan(hold))
    }

    fn of(plan: &str) -> Self {
        let (stage, since) = (Stage::new(plan), Instant::now());
        let mut child = stage.start(&["--force", "--dashboard"]);
        // Not a byte more, so that the rest is there at the end.
        let (mut line, mut byte) = (Vec::new(), [0]);
        let stderr = child.stderr.as_mut().unwrap();
        while stderr.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let line = String::from_utf8(line).unwrap();
        let url = line.strip_prefix("Live page  http://").unwrap_or_else(|| panic!("{line}"));
        let (address, token) = url.split_once("/?token=").unwrap();
        Self { address: address.to_owned(), token: token.to_owned(), stage, child, since }
    }

    fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// Sends a request; the answer is still to be read.
    fn open(&self, line: &str, headers: &[String]) -> TcpStream {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = [&[format!("{line} HTTP/1.1")], headers].concat().join("\r\n");
        write!(socket, "{head}\r\n\r\n").unwrap();
        socket
    }

    /// The status of an answer, and all of it.
    fn ask(&self, line: &str, headers: &[String]) -> (u16, String) {
        let mut headers = headers.to_vec();
        headers.push("Connection: close".into());
        let mut answer = String::new();
        self.open(line, &headers).read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{line}: {answer}"));
        (status.parse().unwrap(), answer)
    }

    fn host(&self) -> String {
        format!("Host: {}", self.address)
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    fn viewer(&self) -> TcpStream {
        self.open(&format!("GET /events?token={}", self.token), &[self.host()])
    }

    fn end(self) -> Outcome {
        self.stage.end(self.child, self.since)
    }
}

/// The data of each event of a kind.
fn events(stream: &str, kind: &str) -> Vec<Value> {
    let start = format!("event: {kind}\ndata: ");
    let found = stream.match_indices(&start).map(|(at, _)| &stream[at + start.len()..]);
    found.map(|rest| serde_json::from_str(rest.lines().next().unwrap()).unwrap()).collect()
}

/// What chunked pieces carry.
fn dechunked(answer: &str) -> String {
    let (_, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    let mut whole = String::new();
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&more[..length]);
        rest = &more[length + 2..];
    }
    whole
}

#[test]
fn a_viewer_sees_the_run_to_its_end_and_figures_can_be_scraped() {
    let live = Live::start("5s");
    let (status, page) = live.ask(&format!("GET /?token={}", live.token), &[live.host()]);
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'; style-src 'sha256-"));
    for header in ["cache-control: no-store", "referrer-policy: no-referrer", "nosniff"] {
        assert!(page.contains(header), "{page}");
    }
    assert!(!page.contains(&live.token), "the page is the same for everybody");
    let mut figures = String::new();
    await_true("figures", Duration::from_secs(20), || {
        figures = live.ask("GET /metrics", &[live.host(), live.bearer()]).1;
        figures.contains("planrun_ok_total{scenario=\"web\"}")
    });
    assert!(figures.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(figures.contains("# TYPE planrun_ok counter\n"), "{figures}");
    assert!(figures.contains("planrun_service_time_seconds{scenario=\"web\",stat=\"p99\"} 0.0"));
    assert!(figures.ends_with("# EOF\n"), "{figures}");

    let mut stream = String::new();
    live.viewer().read_to_string(&mut stream).unwrap();
    let stream = dechunked(&stream);
    assert_eq!(events(&stream, "outline")[0]["scenarios"][0]["stages"][0]["name"], "1");
    assert!(!events(&stream, "history")[0]["scenarios"][0].as_array().unwrap().is_empty());
    let views = events(&stream, "view");
    assert!(views.len() >= 4, "{}", views.len());
    let last = views.last().unwrap();
    assert_eq!(last["judgement"]["verdict"], last["verdict"]);
    assert!(last["scenarios"][0]["counters"]["ok"].as_u64().unwrap() > 0);
    assert!(stream.ends_with("event: end\ndata: {}\n\n"), "{stream}");
    let outcome = live.end();
    outcome.assert_whole();
    assert_eq!(outcome.verdict(), last["verdict"]);
    let counters = &last["scenarios"][0]["counters"];
    let counted = outcome.scenario("web").counters(["ok", "failed"]);
    assert_eq!([counters["ok"].as_u64(), counters["failed"].as_u64()], counted.map(Some));
}

#[test]
fn whoever_has_no_right_to_a_run_neither_sees_nor_stops_it() {
    let live = Live::start("4s");
    let (host, bearer, token) = (live.host(), live.bearer(), live.token.clone());
    let foreign = "Host: evil.example".to_owned();
    let origin = "Origin: http://evil.example".to_owned();
    let own = format!("Origin: http://{}", live.address);
    for (status, line, headers) in [
        (403, "GET /".to_owned(), vec![host.clone()]),
        (403, "GET /events?token=x".to_owned(), vec![host.clone()]),
        (403, "GET /metrics".to_owned(), vec![host.clone(), "Authorization: Bearer x".into()]),
        (403, format!("GET /?token={token}"), vec![foreign.clone()]),
        (403, format!("GET /events?token={token}"), vec![foreign]),
        (403, format!("GET /events?token={token}"), vec![host.clone(), origin.clone()]),
        (403, "POST /stop".to_owned(), vec![host.clone(), origin, bearer.clone()]),
        (403, format!("POST /stop?token={token}"), vec![host.clone(), own.clone()]),
        (405, format!("GET /stop?token={token}"), vec![host.clone()]),
        (405, "POST /".to_owned(), vec![host.clone(), own.clone(), bearer.clone()]),
        (404, format!("GET /../../etc/passwd?token={token}"), vec![host.clone()]),
        (200, format!("GET /?token={token}"), vec![host, own]),
    ] {
        let (found, answer) = live.ask(&line, &headers);
        assert_eq!(found, status, "{line} {headers:?}: {answer}");
        assert!(status == 200 || !answer.contains("web"), "{answer}");
    }
    let outcome = live.end();
    assert_eq!(outcome.report["stopped"]["reason"], "completed", "{}", outcome.stderr);
}

#[test]
fn the_stop_button_ends_a_run_as_ctrl_c_does() {
    let live = Live::start("100s");
    await_true("the run", Duration::from_secs(20), || {
        live.ask("GET /metrics", &[live.host(), live.bearer()]).0 == 200
    });
    let own = format!("Origin: http://{}", live.address);
    let (status, _) =
        live.ask("POST /stop", &[live.host(), own, live.bearer(), "Content-Length: 0".into()]);
    assert_eq!(status, 202);
    let outcome = live.end();
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert_eq!(outcome.report["stopped"]["reason"], "interrupted");
    assert_eq!(outcome.report["stopped"]["signal"], 2);
    assert!(outcome.took < Duration::from_mins(1), "{:?}", outcome.took);
}

#[test]
fn a_hundred_viewers_that_never_read_do_not_delay_a_run() {
    let live = Live::start("5s");
    let mut sockets: Vec<TcpStream> = (0..100).map(|_| live.viewer()).collect();
    let mut statuses = [0; 2];
    for socket in &mut sockets {
        // The status alone is read, nothing of what follows.
        let mut start = [0; 12];
        socket.read_exact(&mut start).unwrap();
        match &start {
            b"HTTP/1.1 200" => statuses[0] += 1,
            b"HTTP/1.1 503" => statuses[1] += 1,
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }
    assert_eq!(statuses, [64, 36]);
    let outcome = live.end();
    assert_eq!(outcome.report["stopped"]["reason"], "completed", "{}", outcome.stderr);
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    drop(sockets);
}

/// What a browser shows of a run at its end.
fn seen(live: &Live) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/browser.py");
    let output =
        Command::new("python3").arg("-B").arg(script).args([live.url(), "40".into()]).output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}; tests/setup.sh installs chromium");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_page_charts_samples_lost_connections_and_monitors() {
    let body = "# TYPE node_load1 gauge\nnode_load1 1.5\n";
    let exporter = crate::monitors::exporter(Duration::ZERO, body);
    let live = Live::of(&format!(
        "name = \"charts\"\n[targets.held]\nbuiltin = \"tcp-hold\"\n\
         faults = {{ reset_after = \"3s\" }}\n[scenarios.held]\nprotocol = \"tcp-hold\"\n\
         stages = [{{ users = 20, ramp = \"1s\", hold = \"5s\" }}]\n\
         [monitors.lb]\nurl = \"http://{exporter}/secret-path\"\nmetrics = [\"node_load1\"]\n\
         every = \"1s\"\n"
    ));
    let mut stream = String::new();
    let mut viewer = live.viewer();
    let seen = seen(&live);
    viewer.read_to_string(&mut stream).unwrap();
    let stream = dechunked(&stream);
    let charts: Vec<&str> =
        seen["charts"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    for title in [
        "connect.time: heat map of samples",
        "Held connections that were not lost",
        "lb: node_load1",
    ] {
        assert!(charts.contains(&title), "{title}: {charts:?}");
    }
    assert!(seen["cells"].as_u64().unwrap() > 0, "{seen:#}");
    assert_eq!(seen["complaints"], serde_json::json!([]), "{seen:#}");
    assert_eq!(seen["wide"], false);
    let views = events(&stream, "view");
    let last = views.last().unwrap();
    assert_eq!(last["monitors"][0]["values"], serde_json::json!([1.5]));
    let outcome = live.end();
    let [held, lost] = outcome.scenario("held").counters(["hold.entered", "hold.lost"]);
    let survival = last["scenarios"][0]["survival"].as_f64().unwrap();
    assert!(lost > 0 && (survival - (1.0 - lost as f64 / held as f64)).abs() < 1e-9, "{survival}");
    // Samples of the bands are those of the second.
    for view in &views {
        let scenario = &view["scenarios"][0];
        let bands = scenario["bands"].as_array().unwrap().iter();
        let sum: u64 = bands.map(|band| band[1].as_u64().unwrap()).sum();
        assert_eq!(sum, scenario["time"]["samples"].as_u64().unwrap_or(0), "{scenario}");
    }
    // Whoever looks does not learn where a monitor is.
    assert!(!stream.contains("secret-path"));
}

#[test]
fn a_browser_shows_the_run_and_asks_nobody_else() {
    let live = Live::start("6s");
    let seen = seen(&live);
    let page = format!("http://{}", live.address);
    let outcome = live.end();
    assert_eq!(seen["complaints"], serde_json::json!([]), "{seen:#}");
    assert_eq!(seen["requests"], serde_json::json!([format!("{page}/"), format!("{page}/events")]));
    assert_eq!(seen["verdict"], outcome.verdict());
    let notice = seen["notice"].as_str().unwrap();
    assert!(notice.starts_with(&format!("The run has ended: {}", outcome.verdict())), "{notice}");
    assert!(notice.contains("out/live/"), "it names the folder: {notice}");
    let count = |key: &str| seen[key].as_u64().unwrap();
    assert_eq!((count("rows"), count("conditions")), (1, 1), "{seen:#}");
    assert!(count("messages") >= 4 && count("lines") >= 5, "{seen:#}");
    // Foreign words are there as words.
    assert_eq!(count("foreign"), 0);
    assert!(
        seen["text"].as_str().unwrap().contains("<img src=x onerror=\"alert(1)\">"),
        "{seen:#}"
    );
    assert_eq!(seen["wide"], false, "nothing is wider than a phone");
}

#[test]
fn an_address_that_cannot_be_had_is_said_before_anything_is_sent() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (value, code, words) in [
        (address.as_str(), 4, "cannot serve the live page at 127.0.0.1"),
        ("lb.example:80", 2, "expected a port or IP:PORT"),
    ] {
        let stage = Stage::new(&plan("1s"));
        let mut command = Command::new(exe());
        command.args(["plan.toml", "--out", "out"]).arg(format!("--dashboard={value}"));
        stage.prepare(&mut command);
        let output = wait(command.stdin(Stdio::null()).spawn().unwrap());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(words) && stderr.contains("--dashboard"), "{stderr}");
        assert!(!stage.folder.path().join("out").exists());
    }
}
