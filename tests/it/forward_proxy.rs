//! Requests through a forward proxy: a real one, with credentials that nobody sees, and ones that
//! refuse.

use crate::outcome::{Outcome, exe, run_as, run_beside, run_once};
use crate::peers::{Peer, await_port, port};
use crate::served::Served;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread::spawn;

const PASSWORD: &str = "s3cr3t-of-the-proxy";

/// tinyproxy that wants the name `load` and the password, and leads to this port by CONNECT.
fn tinyproxy(folder: &Path, port: u16, secured: u16) -> Peer {
    let configuration = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 200\nAllow 127.0.0.1\n\
         BasicAuth load {PASSWORD}\nConnectPort {secured}\nLogLevel Critical\n"
    );
    let file = folder.join("tinyproxy.conf");
    fs::write(&file, configuration).unwrap();
    let process = Peer::start(Command::new("tinyproxy").args(["-d", "-c"]).arg(file));
    await_port(port);
    process
}

fn scenario(name: &str, address: &str, proxy: &str) -> String {
    format!(
        "[targets.{name}]\naddress = \"{address}\"\nproxy = \"{proxy}\"\nprobe = false\n\
         [scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\nconnect_timeout = \"500ms\"\n\
         stages = [{{ users = 4, hold = \"400ms\" }}]\nthink_time = \"50ms\"\n"
    )
}

/// Every text that a run has left behind.
fn all_texts(outcome: &Outcome) -> String {
    let mut text = outcome.stdout.clone() + &outcome.stderr + &outcome.journal();
    let mut folders = vec![outcome.results.clone().unwrap()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text += &String::from_utf8_lossy(&fs::read(path).unwrap());
            }
        }
    }
    text
}

#[test]
fn a_real_proxy_takes_requests_and_opens_tunnels() {
    let plain = Served::start(&["http", "--listen", "127.0.0.1:0"]);
    let secured = Served::start(&["http", "--tls", "--listen", "127.0.0.1:0"]);
    let (plain_port, secured_port) = (plain.address.port(), secured.address.port());
    let folder = tempfile::tempdir().unwrap();
    let port = port();
    let _proxy = tinyproxy(folder.path(), port, secured_port);
    let by = format!("http://load:${{env.PROXY_PASSWORD}}@127.0.0.1:{port}");
    let nobody = format!("http://127.0.0.1:{port}");
    let wrong = format!("http://load:wrong%40password@127.0.0.1:{port}");
    let https = format!("https://127.0.0.1:{secured_port}/");
    let http = format!("http://127.0.0.1:{plain_port}/");
    let insecure =
        |text: String| text.replace("probe = false", "tls = { insecure = true }\nprobe = false");
    let second = |text: String| text + "version = \"2\"\n";
    let plan = [
        "name = \"proxied\"\n".to_owned(),
        scenario("plain", &http, &by),
        insecure(scenario("tunnel", &https, &by)) + "thresholds = [\"proxy_time.max < 5s\"]\n",
        insecure(second(scenario("two", &https, &by))),
        scenario("denied-plain", &http, &nobody) + "thresholds = []\n",
        insecure(scenario("denied-tunnel", &https, &wrong)) + "thresholds = []\n",
    ]
    .concat();
    let outcome = run_as(0, &plan, |stage| {
        let mut command = Command::new(exe());
        command.args("plan.toml --out out --progress lines --summary full".split(' '));
        command.env("PROXY_PASSWORD", PASSWORD).env("http_proxy", "http://127.0.0.1:9");
        stage.prepare(&mut command);
        command
    });
    for name in ["plain", "tunnel", "two"] {
        let facts = outcome.scenario(name);
        assert!(facts.counter("ok") >= 12, "{name}");
        assert!(facts.failures().is_empty(), "{name}: {:?}", facts.failures());
    }
    for name in ["tunnel", "two"] {
        let facts = outcome.scenario(name);
        assert_eq!(facts.samples("proxy_time"), facts.counter("connect.ok"), "{name}");
        assert_eq!(facts.samples("tls.time"), facts.counter("connect.ok"), "{name}");
    }
    assert!(outcome.scenario("plain").0["times"]["proxy_time"].is_null());
    for name in ["denied-plain", "denied-tunnel"] {
        let (failure, origin, phase, count) = outcome.scenario(name).only_failure();
        assert_eq!((failure, origin, phase), ("proxy_refused", "protocol", "proxy"), "{name}");
        assert!(count >= 4, "{name}");
    }
    let texts = all_texts(&outcome);
    let encoded = "bG9hZDpzM2NyM3Qtb2YtdGhlLXByb3h5";
    assert!(!texts.contains(PASSWORD) && !texts.contains(encoded));
    assert!(texts.contains("through the proxy 127.0.0.1"), "the summary says how");
}

/// A proxy that answers each connection with these bytes, once it was asked, and closes it.
fn raw(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 512];
            let _ = stream.read(&mut asked);
            // Another request gets an answer that no case expects.
            let is_right = asked.starts_with(b"CONNECT shop.example:443 HTTP/1.1\r\n");
            let _ = stream.write_all(if is_right { answer } else { b"HTTP/1.1 599 Wrong\r\n\r\n" });
        }
    });
    port
}

#[test]
fn what_a_proxy_refuses_is_named_as_its_own() {
    let (outcome, ()) = run_beside(0, || {
        let by = |port: u16| format!("http://127.0.0.1:{port}");
        let target = "https://shop.example/";
        let cases = [
            ("gateway", raw(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")),
            ("closed", raw(b"")),
            ("foreign", raw(b"SSH-2.0-OpenSSH\r\n")),
        ];
        let mut plan = "name = \"refused\"\n".to_owned();
        for (name, port) in cases {
            plan += &(scenario(name, target, &by(port)) + "thresholds = []\n");
        }
        (run_once(&plan, &[]), ())
    });
    for (name, failure) in
        [("gateway", "proxy_refused"), ("closed", "closed_by_server"), ("foreign", "bad_http")]
    {
        let (found, _, phase, _) = outcome.scenario(name).only_failure();
        assert_eq!((found, phase), (failure, "proxy"), "{name}");
    }
    let failures = outcome.file("failures.csv");
    assert!(failures.contains("the proxy answered CONNECT with 502"), "{failures}");
}
