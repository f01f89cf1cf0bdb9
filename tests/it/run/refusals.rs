//! What is refused before anything is sent, and what cannot be written.

use crate::outcome::{Outcome, Stage, run, run_once, run_with};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

fn hold(address: &str) -> String {
    format!(
        "name = \"refused\"\ntargets.t.address = \"{address}\"\n[scenarios.s]\nprotocol = \"tcp-hold\"\n\
         connect_timeout = \"300ms\"\nstages = [{{ users = 10, ramp = \"200ms\", hold = \"300ms\" }}]\n"
    )
}

/// An address where nobody listens.
fn dead() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Nothing was run, nothing was written, and it was said why.
fn assert_refused(outcome: &Outcome, code: i32, said: &str) {
    assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
    assert!(outcome.results.is_none());
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn a_wrong_plan_is_refused_with_every_error() {
    let plan = hold("127.0.0.1:80").replace("users = 10", "usres = 10").replace("300ms", "300");
    let outcome = run_once(&plan, &[]);
    assert_refused(&outcome, 2, "usres");
    let places = ["plan.toml:5:", "plan.toml:6:"];
    assert!(places.iter().all(|place| outcome.stderr.contains(place)), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("help:"));

    let outcome = run_once(&hold("127.0.0.1:80"), &["--set", "scenarios.x.close=rst"]);
    assert_refused(&outcome, 2, "scenarios.x");
    let outcome = run_once(&hold("127.0.0.1:80"), &["--only", "nobody"]);
    assert_refused(&outcome, 2, "nobody");
}

#[test]
fn a_wrong_command_line_is_refused() {
    for arguments in [&["no-such-plan.toml"][..], &["--no-such-option"], &["."], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(crate::outcome::exe());
        let output = command.current_dir(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_target_that_is_not_there_is_refused() {
    let dead = dead();
    let outcome = run_once(&hold(&dead), &[]);
    assert_refused(&outcome, 4, &format!("{dead} does not accept connections"));
    assert!(outcome.stderr.contains("--target t="), "{}", outcome.stderr);
    let outcome = run_once(&hold("no-such-host.invalid:80"), &[]);
    assert_refused(&outcome, 4, "no-such-host.invalid");
    let outcome = run_once(&hold("no-such-host.invalid:80"), &["--force"]);
    assert_refused(&outcome, 4, "no-such-host.invalid");
}

#[test]
fn force_runs_against_a_target_that_is_not_there() {
    let outcome = run(1, &hold(&dead()), &["--force"]);
    let facts = outcome.scenario("s");
    assert_eq!(facts.only_failure(), ("refused", "network", "connect", 10));
    assert_eq!(facts.counters(["due", "connect.ok", "failed"]), [10, 0, 10]);
    assert_eq!(facts.ratio("hold.survival_ratio"), None);
}

#[test]
fn a_target_is_left_alone_before_the_run_where_no_probe_is_wanted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (plan, arguments, probes) in [
        (hold(&address), &[][..], 1),
        (hold(&address), &["--no-probe"], 0),
        (hold(&address), &["--set", "targets.t.probe=false"], 0),
    ] {
        let outcome = run_once(&plan, arguments);
        assert_eq!(
            outcome.report["targets"][0]["preflight.probes"], probes,
            "{:#}",
            outcome.report["targets"]
        );
        listener.set_nonblocking(true).unwrap();
        let accepted = std::iter::from_fn(|| listener.accept().ok()).count();
        assert_eq!(accepted, 10 + probes);
    }
}

#[test]
fn nothing_is_left_below_the_folder_of_results() {
    let outcome = run_with(&hold(&dead()), |stage| {
        std::fs::create_dir(stage.folder.path().join("out")).unwrap();
        std::fs::write(stage.folder.path().join("out/mine"), "").unwrap();
        let mut command = Command::new("sh");
        let script = "\"$0\" plan.toml --out out; code=$?; ls -A out >listing; mv out gone; cat listing >&2; exit $code";
        command.args(["-c", script]).arg(crate::outcome::exe());
        stage.prepare(&mut command);
        command
    });
    assert_eq!(outcome.code, Some(4));
    assert_eq!(outcome.stderr.lines().last(), Some("mine"), "{}", outcome.stderr);
}

#[test]
fn results_that_cannot_be_written_are_told_before_anything_is_sent() {
    let plan = hold("127.0.0.1:80").replace("address = \"127.0.0.1:80\"", "builtin = \"tcp-hold\"");
    for out in ["plan.toml", "plan.toml/below", "/proc/results"] {
        let outcome = run_with(&plan, |stage: &Stage| {
            let mut command = Command::new(crate::outcome::exe());
            command.args(["plan.toml", "--out", out]);
            stage.prepare(&mut command);
            command
        });
        assert_refused(&outcome, 5, out);
        assert!(outcome.stderr.contains("--out"), "{}", outcome.stderr);
    }
}
