//! Brokers that die and come back, links that are cut, agents that stand still: the load at the
//! target does not change, and nothing is counted twice or not at all.

use super::lab::Lab;
use super::loss::{begun, pid, plan};
use crate::going::send;
use crate::outcome::{Outcome, Stage, wait};
use nix::sys::signal::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Connections of the plan.
const USERS: usize = 400;

/// Looks at the target for so long: its connections are those of the plan, all the time.
fn assert_flat(lab: &Lab, for_so_long: Duration, what: &str) {
    let until = Instant::now() + for_so_long;
    while Instant::now() < until {
        assert_eq!(lab.established(), USERS, "{what}");
        sleep(Duration::from_millis(200));
    }
}

/// The result is what it would have been without a fault.
fn assert_undisturbed(outcome: &Outcome) {
    let shown = format!("{}\n{}", outcome.stdout, outcome.stderr);
    assert!(outcome.code == Some(0) || outcome.was_late(), "{:?} {shown}", outcome.code);
    outcome.assert_whole();
    let names = ["due", "started", "ok", "failed", "dropped", "unfinished"];
    assert_eq!(outcome.scenario("hold").counters(names), [400, 400, 400, 0, 0, 0], "{shown}");
    assert!(outcome.report["workers_lost"].as_array().unwrap().is_empty(), "{shown}");
    let of_hosts = outcome.report["hosts"].as_array().unwrap().iter();
    let started =
        of_hosts.map(|host| host["scenarios"][0]["counters"]["started"].as_u64().unwrap());
    assert_eq!(started.sum::<u64>(), 400, "{shown}");
}

#[test]
fn a_broker_that_dies_changes_neither_load_nor_result() {
    let (mut lab, stage) = (Lab::new(2), Stage::new(&plan("invalid", "17s")));
    let since = Instant::now();
    let (agents, coordinator) = begun(&mut lab, &stage, &[]);
    for keeps_its_data in [true, false] {
        lab.kill_broker();
        assert_flat(&lab, Duration::from_secs(3), "without a broker");
        lab.revive_broker(keeps_its_data);
        assert_flat(&lab, Duration::from_secs(1), "with a broker again");
    }
    let outcome = stage.end(coordinator, since);
    assert_undisturbed(&outcome);
    for agent in agents {
        assert_eq!(wait(agent).status.code(), Some(0));
    }
}

#[test]
fn a_link_that_is_cut_and_an_agent_that_stands_still_lose_nothing() {
    let (mut lab, stage) = (Lab::new(2), Stage::new(&plan("invalid", "12s")));
    let since = Instant::now();
    let (agents, coordinator) = begun(&mut lab, &stage, &[]);
    lab.link(2, "down");
    send(pid(&agents[0]), Signal::SIGSTOP);
    assert_flat(&lab, Duration::from_secs(4), "while one host is cut off and one agent is stopped");
    lab.link(2, "up");
    send(pid(&agents[0]), Signal::SIGCONT);
    let outcome = stage.end(coordinator, since);
    assert_undisturbed(&outcome);
    for agent in agents {
        assert_eq!(wait(agent).status.code(), Some(0));
    }
}

#[test]
fn a_broker_that_stays_away_ends_everything_in_time() {
    let (mut lab, stage) = (Lab::new(2), Stage::new(&plan("invalid", "60s")));
    let since = Instant::now();
    let (agents, coordinator) = begun(&mut lab, &stage, &["--grace", "3s"]);
    lab.kill_broker();
    let outcome = stage.end(coordinator, since);
    assert_eq!(outcome.code, Some(3), "{}\n{}", outcome.stdout, outcome.stderr);
    let why = outcome.report["workers_lost"][0]["why"].as_str().unwrap();
    assert!(why.contains("the broker was gone for 3 s"), "{why}");
    assert!(outcome.took < Duration::from_secs(45), "{:?}", outcome.took);
    for agent in agents {
        assert_eq!(wait(agent).status.code(), Some(3));
    }
    assert_eq!(lab.established(), 0, "no agent goes on by itself");
}
