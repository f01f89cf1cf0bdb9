//! Standard output and error that nobody reads, or that are full: the run goes on, and its files
//! are there.

use crate::outcome::{Stage, run_as};
use serde_json::Value;
use std::fs::OpenOptions;
use std::process::{Command, Stdio};

const PLAN: &str = r#"
name = "streams"
[targets.lb]
builtin = "tcp-hold"
[targets.web]
builtin = "http"
[scenarios.hold]
protocol = "tcp-hold"
target = "lb"
expect = "ok"
greeting = "5s"
stages = [{ users = 20, ramp = "300ms", hold = "300ms" }]
[scenarios.web]
protocol = "http"
target = "web"
think_time = "10ms"
stages = [{ users = 3, hold = "600ms" }]
thresholds = ["failure_ratio < 1%"]
"#;

fn run(command: impl Fn(&Stage) -> Command) {
    let outcome = run_as(0, PLAN, command);
    assert_eq!(outcome.verdict(), "PASS");
    assert_eq!(outcome.scenario("hold").counter("ok"), 20);
    assert_eq!(outcome.server("lb")["accepted"], 20);
    assert_eq!(outcome.server("web")["requests"], outcome.scenario("web").counter("started"));
}

/// By a shell, because only a shell closes a stream.
fn by_shell(stage: &Stage, redirect: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("exec \"$0\" plan.toml --out out {redirect}");
    command.args(["-c", &script]).arg(crate::outcome::exe());
    stage.prepare(&mut command);
    command
}

#[test]
fn closed_streams_stop_nothing() {
    for redirect in [">&-", "2>&-", ">&- 2>&- <&-"] {
        run(|stage| by_shell(stage, redirect));
    }
}

#[test]
fn full_streams_stop_nothing() {
    run(|stage| {
        let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
        let mut command = stage.command(&[]);
        command.stdout(full()).stderr(full());
        command
    });
}

#[test]
fn readers_that_leave_stop_nothing() {
    // The reader has gone before the first word is written.
    for progress in ["bar", "lines", "json", "none"] {
        run(|stage| {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = Command::new(crate::outcome::exe());
            command.args(["plan.toml", "--out", "out", "--progress", progress]);
            stage.prepare(&mut command);
            command.stdout(writer.try_clone().unwrap()).stderr(writer);
            command
        });
    }
}

#[test]
fn the_lines_of_json_say_the_words_of_the_report() {
    let all = r#"thresholds = ["failure_ratio < 1%", "service_time.p50 < 1ns"]"#;
    let plan = PLAN.replace("thresholds = [\"failure_ratio < 1%\"]", all);
    let outcome = run_as(1, &plan, |stage| {
        let mut command = Command::new(crate::outcome::exe());
        command.args(["plan.toml", "--out", "out", "--progress", "json"]);
        stage.prepare(&mut command);
        command
    });
    let said = outcome.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let said: Vec<Value> = said.collect();
    let of = |event: &str| said.iter().find(|one| one["event"] == event).expect("the event");
    let states = |thresholds: &Value| {
        let all = thresholds.as_array().expect("thresholds").iter();
        all.map(|one| (one["check"].clone(), one["state"].clone())).collect::<Vec<_>>()
    };
    let live = states(&of("finished")["thresholds"]);
    assert_eq!(live, states(&outcome.report["thresholds"]));
    assert!(live.iter().any(|(_, state)| state == "broken"), "{live:?}");
    assert_eq!(of("stopped")["reason"], outcome.report["stopped"]["reason"]);
}

#[test]
fn readers_that_leave_in_the_middle_stop_nothing() {
    // `head` leaves behind its first line: of progress, of the summary, of both.
    let pipes = [
        "--progress json 2>&1 >/dev/null | head -1 >first",
        "--progress lines 2>&1 >/dev/null | head -1 >first",
        "2>/dev/null | head -1 >first",
        "--progress json 2>&1 | head -1 >first",
    ];
    for pipe in pipes {
        run(|stage| {
            let mut command = Command::new("bash");
            let script = format!("\"$0\" plan.toml --out out {pipe}; exit ${{PIPESTATUS[0]}}");
            command.args(["-c", &script]).arg(crate::outcome::exe());
            stage.prepare(&mut command);
            command
        });
    }
}
