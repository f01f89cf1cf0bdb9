//! Requests over TLS: the built-in server, nginx, and servers whose handshake never ends well.

use super::{Peer, certificate};
use crate::outcome::{await_true, run, run_beside, run_once};
use crate::peers::{Peer as Process, await_port, go_server, port};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[test]
fn each_request_has_a_connection_or_all_share_one_and_sessions_go_on() {
    let plan = r#"
name = "https"
[targets]
kept = { builtin = "http", tls = {} }
once = { builtin = "http", tls = {} }
whole = { builtin = "http", tls = { resumption = false } }
[scenarios.kept]
protocol = "http"
target = "kept"
think_time = "10ms"
stages = [{ users = 10, hold = "1s" }]
thresholds = ["success_ratio == 100%", "tls.time.max < 5s", "transfer.time.max < 5s"]
[scenarios.once]
protocol = "http"
target = "once"
connection = { max_requests = 1 }
stages = [{ rate = "50/s", hold = "2s" }]
[scenarios.whole]
protocol = "http"
target = "whole"
connection = { max_requests = 2 }
stages = [{ rate = "50/s", hold = "2s" }]
"#;
    let outcome = run(0, plan, &[]);
    let kept = outcome.scenario("kept");
    assert_eq!(kept.counters(["connect.attempts", "connect.ok"]), [10; 2]);
    assert!(kept.counter("ok") > 100);
    for name in ["kept", "once", "whole"] {
        let (facts, server) = (outcome.scenario(name), outcome.server(name));
        assert_eq!(server["secured"], facts.counter("connect.ok"), "{name}");
        assert_eq!(server["resumed"], facts.counter("tls.resumed"), "{name}");
        assert_eq!(server["requests"], facts.counter("started"), "{name}");
        assert_eq!(server["closed_by_client"] + server["closed_by_us"], server["accepted"]);
        assert_eq!(facts.samples("tls.time"), facts.counter("connect.ok"), "{name}");
    }
    let once = outcome.scenario("once");
    assert_eq!(once.counters(["ok", "connect.ok"]), [100; 2]);
    // Each worker's first connections have no session to go on with.
    assert!(once.counter("tls.resumed") >= 80, "{}", once.counter("tls.resumed"));
    let whole = outcome.scenario("whole");
    assert_eq!(whole.counters(["ok", "tls.resumed"]), [100, 0]);
    assert!((50..60).contains(&whole.counter("connect.ok")), "{}", whole.counter("connect.ok"));
    assert!(outcome.file("summary.csv").lines().next().unwrap().contains("tls.resumed"));
}

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.0.wait().unwrap();
    }
}

