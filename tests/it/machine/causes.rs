//! Every cause is injected, and the run that suffers from it names it and whose side it is on.

use super::{Lab, Ran, ip, sysctl};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A scenario that holds connections to `target`.
pub(super) fn hold(target: &str, keys: &str, stage: &str) -> String {
    format!(
        "name = \"cause\"\n[targets.t]\n{target}\n[scenarios.hold]\nprotocol = \"tcp-hold\"\ntarget = \"t\"\n\
         {keys}\nstages = [{{ {stage} }}]\n"
    )
}

pub(super) fn generator(plan: &str, keys: &str) -> String {
    format!("{plan}[generator]\n{keys}\n")
}

impl Ran {
    /// The root cause with most failures, and its side; its sentence and fix are there, and on the
    /// screen as well.
    pub(super) fn first_cause(&self) -> (&str, &str) {
        let first = &self.report["causes"][0];
        let word = |key: &str| {
            first[key].as_str().unwrap_or_else(|| {
                panic!(
                    "no `{key}` of a cause; exit {}: {}\n{:#}",
                    self.code, self.stderr, self.report["causes"]
                )
            })
        };
        assert_eq!(word("scenario"), "hold");
        assert!(word("sentence").contains(&format!("({})", word("side"))), "{first}");
        let seen = self.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let sentence = word("sentence").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(seen.contains(&sentence[1..]), "{sentence:?} is not in {seen}");
        assert!(seen.contains(word("fix").split_whitespace().next().unwrap()), "{seen}");
        (word("root_cause"), word("side"))
    }

    pub(super) fn sentence(&self) -> &str {
        self.report["causes"][0]["sentence"].as_str().unwrap()
    }

    /// A change of a kernel counter in the first stage.
    fn kernel(&self, name: &str) -> i64 {
        self.report["scenarios"][0]["stages"][0]["kernel"][name].as_i64().unwrap_or(0)
    }
}

/// A server of planrun's own, behind `before`, until it is dropped.
pub(super) struct Served {
    process: Child,
    pub(super) address: String,
}

impl Served {
    pub(super) fn start(before: &[&str], arguments: &[&str]) -> Self {
        let mut words = before.to_vec();
        words.push(env!("CARGO_BIN_EXE_planrun"));
        words.extend(["serve", "tcp-hold", "--json", "--processes", "1"]);
        words.extend(arguments);
        let mut process = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let text = said.to_string();
        let start = text.find("127.0.0.1:").unwrap_or_else(|| panic!("no address in {text}"));
        let rest = &text[start..];
        let end = rest.find('"').unwrap_or(rest.len());
        Self { process, address: rest[..end].to_owned() }
    }

