//! Connections that come and go while a level is held, on real sockets: the books, the other side's
//! count, survival and recovery.

use crate::outcome::{Outcome, exe, run};
use serde_json::Value;

/// A run of several scenarios of held connections at the same time: a name, its server's faults,
/// its own keys.
fn held(scenarios: &[(&str, &str, &str)]) -> Outcome {
    let tables: Vec<String> = scenarios
        .iter()
        .map(|(name, faults, keys)| {
            format!(
                "[targets.{name}]\nbuiltin = \"tcp-hold\"\n{faults}\n\
                 [scenarios.{name}]\nprotocol = \"tcp-hold\"\ntarget = \"{name}\"\n\
                 expect = \"ok\"\ngreeting = \"3s\"\nclose = \"rst\"\n{keys}\n"
            )
        })
        .collect();
    run(0, &format!("name = \"churn\"\n{}", tables.concat()), &[])
}

const STAGES: &str = "stages = [{ users = 200, spawn_rate = \"400/s\", hold = \"4500ms\" }]";

#[test]
fn lifetimes_and_reconnects_keep_the_level_and_the_other_side_counts_the_same() {
    let outcome = held(&[
        ("renewed", "", &format!("lifetime = \"1s..2s\"\n{STAGES}")),
        (
            "retried",
            "faults = { reset_after = \"1500ms\", share = \"50%\" }",
            &format!(
                "reconnect = \"at-once\"\n{STAGES}\nthresholds = [\"hold.time_ratio >= 95%\"]"
            ),
        ),
        ("left", "faults = { close_after = \"1500ms\" }", &format!("{STAGES}\nthresholds = []")),
    ]);
    let renewed = outcome.scenario("renewed");
    let [renewals, started, ok, lost, opened] =
        renewed.counters(["reconnects", "started", "ok", "hold.lost", "connect.ok"]);
    assert!((300..900).contains(&renewals), "{renewals}");
    assert_eq!((started, ok, lost, opened), (200 + renewals, 200 + renewals, 0, 200 + renewals));
    assert_eq!(outcome.server("renewed")["accepted"], opened);
    assert_eq!(renewed.ratio("hold.time_ratio"), Some(1.0), "what is renewed is not owed");
    let level = renewed.0["gauges"]["connections.open"].as_u64().unwrap();
    assert!(level.abs_diff(200) <= 5, "{level}");

    let retried = outcome.scenario("retried");
    let [again, lost, ok] = retried.counters(["reconnects", "hold.lost", "ok"]);
    assert_eq!(
        (again, ok),
        (lost, 200),
        "each that was lost is replaced, and 200 are kept to the end"
    );
    assert!(lost >= 150, "{lost}");
    assert_eq!(retried.0["survival"]["ended"]["rst"], lost);

    // Nobody comes back: of about five seconds each was open for one and a half.
    let left = outcome.scenario("left");
    assert_eq!(left.counters(["hold.lost", "started"]), [200, 200]);
    let kept = left.ratio("hold.time_ratio").unwrap();
    assert!((0.2..0.45).contains(&kept), "{kept}");
    let survival = &left.0["survival"];
    assert_eq!(survival["ended"], serde_json::json!({ "fin": 200 }));
    assert_eq!(survival["median_ns"], 2_000_000_000_u64);
    // Opened together, they share their age and the moment of their death: one of the two is said.
    let spike = &survival["spikes"][0];
    assert_eq!((spike["kind"].as_str(), spike["count"].as_u64()), (Some("moment"), Some(200)));
    assert!(outcome.stdout.contains("200 connections died in the run's second"));
}

