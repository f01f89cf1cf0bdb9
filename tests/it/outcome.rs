//! Turns the text of a plan into a run of the program, and into what came of it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, mpsc::RecvTimeoutError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No run of these tests takes longer, on a busy machine either.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How often a run is made again when the machine was too busy to keep to the plan's schedule.
const AGAIN: usize = 4;

/// Rules that a run breaks when this machine is too busy for it, whatever the test is about.
pub(crate) const BUSY: [&str; 6] =
    ["schedule_lag", "stalled", "worker_cpu", "process_cpu", "steal", "memory_stall"];

/// Rules by which a run says that the machine gave its processors, or its memory, to others.
const WITHHELD: [&str; 5] = ["cpu_wait", "steal", "steal_burst", "throttled", "memory_stall"];

/// Runs of other tests, which one whose schedule is the matter does not share the machine with.
static RUNS: RwLock<()> = RwLock::new(());

/// The program under test.
pub(crate) fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_planrun"))
}

/// A plan and the folder in which it is run.
pub(crate) struct Stage {
    pub folder: TempDir,
}

/// A run that is over.
pub(crate) struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// Where its results are; `None` when there are none.
    pub results: Option<PathBuf>,
    pub report: Value,
    #[expect(dead_code, reason = "goes when the outcome does")]
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new(plan: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
        Self { folder }
    }

    /// The command line `planrun plan.toml --out out …` with every table, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(exe());
        command.args("plan.toml --out out --progress lines --summary full".split(' '));
        command.args(arguments);
        self.prepare(&mut command);
        command
    }

    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Waits for a run of this plan.
    pub(crate) fn end(self, child: Child, since: Instant) -> Outcome {
        let Output { status, stdout, stderr } = wait(child);
        let results = results(&self.folder.path().join("out"));
        Outcome {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            took: since.elapsed(),
            report: results.as_deref().map_or(Value::Null, report),
            results,
            folder: self.folder,
        }
    }
}

/// What a process wrote; one that does not end in time is ended, and fails the test.
pub(crate) fn wait(child: Child) -> Output {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (ended, watched) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = watched.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        if late {
            kill(pid, Signal::SIGKILL).unwrap();
        }
        late
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    assert!(!watch.join().unwrap(), "no end: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The only result folder below `out`.
pub(crate) fn results(out: &Path) -> Option<PathBuf> {
    let entries = |path: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(path)
            .map_or_else(|_| Vec::new(), |all| all.map(|entry| entry.unwrap().path()).collect())
    };
    let mut runs: Vec<PathBuf> = entries(out).iter().flat_map(|plan| entries(plan)).collect();
    assert!(runs.len() <= 1, "{runs:?}");
    runs.pop()
}

/// The report of a result folder; null when there is none.
pub(crate) fn report(results: &Path) -> Value {
    std::fs::read(results.join("report.json"))
        .map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
}

/// Runs a plan once.
pub(crate) fn run_once(plan: &str, arguments: &[&str]) -> Outcome {
    run_with(plan, |stage| stage.command(arguments))
}

/// Runs a plan once, by a command of the test's own.
pub(crate) fn run_with(plan: &str, command: impl Fn(&Stage) -> Command) -> Outcome {
    let _others = RUNS.read().unwrap_or_else(PoisonError::into_inner);
    go(plan, command)
}

fn go(plan: &str, command: impl Fn(&Stage) -> Command) -> Outcome {
    let stage = Stage::new(plan);
    let since = Instant::now();
    let child = command(&stage).spawn().unwrap();
    stage.end(child, since)
}

/// Runs a plan, and asserts its exit status and what holds for the report of every run. A run in
/// which this machine was late for its own schedule says so, rightly, and is made again.
pub(crate) fn run(code: i32, plan: &str, arguments: &[&str]) -> Outcome {
    run_as(code, plan, |stage| stage.command(arguments))
}

/// As [`run`], for a test of the schedule, which has the machine to itself: a late run fails it.
/// Only a run from which others withheld the machine, by its own account, is made again.
pub(crate) fn run_paced(code: i32, plan: &str, arguments: &[&str]) -> Outcome {
    let _alone = RUNS.write().unwrap_or_else(PoisonError::into_inner);
    for _ in 1..AGAIN {
        let outcome = go(plan, |stage| stage.command(arguments));
        if !(outcome.was_late() && outcome.was_withheld()) || outcome.code == Some(code) {
            return accepted(code, outcome);
        }
    }
    accepted(code, go(plan, |stage| stage.command(arguments)))
}

fn accepted(code: i32, outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code, Some(code), "{}\n{}", outcome.stdout, outcome.stderr);
    outcome.assert_whole();
    outcome
}