    pub(super) fn target(&self) -> String {
        format!("address = \"{}\"", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const GREETED: &str = "expect = \"ok\"\ngreeting = \"1s\"";
const SHORT: &str = "users = 200, spawn_rate = \"2000/s\", hold = \"500ms\"";

#[test]
fn source_ports_that_ran_out() {
    Lab::within(|lab| {
        let server = Served::start(&[], &[]);
        sysctl("net.ipv4.ip_local_port_range", "10000 10149");
        let plan = hold(&server.target(), "", SHORT);
        let ran =
            lab.run(&[], &generator(&plan, "source_addresses = [\"127.0.0.1\"]"), &["--force"]);
        assert_eq!(ran.first_cause(), ("source_ports", "generator"));
        assert!(
            ran.sentence().starts_with("stopped at 150 of 200 connections"),
            "{}",
            ran.sentence()
        );
        assert!(ran.sentence().contains("127.0.0.1 -> 127.0.0.1:"), "{}", ran.sentence());
    });
}

#[test]
fn descriptors_of_a_worker_that_ran_out() {
    Lab::within(|lab| {
        let server = Served::start(&[], &[]);
        let plan = generator(&hold(&server.target(), "", SHORT), "workers = 1");
        let ran = lab.run(&["prlimit", "--nofile=100:100"], &plan, &["--force"]);
        assert_eq!(ran.first_cause(), ("process_files", "generator"));
        assert!(ran.report["causes"][0]["fix"].as_str().unwrap().contains("--nofile="));
    });
}

#[test]
fn a_source_address_of_somebody_else() {
    Lab::within(|lab| {
        let plan = hold("builtin = \"tcp-hold\"", "", SHORT);
        let plan = generator(&plan, "source_addresses = [\"192.0.2.77\"]");
        let ran = lab.run(&[], &plan, &["--force"]);
        assert_eq!(ran.first_cause(), ("source_address", "generator"));
    });
}

#[test]
fn nobody_listens() {
    Lab::within(|lab| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ran = lab.run(
            &[],
            &hold(&format!("address = \"127.0.0.1:{port}\""), "", SHORT),
            &["--force"],
        );
        assert_eq!(ran.first_cause(), ("refused", "target"));
        assert!(
            ran.sentence().starts_with("stopped at 0 of 200 connections"),
            "{}",
            ran.sentence()
        );
    });
}

#[test]
fn resets_at_accept() {
    Lab::within(|lab| {
        let server = Served::start(&[], &["--reset-after", "0s"]);
        let ran = lab.run(&[], &hold(&server.target(), GREETED, SHORT), &["--force"]);
        assert_eq!(ran.first_cause(), ("reset_at_accept", "target"));
    });
}

#[test]
fn silence_after_accept() {
    Lab::within(|lab| {
        let server = Served::start(&[], &["--silence"]);
        let stage = "users = 50, spawn_rate = \"500/s\", hold = \"1500ms\"";
        let ran = lab.run(&[], &hold(&server.target(), GREETED, stage), &[]);
        assert_eq!(ran.first_cause(), ("target_silent", "target"));
    });
}

#[test]
fn an_accept_queue_that_overflows() {
    Lab::within(|lab| {
        sysctl("net.core.somaxconn", "16");
        sysctl("net.ipv4.tcp_syncookies", "0");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("address = \"{}\"", listener.local_addr().unwrap());
        let keys = "connect_timeout = \"500ms\"";
        let stage = "users = 100, spawn_rate = \"1000/s\", hold = \"700ms\"";
        let ran = lab.run(&[], &hold(&target, keys, stage), &["--force"]);
        assert_eq!(ran.first_cause(), ("accept_queue", "target"));
        assert!(
            ran.kernel("TcpExt.ListenOverflows") > 0,
            "{:#}",
            ran.report["scenarios"][0]["stages"]
        );
        drop(listener);
    });
}

#[test]
fn connections_that_die_at_the_same_age() {
    Lab::within(|lab| {
        let server = Served::start(&[], &["--close-after", "2s"]);
        let stage = "users = 50, spawn_rate = \"500/s\", hold = \"2500ms\"";
        let ran = lab.run(&[], &hold(&server.target(), "expect = \"ok\"", stage), &[]);
        assert_eq!(ran.first_cause(), ("idle_timeout", "target"));
        assert!(ran.sentence().contains("died at 2 ± 1 s"), "{}", ran.sentence());
    });
}

#[test]
fn connections_that_are_closed_early() {
    Lab::within(|lab| {
        let server = Served::start(&[], &["--close-after", "100ms"]);
        let ran = lab.run(&[], &hold(&server.target(), "expect = \"ok\"", SHORT), &[]);
        assert_eq!(ran.first_cause(), ("closed_early", "target"));
    });
}

#[test]
fn wrong_data() {
    Lab::within(|lab| {
        let server = Served::start(&[], &["--wrong-data"]);
        let ran = lab.run(&[], &hold(&server.target(), GREETED, SHORT), &[]);
        assert_eq!(ran.first_cause(), ("wrong_answer", "target"));
    });
}

#[test]
fn heartbeats_that_do_not_come() {
    Lab::within(|lab| {
        let server = Served::start(&[], &["--every", "0s"]);
        let keys = "expect = \"ok\"\nheartbeat = { from = \"server\", every = \"300ms\", grace = \"200ms\" }";
        let stage = "users = 50, spawn_rate = \"500/s\", hold = \"1s\"";
        let ran = lab.run(&[], &hold(&server.target(), keys, stage), &[]);
        assert_eq!(ran.first_cause(), ("target_late", "target"));
    });
}

#[test]
fn no_way_there() {
    Lab::within(|lab| {
        ip("route add unreachable 198.51.100.0/24");
        let ran = lab.run(&[], &hold("address = \"198.51.100.7:80\"", "", SHORT), &["--force"]);
        assert_eq!(ran.first_cause(), ("unreachable", "network"));
        assert!(ran.sentence().contains("this machine -> 198.51.100.7:80"), "{}", ran.sentence());
    });
}

#[test]
fn a_rule_that_forbids_connections() {
    Lab::within(|lab| {
        ip("route add prohibit 198.51.100.0/24");
        let ran = lab.run(&[], &hold("address = \"198.51.100.7:80\"", "", SHORT), &["--force"]);
        assert_eq!(ran.first_cause(), ("firewall", "network"));
    });
}

#[test]
fn a_rule_that_swallows_packets() {
    Lab::within(|lab| {
        let server = Served::start(&[], &[]);
        lab.nft(&format!(
            "table ip t {{ chain c {{ type filter hook input priority 0; tcp dport {} drop; }}; }}",
            server.address.rsplit(':').next().unwrap()
        ));
        let keys = "connect_timeout = \"500ms\"";
        // The probe of the preflight waits for its answer in vain, too.
        let ran = lab.run(&[], &hold(&server.target(), keys, SHORT), &["--force"]);
        assert_eq!(ran.first_cause(), ("firewall", "network"));
    });
}

#[test]
fn a_target_without_descriptors() {
    Lab::within(|lab| {
        let server = Served::start(&["prlimit", "--nofile=64:64"], &[]);
        let stage = "users = 100, spawn_rate = \"1000/s\", hold = \"1500ms\"";
        let ran = lab.run(&[], &hold(&server.target(), GREETED, stage), &["--force"]);
        assert_eq!(ran.first_cause(), ("target_files", "target"));
    });
}

/// The processes that `parent` has started, with their command lines.
fn children(parent: u32) -> Vec<(i32, String)> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let pids = std::fs::read_to_string(path).unwrap_or_default();
    let line = |pid: &str| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid.parse().ok()?, String::from_utf8_lossy(&words).replace('\0', " ")))
    };
    pids.split_whitespace().filter_map(line).collect()
}