#[test]
fn storms_drop_their_share_and_say_how_long_it_takes_to_come_back() {
    let reconnect = "reconnect = { backoff = \"1s\", jitter = \"none\" }";
    let outcome = held(&[
        (
            "storm",
            "",
            &format!(
                "{reconnect}\nevents = [{{ at = \"1s\", drop = \"50%\", by = \"fin\" }}]\n{STAGES}\n\
                 thresholds = [\"recovery.time.p50 < 2s\", \"storm.time.p50 < 2s\", \"recovery.ratio == 100%\", \"storm.dropped > 90\"]"
            ),
        ),
        (
            "late",
            "",
            &format!("{reconnect}\nevents = [{{ at = \"4500ms\", drop = \"100%\" }}]\n{STAGES}"),
        ),
        ("never", "", &format!("events = [{{ at = \"1s\", drop = \"25%\" }}]\n{STAGES}")),
    ]);
    let storm = outcome.scenario("storm");
    let [dropped, recovered, lost, ok, started] =
        storm.counters(["storm.dropped", "storm.recovered", "hold.lost", "ok", "started"]);
    assert!(dropped.abs_diff(100) <= 1, "{dropped}");
    assert_eq!((recovered, lost, ok, started), (dropped, 0, started, 200 + dropped));
    let server = outcome.server("storm");
    assert_eq!((server["accepted"], server["closed_by_client"]), (started, dropped));
    let p50 = storm.0["times"]["recovery.time"]["p50_ns"].as_u64().unwrap();
    assert!((1_000_000_000..1_500_000_000).contains(&p50), "{p50}");

    let event = &storm.0["events"][0];
    assert_eq!((&event["at_ns"], &event["by"]), (&1_000_000_000_u64.into(), &"fin".into()));
    assert_eq!([&event["dropped"], &event["recovered"]], [&Value::from(dropped); 2]);
    for share in ["recovered_50_ns", "recovered_99_ns"] {
        let ns = event[share].as_u64().unwrap();
        assert!((1_000_000_000..2_000_000_000).contains(&ns), "{event}");
    }
    assert!(outcome.stdout.contains("event at 1s (50.00% by FIN): dropped"), "{}", outcome.stdout);

    // Half a second before the end: each would be back after a second, and none is.
    let late = outcome.scenario("late");
    assert_eq!(late.counters(["storm.dropped", "storm.unrecovered"]), [200, 200]);
    assert_eq!(late.0["times"].get("recovery.time"), None);
    assert_eq!(late.ratio("recovery.ratio"), Some(0.0));
    let event = &late.0["events"][0];
    assert_eq!((&event["dropped"], &event["unrecovered"]), (&200.into(), &200.into()));
    assert_eq!(
        (&event["recovered_50_ns"], &event["recovered_99_ns"]),
        (&Value::Null, &Value::Null)
    );
    assert!(outcome.stdout.contains("0 came back: 50 % never, 99 % never"), "{}", outcome.stdout);

    let never = outcome.scenario("never");
    assert!(never.counter("storm.dropped").abs_diff(50) <= 1);
    let level = never.0["gauges"]["connections.open"].as_u64().unwrap();
    assert_eq!(level, 200 - never.counter("storm.dropped"));

    let results = outcome.results.as_ref().unwrap();
    let again = std::process::Command::new(exe()).arg("report").arg(results).output().unwrap();
    assert_eq!(again.status.code(), Some(0));
    let remade: Value = serde_json::from_str(&outcome.file("report.json")).unwrap();
    assert_eq!(remade["scenarios"], outcome.report["scenarios"], "saved is as live");
}

#[test]
fn what_never_comes_back_fails_the_time_to_come_back() {
    let plan = "name = \"gone\"\n[targets.t]\nbuiltin = \"tcp-hold\"\n\
        [scenarios.s]\nprotocol = \"tcp-hold\"\nreconnect = { backoff = \"20s\", jitter = \"none\" }\n\
        events = [{ at = \"500ms\", drop = \"100%\" }]\n\
        stages = [{ users = 50, spawn_rate = \"200/s\", hold = \"1s\" }]\n\
        thresholds = [\"recovery.time.p50 < 10s\"]";
    let outcome = run(1, plan, &[]);
    assert!(outcome.stdout.contains("never"), "{}", outcome.stdout);
}
