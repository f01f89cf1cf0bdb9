//! Rows that are used once: one supply for all workers and all scenarios, and words for its end.

use crate::outcome::{Outcome, Stage, run_with};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server that answers after a while, and the paths that it was asked for.
pub(super) fn serve(pause: Duration) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
                    if let Some(path) = line.strip_prefix("GET ") {
                        seen.lock().unwrap().push(path.split(' ').next().unwrap().to_owned());
                    } else if line == "\r\n" {
                        std::thread::sleep(pause);
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        if reader.get_mut().write_all(answer).is_err() {
                            break;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    (address, asked)
}

pub(super) fn go(address: SocketAddr, rest: &str, rows: usize) -> Outcome {
    let plan = format!(
        "name = \"rows\"\n[targets.web]\naddress = \"http://{address}/\"\n{rest}\n[generator]\nworkers = 2\n"
    );
    let rows: Vec<String> = (0..rows).map(|row| row.to_string()).collect();
    let file = format!("id\n{}\n", rows.join("\n"));
    run_with(&plan, |stage: &Stage| {
        std::fs::write(stage.folder.path().join("rows.csv"), &file).unwrap();
        stage.command(&[])
    })
}

/// How often each path was asked for.
pub(super) fn counts(asked: &Mutex<Vec<String>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for path in asked.lock().unwrap().iter() {
        *counts.entry(path.clone()).or_default() += 1;
    }
    counts
}

pub(super) fn scenario(name: &str, stage: &str) -> String {
    format!(
        "[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"web\"\nthresholds = [\"failure_ratio == 0%\"]\n\
         data = {{ file = \"rows.csv\", order = \"unique\" }}\n\
         requests = [{{ path = \"/${{row.id}}\" }}]\nstages = [{stage}]\n"
    )
}

#[test]
fn no_user_goes_without_while_a_row_is_left_and_the_end_has_its_words() {
    let (address, asked) = serve(Duration::from_millis(5));
    // One worker has two users, the other one.
    let outcome = go(address, &scenario("web", "{ users = 3, hold = \"3s\" }"), 200);
    let counts = counts(&asked);
    assert_eq!(counts.len(), 200, "{}", outcome.stdout);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(outcome.code, Some(3), "{}", outcome.stdout);
    assert_eq!(outcome.report["scenarios"][0]["accounting"]["ok"], 200);
    for words in ["had no row of data left", "all rows of the data were used", "fix: add rows"] {
        let said = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        outcome
            .stderr
            .contains("rows.csv has 200 rows, and each is used once: they last 3s only if"),
        "{}",
        outcome.stderr
    );
    let cause = &outcome.report["causes"][0];
    assert_eq!(
        (cause["root_cause"].as_str(), cause["side"].as_str()),
        (Some("data_rows"), Some("generator"))
    );
}

#[test]
fn all_scenarios_of_a_file_have_one_supply() {
    for stages in [
        // Each arrival has its row before the run.
        ["{ rate = \"30/s\", hold = \"1s\" }", "{ rate = \"30/s\", hold = \"1s\" }"],
        // Users take as they need.
        ["{ rate = \"30/s\", hold = \"1s\" }", "{ users = 1, hold = \"1s\" }"],
    ] {
        let (address, asked) = serve(Duration::from_millis(50));
        let scenarios = scenario("one", stages[0]) + &scenario("two", stages[1]);
        let outcome = go(address, &scenarios, 60);
        let counts = counts(&asked);
        let all = outcome.report["scenarios"].as_array().unwrap();
        let ok: u64 = all.iter().map(|one| one["accounting"]["ok"].as_u64().unwrap()).sum();
        assert_eq!(counts.values().sum::<usize>() as u64, ok, "{}", outcome.stdout);
        assert!(ok > 40 && counts.values().all(|count| *count == 1), "{ok} {counts:?}");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    }
}

#[test]
fn too_few_rows_for_all_scenarios_together_are_an_error_before_the_run() {
    let (address, asked) = serve(Duration::ZERO);
    let stage = "{ rate = \"30/s\", hold = \"1s\" }";
    let outcome = go(address, &(scenario("one", stage) + &scenario("two", stage)), 45);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    let words = "rows.csv has 45 rows, and scenarios `one` and `two` need at least 60: each row is used once, so that they last 750ms of 1s";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    assert_eq!(asked.lock().unwrap().len(), 0);
}
