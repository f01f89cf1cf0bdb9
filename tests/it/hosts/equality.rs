//! The same plan on one machine and on several hosts: the same attempts, counted once.

use super::lab::Lab;
use crate::outcome::{Outcome, Stage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

const PLAN: &str = r#"
name = "hosts"
targets.lb = { address = "10.77.0.1:7000" }
targets.web = { address = "http://10.77.0.1:8080" }

[scenarios.hold]
protocol = "tcp-hold"
target = "lb"
expect = "ok"
stages = [{ users = 900, spawn_rate = "600/s", hold = "1s" }]

[scenarios.web]
protocol = "http"
target = "web"
requests = [{ name = "a", path = "/", weight = 3 }, { name = "b", path = "/b" }]
stages = [{ rate = "200/s", ramp = "1s", hold = "1s", spacing = "poisson" }]
"#;

/// What must not depend on hosts: attempts by scenario, part of a stage and request.
fn attempts(outcome: &Outcome) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for scenario in outcome.report["scenarios"].as_array().unwrap() {
        let name = scenario["name"].as_str().unwrap();
        for stage in scenario["stages"].as_array().unwrap() {
            for (part, facts) in stage["parts"].as_object().unwrap() {
                all.push((format!("{name} {part}"), facts["accounting"].clone()));
                for (time, distribution) in facts["times"].as_object().into_iter().flatten() {
                    // Which connection is free depends on who else is there.
                    if name == "web" && time == "connect.time" {
                        continue;
                    }
                    all.push((format!("{name} {part} {time}"), distribution["samples"].clone()));
                }
            }
        }
        for request in scenario["requests"].as_array().into_iter().flatten() {
            let started = request["started"].clone();
            assert!(started.as_u64() > Some(0), "{request}");
            all.push((format!("{name} request {}", request["name"]), started));
        }
    }
    all
}

#[test]
fn hosts_make_the_attempts_that_one_machine_makes() {
    let serve = |lab: &mut Lab| {
        lab.serve(&["tcp-hold", "--listen", "10.77.0.1:7000"]);
        lab.serve(&["http", "--listen", "10.77.0.1:8080"]);
    };
    let mut one = Lab::new(0);
    serve(&mut one);
    let (stage, since) = (Stage::new(PLAN), Instant::now());
    let child = one.coordinator(&stage, &[]);
    let alone = stage.end(child, since);
    assert!(alone.code == Some(0) || alone.was_late(), "{}\n{}", alone.stdout, alone.stderr);
    let expected = attempts(&alone);
    assert!(expected.len() > 10, "{expected:?}");
    assert!(alone.report.get("hosts").is_none());
    for (hosts, options) in [(1, &[][..]), (2, &[]), (3, &["--weights", "3:1:2"]), (4, &[])] {
        let mut lab = Lab::new(hosts);
        serve(&mut lab);
        let outcome = lab.run(PLAN, options);
        let shown = format!("{}\n{}", outcome.stdout, outcome.stderr);
        assert!(outcome.code == Some(0) || outcome.was_late(), "{shown}");
        outcome.assert_whole();
        assert_eq!(attempts(&outcome), expected, "{hosts} hosts");
        let of_hosts = outcome.report["hosts"].as_array().unwrap();
        assert_eq!(of_hosts.len(), hosts, "{shown}");
        assert_eq!(outcome.report["workers_lost"].as_array().unwrap().len(), 0, "{shown}");
        // Idle, it is a tenth of this.
        let skew_ns = outcome.report["start_skew_ns"].as_u64().unwrap();
        assert!(skew_ns < 50_000_000, "{skew_ns}");
        assert_eq!(outcome.health("start_skew")["state"], "ok");
        assert!(
            of_hosts.iter().all(|host| host["limits"]["cpus"].as_u64() > Some(0)),
            "{of_hosts:?}"
        );
        assert!(of_hosts.iter().all(|host| host["withheld"]["cpu_ns"].as_u64() > Some(0)));
        assert_parts_are_the_whole(&outcome);
    }
}

/// What hosts counted adds up to what all counted: in the report, and second by second.
fn assert_parts_are_the_whole(outcome: &Outcome) {
    let of_hosts = outcome.report["hosts"].as_array().unwrap();
    let mut reader =
        csv::Reader::from_reader(outcome.file("timeline.csv").into_bytes().leak() as &[u8]);
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let names: BTreeSet<&str> = rows.iter().map(|row| row["host"].as_str()).collect();
    assert_eq!(names.len(), of_hosts.len() + 1, "{names:?}");
    for scenario in ["hold", "web"] {
        let whole = outcome.scenario(scenario).counter("started");
        let parts = of_hosts.iter().map(|host| {
            let all = host["scenarios"].as_array().unwrap();
            let its = all.iter().find(|one| one["scenario"] == scenario).unwrap();
            its["counters"]["started"].as_u64().unwrap()
        });
        assert_eq!(parts.sum::<u64>(), whole, "{scenario}: {of_hosts:?}");
        let mut seconds: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        let its =
            rows.iter().filter(|row| row["scenario"] == scenario && row["request"].is_empty());
        for row in its {
            let of_host = usize::from(!row["host"].is_empty());
            seconds.entry(&row["second"]).or_default()[of_host] +=
                row["started"].parse::<u64>().unwrap();
        }
        assert!(seconds.values().all(|[all, parts]| all == parts), "{scenario}: {seconds:?}");
    }
}
