//! What cannot become a run: a named host, a clear reason, exit 4, and nothing sent.

use super::lab::{Lab, RUN};
use crate::outcome::{Outcome, Stage, wait};
use std::time::{Duration, Instant};

const PLAN: &str = "name = \"refused\"\ntargets.lb = { address = \"10.77.0.1:7000\" }\n\
    [scenarios.hold]\nprotocol = \"tcp-hold\"\nstages = [{ users = 9, hold = \"1s\" }]\n";

/// What comes of a coordinator beside these agents, each with its host.
fn with_agents(lab: &Lab, agents: &[(usize, &[&str])], options: &[&str]) -> Outcome {
    let agents: Vec<_> = agents.iter().map(|(host, own)| lab.agent(*host, own)).collect();
    let (stage, since) = (Stage::new(PLAN), Instant::now());
    let own = ["--hosts", "2", "--run", RUN, "--wait", "5s", "--grace", "2s"];
    let child = lab.coordinator(&stage, &[&own, options].concat());
    let outcome = stage.end(child, since);
    for agent in agents {
        let code = wait(agent).status.code();
        assert!(matches!(code, Some(3 | 4)), "{code:?}");
    }
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    assert!(outcome.results.is_none(), "nothing was sent");
    outcome
}

fn assert_refused(outcome: &Outcome, reason: &str) {
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(reason), "{reason}: {}", outcome.stderr);
}

#[test]
fn hosts_that_do_not_fit_are_named_before_any_load() {
    let mut lab = Lab::new(2);
    let own = ["--wait", "8s"];
    let slot = ["--slot", "0", "--wait", "8s"];
    // Nobody comes to one of two slots.
    let outcome = with_agents(&lab, &[(1, &slot)], &[]);
    assert_refused(&outcome, "2 hosts were to come within 5 s; nobody claimed slot 1");
    // Two take the same.
    let outcome = with_agents(&lab, &[(1, &slot), (2, &slot)], &[]);
    assert_refused(&outcome, "cannot join: slot 0 is taken by client");
    // One expects another plan.
    let other = ["--plan-sha256", "00ff", "--wait", "8s"];
    let outcome = with_agents(&lab, &[(1, &own), (2, &other)], &[]);
    assert_refused(&outcome, "host client2 cannot join: it expects a plan of SHA-256 00ff");
    // Nobody listens at the target.
    let outcome = with_agents(&lab, &[(1, &own), (2, &own)], &[]);
    assert_refused(&outcome, "10.77.0.1:7000 does not accept connections");
    assert!(outcome.stderr.contains("host client"), "{}", outcome.stderr);
    // What is to start agents fails.
    let outcome = with_agents(&lab, &[], &["--launch", "exec:exit 7"]);
    assert_refused(&outcome, "was to start agents, but ended with exit status: 7");
    // Its program is not there.
    let outcome = with_agents(&lab, &[], &["--launch", "slurm:-N 2"]);
    assert_refused(&outcome, "cannot start agents by `srun ");
    // It starts nobody.
    let outcome = with_agents(&lab, &[], &["--launch", "exec:true"]);
    assert_refused(
        &outcome,
        "nobody claimed slot 0, 1: `sh -c true` was to start agents, and ended",
    );
    // One may send load elsewhere only.
    let elsewhere =
        ["--wait", "8s", "--allow-target", "10.78.0.0/16", "--allow-target", "localhost"];
    let outcome = with_agents(&lab, &[(1, &own), (2, &elsewhere)], &["--no-probe"]);
    assert_refused(&outcome, "host client2: target 10.77.0.1:7000 is not among those");
    // A broker that asks nobody who they are.
    lab.restart_broker(&[]);
    let outcome = with_agents(&lab, &[], &[]);
    assert_refused(&outcome, "lets anybody in");
    assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
}

/// What an agent of another version writes.
#[test]
fn another_version_is_refused_by_the_hosts_name() {
    let lab = Lab::new(1);
    let (stage, since) = (Stage::new(PLAN), Instant::now());
    let own = ["--hosts", "1", "--run", RUN, "--wait", "20s"];
    let child = lab.coordinator(&stage, &own);
    let claim = r#"{"version":99,"incarnation":7,"name":"client1","limits":{}}"#;
    // The broker's own protocol: one message, once the bucket is there.
    let script = format!(
        "exec 3<>/dev/tcp/10.77.0.1/4222; \
         printf 'CONNECT {{\"user\":\"planrun\",\"pass\":\"secret\",\"verbose\":false}}\\r\\n' >&3; \
         for n in $(seq 100); do printf '%s' 'PUB $KV.planrun_{RUN}.slot.0 {}' >&3; \
         printf '\\r\\n%s\\r\\n' '{claim}' >&3; sleep 0.1; done",
        claim.len()
    );
    let mut fake = lab.inside(1, std::path::Path::new("bash"));
    let mut fake = fake.args(["-c", &script]).spawn().unwrap();
    let outcome = stage.end(child, since);
    fake.kill().unwrap();
    fake.wait().unwrap();
    assert_refused(&outcome, "host client1 speaks version 99 of the messages");
    assert!(outcome.results.is_none());
}

#[test]
fn hosts_say_what_their_parts_need_before_any_load() {
    let lab = Lab::new(2);
    let plan = PLAN.replace("users = 9", "users = 40000");
    let stage = Stage::new(&plan);
    let mut command = lab.inside(0, crate::outcome::exe());
    let launch = "exec:{agent} --name h{slot}";
    command.args(["doctor", "plan.toml", "--json", "--hosts", "2", "--launch", launch]);
    // The first has more connections than a pair of addresses has ports.
    command.args(["--weights", "3:1"]).env("PLANRUN_NATS", super::lab::BROKER);
    stage.prepare(&mut command);
    let ended = wait(command.spawn().unwrap());
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(4), "{told}");
    let found: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    let ports = |host: &serde_json::Value| {
        let rows = host["rows"].as_array().unwrap();
        let ports = rows.iter().find(|row| row["check"] == "source_ports").unwrap();
        let [name, fitness] = [&host["name"], &ports["fitness"]].map(|one| one.as_str().unwrap());
        format!("{name} {fitness}")
    };
    let hosts: Vec<String> = found["hosts"].as_array().unwrap().iter().map(ports).collect();
    assert_eq!(hosts[0], "h0 fail", "{found:#}");
    assert!(hosts[1].starts_with("h1 ") && hosts[1] != "h1 fail", "{found:#}");
    let fit = [0, 1].map(|host| found["hosts"][host]["fit"].as_bool());
    assert_eq!((fit, found["fit"].as_bool()), ([Some(false), Some(true)], Some(false)));
}
