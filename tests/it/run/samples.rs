//! What a report tells of a failure, and of each request: as it was really sent, without what must
//! stay secret.

use crate::outcome::{Outcome, Stage, run_once, run_with};
use serde_json::Value;

const SECRET: &str = "s3cr3t/k&y";

/// A run on the built-in server, beside a file of rows and with a secret in the environment.
fn go(version: &str, keys: &str) -> Outcome {
    let plan = format!(
        "name = \"samples\"\n[targets.web]\nbuiltin = \"http\"\n[scenarios.web]\nprotocol = \"http\"\n\
         version = \"{version}\"\nthink_time = \"20ms\"\ndata = {{ file = \"rows.csv\" }}\n{keys}\n\
         stages = [{{ users = 1, hold = \"300ms\" }}]\nthresholds = []\n[generator]\nworkers = 1\n"
    );
    run_with(&plan, |stage: &Stage| {
        std::fs::write(stage.folder.path().join("rows.csv"), "id\nplum 7\n").unwrap();
        let mut command = stage.command(&[]);
        command.env("SHOP_KEY", SECRET);
        command
    })
}

fn sample(outcome: &Outcome) -> String {
    let failures = outcome.report["scenarios"][0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures[0]["sample"].as_str().unwrap().to_owned()
}

/// A sample without where it was sent to.
fn parts(sample: &str) -> (&str, &str) {
    let (request, rest) = sample.split_once(" at 127.0.0.1:").unwrap();
    (request, rest.split_once(": ").unwrap().1)
}

#[test]
fn a_sample_has_the_path_the_status_and_the_body_and_no_secret() {
    for version in ["1.1", "2"] {
        let body = r#"{"id": "${row.id}", "key": "${env.SHOP_KEY}"}"#;
        let post = format!(
            "method = \"POST\", path = \"/echo?item=${{row.id}}\", query = {{ key = \"${{env.SHOP_KEY}}\" }}, \
             body = '{body}'"
        );
        let shown = r#"body: `{"id": "plum 7", "key": "${env.SHOP_KEY}"}`"#;
        let asked = "POST /echo?item=plum%207&key=${env.SHOP_KEY}";
        for (name, expect, words) in [
            ("", "status = 201", format!("status 200, {shown}")),
            ("buy", "status = 201", format!("status 200, {shown}")),
            (
                "buy",
                "contains = \"sold\"",
                format!("the body does not contain `sold`; status 200, {shown}"),
            ),
            ("buy", "size = 3", format!("; status 200, {shown}")),
        ] {
            let named =
                if name.is_empty() { String::new() } else { format!("name = \"{name}\", ") };
            let keys = format!("requests = [{{ {named}{post}, expect = {{ {expect} }} }}]");
            let outcome = go(version, &keys);
            let sample = sample(&outcome);
            let (request, rest) = parts(&sample);
            let line = if name.is_empty() {
                // The name that it has by itself has no query of its own.
                format!("POST /echo?item=${{row.id}}: {asked}")
            } else {
                format!("{name}: {asked}")
            };
            assert_eq!(request, line, "{version}");
            assert!(rest.ends_with(&words), "{version}: {rest}");
            assert!(outcome.stdout.contains("plum%207"), "{}", outcome.stdout);
            for text in [&outcome.stdout, &outcome.stderr, &outcome.report.to_string()] {
                assert!(!text.contains("s3cr3t"), "{version}: {text}");
            }
            assert!(!outcome.file("failures.csv").contains("s3cr3t"));
        }
    }
}

#[test]
fn a_sample_of_a_long_body_is_cut_and_one_of_a_redirect_names_where_it_led() {
    let keys = "requests = [{ path = \"/bytes/5000\", expect = { status = 201 } }]";
    let outcome = go("1.1", keys);
    let sample = sample(&outcome);
    assert!(sample.contains("status 200, first 200 of 5,000 bytes of the body: `"), "{sample}");
    assert!(sample.len() < 1_000 && !sample.contains('\n'), "{sample}");
}

#[test]
fn a_threshold_of_one_request_ends_the_run() {
    let plan = "name = \"abort\"\n[targets.web]\nbuiltin = \"http\"\n[scenarios.web]\nprotocol = \"http\"\n\
         requests = [{ name = \"home\", path = \"/\" }, { name = \"order\", path = \"/status/500\" }]\n\
         think_time = \"10ms\"\nstages = [{ users = 4, hold = \"30s\" }]\n\
         thresholds = [\"failure_ratio < 90%\",\n\
         { condition = \"failure_ratio < 1%\", request = \"*\", abort = true, grace = \"1s\" }]\n\
         [generator]\nworkers = 1\n";
    let outcome = run_once(plan, &[]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.took.as_secs() < 15, "{:?}", outcome.took);
    assert_eq!(outcome.report["stopped"]["reason"], "aborted", "{}", outcome.report["stopped"]);
    let thresholds = outcome.report["thresholds"].as_array().unwrap();
    let states: Vec<(&Value, &Value)> =
        thresholds.iter().map(|one| (&one["request"], &one["state"])).collect();
    let of = |name: &str| states.iter().find(|(request, _)| *request == name).unwrap().1;
    assert_eq!((of("home"), of("order")), (&"held".into(), &"broken".into()), "{states:?}");
    let requests = outcome.report["scenarios"][0]["requests"].as_array().unwrap();
    for request in requests {
        let get = |key: &str| request[key].as_u64().unwrap();
        assert_eq!(get("due"), get("started") + get("dropped"), "{request}");
        let ended = get("ok") + get("failed") + get("timed_out") + get("unfinished");
        assert_eq!(get("started"), ended, "{request}");
    }
}

#[test]
fn what_is_dropped_belongs_to_the_request_that_it_would_have_been() {
    let plan = "name = \"full\"\n[targets.web]\nbuiltin = \"http\"\nfaults = { delay = \"300ms\" }\n[scenarios.web]\nprotocol = \"http\"\n\
         requests = [{ name = \"often\", path = \"/\", weight = 3 }, { name = \"rarely\", path = \"/bytes/9\" }]\n\
         max_in_flight = 5\non_full = \"fail\"\nstages = [{ rate = \"100/s\", hold = \"2s\" }]\n\
         thresholds = []\n[generator]\nworkers = 1\n";
    let outcome = run_once(plan, &[]);
    let scenario = outcome.scenario("web");
    let requests = outcome.report["scenarios"][0]["requests"].as_array().unwrap();
    let sum = |key: &str| requests.iter().map(|one| one[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("due"), 200, "{requests:?}");
    for key in ["due", "started", "dropped", "ok"] {
        assert_eq!(sum(key), scenario.counter(key), "{key}");
    }
    for request in requests {
        let get = |key: &str| request[key].as_u64().unwrap();
        assert!(get("dropped") > 20, "{request}");
        assert_eq!(get("due"), get("started") + get("dropped"), "{request}");
        let failures = &request["ratios"]["failure_ratio"];
        assert_eq!(failures["numerator"].as_u64(), Some(get("dropped")), "{request}");
    }
}
