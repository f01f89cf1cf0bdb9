//! Names whose addresses the plan gives: the connection goes there, and all that the target is told
//! stays the name's. Names that are looked up again during a run: new connections follow them.

use crate::outcome::{Outcome, await_true, exe, run_as, run_beside, run_once};
use crate::peers::{Peer, await_port, port};
use crate::served::Served;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::Duration;

const NAME: &str = "shop.example";

/// A certificate for the name alone.
fn certificate(folder: &Path) {
    let parameters = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    fs::write(folder.join("shop.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("shop.key"), key.serialize_pem()).unwrap();
}

/// nginx on two addresses of IPv4 and one of IPv6, with TLS, which answers with the names that it
/// was told, and logs them with its address.
fn nginx(folder: &Path, port: u16) -> Peer {
    certificate(folder);
    let at = folder.display();
    let http = format!(
        "  log_format seen '$server_addr $connection_requests';\n  access_log {at}/seen.log seen;\n\
         \x20 server {{\n    listen 127.0.0.1:{port} ssl; listen 127.0.0.2:{port} ssl; listen [::1]:{port} ssl;\n\
         \x20   ssl_certificate {at}/shop.pem; ssl_certificate_key {at}/shop.key;\n\
         \x20   location / {{ return 200 \"$ssl_server_name $http_host\"; }}\n  }}"
    );
    let process = Peer::nginx(folder, &http);
    await_port(port);
    process
}

#[test]
fn addresses_of_a_name_take_turns_and_the_target_is_told_the_name() {
    let (outcome, seen) = run_beside(0, || {
        let folder = tempfile::tempdir().unwrap();
        let port = port();
        let _nginx = nginx(folder.path(), port);
        let ca = folder.path().join("shop.pem");
        let plan = format!(
            "name = \"names\"\n[targets.shop]\naddress = \"https://{NAME}:{port}/\"\ntls = {{ ca = '{}' }}\n\
             resolve = {{ \"{NAME}\" = \"203.0.113.1\", \"{NAME}:{port}\" = [\"127.0.0.1\", \"127.0.0.2\", \"::1\"] }}\n\
             [scenarios.shop]\nprotocol = \"http\"\nthink_time = \"20ms\"\n\
             requests = [{{ path = \"/\", expect = {{ status = 200, body = \"{NAME} {NAME}:{port}\" }} }}]\n\
             stages = [{{ users = 9, hold = \"500ms\" }}]\nthresholds = [\"failure_ratio <= 0%\"]\n",
            ca.display()
        );
        let outcome = run_once(&plan, &[]);
        let log = || fs::read_to_string(folder.path().join("seen.log")).unwrap_or_default();
        await_true("a log", Duration::from_secs(5), || log().ends_with('\n'));
        (outcome, log())
    });
    let facts = outcome.scenario("shop");
    assert_eq!(facts.counters(["connect.attempts", "connect.ok"]), [9; 2]);
    for address in ["127.0.0.1", "127.0.0.2", "::1"] {
        let first = format!("{address} 1");
        assert_eq!(seen.lines().filter(|line| *line == first).count(), 3, "{address}: {seen}");
    }
    let target = &outcome.report["targets"][0];
    assert_eq!(target["addresses"].as_array().unwrap().len(), 3);
    assert!(target["dns.time_ns"].is_null(), "nothing was looked up: {target}");
}

#[test]
fn held_connections_go_to_the_addresses_of_the_plan() {
    let (outcome, [websocket, raw]) = run_beside(0, || {
        let raw = Served::start(&["tcp-hold", "--listen", "[::1]:0"]);
        let websocket = Served::start(&["ws-hold", "--listen", "127.0.0.1:0"]);
        let (raw_port, websocket_port) = (raw.address.port(), websocket.address.port());
        let plan = format!(
            "name = \"held-names\"\n\
             [targets.raw]\naddress = \"raw.example:{raw_port}\"\nresolve = {{ \"raw.example\" = \"[::1]\" }}\n\
             [targets.ws]\naddress = \"ws://ws.example:{websocket_port}/\"\nresolve = {{ \"WS.example\" = \"127.0.0.1\" }}\n\
             [scenarios.raw]\nprotocol = \"tcp-hold\"\ntarget = \"raw\"\nstages = [{{ users = 20, hold = \"300ms\" }}]\n\
             [scenarios.ws]\nprotocol = \"ws-hold\"\ntarget = \"ws\"\nstages = [{{ users = 20, hold = \"300ms\" }}]\n"
        );
        (run_once(&plan, &["--force"]), [websocket.stop(), raw.stop()])
    });
    for name in ["raw", "ws"] {
        assert_eq!(outcome.scenario(name).counters(["ok", "connect.ok"]), [20; 2], "{name}");
    }
    assert_eq!(websocket["handshakes"], 20);
    assert!(raw["accepted"] >= 20);
}

/// What `addresses` of a scenario says: by address, how many opened, failed, and broke.
fn by_address(outcome: &Outcome, scenario: &str) -> Vec<(String, [u64; 3])> {
    let all = outcome.scenario(scenario).0["addresses"].as_array().unwrap();
    let of = |one: &serde_json::Value, key: &str| one[key].as_u64().unwrap();
    all.iter()
        .map(|one| {
            let address = one["address"].as_str().unwrap();
            let ip = address.rsplit_once(':').unwrap().0.to_owned();
            (ip, ["opened", "failed", "broken"].map(|key| of(one, key)))
        })
        .collect()
}

/// A run whose names are in a file of the test's own, which it changes at these times (ms).
fn run_with_names(plan: &str, first: &str, changes: &[(u64, &'static str)]) -> Outcome {
    run_as(0, plan, |stage| {
        let hosts = stage.folder.path().join("hosts");
        fs::write(&hosts, first).unwrap();
        let script = "mount --bind hosts /etc/hosts && exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(exe());
        command.args("plan.toml --out out --progress lines --summary full".split(' '));
        stage.prepare(&mut command);
        let changes = changes.to_vec();
        spawn(move || {
            let mut passed = 0;
            for (at_ms, text) in changes {
                sleep(Duration::from_millis(at_ms - passed));
                passed = at_ms;
                fs::write(&hosts, text).unwrap();
            }
        });
        command
    })
}

#[test]
fn new_connections_follow_a_name_and_a_failed_lookup_changes_nothing() {
    let web = Served::start(&["http", "--listen", "0.0.0.0:0"]);
    let held = Served::start(&["tcp-hold", "--listen", "0.0.0.0:0"]);
    let plan = format!(
        "name = \"dns\"\n\
         [targets.web]\naddress = \"http://shop.example:{}/\"\ndns = {{ refresh = \"1s\" }}\n\
         [targets.held]\naddress = \"lb.example:{}\"\ndns = {{ refresh = \"1s\" }}\n\
         [scenarios.web]\nprotocol = \"http\"\ntarget = \"web\"\nconnection = {{ max_requests = 1 }}\n\
         stages = [{{ rate = \"50/s\", hold = \"6s\" }}]\nthresholds = [\"failure_ratio <= 0%\"]\n\
         [scenarios.held]\nprotocol = \"tcp-hold\"\ntarget = \"held\"\n\
         stages = [{{ users = 640, spawn_rate = \"120/s\", hold = \"500ms\" }}]\n",
        web.address.port(),
        held.address.port()
    );
    let both = "127.0.0.1 shop.example lb.example\n127.0.0.2 shop.example lb.example\n";
    let others = "127.0.0.2 shop.example lb.example\n127.0.0.3 shop.example lb.example\n";
    let changes = [(2_200, others), (4_200, "127.0.0.9 nobody.example\n")];
    let outcome = run_with_names(&plan, both, &changes);
    for (name, all) in [("web", 300), ("held", 640)] {
        let found = by_address(&outcome, name);
        let ips: Vec<&str> = found.iter().map(|(ip, _)| ip.as_str()).collect();
        assert_eq!(ips, ["127.0.0.1", "127.0.0.2", "127.0.0.3"], "{name}");
        assert!(
            found.iter().all(|(_, [opened, failed, broken])| {
                *opened > all / 12 && (*failed, *broken) == (0, 0)
            }),
            "{found:?}"
        );
        assert_eq!(found.iter().map(|(_, [opened, ..])| opened).sum::<u64>(), all, "{name}");
        assert_eq!(outcome.scenario(name).counter("connect.ok"), all);
    }
    for target in outcome.report["targets"].as_array().unwrap() {
        let lookups = &target["dns.lookups"];
        assert_eq!((&lookups["changes"], &lookups["failures"]), (&1.into(), &1.into()), "{target}");
        let latest = lookups["latest"].as_array().unwrap();
        assert!(latest[1]["failures"][0].as_str().unwrap().starts_with("cannot resolve"));
        assert_eq!(latest[0]["addresses"], latest[1]["addresses"], "the old ones stay");
    }
    assert!(outcome.stdout.contains("a lookup during the run failed"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("target web is now at 127.0.0.2"), "{}", outcome.stderr);
    let csv = outcome.file("addresses.csv");
    assert_eq!(csv.lines().count(), 1 + 2 * 2 * 3, "{csv}");
    assert!(outcome.file("report.html").contains("addresses from before"));
}
