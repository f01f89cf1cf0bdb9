//! This machine's limits, set low on purpose in network namespaces of their own, against what is
//! predicted and what is blamed.
//!
//! These tests need root, as `tests/all.sh` in CI has: without it they fail, and do not pretend.

mod accounts;
mod causes;
mod cgroup;
mod clock;
mod conntrack;
mod default_ports;
mod doctor;
mod middlebox;
mod reach;
mod root_causes;
mod starved;
mod told;

use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A separate network namespace with loopback up, for the thread that makes it and for the programs
/// that it starts.
struct Lab {
    folder: tempfile::TempDir,
}

/// What a run came to.
struct Ran {
    code: i32,
    /// `report.json`; null when there is none.
    report: Value,
    stdout: String,
    stderr: String,
    /// Where its results are.
    folder: Option<PathBuf>,
}

impl Lab {
    /// Does `work` in a new thread, in a new network namespace.
    fn within<T: Send + 'static>(work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace takes root");
            let lab = Self { folder: tempfile::tempdir().unwrap() };
            ip("link set lo up");
            work(&lab)
        });
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Adds a table of rules.
    fn nft(&self, rules: &str) {
        let path = self.folder.path().join("rules.nft");
        std::fs::write(&path, rules).unwrap();
        succeed(Command::new("nft").arg("-f").arg(&path));
    }

    fn plan(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("plan.toml");
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    /// `planrun doctor --json`, behind `before` (such as `prlimit --nofile=100:100`): the exit
    /// status and what it says.
    fn doctor(&self, before: &[&str], plan: &str) -> (i32, Value) {
        let plan = self.plan(plan);
        let output = planrun(before, &["doctor", path(&plan), "--json"]);
        let value = serde_json::from_slice(&output.stdout).expect("doctor prints JSON");
        (output.status.code().unwrap(), value)
    }

    /// `planrun PLAN`, behind `before`.
    fn run(&self, before: &[&str], plan: &str, more: &[&str]) -> Ran {
        let plan = self.plan(plan);
        let out = self.folder.path().join("results");
        let mut arguments = vec![path(&plan), "--out", path(&out)];
        arguments.extend(["--summary", "full"]);
        if !more.contains(&"--progress") {
            arguments.extend(["--progress", "none"]);
        }
        arguments.extend(more);
        ran(&planrun(before, &arguments), &out)
    }

    /// `planrun PLAN` while something is done to it.
    fn run_with(&self, plan: &str, work: impl FnOnce(&Child)) -> Ran {
        let plan = self.plan(plan);
        let out = self.folder.path().join("results");
        let child = Command::new(env!("CARGO_BIN_EXE_planrun"))
            .args([path(&plan), "--out", path(&out), "--progress", "none"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        work(&child);
        ran(&child.wait_with_output().unwrap(), &out)
    }
}

impl Ran {
    /// A counter of the first scenario.
    fn counter(&self, name: &str) -> u64 {
        self.report["scenarios"][0]["counters"][name].as_u64().unwrap_or_else(|| {
            panic!("no `{name}` in the report; exit {}: {}", self.code, self.stderr)
        })
    }

    /// How a rule of validity came out.
    fn health(&self, rule: &str) -> &Value {
        let all = self.report["health"].as_array().unwrap_or_else(|| panic!("{}", self.stderr));
        all.iter().find(|one| one["rule"] == rule).unwrap()
    }

    /// Whether a rule of validity makes the run INVALID.
    fn breaks(&self, rule: &str) -> bool {
        self.report["invalid"].as_array().unwrap().iter().any(|one| one["rule"] == rule)
    }
}

/// Changes the calling thread's network namespace.
fn ip(arguments: &str) {
    succeed(Command::new("ip").args(arguments.split(' ')));
}

/// Sets a kernel parameter of the calling thread's network namespace.
fn sysctl(name: &str, value: &str) {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    std::fs::write(&path, value).unwrap_or_else(|error| panic!("set {path}: {error}"));
}

fn ran(output: &Output, out: &Path) -> Ran {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let folder = newest(out);
    let report = folder.as_ref().and_then(|run| std::fs::read(run.join("report.json")).ok());
    Ran {
        code: output.status.code().unwrap_or(-1),
        report: report.map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap()),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        folder,
    }
}

/// The newest run below a results folder.
fn newest(out: &Path) -> Option<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let mut runs: Vec<PathBuf> = folders(out).iter().flat_map(|plan| folders(plan)).collect();
    runs.sort();
    runs.pop()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn planrun(before: &[&str], arguments: &[&str]) -> Output {
    let mut words = before.to_vec();
    words.push(env!("CARGO_BIN_EXE_planrun"));
    words.extend(arguments);
    Command::new(words[0]).args(&words[1..]).env("NO_COLOR", "1").output().unwrap()
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether a prediction came true within 2 %.
fn assert_near(reached: u64, predicted: u64) {
    let difference = reached.abs_diff(predicted) as f64 / predicted as f64;
    assert!(difference <= 0.02, "predicted {predicted}, reached {reached}");
}