#[test]
fn a_worker_that_somebody_kills() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    Lab::within(|lab| {
        let server = Served::start(&[], &[]);
        let stage = "users = 64, spawn_rate = \"1000/s\", hold = \"1s\"";
        let plan = generator(&hold(&server.target(), "", stage), "workers = 2");
        let ran = lab.run_with(&plan, |process| {
            // Once the server has one of them, the load is on.
            let until = Instant::now() + Duration::from_secs(10);
            loop {
                let workers: Vec<i32> = children(process.id())
                    .into_iter()
                    .filter(|(_, line)| line.trim_end().ends_with(" worker"))
                    .map(|(pid, _)| pid)
                    .collect();
                if workers.len() == 2 && open_files(workers[0]) > 20 {
                    return kill(Pid::from_raw(workers[0]), Signal::SIGKILL).unwrap();
                }
                assert!(Instant::now() < until, "no load began");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        assert_eq!(ran.first_cause(), ("killed", "generator"));
        assert!(ran.report["workers_lost"][0]["why"].as_str().unwrap().contains("SIGKILL"));
    });
}

fn open_files(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

#[test]
fn a_run_without_failures_has_no_causes_and_says_what_it_cost() {
    Lab::within(|lab| {
        let keys = "expect = \"ok\"\nheartbeat = { from = \"server\", every = \"1s\" }";
        let stage = "users = 1000, spawn_rate = \"1000/s\", hold = \"3s\"";
        let ran = lab.run(&[], &hold("builtin = \"tcp-hold\"", keys, stage), &[]);
        assert_eq!(ran.report["causes"], serde_json::json!([]), "{}", ran.stderr);
        let cost = &ran.report["scenarios"][0]["cost"];
        assert_eq!((&cost["connections"], &cost["both_ends_here"]), (&1_000.into(), &true.into()));
        for side in ["generator", "target"] {
            for figure in [
                "fixed_rss_bytes",
                "total_rss_bytes_per_connection",
                "cpu_seconds_per_thousand_connections",
                "cpu_seconds_per_heartbeat",
            ] {
                assert!(
                    cost[side][figure].as_f64().is_some_and(|value| value >= 0.0),
                    "{side} {figure}: {cost:#}"
                );
            }
            let each = cost[side]["rss_bytes_per_connection"].as_f64().unwrap();
            assert!(each < 10_000.0, "{cost:#}");
        }
        // How much it is depends on everything else that this machine does meanwhile.
        assert!(cost["kernel_bytes_per_connection"].is_number(), "{cost:#}");
        assert!(
            ran.stdout.contains("memory a connection, 1,000 open: generator"),
            "{}",
            ran.stdout
        );
    });
}

#[test]
fn the_same_causes_are_found_again_elsewhere() {
    Lab::within(|lab| {
        let server = Served::start(&[], &[]);
        sysctl("net.ipv4.ip_local_port_range", "10000 10149");
        let plan = hold(&server.target(), "", SHORT);
        let ran =
            lab.run(&[], &generator(&plan, "source_addresses = [\"127.0.0.1\"]"), &["--force"]);
        let folder = ran.folder.clone().unwrap();
        let before = std::fs::read(folder.join("report.json")).unwrap();
        // The machine is another one by now.
        sysctl("net.ipv4.ip_local_port_range", "1024 65535");
        let output =
            super::planrun(&["prlimit", "--nofile=333:333"], &["report", super::path(&folder)]);
        assert_eq!(output.status.code(), Some(0));
        assert!(before == std::fs::read(folder.join("report.json")).unwrap());
    });
}
