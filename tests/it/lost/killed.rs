//! SIGKILL of a coordinator or of a worker, at any instant of a short run.

use super::counting::CountingServer;
use crate::going::{command_line, send};
use crate::outcome::{assert_report_is_whole, assert_sums, await_true, exe, report};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Runs of one test that go on side by side.
const BESIDE: usize = 6;

/// What tells the processes of one run from all others.
const MARK: &str = "PLANRUN_TEST_MARK";

/// Milliseconds; when a run of these has ended, unless the machine is busy.
const LONGEST: u64 = 2_600;

const PLAN: &str = r#"
name = "killed"
[targets.web]
address = "http://ADDRESS/"
[scenarios.web]
protocol = "http"
target = "web"
think_time = "5ms"
stages = [
  { name = "few", users = 4, hold = "700ms" },
  { name = "more", users = 8, hold = "700ms" },
]
thresholds = ["failure_ratio < 1%"]
[generator]
workers = 2
"#;

/// A run of the plan beside an earlier one in the same folder of results.
struct Disturbed {
    server: CountingServer,
    mark: String,
    folder: TempDir,
    earlier: BTreeMap<PathBuf, Vec<u8>>,
    child: Child,
}

impl Disturbed {
    fn start(earlier: &Path, mark: &str) -> Self {
        let (server, folder) = (CountingServer::start(), tempfile::tempdir().unwrap());
        let plan = PLAN.replace("ADDRESS", &server.address.to_string());
        std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
        let kept = folder.path().join("out/killed/20200101T000000Z-earlier");
        std::fs::create_dir_all(&kept).unwrap();
        for (path, bytes) in contents(earlier) {
            std::fs::write(kept.join(path.file_name().unwrap()), bytes).unwrap();
        }
        let said = std::fs::File::create(folder.path().join("said")).unwrap();
        let child = Command::new(exe())
            .args("plan.toml --out out --progress none".split(' '))
            .current_dir(folder.path())
            .env(MARK, mark)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        Self { server, mark: mark.to_owned(), earlier: contents(&kept), folder, child }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// What holds however the run ended, and its results.
    fn assert_nothing_is_amiss(&self) -> Option<PathBuf> {
        await_true("the end of all processes", Duration::from_secs(10), || {
            marked(&self.mark).is_empty()
        });
        let all = self.folder.path().join("out/killed");
        let mut runs: Vec<PathBuf> =
            std::fs::read_dir(all).unwrap().map(|one| one.unwrap().path()).collect();
        runs.sort();
        assert!(contents(&runs[0]) == self.earlier, "{}: an earlier run was touched", self.mark);
        assert!(runs.len() <= 2, "{}: {runs:?}", self.mark);
        runs.get(1).cloned()
    }

    /// No figure is more than what the server counted, and none is at odds with another.
    fn assert_figures(&self, report: &Value) {
        assert_report_is_whole(report);
        let counters = &report["scenarios"][0]["counters"];
        let get = |name: &str| counters[name].as_u64().unwrap();
        assert!(get("ok") <= self.server.answered(), "{}: {counters:#}", self.mark);
        // Before the run's clock starts, the target is tried.
        assert!(get("connect.ok") <= self.server.accepted(), "{}: {counters:#}", self.mark);
        assert_eq!([get("failed"), get("timed_out")], [0, 0], "{}: {counters:#}", self.mark);
    }
}

/// The files of a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// Living processes with this mark in their environment.
fn marked(mark: &str) -> Vec<String> {
    let entry = format!("{MARK}={mark}");
    let all = std::fs::read_dir("/proc").unwrap().map(|one| one.unwrap().path());
    all.filter(|path| {
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == entry.as_bytes())
    })
    .map(|path| path.display().to_string())
    .collect()
}

fn planrun(arguments: &[&str], folder: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(exe());
    let Output { status, stdout, stderr } = command.args(arguments).arg(folder).output().unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    (status.code(), text)
}

/// A run that nobody disturbs, for others to be beside.
fn earlier() -> (TempDir, PathBuf) {
    let server = CountingServer::start();
    let folder = tempfile::tempdir().unwrap();
    let plan = PLAN.replace("ADDRESS", &server.address.to_string());
    std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
    let mut command = Command::new(exe());
    command.args("plan.toml --out out --progress none".split(' ')).current_dir(folder.path());
    assert!(command.output().unwrap().status.code().is_some_and(|code| [0, 3].contains(&code)));
    let results = crate::outcome::results(&folder.path().join("out")).unwrap();
    (folder, results)
}