/// As [`run`], by a command of the test's own.
pub(crate) fn run_as(code: i32, plan: &str, command: impl Fn(&Stage) -> Command) -> Outcome {
    run_beside(code, || (run_with(plan, &command), ())).0
}

/// As [`run`], with what a run takes beside it: servers whose counters are of one run only.
pub(crate) fn run_beside<T>(code: i32, make: impl Fn() -> (Outcome, T)) -> (Outcome, T) {
    let mut left = AGAIN;
    loop {
        let (outcome, beside) = make();
        left -= 1;
        if left > 0 && outcome.was_late() && outcome.code != Some(code) {
            continue;
        }
        return (accepted(code, outcome), beside);
    }
}

/// Runs a plan that breaks a threshold. A run that this machine was too busy for counts the same.
pub(crate) fn run_broken(plan: &str) -> Outcome {
    let outcome = run_once(plan, &[]);
    let as_it_should = outcome.code == Some(1) || outcome.code == Some(3) && outcome.was_late();
    assert!(as_it_should, "{}\n{}", outcome.stdout, outcome.stderr);
    outcome.assert_whole();
    outcome
}

impl Outcome {
    /// Whether the only thing wrong is that the machine was too busy.
    pub(crate) fn was_late(&self) -> bool {
        let rules = self.rules();
        !rules.is_empty() && rules.iter().all(|rule| BUSY.contains(&rule.as_str()))
    }

    /// Whether the machine gave to others what the run needed.
    fn was_withheld(&self) -> bool {
        let health = self.report["health"].as_array().into_iter().flatten();
        let mut broken = health.filter(|one| one["state"] != "ok");
        broken.any(|one| WITHHELD.contains(&one["rule"].as_str().unwrap()))
    }

    /// The broken rules of validity.
    pub(crate) fn rules(&self) -> Vec<String> {
        let breaches = self.report["invalid"].as_array().into_iter().flatten();
        breaches.map(|breach| breach["rule"].as_str().unwrap().to_owned()).collect()
    }

    /// How a rule of validity that measures something came out.
    pub(crate) fn health(&self, rule: &str) -> &Value {
        let all = self.report["health"].as_array().unwrap();
        all.iter().find(|one| one["rule"] == rule).unwrap()
    }

    pub(crate) fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap()
    }

    /// The lines of the recording.
    pub(crate) fn journal(&self) -> String {
        let path = self.results.as_ref().unwrap().join("recording.jsonl.gz");
        let output = std::process::Command::new("zcat").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// One file of the result folder.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.results.as_ref().unwrap().join(name)).unwrap()
    }

    pub(crate) fn scenario(&self, name: &str) -> Facts<'_> {
        let all = self.report["scenarios"].as_array().unwrap();
        Facts(all.iter().find(|scenario| scenario["name"] == name).unwrap())
    }

    /// What the built-in server of a target counted.
    pub(crate) fn server(&self, target: &str) -> BTreeMap<String, u64> {
        let all = self.report["servers"].as_array().unwrap();
        let server = all.iter().find(|server| server["target"] == target).unwrap();
        serde_json::from_value(server["counters"].clone()).unwrap()
    }

    /// What holds for every run that has a report.
    pub(crate) fn assert_whole(&self) {
        let Some(results) = &self.results else { return };
        assert_report_is_whole(&self.report);
        assert_sums(results);
        for file in ["plan.toml", "summary.csv", "timeline.csv", "latency.hlog"] {
            assert!(results.join(file).is_file(), "{file} is missing");
        }
        self.assert_failures_agree();
        crate::formats::assert_conforms(results);
    }

    /// failures.csv has the same causes and counts as report.json.
    fn assert_failures_agree(&self) {
        let text = self.file("failures.csv");
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let mut sums: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in rows.deserialize() {
            let row: BTreeMap<String, String> = row.unwrap();
            let key = (row["scenario"].clone(), row["failure"].clone());
            *sums.entry(key).or_default() += row["count"].parse::<u64>().unwrap();
        }
        let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
        for scenario in self.report["scenarios"].as_array().unwrap() {
            for (failure, count) in Facts(scenario).failures() {
                let key = (scenario["name"].as_str().unwrap().to_owned(), failure);
                *expected.entry(key).or_default() += count;
            }
        }
        assert_eq!(sums, expected);
    }
}

