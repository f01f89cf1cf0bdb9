//! `planrun replay`, `--repeat` and `--versus`: loads that are made again, of real short runs.

use super::said_in as said;
use std::fs;
use std::path::{Path, PathBuf};

/// Open arrivals, so that the rate does not depend on the machine; wide limits, as tests share
/// theirs.
const PLAN: &str = r#"
name = "again"
generator = { limits = { schedule_lag = "2s", dropped = "50%" } }
[targets.web]
builtin = "http"
[scenarios.web]
protocol = "http"
data = { file = "users.csv" }
requests = [{ path = "/${row.user}" }]
stages = [{ rate = "100/s", hold = "3s" }]
thresholds = ["failure_ratio < 1%"]
"#;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
        fs::write(folder.path().join("users.csv"), "user\nann\nbob\n").unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.path(), arguments)
    }

    /// Folders of runs below a directory.
    fn runs(&self, out: &str) -> Vec<PathBuf> {
        planrun::results::runs_below(&self.path().join(out)).unwrap()
    }
}

#[test]
fn a_run_is_made_again_from_its_folder() {
    let place = Place::new();
    let (code, text) = place.said(&["plan.toml", "--out", "before"]);
    assert_eq!(code, Some(0), "{text}");
    let before = place.runs("before").remove(0);
    let before = before.to_str().unwrap();
    // The plan that was run counts, whatever became of its file.
    fs::remove_file(place.path().join("plan.toml")).unwrap();
    let (code, text) = place.said(&["replay", before, "--out", "again"]);
    // A machine that is busy with other tests may be slower; the words go with the status.
    let word = match code {
        Some(0) => "\nREPRODUCED: PASS again",
        Some(1) => "\nNOT REPRODUCED: ",
        Some(3) => "\nINCOMPARABLE: ",
        _ => panic!("{code:?}: {text}"),
    };
    assert!(text.contains(word), "{text}");
    let after = place.runs("again").remove(0);
    for named in [before, after.file_name().unwrap().to_str().unwrap()] {
        assert!(text.contains(named), "{named}: {text}");
    }
    let digests = |run: &Path| -> serde_json::Value {
        let report = fs::read(run.join("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        report["plan"]["digests"].clone()
    };
    assert_eq!(digests(Path::new(before)), digests(&after));
    assert!(text.contains("requests.rate") && text.contains("within"), "{text}");
    // Another file, or none, is another load.
    fs::write(place.path().join("users.csv"), "user\nann\nbot\n").unwrap();
    let (code, text) = place.said(&["replay", before]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("users.csv of scenario `web` is another file"), "{text}");
    fs::remove_file(place.path().join("users.csv")).unwrap();
    let (code, text) = place.said(&["replay", before]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("users.csv"), "{text}");
    assert!(!place.path().join("results").exists(), "nothing was sent");
    for (path, words) in
        [("nothing", "it does not exist"), ("again", "there is no recording.jsonl")]
    {
        let (code, text) = place.said(&["replay", path]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_plan_is_repeated_and_runs_against_two_targets_in_turns() {
    let place = Place::new();
    let (code, text) = place.said(&["plan.toml", "--repeat", "2", "--out", "set"]);
    assert!([Some(0), Some(3)].contains(&code), "{text}");
    assert_eq!(place.runs("set").len(), 2);
    assert!(
        text.contains("repeat: run 2 of 2") && text.contains("2 runs a side: an interval needs 4"),
        "{text}"
    );
    // Nobody listens there: nothing is sent to B, and the set ends.
    let versus =
        ["plan.toml", "--repeat", "1", "--out", "ab", "--versus", "web=http://127.0.0.1:9/"];
    let (code, text) = place.said(&versus);
    assert_eq!(code, Some(4), "{text}");
    assert_eq!(place.runs("ab/a").len(), 1);
    for (arguments, words) in [
        (vec!["--versus", "wob=127.0.0.1:9"], "the plan has no target `wob`"),
        (vec!["--once", "--repeat", "2"], "cannot be used with"),
        (vec!["--repeat", "0"], "0 is not in 1..=100"),
        (vec!["--repeat", "1", "--versus", "wob=127.0.0.1:9"], "the plan has no target `wob`"),
        (vec!["--repeat", "2", "--set", "search={min=\"100/s\",max=\"200/s\"}"], "is not repeated"),
    ] {
        let (code, text) = place.said(&[&["plan.toml"], arguments.as_slice()].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_plan_says_what_it_is_compared_with() {
    let place = Place::new();
    let plan = PLAN.replace("\n[targets.web]", "\nrepeat = 1\n[targets.web]");
    let with = |compare: &str| {
        fs::write(place.folder.path().join("plan.toml"), format!("{plan}\n[compare]\n{compare}"))
            .unwrap();
    };
    // The built-in server against itself: the noise, and no decision.
    with("metrics = [\"requests.rate\"]");
    let (code, text) = place.said(&["plan.toml", "--out", "aa"]);
    assert!([Some(0), Some(3)].contains(&code), "{text}");
    assert!(text.contains("repeat: run 2 of 2 of B"), "{text}");
    assert!(text.contains("web · 1  requests.rate"), "{text}");
    assert!(!text.contains("service_time.p99"), "only what was asked for: {text}");
    assert_eq!((place.runs("aa/a").len(), place.runs("aa/b").len()), (1, 1));
    // Nobody listens there: nothing is sent to B.
    with("b = { web = \"http://127.0.0.1:9/\" }");
    let (code, text) = place.said(&["plan.toml", "--out", "ab"]);
    assert_eq!(code, Some(4), "{text}");
    assert_eq!(place.runs("ab/a").len(), 1);
    let (code, text) = place.said(&["plan.toml", "--once", "--out", "one"]);
    assert!([Some(0), Some(3)].contains(&code), "{text}");
    assert_eq!(place.runs("one").len(), 1, "{text}");
    with("b = { web = \"https://127.0.0.1:9/\" }");
    let (code, text) = place.said(&["check", "plan.toml"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("compare: 1 run of each side"), "{text}");
}
