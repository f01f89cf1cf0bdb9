//! Stages that end when their work is done: so many iterations, or all rows of the data.

use super::rows::{counts, go, scenario, serve};
use std::time::Duration;

fn plan(keys: &str, stages: &str) -> String {
    format!(
        "[scenarios.web]\nprotocol = \"http\"\nthresholds = [\"failure_ratio == 0%\"]\n{keys}\nstages = [{stages}]\n"
    )
}

#[test]
fn users_of_all_workers_share_the_iterations_of_a_stage() {
    let (address, asked) = serve(Duration::from_millis(2));
    let stages = "{ users = 5, iterations = 333, hold = \"30s\" }, { users = 2, iterations = \"50\", hold = \"30s\" }";
    let keys = "data = { file = \"rows.csv\" }\nrequests = [{ path = \"/${row.id}\" }]";
    let outcome = go(address, &plan(keys, stages), 383);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    // Iteration i takes row i, whoever sends it.
    let counts = counts(&asked);
    assert_eq!(counts.values().sum::<usize>(), 383);
    assert_eq!(counts.len(), 383, "{counts:?}");
    let scenario = &outcome.report["scenarios"][0];
    let counters = &scenario["counters"];
    assert_eq!(
        (&counters["iterations"], &counters["iterations.planned"]),
        (&383.into(), &383.into())
    );
    let first = &scenario["stages"][0];
    assert_eq!(first["counters"]["iterations"], 333, "{first}");
    assert!(scenario["accounting"]["ok"] == 383, "{}", scenario["accounting"]);
}

#[test]
fn an_iteration_is_all_steps_and_the_hold_ends_a_stage_at_the_latest() {
    let (address, asked) = serve(Duration::from_millis(20));
    let keys = "steps = [{ path = \"/one\" }, { path = \"/two\" }]";
    let outcome = go(address, &plan(keys, "{ users = 2, iterations = 1000, hold = \"1s\" }"), 1);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    let counters = &outcome.report["scenarios"][0]["counters"];
    let done = counters["iterations"].as_u64().unwrap();
    assert_eq!(counters["iterations.planned"], 1_000);
    let counts = counts(&asked);
    let (one, two) = (counts["/one"] as u64, counts["/two"] as u64);
    assert!(done <= two && two <= one && one <= done + 2, "{done} {counts:?}");
    assert!((10..60).contains(&done), "{done}");
    let said = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("iterations.completed_ratio >= 100%"), "{said}");
}

#[test]
fn a_stage_can_last_until_the_data_is_used_up() {
    let (address, asked) = serve(Duration::from_millis(2));
    let text = scenario("web", "{ users = 3, until = \"data\", hold = \"30s\" }");
    let outcome = go(address, &text, 200);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let counts = counts(&asked);
    assert!(counts.len() == 200 && counts.values().all(|count| *count == 1), "{counts:?}");
    let counters = &outcome.report["scenarios"][0]["counters"];
    assert_eq!(
        (&counters["iterations"], &counters["iterations.planned"]),
        (&200.into(), &200.into())
    );

    let (address, asked) = serve(Duration::from_millis(20));
    let text = scenario("web", "{ users = 2, until = \"data\", hold = \"1s\" }");
    let outcome = go(address, &text, 5_000);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    let counters = &outcome.report["scenarios"][0]["counters"];
    assert_eq!(counters["iterations.planned"], 5_000, "{counters}");
    assert_eq!(counters["iterations"], asked.lock().unwrap().len());
}

#[test]
fn one_worker_of_two_may_have_no_user() {
    let (address, asked) = serve(Duration::from_millis(1));
    let keys = "requests = [{ path = \"/\" }]";
    let outcome = go(address, &plan(keys, "{ users = 1, iterations = 40, hold = \"30s\" }"), 1);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(asked.lock().unwrap().len(), 40);
}