/// nginx that takes only clients whose certificate `client.pem` has signed, and logs what each
/// connection was.
fn nginx(folder: &Path) -> (Nginx, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit; events {{}}\n\
         http {{ log_format tls '$ssl_session_reused $ssl_server_name $ssl_client_verify $status $uri';\n\
         access_log tls.log tls; keepalive_requests 5; server {{ listen 127.0.0.1:{port} ssl;\n\
         ssl_certificate own.pem; ssl_certificate_key own.key; ssl_session_cache shared:s:1m;\n\
         ssl_client_certificate client.pem; ssl_verify_client on; ssl_verify_depth 2;\n\
         location / {{ return 200 \"ok\"; }} }} }}\n"
    );
    std::fs::write(folder.join("nginx.conf"), text).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("nginx");
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stderr(Stdio::null());
    let child = command.arg("-p").arg(folder).args(["-c", "nginx.conf"]).spawn();
    let child = Nginx(child.expect("tests/setup.sh installs nginx"));
    await_true("nginx listens", Duration::from_secs(20), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (child, port)
}

#[test]
fn nginx_takes_the_certificate_the_name_and_earlier_sessions() {
    let (outcome, (_nginx, folder)) = run_beside(0, || {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path(), "own", false);
        certificate(folder.path(), "client", false);
        let (nginx, port) = nginx(folder.path());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let tls = format!("ca = \"{}\", server_name = \"localhost\"", at("own.pem"));
        let own = format!("cert = \"{}\", key = \"{}\"", at("client.pem"), at("client.key"));
        let scenario = |name: &str, expect: u16| {
            format!(
                "[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\nthink_time = \"20ms\"\n\
                 requests = [{{ path = \"/\", expect = {{ status = {expect} }} }}]\n\
                 stages = [{{ users = 4, hold = \"1s\" }}]\nthresholds = [\"success_ratio == 100%\"]\n"
            )
        };
        let plan = format!(
            "name = \"nginx\"\n\
             [targets.known]\naddress = \"https://127.0.0.1:{port}/\"\ntls = {{ {tls}, {own} }}\n\
             [targets.whole]\naddress = \"https://127.0.0.1:{port}/\"\ntls = {{ {tls}, {own}, resumption = false }}\n\
             [targets.unknown]\naddress = \"https://127.0.0.1:{port}/\"\ntls = {{ {tls} }}\n{}{}{}",
            scenario("known", 200),
            scenario("whole", 200),
            scenario("unknown", 400)
        );
        (run_once(&plan, &[]), (nginx, folder))
    });
    let resumed = |name: &str| outcome.scenario(name).counter("tls.resumed");
    // nginx ends each connection after five requests.
    assert!(outcome.scenario("known").counter("connect.ok") >= 20);
    assert!(resumed("known") > 0);
    assert_eq!(resumed("whole"), 0);
    let log = std::fs::read_to_string(folder.path().join("tls.log")).unwrap();
    let lines = |start: &str, end: &str| {
        log.lines().filter(|line| line.starts_with(start) && line.ends_with(end)).count() as u64
    };
    let sent = |name: &str| outcome.scenario(name).counter("ok");
    assert_eq!(lines("", " localhost SUCCESS 200 /"), sent("known") + sent("whole"));
    assert_eq!(lines("", " localhost NONE 400 /"), sent("unknown"));
    assert!(lines("r", "SUCCESS 200 /") > 0);
}

#[test]
fn the_host_header_is_the_name_that_tls_asks_for() {
    let (_, (_nginx, folder)) = run_beside(0, || {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path(), "own", false);
        certificate(folder.path(), "client", false);
        let (nginx, port) = nginx(folder.path());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let own = format!("cert = \"{}\", key = \"{}\"", at("client.pem"), at("client.key"));
        let target = |name: &str, more: &str| {
            let ca = at("own.pem");
            format!(
                "[targets.{name}]\naddress = \"https://127.0.0.1:{port}/\"\ntls = {{ ca = \"{ca}\", {own}{more} }}\n"
            )
        };
        let scenario = |name: &str, path: &str, host: &str| {
            format!(
                "[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\nthink_time = \"20ms\"\n\
                 requests = [{{ path = \"{path}\", headers = {{ host = \"{host}\" }} }}]\n\
                 stages = [{{ users = 1, hold = \"300ms\" }}]\nthresholds = [\"success_ratio == 100%\"]\n"
            )
        };
        // The certificate is for localhost and 127.0.0.1 alone, and an address is no name that TLS
        // says.
        let plan = format!(
            "name = \"sni\"\n{}{}{}{}",
            target("said", ""),
            target("given", ", server_name = \"127.0.0.1\""),
            scenario("said", "/said", "LocalHost:8443"),
            scenario("given", "/given", "shop.example")
        );
        (run_once(&plan, &[]), (nginx, folder))
    });
    let log = std::fs::read_to_string(folder.path().join("tls.log")).unwrap();
    let names = |path: &str| -> std::collections::BTreeSet<String> {
        let asked = log.lines().filter(|line| line.ends_with(path));
        asked.map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(names(" /said"), ["localhost".to_owned()].into());
    assert_eq!(names(" /given"), ["-".to_owned()].into());
}

#[test]
fn handshakes_that_end_badly_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "own", false);
    certificate(folder.path(), "old", true);
    certificate(folder.path(), "other", false);
    let serve = |name: &str| {
        let files = [format!("--cert={name}.pem"), format!("--key={name}.key")];
        let mut command = Command::new(crate::outcome::exe());
        command.args(["serve", "http", "--until-eof"]).args(files).current_dir(folder.path());
        Peer::start(&mut command)
    };
    let (own, old) = (serve("own"), serve("old"));
    let plain = Peer::serve(folder.path(), &["--message=this is no TLS at all, by any means"]);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let half = TcpListener::bind("127.0.0.1:0").unwrap();
    let half_address = half.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = half.accept() {
            // A handshake record is promised, and a part of it comes.
            let _ = stream.write_all(&[22, 3, 3, 0, 122, 2, 0, 0]);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
        }
    });
    let at = |name: &str| folder.path().join(name).display().to_string();
    let cases = [
        ("untrusted", own.address.clone(), "other.pem", "localhost", "tls", "UnknownIssuer"),
        ("misnamed", own.address.clone(), "own.pem", "elsewhere.test", "tls", "elsewhere.test"),
        ("expired", old.address.clone(), "old.pem", "localhost", "tls", "expired"),
        ("plain", plain.address.clone(), "own.pem", "localhost", "tls", "not TLS"),
        (
            "mute",
            mute.local_addr().unwrap().to_string(),
            "own.pem",
            "localhost",
            "connect_timeout",
            "not secured",
        ),
        ("cut", half_address.to_string(), "own.pem", "localhost", "closed_by_server", ""),
    ];
    let tables: Vec<String> = cases
        .iter()
        .map(|(name, address, ca, server, _, _)| {
            format!(
                "[targets.{name}]\naddress = \"https://{address}/\"\ntls = {{ ca = \"{}\", server_name = \"{server}\" }}\n\
                 [scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\nconnect_timeout = \"500ms\"\n\
                 stages = [{{ users = 3, hold = \"1s\" }}]\nthresholds = [\"success_ratio == 100%\"]\n",
                at(ca)
            )
        })
        .collect();
    let plan = format!("name = \"bad\"\n{}", tables.concat());
    let outcome = run(1, &plan, &[]);
    for (name, _, _, _, cause, words) in cases {
        let facts = outcome.scenario(name);
        assert_eq!(facts.counter("ok"), 0, "{name}");
        assert_eq!(facts.counter("connect.ok"), 0, "{name}");
        let failures = facts.0["failures"].as_array().unwrap();
        assert_eq!(failures.len(), 1, "{name}: {failures:?}");
        assert_eq!(failures[0]["phase"], "tls", "{name}");
        assert_eq!(failures[0]["failure"], cause, "{name}: {failures:?}");
        assert!(failures[0]["sample"].as_str().unwrap().contains(words), "{name}: {failures:?}");
    }
}

#[test]
fn gos_server_takes_options_of_everything_over_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "good", false);
    let port = port();
    let mut server = Command::new(go_server(folder.path()));
    server.args([&port.to_string(), "good.pem", "good.key"]).current_dir(folder.path());
    let _server = Process::start(&mut server);
    await_port(port);
    for version in ["1.1", "2"] {
        // Its own handler answers `*` with nothing; that of the article answers `ok` to all paths.
        let plan = format!(
            "name = \"go\"\n[targets.web]\naddress = \"https://127.0.0.1:{port}/\"\ntls = {{ insecure = true }}\n\
             [scenarios.web]\nprotocol = \"http\"\nversion = \"{version}\"\nthink_time = \"10ms\"\n\
             requests = [{{ name = \"all\", method = \"OPTIONS\", path = \"*\", expect = {{ status = 200, body = \"\" }} }},\n\
             {{ name = \"root\", method = \"OPTIONS\", path = \"/\", expect = {{ status = 200, body = \"ok\" }} }}]\n\
             stages = [{{ users = 2, hold = \"600ms\" }}]\nthresholds = [\"success_ratio == 100%\"]\n"
        );
        let outcome = run_beside(0, || (run_once(&plan, &[]), ())).0;
        let web = outcome.scenario("web");
        for name in ["all", "root"] {
            let (ok, failed) = web.ended(name);
            assert!(ok > 5 && failed == 0, "{version} {name}: {ok} {failed}");
        }
    }
}
