//! A plan's own settings of when a run is INVALID: a cap that is meant, other limits, and whether
//! to go on.

use crate::outcome::{Outcome, exe, run, run_once};
use std::process::Command;

/// Fifty requests a second to a server that answers two at a time, five times a second.
fn plan(scenario: &str, hold: &str, generator: &str) -> String {
    format!(
        "name = \"cap\"\n[targets.t]\nbuiltin = \"http\"\nfaults = {{ delay = \"200ms\" }}\n[scenarios.s]\nprotocol = \"http\"\n\
         timeout = \"2s\"\nmax_in_flight = 2\n{scenario}\nstages = [{{ rate = \"50/s\", hold = \"{hold}\" }}]\n\
         thresholds = [\"failure_ratio < 50%\"]\n[generator]\nworkers = 1\n{generator}\n"
    )
}

fn ended(outcome: &Outcome) -> &str {
    outcome.report["stopped"]["reason"].as_str().unwrap()
}

#[test]
fn a_cap_that_is_meant_makes_a_slow_target_fail() {
    let outcome = run(1, &plan("on_full = \"fail\"", "3s", ""), &[]);
    assert_eq!((outcome.verdict(), ended(&outcome)), ("FAIL", "completed"));
    let facts = outcome.scenario("s");
    let [due, started, dropped, ok] = facts.counters(["due", "started", "dropped", "ok"]);
    assert_eq!((due, due - started), (150, dropped));
    assert!(dropped > 75, "{dropped}");
    let ratio = &facts.0["ratios"]["failure_ratio"];
    assert_eq!((&ratio["numerator"], &ratio["denominator"]), (&dropped.into(), &due.into()));
    assert_eq!(facts.0["ratios"]["success_ratio"]["numerator"], ok);
    let health = outcome.health("dropped");
    assert_eq!((&health["state"], health.get("limit")), (&"ok".into(), None), "{health}");
    // Nothing else is warned of: the cap is meant.
    assert!(!outcome.stdout.contains("cap's fault"), "{}", outcome.stdout);
}

#[test]
fn a_run_that_is_beyond_repair_ends_and_says_so() {
    let outcome = run_once(&plan("", "60s", ""), &[]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    outcome.assert_whole();
    let stopped = &outcome.report["stopped"];
    assert_eq!(
        (&stopped["reason"], &stopped["rule"]),
        (&"beyond_repair".into(), &"dropped".into())
    );
    let at_ns = stopped["at_ns"].as_u64().unwrap();
    assert!((10_000_000_000..30_000_000_000).contains(&at_ns), "{at_ns}");
    let rules = outcome.rules();
    assert!(
        ["dropped", "incomplete"].iter().all(|rule| rules.contains(&(*rule).to_owned())),
        "{rules:?}"
    );
    assert!(outcome.stdout.contains("had already made the run INVALID"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("dropped had already made it INVALID"), "{}", outcome.stderr);
}

#[test]
fn a_run_that_is_to_go_on_does() {
    let outcome = run_once(&plan("", "13s", "on_invalid = \"continue\""), &[]);
    assert_eq!((outcome.code, ended(&outcome)), (Some(3), "completed"), "{}", outcome.stderr);
    outcome.assert_whole();
    assert_eq!(outcome.scenario("s").counter("due"), 650);
}

#[test]
fn a_limit_of_the_plan_is_shown_as_such() {
    let outcome = run(0, &plan("", "3s", "limits = { dropped = \"99%\" }"), &[]);
    let health = outcome.health("dropped");
    assert_eq!(
        (&health["limit"], &health["default_limit"]),
        (&0.99.into(), &0.0.into()),
        "{health}"
    );
    assert_eq!(health["state"], "ok");
    assert!(outcome.health("schedule_lag").get("default_limit_ns").is_none());
    let words = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let loosened =
        "dropped: the plan lets a run count up to 99.00%, where planrun's own limit is 0%";
    assert!(words.contains(loosened), "{}", outcome.stdout);
    // All rules, from what was saved.
    let folder = outcome.results.as_ref().unwrap();
    let shown = |arguments: &[&str]| {
        let output =
            Command::new(exe()).arg("report").arg(folder).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let verbose = shown(&["--verbose"]);
    assert!(verbose.contains("Rules of validity"), "{verbose}");
    for health in outcome.report["health"].as_array().unwrap() {
        assert!(verbose.contains(health["rule"].as_str().unwrap()), "{health} in {verbose}");
    }
    assert!(verbose.contains("the plan's; else 0%"), "{verbose}");
    assert!(!shown(&[]).contains("Rules of validity"));
}
