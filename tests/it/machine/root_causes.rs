//! Each cause made for real: a run meets it, and it is named with its side.

use super::{Lab, Ran, sysctl};
use planrun::machine::{Counters, Deltas, Evidence, HostRoot, MachineLimits, diagnose};
use planrun::record::{Cause, Diagnosis, RootCause, Side};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

const USERS: u64 = 300;

/// A target that nobody started: a plan needs `--force` for it.
const NOBODY: &str = "address = \"127.0.0.1:9\"";

fn plan(target: &str, generator: &str) -> String {
    plan_of(USERS, target, generator)
}

/// Users that expect a greeting of the target within two seconds.
pub(super) fn plan_of(users: u64, target: &str, generator: &str) -> String {
    format!(
        "name = \"root_cause\"\n[targets.t]\n{target}\n[scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\ngreeting = \"2s\"\n\
         connect_timeout = \"1500ms\"\nstages = [{{ users = {users}, spawn_rate = \"1000/s\", hold = \"2s\" }}]\n[generator]\n{generator}\n"
    )
}

fn built_in(faults: &str) -> String {
    plan(&format!("builtin = \"tcp-hold\"\nfaults = {{ {faults} }}"), "")
}

/// A run and what the kernel counted meanwhile.
pub(super) struct Seen {
    pub(super) ran: Ran,
    deltas: Deltas,
    target_here: bool,
}

impl Seen {
    pub(super) fn of(lab: &Lab, before: &[&str], plan: &str) -> Self {
        let host = HostRoot::default();
        let counters = Counters::read(&host);
        let ran = lab.run(before, plan, &["--force"]);
        Self { ran, deltas: Counters::read(&host).since(&counters), target_here: true }
    }

    fn diagnoses(&self) -> Vec<Diagnosis> {
        let failures = self.ran.report["scenarios"][0]["failures"].as_array().unwrap();
        let failures: Vec<(Cause, u64)> = failures
            .iter()
            .map(|failure| {
                let cause = Cause {
                    failure: serde_json::from_value(failure["failure"].clone()).unwrap(),
                    at: serde_json::from_value(failure["phase"].clone()).unwrap(),
                    code: failure["code"].as_i64().unwrap_or(0).try_into().unwrap(),
                };
                (cause, failure["count"].as_u64().unwrap())
            })
            .collect();
        diagnose(&Evidence {
            wanted: USERS,
            reached: self.ran.counter("connect.ok"),
            opened: self.ran.counter("connect.ok"),
            verified: self.ran.counter("verified"),
            failures: &failures,
            deaths: &[],
            killed: 0,
            deltas: &self.deltas,
            limits: &MachineLimits::read_at(&HostRoot::default()),
            route: "127.0.0.1 -> t",
            target_here: self.target_here,
            protocol: None,
            over_unix: false,
        })
    }

    pub(super) fn assert(&self, root_cause: RootCause, side: Side) {
        let diagnoses = self.diagnoses();
        let first = diagnoses.first().unwrap_or_else(|| panic!("nobody: {}", self.ran.stderr));
        assert_eq!(
            (first.root_cause, first.side),
            (root_cause, side),
            "{diagnoses:?} {:?}",
            self.deltas
        );
    }
}

/// A listener that never accepts, with room for this many connections; it listens as long as it is
/// kept.
fn deaf(backlog: i32) -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(backlog).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, format!("address = \"{address}\""))
}

/// A server of ours behind `before`, as somebody else's target.
struct Server {
    child: Child,
    target: String,
}

impl Server {
    fn start(before: &[&str]) -> Self {
        let mut words = before.to_vec();
        words.extend([env!("CARGO_BIN_EXE_planrun"), "serve", "tcp-hold", "--message", "ok"]);
        words.extend(["--listen", "127.0.0.1:0", "--processes", "1", "--json"]);
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let target = format!("address = {}", said["listening"][0]);
        Self { child, target }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn source_ports_run_out() {
    Lab::within(|lab| {
        sysctl("net.ipv4.ip_local_port_range", "40000 40099");
        let plan = plan("builtin = \"tcp-hold\"", "source_addresses = [\"127.0.0.1\"]");
        let seen = Seen::of(lab, &[], &plan);
        seen.assert(RootCause::SourcePorts, Side::Generator);
        assert!(
            seen.diagnoses()[0].sentence.starts_with("stopped at 99 of 300 connections because")
        );
    });
}

#[test]
fn a_source_address_is_not_ours() {
    Lab::within(|lab| {
        let plan = plan(NOBODY, "source_addresses = [\"10.1.2.3\"]");
        Seen::of(lab, &[], &plan).assert(RootCause::SourceAddress, Side::Generator);
    });
}

#[test]
fn descriptors_of_a_worker_run_out() {
    Lab::within(|lab| {
        let server = Server::start(&[]);
        let plan = plan(&server.target, "workers = 1");
        let seen = Seen::of(lab, &["prlimit", "--nofile=120:120"], &plan);
        seen.assert(RootCause::ProcessFiles, Side::Generator);
    });
}

#[test]
fn nobody_listens() {
    Lab::within(|lab| {
        Seen::of(lab, &[], &plan(NOBODY, "")).assert(RootCause::Refused, Side::Target);
    });
}

#[test]
fn there_is_no_way() {
    Lab::within(|lab| {
        let plan = plan("address = \"10.9.9.9:80\"", "");
        let seen = Seen { target_here: false, ..Seen::of(lab, &[], &plan) };
        seen.assert(RootCause::Unreachable, Side::Network);
    });
}

#[test]
fn the_accept_queue_overflows() {
    Lab::within(|lab| {
        let (listener, target) = deaf(16);
        let seen = Seen::of(lab, &[], &plan(&target, ""));
        seen.assert(RootCause::AcceptQueue, Side::Target);
        assert!(seen.deltas.rise("TcpExt.ListenOverflows") > 0);
        drop(listener);
    });
}

#[test]
fn a_firewall_swallows_packets() {
    Lab::within(|lab| {
        let (listener, target) = deaf(1_000);
        lab.nft("table ip t { chain c { type filter hook input priority 0; tcp flags & (syn|ack) == syn drop; }; }");
        Seen::of(lab, &[], &plan(&target, "")).assert(RootCause::Firewall, Side::Network);
        drop(listener);
    });
}

#[test]
fn the_target_runs_out_of_descriptors() {
    Lab::within(|lab| {
        let server = Server::start(&["prlimit", "--nofile=100:100"]);
        let seen = Seen::of(lab, &[], &plan(&server.target, ""));
        seen.assert(RootCause::TargetFiles, Side::Target);
    });
}

#[test]
fn the_target_accepts_and_says_nothing() {
    Lab::within(|lab| {
        Seen::of(lab, &[], &built_in("silence = true"))
            .assert(RootCause::TargetSilent, Side::Target);
    });
}

#[test]
fn the_target_resets_open_connections() {
    Lab::within(|lab| {
        let seen = Seen::of(lab, &[], &built_in("reset_after = \"1s\""));
        seen.assert(RootCause::ResetStorm, Side::Target);
    });
}

#[test]
fn the_target_closes_early() {
    Lab::within(|lab| {
        let seen = Seen::of(lab, &[], &built_in("close_after = \"1s\""));
        seen.assert(RootCause::ClosedEarly, Side::Target);
    });
}

#[test]
fn the_target_answers_wrongly() {
    Lab::within(|lab| {
        let seen = Seen::of(lab, &[], &built_in("wrong_data = true"));
        seen.assert(RootCause::WrongAnswer, Side::Target);
    });
}
