//! Thresholds that are relative to an earlier run: of real short runs against a server that has
//! become slower.

use super::said_in as said;
use std::fs;
use std::path::{Path, PathBuf};

/// A server that takes 20 ms, so that the figures do not depend on the machine; wide limits, as
/// tests share theirs.
const PLAN: &str = r#"
name = "held-against"
generator = { limits = { schedule_lag = "2s", dropped = "50%", stalled = "50%", worker_cpu = "100%", steal = "90%" } }
[targets.web]
builtin = "http"
faults = { delay = "20ms" }
[scenarios.web]
protocol = "http"
requests = [{ name = "home", path = "/" }, { name = "list", path = "/list" }]
stages = [{ name = "low", rate = "50/s", hold = "2s" }, { name = "high", rate = "60/s", hold = "2s" }]
"#;

const ABSOLUTE: &str = "thresholds = [\"service_time.p50 < 5s\"]\n";

/// Twice as slow is allowed: a machine that is busy with other tests is not what is tested.
const RELATIVE: &str = r#"thresholds = [
  "service_time.p50 <= +100%",
  "failure_ratio <= +0.5pp",
  { condition = "service_time.p50 <= +150%", stage = "*", request = "*" },
  { condition = "requests.rate >= -50%", window = "2s" },
]
"#;

const SLOWER: [&str; 2] = ["--set", "targets.web.faults.delay=150ms"];

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A plan with relative thresholds, and a run of it with an absolute one.
    fn with_baseline() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write(&format!("{PLAN}{ABSOLUTE}"));
        let (code, text) = place.said(&["plan.toml", "--out", "base"]);
        assert_eq!(code, Some(0), "{text}");
        place.write(&format!("{PLAN}{RELATIVE}"));
        place
    }

    fn write(&self, plan: &str) {
        fs::write(self.path().join("plan.toml"), plan).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.path(), arguments)
    }

    /// The only run below a directory, as seen from the place.
    fn run(&self, out: &str) -> String {
        let mut runs = planrun::results::runs_below(&self.path().join(out)).unwrap();
        assert_eq!(runs.len(), 1, "{out}");
        let run = runs.remove(0);
        run.strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned()
    }

    fn file(&self, parts: &[&str]) -> String {
        let path: PathBuf = parts.iter().collect();
        fs::read_to_string(self.path().join(path)).unwrap()
    }
}

