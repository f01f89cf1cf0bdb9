//! Hosts and coordinators that go: named, INVALID, and nobody is waited for without end.

use super::lab::{BROKER, Lab, RUN};
use crate::going::send;
use crate::outcome::{Stage, await_true, wait};
use nix::sys::signal::Signal;
use std::process::Child;
use std::time::{Duration, Instant};

pub(super) fn plan(loss: &str, hold: &str) -> String {
    format!(
        "name = \"loss\"\ntargets.lb = {{ address = \"10.77.0.1:7000\" }}\n\
         generator = {{ on_host_loss = \"{loss}\", on_invalid = \"continue\" }}\n\
         [scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\n\
         stages = [{{ users = 400, spawn_rate = \"400/s\", hold = \"{hold}\" }}]\n"
    )
}

/// A run that goes on: its agents, and its coordinator.
pub(super) fn begun(lab: &mut Lab, stage: &Stage, options: &[&str]) -> (Vec<Child>, Child) {
    lab.serve(&["tcp-hold", "--listen", "10.77.0.1:7000"]);
    let agents = (1..=2).map(|host| lab.agent(host, &[])).collect();
    let own = ["--hosts", "2", "--run", RUN];
    let coordinator = lab.coordinator(stage, &[&own, options].concat());
    let out = stage.folder.path().join("out");
    let seconds = || {
        let results = crate::outcome::results(&out)?;
        let text = std::fs::read_to_string(results.join("recording.jsonl")).ok()?;
        Some(text.matches(r#""second":{"second":"#).count())
    };
    await_true("the run", Duration::from_secs(30), || seconds() >= Some(2));
    (agents, coordinator)
}

/// The process that `ip netns exec` has become.
pub(super) fn pid(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

#[test]
fn a_host_that_is_killed_makes_the_run_invalid_and_is_named() {
    for (loss, reason) in [("stop", "worker_loss"), ("invalid", "completed")] {
        let (mut lab, stage) = (Lab::new(2), Stage::new(&plan(loss, "14s")));
        let since = Instant::now();
        let (mut agents, coordinator) = begun(&mut lab, &stage, &[]);
        let killed = agents.remove(0);
        send(pid(&killed), Signal::SIGKILL);
        wait(killed);
        let outcome = stage.end(coordinator, since);
        assert_eq!(outcome.code, Some(3), "{}\n{}", outcome.stdout, outcome.stderr);
        outcome.assert_whole();
        assert_eq!(outcome.report["stopped"]["reason"], reason);
        let lost = outcome.report["workers_lost"].as_array().unwrap();
        let why = lost[0]["why"].as_str().unwrap();
        assert!(why.starts_with("host client"), "{why}");
        assert!(why.ends_with("sent nothing for 10 s"), "{why}");
        // What the other has done counts; what the lost one had open is unfinished.
        let [due, started, unfinished] =
            outcome.scenario("hold").counters(["due", "started", "unfinished"]);
        assert_eq!([due, started], [400, 400], "{loss}: {}", outcome.stdout);
        // Blocks of 64, in turn.
        assert!([192, 208].contains(&unfinished), "{loss}: {unfinished}");
        for agent in agents {
            assert_eq!(wait(agent).status.code(), Some(0));
        }
    }
}

#[test]
fn a_host_that_gives_up_is_lost_at_once() {
    let (mut lab, stage) = (Lab::new(2), Stage::new(&plan("stop", "14s")));
    let since = Instant::now();
    let (agents, coordinator) = begun(&mut lab, &stage, &[]);
    send(pid(&agents[1]), Signal::SIGTERM);
    let outcome = stage.end(coordinator, since);
    assert_eq!(outcome.code, Some(3), "{}\n{}", outcome.stdout, outcome.stderr);
    let why = outcome.report["workers_lost"][0]["why"].as_str().unwrap().to_owned();
    assert!(why.ends_with("it was interrupted by SIGTERM"), "{why}");
    let codes: Vec<Option<i32>> =
        agents.into_iter().map(|agent| wait(agent).status.code()).collect();
    assert_eq!(codes, [Some(0), Some(3)]);
}

#[test]
fn an_interrupted_coordinator_ends_its_agents() {
    let (mut lab, stage) = (Lab::new(2), Stage::new(&plan("invalid", "14s")));
    let since = Instant::now();
    let (agents, coordinator) = begun(&mut lab, &stage, &[]);
    send(pid(&coordinator), Signal::SIGINT);
    let outcome = stage.end(coordinator, since);
    assert_eq!(outcome.code, Some(130), "{}\n{}", outcome.stdout, outcome.stderr);
    outcome.assert_whole();
    let counters = outcome.scenario("hold").counters(["due", "ok", "unfinished"]);
    assert_eq!(counters, [400, 400, 0], "{}", outcome.stdout);
    for agent in agents {
        assert_eq!(wait(agent).status.code(), Some(0));
    }
}

#[test]
fn agents_end_themselves_without_their_coordinator() {
    let (mut lab, stage) = (Lab::new(2), Stage::new(&plan("invalid", "14s")));
    let (agents, mut coordinator) = begun(&mut lab, &stage, &["--grace", "2s"]);
    send(pid(&coordinator), Signal::SIGKILL);
    coordinator.wait().unwrap();
    let since = Instant::now();
    for agent in agents {
        let ended = wait(agent);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(3), "{said}");
        assert!(said.contains("it has not heard of its coordinator for 2 s"), "{said}");
    }
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert!(BROKER.contains("secret"));
}
