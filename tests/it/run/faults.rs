//! Every fault of the built-in servers against what the report makes of it. The scenarios of one
//! run share its time.

use crate::outcome::{Outcome, run};

/// One scenario a fault: its name, what is wrong with its server, its own keys.
fn plan(protocol: &str, common: &str, scenarios: &[(&str, &str, &str)]) -> String {
    let tables: Vec<String> = scenarios
        .iter()
        .map(|(name, faults, keys)| {
            let faults = match *faults {
                "" => String::new(),
                faults => format!("faults = {{ {faults} }}"),
            };
            format!(
                "[targets.{name}]\nbuiltin = \"{protocol}\"\n{faults}\n\
                 [scenarios.{name}]\nprotocol = \"{protocol}\"\ntarget = \"{name}\"\n{common}\n{keys}\nthresholds = []\n"
            )
        })
        .collect();
    format!("name = \"faults\"\n{}", tables.concat())
}

/// Connections of each scenario of held connections.
const USERS: u64 = 40;

fn held() -> Outcome {
    let common = "expect = \"ok\"\ngreeting = \"600ms\"\nconnect_timeout = \"600ms\"\n\
                  stages = [{ users = 40, spawn_rate = \"200/s\", hold = \"1500ms\" }]";
    let none = "";
    run(
        0,
        &plan(
            "tcp-hold",
            common,
            &[
                ("sound", none, none),
                ("refuse", "refuse = true", none),
                ("never_accept", "never_accept = true", none),
                ("reset_after", "reset_after = \"300ms\"", none),
                ("reset_after_bytes", "reset_after_bytes = 2", none),
                ("silence", "silence = true", none),
                ("wrong_data", "wrong_data = true", none),
                ("delay", "delay = \"200ms\"", none),
                ("close_after", "close_after = \"300ms\"", none),
                ("share", "close_after = \"300ms\", share = \"30%\"", none),
            ],
        ),
        &[],
    )
}

#[test]
fn held_connections_and_their_servers_agree() {
    let outcome = held();
    let facts = |name: &str| outcome.scenario(name);
    for scenario in ["sound", "delay"] {
        assert_eq!(facts(scenario).counters(["ok", "failed", "timed_out"]), [USERS, 0, 0]);
    }
    for (scenario, failure, origin, phase) in [
        ("refuse", "refused", "network", "connect"),
        ("reset_after", "reset", "network", "hold"),
        ("reset_after_bytes", "reset", "network", "hold"),
        ("silence", "greeting_missed", "application", "hold"),
        ("wrong_data", "wrong_data", "application", "hold"),
        ("close_after", "closed_by_server", "protocol", "hold"),
    ] {
        assert_eq!(facts(scenario).only_failure(), (failure, origin, phase, USERS), "{scenario}");
        assert_eq!(facts(scenario).ratio("success_ratio"), Some(0.0));
    }
    // What the kernel took in without anybody accepting it is open for this side, and silent.
    let queued = facts("never_accept").failures()["greeting_missed"];
    assert_eq!(facts("never_accept").failures()["connect_timeout"], USERS - queued);
    assert_eq!(
        facts("never_accept").counters(["connect.ok", "timed_out"]),
        [queued, USERS - queued]
    );
    assert!(queued < 5, "{queued}");

    for scenario in [
        "sound",
        "delay",
        "reset_after",
        "reset_after_bytes",
        "silence",
        "wrong_data",
        "close_after",
        "share",
    ] {
        let server = outcome.server(scenario);
        assert_eq!(server["accepted"], facts(scenario).counter("connect.ok"), "{scenario}");
        assert_eq!(server["open_at_end"], 0);
    }
    for scenario in ["refuse", "never_accept"] {
        assert_eq!(outcome.server(scenario)["accepted"], 0);
    }
    for scenario in ["sound", "delay", "reset_after", "reset_after_bytes", "close_after", "share"] {
        let server = outcome.server(scenario);
        let counters = ["messages.received", "bytes.received", "verified"];
        let expected = [server["messages_sent"], server["bytes_sent"], server["greeted"]];
        assert_eq!(facts(scenario).counters(counters), expected, "{scenario}");
    }
    for (scenario, ended) in [
        ("sound", "closed_by_client"),
        ("reset_after", "reset_by_us"),
        ("reset_after_bytes", "reset_by_us"),
        // A connection whose server says wrong things is not closed politely.
        ("wrong_data", "reset_by_client"),
        ("silence", "reset_by_client"),
        ("close_after", "closed_by_us"),
    ] {
        assert_eq!(outcome.server(scenario)[ended], USERS, "{scenario}");
    }
    assert!(facts("delay").0["times"]["first_message"]["min_ns"].as_u64() >= Some(199_000_000));

    let share = facts("share");
    let hit = outcome.server("share")["affected"];
    assert!((9..=15).contains(&hit), "{hit} of {USERS} is no 30 %");
    assert_eq!(share.only_failure().3, hit);
    assert_eq!(share.counters(["ok", "failed"]), [USERS - hit, hit]);
    assert_eq!(outcome.server("share")["closed_by_client"], USERS - hit);
}