#[test]
fn the_same_target_passes_and_a_slower_one_fails() {
    let place = Place::with_baseline();
    let base = place.run("base");
    let against = ["plan.toml", "--baseline", &base];
    let (code, text) = place.said(&[&against[..], &["--out", "same"]].concat());
    assert_eq!(code, Some(0), "{text}");
    let files = ["--junit", "j.xml", "--markdown", "m.md", "--out", "slower"];
    let (code, text) = place.said(&[&against[..], &SLOWER, &files].concat());
    assert_eq!(code, Some(1), "{text}");
    let slower = place.run("slower");
    let name = Path::new(&base).file_name().unwrap().to_str().unwrap();
    let report: serde_json::Value =
        serde_json::from_str(&place.file(&[&slower, "report.json"])).unwrap();
    assert_eq!(report["baseline"]["run"], format!("held-against/{name}"));
    let thresholds = report["thresholds"].as_array().unwrap();
    // One for each stage and request.
    let states: Vec<&str> = thresholds.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "held", "broken", "broken", "broken", "broken", "held"]);
    for one in thresholds.iter().filter(|one| one["metric"] == "service_time.p50") {
        let figure = |key: &str| one[key].as_u64().unwrap();
        let wanted = if one["stage"].is_null() { 2.0 } else { 2.5 };
        let base = figure("baseline_ns") as f64;
        assert!(base >= 20e6 && figure("value_ns") >= 150_000_000, "{one}");
        assert!((figure("bound_ns") as f64 - wanted * base).abs() <= 1.0, "{one}");
    }
    assert_eq!(thresholds[1]["bound"], 0.005);
    let junit = place.file(&["j.xml"]);
    assert!(junit.contains("name=\"service_time.p50 &lt;= +100%\""), "{junit}");
    let property = format!("<property name=\"baseline\" value=\"held-against/{name}\"/>");
    assert_eq!(junit.matches(&property).count(), 2, "{junit}");
    for (file, text) in [
        ("junit", junit),
        ("markdown", place.file(&["m.md"])),
        ("report.html", place.file(&[&slower, "report.html"])),
        ("the summary", text),
    ] {
        assert!(text.contains("; baseline 2"), "{file}: {text}");
        assert!(text.contains(name), "{file}: {text}");
    }
    // The run knows the figures of its baseline.
    fs::remove_dir_all(place.path().join("base")).unwrap();
    let (code, text) = place.said(&["verify", "same", "slower"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = place.said(&["report", &slower]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("FAIL") && text.contains("; baseline 2"), "{text}");
    let (code, text) = place.said(&["replay", &slower, "--out", "again"]);
    assert!(matches!(code, Some(0 | 1 | 3)), "{text}");
    assert!(text.contains("; baseline 2"), "{text}");
}

#[test]
fn a_plan_names_its_baseline_from_its_own_folder_and_check_shows_the_bounds() {
    let place = Place::with_baseline();
    let base = place.run("base");
    place.write(&format!("baseline = \"../{base}\"\n{PLAN}{RELATIVE}"));
    fs::create_dir(place.path().join("plans")).unwrap();
    fs::rename(place.path().join("plan.toml"), place.path().join("plans/plan.toml")).unwrap();
    let (code, text) = place.said(&["check", "plans/plan.toml"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("service_time.p50 <= +100% [4"), "{text}");
    assert!(text.contains("failure_ratio <= +0.5pp [0.50%; baseline 0%]"), "{text}");
    // Other loads, and a run without an end, are no baseline.
    let rate = "scenarios.web.stages.high.rate=61/s";
    let (code, text) = place.said(&["check", "plans/plan.toml", "--set", rate]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("it has another workload than this plan"), "{text}");
    assert!(text.contains("plans/plan.toml:1:12"), "{text}");
    let recording = place.path().join(&base).join("recording.jsonl.gz");
    let whole = fs::read(&recording).unwrap();
    fs::write(&recording, &whole[..whole.len() / 2]).unwrap();
    let (code, text) = place.said(&["check", "plans/plan.toml"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("recording.jsonl.gz is damaged"), "{text}");
}

#[test]
fn a_run_that_proves_nothing_or_lacks_the_figure_is_no_baseline() {
    let place = Place::with_baseline();
    let base = place.run("base");
    let refused = |condition: &str, baseline: &str| {
        place.write(&format!("{PLAN}thresholds = [\"{condition}\"]\n"));
        let (code, text) = place.said(&["check", "plan.toml", "--baseline", baseline]);
        assert_eq!(code, Some(2), "{text}");
        text
    };
    let text = refused("within.200ms.ratio >= -1pp", &base);
    assert!(text.contains("it did not count responses within 200ms"), "{text}");
    // Who judges nothing needs none.
    let (code, text) = place.said(&["try", "plan.toml"]);
    assert_eq!(code, Some(0), "{text}");
    let text = refused("failed_time.p50 <= +5%", &base);
    assert!(text.contains("has no figure for `failed_time.p50 <= +5%`"), "{text}");
    place.write(&format!("{PLAN}{ABSOLUTE}"));
    let limit = "generator.limits.schedule_lag=1ns";
    let (code, text) = place.said(&["plan.toml", "--set", limit, "--out", "invalid"]);
    assert_eq!(code, Some(3), "{text}");
    let text = refused("service_time.p50 <= +5%", &place.run("invalid"));
    assert!(text.contains("cannot be a baseline: it is INVALID (schedule_lag)"), "{text}");
}