/// A scenario, stage or part of a report.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a>(pub &'a Value);

impl<'a> Facts<'a> {
    pub(crate) fn stage(self, name: &str) -> Self {
        let all = self.0["stages"].as_array().unwrap();
        Self(all.iter().find(|stage| stage["name"] == name).unwrap())
    }

    pub(crate) fn part(self, name: &str) -> Self {
        Self(&self.0["parts"][name])
    }

    pub(crate) fn counter(self, name: &str) -> u64 {
        self.0["counters"][name].as_u64().unwrap_or_else(|| panic!("{name} in {}", self.0))
    }

    /// Several counters at once.
    pub(crate) fn counters<const N: usize>(self, names: [&str; N]) -> [u64; N] {
        names.map(|name| self.counter(name))
    }

    /// Of one of a scenario's requests: how many ended well, and how many did not.
    pub(crate) fn ended(self, request: &str) -> (u64, u64) {
        let all = self.0["requests"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == request).unwrap();
        let get = |key: &str| one[key].as_u64().unwrap();
        (get("ok"), get("failed") + get("timed_out"))
    }

    /// `None` when it was not measured.
    pub(crate) fn ratio(self, name: &str) -> Option<f64> {
        self.0["ratios"][name]["value"].as_f64()
    }

    /// Counts by cause.
    pub(crate) fn failures(self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for failure in self.0["failures"].as_array().unwrap() {
            let name = failure["failure"].as_str().unwrap().to_owned();
            *counts.entry(name).or_default() += failure["count"].as_u64().unwrap();
        }
        counts
    }

    /// The one cause of all failures, whichever requests met it: its name, origin, phase, count.
    pub(crate) fn only_failure(self) -> (&'a str, &'a str, &'a str, u64) {
        let all = self.0["failures"].as_array().unwrap();
        let of = |one: &Value| ["failure", "origin", "phase", "code"].map(|key| one[key].clone());
        assert!(!all.is_empty() && all.iter().all(|one| of(one) == of(&all[0])), "{all:?}");
        let word = |key: &str| all[0][key].as_str().unwrap();
        let count = all.iter().map(|one| one["count"].as_u64().unwrap()).sum();
        (word("failure"), word("origin"), word("phase"), count)
    }

    pub(crate) fn samples(self, time: &str) -> u64 {
        self.0["times"][time]["samples"].as_u64().unwrap_or(0)
    }
}

/// The identities of the contract, in every scenario, stage and part; parts sum up to the whole.
pub(crate) fn assert_report_is_whole(report: &Value) {
    for scenario in report["scenarios"].as_array().unwrap() {
        let whole = assert_identities(scenario);
        let mut sum = [0; 7];
        for stage in scenario["stages"].as_array().unwrap() {
            let facts = assert_identities(stage);
            add(&mut sum, facts);
            let mut parts = [0; 7];
            for part in stage["parts"].as_object().unwrap().values() {
                add(&mut parts, assert_identities(part));
            }
            assert_eq!(parts, facts, "{stage:#}");
        }
        assert_eq!(sum, whole, "{scenario:#}");
        let failures: u64 = Facts(scenario).failures().values().sum();
        assert_eq!(failures, whole[4] + whole[5], "{:#}", scenario["failures"]);
    }
}

fn add(sum: &mut [u64; 7], more: [u64; 7]) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

fn assert_identities(facts: &Value) -> [u64; 7] {
    let accounting = &facts["accounting"];
    let names = ["due", "started", "dropped", "ok", "failed", "timed_out", "unfinished"];
    let values = names.map(|name| accounting[name].as_u64().unwrap());
    let [due, started, dropped, ok, failed, timed_out, unfinished] = values;
    assert_eq!(due, started + dropped, "{facts:#}");
    assert_eq!(started, ok + failed + timed_out + unfinished, "{facts:#}");
    assert_eq!(accounting["identities_hold"], true);
    values
}

/// SHA256SUMS is right, for the tool that people have.
pub(crate) fn assert_sums(results: &Path) {
    let output = Command::new("sha256sum")
        .args(["--check", "--quiet", "--strict", "SHA256SUMS"])
        .current_dir(results)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits for a condition.
pub(crate) fn await_true(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < until, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}
