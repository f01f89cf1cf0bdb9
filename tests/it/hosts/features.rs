//! What one machine can do, several hosts can: TLS, HTTP/2, rows, events, WebSockets, searches.

use super::lab::Lab;
use crate::outcome::{Stage, wait};
use std::fmt::Write as _;

const PLAN: &str = r#"
name = "features"
targets.web = { address = "https://10.77.0.1:8443", tls = { insecure = true } }
targets.ws = { address = "ws://10.77.0.1:9/" }
targets.lb = { address = "10.77.0.1:10" }

[scenarios.web]
protocol = "http"
target = "web"
version = "2"
requests = [{ path = "/echo", method = "POST", body = "row ${row.id}", expect = { contains = "row ${row.id}" } }]
data = { file = "rows.csv", order = "unique" }
stages = [{ rate = "200/s", hold = "1s" }]

[scenarios.ws]
protocol = "ws-hold"
target = "ws"
events = [{ at = "1s", drop = "50%" }]
stages = [{ users = 80, spawn_rate = "200/s", hold = "2s" }]

[scenarios.fixed]
protocol = "http"
target = "web"
stages = [{ users = 20, iterations = 1000, hold = "30s" }]

[scenarios.never]
protocol = "tcp-hold"
target = "lb"
stages = [{ users = 80, spawn_rate = "200/s", hold = "1s" }]
"#;

#[test]
fn protocols_rows_events_and_options_work_over_hosts() {
    let mut lab = Lab::new(2);
    lab.serve(&["http", "--tls", "--listen", "10.77.0.1:8443"]);
    lab.serve(&["ws-hold", "--listen", "10.77.0.1:7001"]);
    let stage = Stage::new(PLAN);
    let mut rows = "id\n".to_owned();
    (0..100).for_each(|row| writeln!(rows, "r{row}").unwrap());
    std::fs::write(stage.folder.path().join("rows.csv"), rows).unwrap();
    let options = "--scale 50% --only web --only ws --only fixed --target ws=ws://10.77.0.1:7001/";
    let options: Vec<&str> = options.split(' ').collect();
    let outcome = lab.run_stage(stage, &options);
    let shown = format!("{}\n{}", outcome.stdout, outcome.stderr);
    assert!(outcome.code == Some(0) || outcome.was_late(), "{shown}");
    outcome.assert_whole();
    assert_eq!(outcome.report["scenarios"].as_array().unwrap().len(), 3, "{shown}");
    // As many rows as requests: each host got its own.
    let counters = outcome.scenario("web").counters(["due", "ok", "failed"]);
    assert_eq!(counters, [100, 100, 0], "{shown}");
    // Users of both hosts share the iterations; none is done twice.
    let fixed = outcome.scenario("fixed");
    let counters = fixed.counters(["iterations.planned", "iterations", "started"]);
    assert_eq!(counters, [500; 3], "{shown}");
    let ws = outcome.report["scenarios"].as_array().unwrap();
    let ws = ws.iter().find(|scenario| scenario["name"] == "ws").unwrap();
    assert_eq!(ws["events"].as_array().map(Vec::len), Some(1), "{shown}");
    let [failed, unfinished] = outcome.scenario("ws").counters(["failed", "unfinished"]);
    assert_eq!([failed, unfinished], [0, 0], "{shown}");
}

#[test]
fn a_search_runs_every_level_over_hosts() {
    let mut lab = Lab::new(2);
    lab.serve(&["tcp-hold", "--listen", "10.77.0.1:7000"]);
    let stage = Stage::new(
        "name = \"s\"\ntargets.lb = { address = \"10.77.0.1:7000\" }\n\
         search = { min = 20, max = 40, confirm = 0 }\n[scenarios.hold]\nprotocol = \"tcp-hold\"\n\
         thresholds = [\"failure_ratio < 1%\"]\n\
         stages = [{ users = 20, spawn_rate = \"200/s\", hold = \"1s\" }]\n",
    );
    let own = lab.own_agents();
    let own = own.each_ref().map(String::as_str);
    let mut ended = wait(lab.coordinator(&stage, &own));
    // A machine that is busy with other tests makes a level INVALID.
    for _ in 0..2 {
        if ended.status.code() != Some(3) {
            break;
        }
        ended = wait(lab.coordinator(&stage, &own));
    }
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{said}\n{told}");
    assert_eq!(told.matches("2 hosts start in").count(), 2, "{told}");
    assert!(said.contains("40"), "{said}");
}
