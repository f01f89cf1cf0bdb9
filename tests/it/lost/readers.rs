//! Readers of a command's output that leave: its exit status is that of its work.

use crate::outcome::exe;
use std::process::{Command, Stdio};

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
