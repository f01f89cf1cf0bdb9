//! Readers of a command's output that leave: its exit status is that of its work.

use crate::outcome::exe;
use std::process::{Command, Stdio};

/// Two seconds of requests.
const PLAN: &str = "name = \"unread\"\n[targets.web]\nbuiltin = \"http\"\n[scenarios.web]\n\
    protocol = \"http\"\nthink_time = \"20ms\"\nstages = [{ users = 2, hold = \"2s\" }]\n\
    thresholds = [\"failure_ratio < 1%\"]\n\
    [generator]\nlimits = { schedule_lag = \"5s\", stalled = \"90%\", worker_cpu = \"100%\", steal = \"90%\" }\n";

#[test]
fn a_run_whose_reader_left_is_whole_and_has_its_own_status() {
    for progress in ["lines", "json", "bar"] {
        let stage = crate::outcome::Stage::new(PLAN);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (errors, output) = (writer.try_clone().unwrap(), writer);
        let mut command = Command::new(exe());
        command.args(["plan.toml", "--out", "out", "--progress", progress]);
        command.current_dir(stage.folder.path());
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let code = command.status().unwrap().code();
        let results = crate::outcome::results(&stage.folder.path().join("out")).unwrap();
        let report = crate::outcome::report(&results);
        assert_eq!(report["stopped"]["reason"], "completed", "{progress}: {report:#}");
        assert_eq!(report["exit_code"].as_i64(), code.map(i64::from), "{progress}");
        crate::outcome::assert_report_is_whole(&report);
        crate::outcome::assert_sums(&results);
    }
}

#[test]
fn commands_whose_reader_left_have_the_status_of_their_work() {
    let published = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let at = |run: &str| published.join(run).display().to_string();
    let quick = at("../plans/quickstart.toml");
    let (article, million) = (
        at("100w-longconn-article/20261122T191148Z-35184994"),
        at("100w-longconn/20261122T220954Z-67cd8c96"),
    );
    let copy = tempfile::tempdir().unwrap();
    for file in ["plan.toml", "recording.jsonl.gz", "environment.json"] {
        std::fs::copy(std::path::Path::new(&article).join(file), copy.path().join(file)).unwrap();
    }
    let copy = copy.path().to_str().unwrap();
    let cases: [(&[&str], i32); 9] = [
        (&["check", &quick], 0),
        (&["report", copy], 0),
        (&["verify", &article], 0),
        (&["compare", &article, &million], 3),
        (&["index", "--check", "DIR"], 2),
        (&["explain", "schedule_lag"], 0),
        (&["schema"], 0),
        (&["man"], 0),
        (&["--help"], 0),
    ];
    for (arguments, code) in cases {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (errors, output) = (writer.try_clone().unwrap(), writer);
        let mut command = Command::new(exe());
        command.args(arguments).stdin(Stdio::null()).stdout(output).stderr(errors);
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments:?}");
    }
}
