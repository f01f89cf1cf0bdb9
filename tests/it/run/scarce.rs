//! Too few descriptors for one process: more processes, or no run.

use crate::outcome::{Stage, run_as, run_beside, run_with};
use crate::served::Served;
use std::net::SocketAddr;
use std::process::Command;

const USERS: u64 = 500;

fn plan(address: SocketAddr) -> String {
    format!(
        "name = \"scarce\"\ntargets.t.address = \"{address}\"\n[scenarios.s]\nprotocol = \"tcp-hold\"\n\
         expect = \"ok\"\ngreeting = \"5s\"\nstages = [{{ users = {USERS}, ramp = \"1s\", hold = \"1s\" }}]\n\
         thresholds = [\"failure_ratio <= 0%\", \"connections.open == 500\"]\n"
    )
}

/// With at most 256 open files a process.
fn limited(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new("prlimit");
    command.arg("--nofile=256:256").arg(crate::outcome::exe());
    command.args(["plan.toml", "--out", "out"]).args(arguments);
    stage.prepare(&mut command);
    command
}

#[test]
fn more_workers_carry_what_one_cannot() {
    let (outcome, server) = run_beside(0, || {
        let server = Served::start(&["tcp-hold"]);
        (run_with(&plan(server.address), |stage| limited(stage, &[])), server.stop())
    });
    let facts = outcome.scenario("s");
    assert!(facts.0["workers"]["count"].as_u64() >= Some(3), "{}", facts.0["workers"]);
    let names = ["due", "connect.ok", "ok", "verified", "failed.local"];
    assert_eq!(facts.counters(names), [USERS, USERS, USERS, USERS, 0]);
    let probes = outcome.report["targets"][0]["preflight.probes"].as_u64().unwrap();
    assert_eq!(server["accepted"], USERS + probes);
    assert!(server["peak_open"] >= USERS);
}

#[test]
fn the_built_in_server_gets_as_many_processes() {
    let address = "127.0.0.1:1".parse().unwrap();
    let plan = plan(address).replace("address = \"127.0.0.1:1\"", "builtin = \"tcp-hold\"");
    let outcome = run_as(0, &plan, |stage| limited(stage, &[]));
    let server = outcome.server("t");
    assert_eq!([server["accepted"], server["greeted"], server["accept_failed"]], [USERS, USERS, 0]);
    assert!(outcome.report["targets"][0]["addresses"].as_array().unwrap().len() >= 3);
}

#[test]
fn one_worker_that_cannot_carry_it_is_refused() {
    let server = Served::start(&["tcp-hold"]);
    let outcome =
        run_with(&plan(server.address), |stage| limited(stage, &["--set", "generator.workers=1"]));
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert!(outcome.results.is_none());
    for said in ["needed 564, have 256", "workers = \"auto\"", "nothing was sent"] {
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
    }
    assert_eq!(server.stop()["accepted"], 0);
}

#[test]
fn forced_it_is_invalid_and_the_target_is_not_blamed() {
    let server = Served::start(&["tcp-hold"]);
    let outcome = run_as(3, &plan(server.address), |stage| {
        limited(stage, &["--force", "--set", "generator.workers=1"])
    });
    let facts = outcome.scenario("s");
    let (failure, origin, phase, count) = facts.only_failure();
    assert_eq!((failure, origin, phase), ("too_many_files", "local", "connect"));
    assert!((USERS - 256..=USERS - 192).contains(&count), "{count}");
    assert_eq!(facts.counters(["failed.local", "connect.failed.local"]), [count, count]);
    assert_eq!(facts.counters(["connect.failed", "ok"]), [0, USERS - count]);
    assert_eq!(
        (facts.ratio("failure_ratio"), facts.ratio("success_ratio")),
        (Some(0.0), Some(1.0))
    );
    assert!(outcome.rules().contains(&"local_failures".to_owned()), "{:?}", outcome.rules());
    assert!(outcome.stdout.contains("too_many_files"), "{}", outcome.stdout);
}
