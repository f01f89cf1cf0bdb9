//! `--calibrate`: what this machine can generate is measured against servers of planrun's own, and
//! is part of the run.

use crate::outcome::exe;
use crate::served::Served;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const PLAN: &str = r#"
name = "calibrated"
[generator]
limits = { schedule_lag = "2s", dropped = "50%", stalled = "50%", worker_cpu = "100%", steal = "90%" }
[targets.web]
address = "http://127.0.0.1:9/"
[targets.lb]
builtin = "tcp-hold"
[scenarios.web]
target = "web"
protocol = "http"
requests = [{ path = "/", expect = { body = "ok" } }]
stages = [{ rate = "50/s", hold = "2s" }]
[scenarios.hold]
target = "lb"
protocol = "tcp-hold"
stages = [{ users = "20", spawn_rate = "20/s", hold = "1s" }]
"#;

fn plan(folder: &Path) -> Command {
    fs::write(folder.join("plan.toml"), PLAN).unwrap();
    let mut command = Command::new(exe());
    command.args(["plan.toml", "--calibrate"]).current_dir(folder);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

#[test]
fn a_run_says_how_much_it_used_of_what_this_machine_can_generate() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::start(&["http", "--listen", "127.0.0.1:0"]);
    let target = format!("web=http://{}/", server.address);
    let output = plan(folder.path()).args(["--target", &target]).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("calibration: web: this machine can start"), "{text}");
    assert!(text.contains("% of what this machine can generate (web: "), "{text}");
    // Those of the run and of its preflight; a calibration sends thousands.
    let requests = server.stop()["requests"];
    assert!((100..=110).contains(&requests), "{requests}");
    let run = planrun::results::runs_below(folder.path()).unwrap().remove(0);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    let calibration = &report["calibration"];
    let scenarios = calibration["scenarios"].as_array().unwrap();
    let units: Vec<_> = scenarios.iter().map(|one| one["unit"].as_str().unwrap()).collect();
    assert_eq!(units, ["requests", "connections"]);
    for one in scenarios {
        let figure = |key: &str| one[key].as_f64().unwrap();
        let rate = figure("started") * 1e9 / figure("length_ns");
        assert!((figure("per_second") - rate).abs() < 1e-6 * rate, "{one}");
        assert!(figure("used_per_second") < figure("per_second"), "{one}");
    }
    let used = calibration["used_ratio"].as_f64().unwrap();
    assert!(used > 0.0 && used < 1.0, "{calibration}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("of what this machine can generate"));
    let verified = Command::new(exe()).arg("verify").arg(&run).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
}

#[test]
fn lines_for_machines_stay_so_and_a_target_that_is_not_there_is_found_out_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let output = plan(folder.path()).args(["--progress", "json"]).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(!text.contains("calibration: "), "{text}");
    assert!(planrun::results::runs_below(folder.path()).is_err(), "no run began");
}

#[test]
fn a_signal_ends_a_calibration_and_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let child = plan(folder.path()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(planrun::results::runs_below(folder.path()).is_err(), "no run began");
}
