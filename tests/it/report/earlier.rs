//! Folders that earlier versions wrote are opened, and give the figures that they gave.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything of `old` stands in `new` as it was; there may be more.
fn stands_in(old: &Value, new: &Value, place: &str) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let found = new.get(key).unwrap_or_else(|| panic!("{place}/{key} is gone"));
                stands_in(value, found, &format!("{place}/{key}"));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            assert_eq!(old.len(), new.len(), "{place}");
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                stands_in(old, new, &format!("{place}/{at}"));
            }
        }
        _ => assert_eq!(old, new, "{place}"),
    }
}

/// The folders of all published runs.
pub(super) fn published() -> Vec<PathBuf> {
    let files = published_files();
    let plans = files.iter().filter(|file| file.ends_with("plan.toml"));
    plans.map(|plan| root().join(plan.parent().unwrap())).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `results` that git tracks: runs of whoever tests here are left alone.
fn published_files() -> Vec<PathBuf> {
    let mut git = Command::new("git");
    let listed = git.args(["ls-files", "results"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    String::from_utf8(listed.stdout).unwrap().lines().map(PathBuf::from).collect()
}

/// A copy of the published runs, of their index and of nothing else, in a folder `results`.
pub(super) fn published_copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in published_files() {
        let to = copy.path().join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root().join(&file), to).unwrap();
    }
    copy
}

#[test]
fn folders_of_earlier_versions_give_the_same_figures() {
    for run in published() {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(&run).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let read = || -> Value {
            serde_json::from_slice(&fs::read(copy.path().join("report.json")).unwrap()).unwrap()
        };
        let mut before = read();
        // What the kernel's memory of a connection is divided by was corrected after these runs.
        let early = run.file_name().unwrap().to_string_lossy().as_ref() < "20261122T20";
        for scenario in before["scenarios"].as_array_mut().unwrap().iter_mut().filter(|_| early) {
            let cost = scenario.get_mut("cost").and_then(Value::as_object_mut);
            cost.map(|cost| cost.remove("kernel_bytes_per_connection"));
        }
        let status = Command::new(env!("CARGO_BIN_EXE_planrun"))
            .arg("report")
            .arg(copy.path())
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(0), "{}", run.display());
        let after = read();
        crate::formats::assert_reports_conform(copy.path(), &["report"]);
        assert!(!before["scenarios"].as_array().unwrap().is_empty());
        for part in ["scenarios", "thresholds"] {
            stands_in(&before[part], &after[part], &format!("{}: {part}", run.display()));
        }
        for written in ["requests.csv", "latency.hlog"] {
            let has_http = !after["scenarios"].to_string().contains("\"tcp-hold\"");
            assert!(!has_http || copy.path().join(written).exists(), "{}", run.display());
        }
    }
}

/// A run from before scenarios without thresholds had default ones: nothing was judged, and nothing
/// is judged now.
#[test]
fn a_run_without_thresholds_gets_no_default_ones_afterwards() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/earlier/no-thresholds");
    let copy = tempfile::tempdir().unwrap();
    for file in ["plan.toml", "recording.jsonl"] {
        fs::copy(kept.join(file), copy.path().join(file)).unwrap();
    }
    let mut report = Command::new(env!("CARGO_BIN_EXE_planrun"));
    let made = report.arg("report").arg(copy.path()).output().unwrap();
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let read = |folder: &Path| -> Value {
        serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
    };
    let (before, after) = (read(&kept), read(copy.path()));
    assert_eq!(after["thresholds"], Value::Array(Vec::new()));
    assert_eq!((&after["verdict"], &after["exit_code"]), (&"PASS".into(), &0.into()));
    assert!(before["scenarios"][0]["counters"]["ok"].as_u64().unwrap() > 10);
    stands_in(&before["scenarios"], &after["scenarios"], "no-thresholds");
    let text = String::from_utf8(made.stdout).unwrap();
    assert!(text.contains("no thresholds: nothing was judged"), "{text}");
}

#[test]
fn published_folders_are_whole_and_small() {
    let runs = published();
    assert!(runs.len() >= 10, "{}", runs.len());
    for run in runs {
        let listed = fs::read_to_string(run.join("SHA256SUMS")).unwrap();
        let checked = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .current_dir(&run)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}: {checked:?}", run.display());
        let names: Vec<&str> = listed.lines().filter_map(|line| line.split("  ").nth(1)).collect();
        for file in fs::read_dir(&run).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            assert!(name == "SHA256SUMS" || names.contains(&name.as_str()), "{name} is not listed");
            assert!(!["recording.jsonl", "latency.hlog"].contains(&name.as_str()), "{name}");
        }
    }
}

/// Recordings that are more than a third of their plain size: full of histograms, which an earlier
/// version wrote compressed and as base64.
const ABOVE_A_THIRD: [(&str, u64); 7] = [
    ("100w-longconn/20261122T191242Z-0b3bc611", 39),
    ("100w-longconn/20261122T220954Z-67cd8c96", 35),
    ("100w-longconn/20261122T225102Z-f98acce5", 35),
    ("http-10k-15k-20k/20261122T190702Z-e1f34d6a", 44),
    ("http-10k-15k-20k/20261122T190948Z-e1f34d6a", 40),
    ("open-16k/20261123T004401Z-159aee2a", 36),
    ("two-million/20261122T222202Z-fbc019a3", 39),
];

#[test]
fn kept_recordings_are_a_third_of_their_plain_size_but_for_those_that_are_named() {
    let kept = root().join("results");
    let mut seen = 0;
    for run in published() {
        let Ok(bytes) = fs::read(run.join("recording.jsonl.gz")) else { continue };
        let mut reader = flate2::read::MultiGzDecoder::new(&*bytes);
        let plain = std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        let percent = (bytes.len() as u64 * 100).div_ceil(plain);
        let name = run.strip_prefix(&kept).unwrap().display().to_string();
        let named = ABOVE_A_THIRD.iter().find(|(known, _)| *known == name);
        let most = named.map_or(34, |(_, most)| *most);
        assert!(percent <= most, "{name}: {percent} %");
        seen += 1;
    }
    assert!(seen >= 11, "{seen} runs");
}