/// Does `one` for as many instants, some of them at a time. The seed stands in the mark of each:
/// as `PLANRUN_TEST_SEED` in the environment it makes the same instants again.
fn at_instants(name: &str, count: usize, one: impl Fn(&Path, &str, Duration, usize) + Sync) {
    let variable = std::env::var("PLANRUN_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = variable.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let instants: Vec<Duration> =
        (0..count).map(|_| Duration::from_millis(random.u64(..LONGEST))).collect();
    let (_folder, earlier) = earlier();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(instant) = instants.get(index) else { break };
                    let mark = format!("{name}-{seed}-{index}");
                    one(&earlier, &mark, *instant, index);
                }
            });
        }
    });
}

#[test]
fn a_coordinator_killed_at_any_instant_leaves_what_it_measured_and_nobody_behind() {
    at_instants("coordinator", 50, |earlier, mark, instant, _| {
        let mut run = Disturbed::start(earlier, mark);
        std::thread::sleep(instant);
        send(run.pid(), Signal::SIGKILL);
        let by_itself = run.child.wait().unwrap().code();
        let Some(results) = run.assert_nothing_is_amiss() else { return };
        let (code, text) = planrun(&["report"], &results);
        if code == Some(2) {
            // Nothing was sent before the recording had its header.
            assert!(text.contains("is not a result folder of planrun"), "{mark}: {text}");
            assert_eq!(run.server.answered(), 0, "{mark}: {text}");
            return;
        }
        assert_eq!(code, Some(0), "{mark}: {text}");
        let report = report(&results);
        run.assert_figures(&report);
        let complete = report["complete"].as_bool().unwrap();
        assert!(complete || by_itself.is_none(), "{mark}: {text}");
        if !complete {
            assert_eq!(report["verdict"], "INVALID", "{mark}: {text}");
            assert!(text.contains("INCOMPLETE: cut off"), "{mark}: {text}");
        }
        assert_sums(&results);
        assert_eq!(planrun(&["verify"], &results).0, Some(0), "{mark}");
        assert!(contents(&results).keys().all(|path| !is_hidden(path)), "{mark}");
    });
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with('.')
}

#[test]
fn a_worker_killed_at_any_instant_is_told_or_had_nothing_left_to_do() {
    at_instants("worker", 20, |earlier, mark, instant, index| {
        let mut run = Disturbed::start(earlier, mark);
        std::thread::sleep(instant);
        let killed = kill_a_worker(run.pid(), index);
        let code = run.child.wait().unwrap().code();
        let said = std::fs::read_to_string(run.folder.path().join("said")).unwrap();
        let results = run.assert_nothing_is_amiss().unwrap();
        if code == Some(5) {
            // Killed before it had said what it is: the run does not begin.
            assert!(killed && said.contains("a worker could not begin"), "{mark}: {said}");
            assert!(said.contains("signal: 9 (SIGKILL)"), "{mark}: {said}");
            assert!(said.contains("help: nothing was sent"), "{mark}: {said}");
            assert_eq!(run.server.answered(), 0, "{mark}: {said}");
            let (code, text) = planrun(&["report"], &results);
            assert!(code == Some(0) && text.contains("INCOMPLETE"), "{mark}: {text}");
            return;
        }
        let report = report(&results);
        run.assert_figures(&report);
        assert_eq!(report["complete"], true, "{mark}: {said}");
        assert_eq!(code.map(i64::from), report["exit_code"].as_i64(), "{mark}: {said}");
        match report["workers_lost"].as_array().unwrap().len() {
            // A machine that is too busy makes a run INVALID, too.
            0 => assert!([Some(0), Some(3)].contains(&code), "{mark}: {code:?}: {said}"),
            lost => {
                assert!(killed && lost == 1 && code == Some(3), "{mark}: {code:?}: {said}");
                assert!(said.contains("! worker_lost  worker"), "{mark}: {said}");
                assert!(said.contains("signal: 9 (SIGKILL)"), "{mark}: {said}");
            }
        }
        assert_sums(&results);
        assert_eq!(planrun(&["verify"], &results).0, Some(0), "{mark}");
    });
}

/// Kills one of a run's workers, if it has any.
fn kill_a_worker(coordinator: i32, which: usize) -> bool {
    let children = format!("/proc/{coordinator}/task/{coordinator}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let all = children.split_whitespace().map(|pid| pid.parse().unwrap());
    let workers: Vec<i32> =
        all.filter(|pid| command_line(*pid).contains(&"worker".to_owned())).collect();
    let Some(pid) = workers.get(which % 2) else { return false };
    // It may have ended meanwhile.
    kill(Pid::from_raw(*pid), Signal::SIGKILL).is_ok()
}