fn requests() -> Outcome {
    let common = "timeout = \"3s\"\nthink_time = \"20ms\"\n\
                  requests = [{ method = \"POST\", path = \"/x\", body = \"1234\", expect = { body = \"ok\" } }]\n\
                  stages = [{ users = 4, hold = \"1500ms\" }]";
    let none = "";
    run(
        0,
        &plan(
            "http",
            common,
            &[
                ("sound", none, none),
                ("refuse", "refuse = true", none),
                (
                    "never_accept",
                    "never_accept = true",
                    "connect_timeout = \"400ms\"\nfirst_byte_timeout = \"500ms\"",
                ),
                ("reset_after_bytes", "reset_after_bytes = 10", none),
                ("reset_after", "reset_after = \"200ms\", delay = \"300ms\"", none),
                ("close_after", "close_after = \"200ms\", delay = \"300ms\"", none),
                ("silence", "silence = true", "first_byte_timeout = \"300ms\""),
                ("wrong_data", "wrong_data = true", none),
                ("delay", "delay = \"100ms\"", none),
                ("status", "status = 503, share = \"50%\"", none),
                ("slow_body", "slow_body = \"100ms\"", none),
                ("too_slow_body", "slow_body = \"20s\"", none),
                ("truncate_body", "truncate_body = true", none),
            ],
        ),
        &[],
    )
}

#[test]
fn requests_and_their_servers_agree() {
    let outcome = requests();
    let facts = |name: &str| outcome.scenario(name);
    for scenario in ["sound", "delay", "slow_body"] {
        assert_eq!(facts(scenario).failures().len(), 0, "{scenario}");
        assert_eq!(facts(scenario).ratio("success_ratio"), Some(1.0));
    }
    for (scenario, failure, origin, phase) in [
        ("refuse", "refused", "network", "connect"),
        ("reset_after_bytes", "reset", "network", "request"),
        ("reset_after", "reset", "network", "request"),
        ("close_after", "closed_by_server", "protocol", "request"),
        ("silence", "first_byte_timeout", "network", "request"),
        ("wrong_data", "wrong_body", "application", "request"),
        ("status", "status", "application", "request"),
        ("too_slow_body", "request_timeout", "network", "request"),
        ("truncate_body", "closed_by_server", "protocol", "request"),
    ] {
        let found = facts(scenario).only_failure();
        assert_eq!((found.0, found.1, found.2), (failure, origin, phase), "{scenario}");
        let ended = facts(scenario).counter("started") - facts(scenario).counter("unfinished");
        assert_eq!(found.3 + facts(scenario).counter("ok"), ended, "{scenario}");
        assert!(found.3 > 0);
        assert!(scenario == "status" || found.3 == ended, "{scenario}");
    }
    let queue = facts("never_accept").failures();
    assert!(
        queue.keys().all(|key| key == "connect_timeout"
            || key == "request_timeout"
            || key == "first_byte_timeout"),
        "{queue:?}"
    );

    for scenario in ["refuse", "never_accept"] {
        assert_eq!(outcome.server(scenario)["accepted"], 0);
    }
    assert_eq!(facts("refuse").counters(["connect.ok", "bytes.sent"]), [0, 0]);
    for scenario in [
        "sound",
        "delay",
        "slow_body",
        "reset_after_bytes",
        "reset_after",
        "close_after",
        "silence",
        "wrong_data",
        "status",
        "too_slow_body",
        "truncate_body",
    ] {
        let (facts, server) = (facts(scenario), outcome.server(scenario));
        assert_eq!(server["accepted"], facts.counter("connect.ok"), "{scenario}");
        assert_eq!(server["requests"], facts.counter("started"), "{scenario}");
        assert_eq!(facts.counter("bytes.sent"), 4 * facts.counter("started"), "{scenario}");
        assert_eq!(server["bad_requests"], 0);
        assert_eq!(server["open_at_end"], 0);
    }
    for scenario in ["sound", "delay", "slow_body", "wrong_data", "status"] {
        // An answer that came too late for this side was begun all the same.
        assert_statuses(&outcome, scenario);
        assert_eq!(
            outcome.server(scenario)["closed_by_client"],
            facts(scenario).counter("connect.ok")
        );
    }
    let hit = outcome.server("status")["affected"];
    assert_eq!(facts("status").failures()["status"], hit);
    assert!(hit > 0 && facts("status").counter("ok") > 0);
    for time in [("delay", "first_byte"), ("slow_body", "service_time")] {
        let least = facts(time.0).0["times"][time.1]["min_ns"].as_u64().unwrap();
        assert!(least >= 99_000_000, "{time:?} {least}");
    }
}

/// Both sides have the same answers by status.
fn assert_statuses(outcome: &Outcome, scenario: &str) {
    let ours = outcome.scenario(scenario).0["statuses"].as_object().unwrap();
    let ours: Vec<(String, u64)> = ours
        .iter()
        .map(|(status, count)| (format!("status.{status}"), count.as_u64().unwrap()))
        .collect();
    let server = outcome.server(scenario);
    let theirs: Vec<(String, u64)> =
        server.into_iter().filter(|(name, _)| name.starts_with("status.")).collect();
    assert_eq!(ours, theirs, "{scenario}");
}
