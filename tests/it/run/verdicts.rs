//! What a run proves, and the exit status that says so.

use crate::outcome::run;
use serde_json::Value;
use std::time::Duration;

/// The threshold of this scenario with this check.
fn threshold<'a>(report: &'a Value, check: &str, stage: Option<&str>) -> &'a Value {
    let all = report["thresholds"].as_array().unwrap();
    let found = all.iter().find(|one| one["check"] == check && one["stage"].as_str() == stage);
    found.unwrap_or_else(|| panic!("{check} of {stage:?} in {all:#?}"))
}

#[test]
fn a_broken_threshold_is_a_fail() {
    // The first 100 connections are closed by the server in the second stage, the next 50 are not
    // closed any more.
    let plan = r#"
name = "fail"
[targets.t]
builtin = "tcp-hold"
faults = { close_after = "2300ms" }
[scenarios.s]
protocol = "tcp-hold"
expect = "ok"
greeting = "5s"
stages = [
  { name = "first", users = 100, ramp = "500ms", hold = "1500ms" },
  { name = "second", users = 150, ramp = "500ms", hold = "1500ms" },
]
thresholds = [
  { condition = "connect.success_ratio >= 99%", stage = "*" },
  { condition = "hold.survival_ratio >= 99%", stage = "*" },
  { condition = "hold.lost <= 10", window = "1s" },
  "connect.attempts == 150",
]
"#;
    let outcome = run(1, plan, &[]);
    assert_eq!((outcome.verdict(), outcome.report["exit_code"].as_u64()), ("FAIL", Some(1)));
    let state = |check: &str, stage| {
        threshold(&outcome.report, check, stage)["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("connect.success_ratio >= 99%", Some("first")), "held");
    assert_eq!(state("connect.success_ratio >= 99%", Some("second")), "held");
    assert_eq!(state("hold.survival_ratio >= 99%", Some("first")), "held");
    assert_eq!(state("hold.survival_ratio >= 99%", Some("second")), "broken");
    assert_eq!(state("hold.lost <= 10", None), "broken");
    assert_eq!(state("connect.attempts == 150", None), "held");
    let facts = outcome.scenario("s");
    assert_eq!(facts.only_failure(), ("closed_by_server", "protocol", "hold", 100));
    assert_eq!(facts.counters(["due", "ok", "failed", "hold.lost"]), [150, 50, 100, 100]);
    let server = outcome.server("t");
    assert_eq!([server["closed_by_us"], server["closed_by_client"]], [100, 50]);
    assert!(outcome.stdout.starts_with("✗ FAIL"), "{}", outcome.stdout);
}

#[test]
fn an_abort_waits_for_its_grace_and_ends_the_run() {
    let plan = r#"
name = "abort"
[targets.lb]
builtin = "tcp-hold"
faults = { reset_after = "100ms" }
[targets.web]
builtin = "http"
[scenarios.s]
protocol = "tcp-hold"
target = "lb"
expect = "ok"
greeting = "5s"
stages = [{ users = 50, ramp = "500ms", hold = "60s" }]
thresholds = [{ condition = "success_ratio >= 50%", abort = true, grace = "2s" }]
[scenarios.w]
protocol = "http"
target = "web"
think_time = "50ms"
stages = [{ users = 2, hold = "60s" }]
"#;
    let outcome = run(1, plan, &[]);
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    let stopped = &outcome.report["stopped"];
    assert_eq!(stopped["reason"], "aborted");
    assert_eq!(
        (&stopped["scenario"], &stopped["threshold"]),
        (&"s".into(), &"success_ratio >= 50%".into())
    );
    assert!(stopped["at_ns"].as_u64() >= Some(2_000_000_000), "{stopped}");
    assert_eq!(outcome.verdict(), "FAIL");
    assert_eq!(outcome.scenario("s").counters(["due", "failed"]), [50, 50]);
    assert_eq!(outcome.scenario("w").failures().len(), 0);
    assert_eq!(outcome.server("web")["requests"], outcome.scenario("w").counter("started"));
}

#[test]
fn an_abort_in_the_middle_of_a_ramp_starts_nothing_more() {
    let plan = r#"
name = "abort-ramp"
[targets.lb]
builtin = "tcp-hold"
faults = { wrong_data = true }
[scenarios.s]
protocol = "tcp-hold"
expect = "ok"
greeting = "5s"
stages = [{ users = 6000, spawn_rate = "100/s", hold = "1s" }]
thresholds = [{ condition = "success_ratio >= 50%", abort = true }]
[scenarios.later]
protocol = "tcp-hold"
expect = "ok"
start_after = "hold"
stages = [{ users = 10, hold = "1s" }]
"#;
    let outcome = run(1, plan, &[]);
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    let due = outcome.scenario("s").counter("due");
    assert!((50..1_500).contains(&due), "{due}");
    assert_eq!(outcome.scenario("later").counter("due"), 0);
    let server = outcome.server("lb");
    assert_eq!(server["accepted"], outcome.scenario("s").counter("connect.ok"));
}

#[test]
fn a_cap_that_is_too_small_is_said_before_and_after() {
    let plan = r#"
name = "cap"
[targets.t]
builtin = "http"
faults = { delay = "500ms" }
[scenarios.s]
protocol = "http"
timeout = "2s"
max_in_flight = 10
stages = [{ name = "open", rate = "100/s", hold = "2s" }]
"#;
    let outcome = run(3, plan, &[]);
    assert_eq!(outcome.health("dropped")["state"], "violated");
    assert!(outcome.rules().contains(&"dropped".to_owned()), "{:?}", outcome.rules());
    let detail = outcome.report["invalid"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("max_in_flight = 10 is below the 285"), "{detail}");
    let warnings = outcome.report["warnings"].to_string();
    assert!(warnings.contains("requests in flight: needed 285, have 10"), "{warnings}");
    let enough = run(0, plan, &["--set", "scenarios.s.max_in_flight=285"]);
    assert!(!enough.report["warnings"].to_string().contains("requests in flight"));
}

#[test]
fn failures_that_no_threshold_limits_are_said_beside_the_verdict() {
    let plan = |more: &str| {
        format!(
            "name = \"unlimited\"\ntargets.t.builtin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
             requests = [{{ name = \"good\", path = \"/\", weight = 11 }}, {{ name = \"gone\", path = \"/status/503\" }}]\n\
             stages = [{{ rate = \"400/s\", hold = \"2s\" }}]\n\
             thresholds = [\"response_time.p90 < 5s\"{more}]\n"
        )
    };
    let outcome = run(0, &plan(""), &[]);
    let note = outcome.report["notes"][0].as_str().expect("a note");
    let failed = outcome.scenario("s").counter("failed");
    assert!(failed > 0);
    let words = format!(
        "of the requests of s failed ({failed} of 800), and no threshold limits failures: \
         `failure_ratio < 1%` would"
    );
    assert!(note.ends_with(&words), "{note}");
    assert!(outcome.stdout.contains("no threshold limits failures"), "{}", outcome.stdout);
    let limited = run(0, &plan(", \"failure_ratio < 50%\""), &[]);
    assert!(limited.report.get("notes").is_none());
}
