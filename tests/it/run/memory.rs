//! What `doctor` says that bodies and rows take, beside what the processes have.

use super::api::plan;
use crate::going::Going;
use crate::hostile::{keep, serve};
use crate::outcome::{Stage, exe};
use std::net::TcpStream;
use std::process::Command;

/// Bytes of the body, and about those of the rows.
const BODY: usize = 12_000_000;

/// A plan whose one worker keeps a large body and many rows, or neither.
fn keeping(large: bool) -> (String, Vec<u8>, String) {
    // Takes the connection and reads nothing.
    let address = serve(|stream: TcpStream| keep(stream));
    let text = plan(
        address,
        "data = { file = \"rows.csv\" }\n\
         requests = [{ method = \"POST\", path = \"/${row.id}\", body_file = \"body\" }]\n\
         stages = [{ users = 1, hold = \"3s\" }]\nthresholds = []\n[generator]\nworkers = 1\n",
    );
    let rows: Vec<String> =
        (0..if large { 100_000 } else { 1 }).map(|row| format!("row-{row:020}")).collect();
    let rows = format!("id\n{}\n", rows.join("\n"));
    (text, vec![b'x'; if large { BODY } else { 1 }], rows)
}

/// Bytes that `doctor` says are needed, and those that the worker and the coordinator have.
fn needed_and_resident(large: bool) -> (u64, u64) {
    let (text, body, rows) = keeping(large);
    let stage = Stage::new(&text);
    let folder = stage.folder.path();
    std::fs::write(folder.join("body"), body).unwrap();
    std::fs::write(folder.join("rows.csv"), rows).unwrap();
    let mut doctor = Command::new(exe());
    doctor.args(["doctor", "plan.toml", "--json"]);
    stage.prepare(&mut doctor);
    let output = doctor.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let doctor: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&words);
    let all = doctor["rows"].as_array().unwrap();
    let memory = all.iter().find(|row| row["check"] == "memory").unwrap();
    let needed = memory["needed"].as_u64().unwrap();
    let going = Going::of(stage, &["--set", "scenarios.web.timeout=2500ms"], 1);
    let [worker] = going.below("worker")[..] else { panic!("one worker") };
    let resident = [worker, going.pid()].map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    });
    drop(going.end());
    (needed, resident.iter().sum())
}

#[test]
fn bodies_and_rows_are_among_the_memory_needed() {
    let (small, large) = (needed_and_resident(false), needed_and_resident(true));
    let (needed, resident) = (large.0 - small.0, large.1 - small.1);
    assert!(needed > BODY as u64, "{needed}");
    // Within a quarter.
    assert!(needed.abs_diff(resident) * 4 < resident, "needed {needed}, resident {resident}");
}
