//! The broker that `planrun cluster init` configures: TLS, and a user each for coordinator and
//! agents.

use super::lab::{Lab, RUN};
use crate::outcome::{Outcome, Stage, exe, wait};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const PLAN: &str = "name = \"secured\"\ntargets.lb = { address = \"10.77.0.1:7000\" }\n\
    [scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\n\
    stages = [{ users = 100, spawn_rate = \"100/s\", hold = \"1s\" }]\n";

/// The broker's URL for a user.
fn url(folder: &Path, user: &str) -> String {
    let text = std::fs::read_to_string(folder.join(format!("{user}.env"))).unwrap();
    let url = text.lines().find_map(|line| line.strip_prefix("PLANRUN_NATS=")).unwrap();
    url.to_owned()
}

fn run_as(lab: &Lab, coordinator: &str, agents: Option<&str>) -> Outcome {
    let agents: Vec<_> = (1..=2)
        .filter_map(|host| Some(lab.agent(host, &["--nats", agents?, "--wait", "20s"])))
        .collect();
    let (stage, since) = (Stage::new(PLAN), Instant::now());
    let own = ["--hosts", "2", "--run", RUN, "--wait", "20s", "--nats", coordinator];
    let child = lab.coordinator(&stage, &own);
    let outcome = stage.end(child, since);
    for agent in agents {
        let agent = wait(agent);
        let said = String::from_utf8_lossy(&agent.stderr).into_owned();
        assert_eq!(agent.status.code(), Some(0), "{said}");
    }
    outcome
}

#[test]
fn a_cluster_is_made_that_agents_can_use_and_not_command() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cl");
    let init = || {
        let mut command = Command::new(exe());
        command.args(["cluster", "init", "--host", "10.77.0.1", "--out"]).arg(&out);
        command.output().unwrap()
    };
    let made = init();
    let said = String::from_utf8(made.stdout).unwrap();
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(said.contains("nats-server -c "), "{said}");
    assert_eq!(init().status.code(), Some(2), "what is there is left as it is");
    let [coordinator, agent] = ["coordinator", "agent"].map(|user| url(&out, user));
    assert!(!said.contains(coordinator.split([':', '@']).nth(2).unwrap()), "no password is shown");
    let mut lab = Lab::new(2);
    let configuration = out.join("nats-server.conf");
    lab.restart_broker(&["-c", configuration.to_str().unwrap()]);
    lab.serve(&["tcp-hold", "--listen", "10.77.0.1:7000"]);
    // Without the certificate nobody is trusted.
    let outcome = run_as(&lab, &coordinator, None);
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    lab.ca = Some(out.join("ca.pem"));
    let outcome = run_as(&lab, &coordinator, Some(&agent));
    let shown = format!("{}\n{}", outcome.stdout, outcome.stderr);
    assert!(outcome.code == Some(0) || outcome.was_late(), "{shown}");
    assert_eq!(outcome.scenario("hold").counters(["due", "ok"]), [100, 100], "{shown}");
    // An agent's password orders nobody.
    let outcome = run_as(&lab, &agent, None);
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("the broker cannot keep the run's messages"),
        "{}",
        outcome.stderr
    );
    let wrong = coordinator.replace("coordinator:", "coordinator:x");
    assert_eq!(run_as(&lab, &wrong, None).code, Some(4));
}
