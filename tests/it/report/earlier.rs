//! Folders that earlier versions wrote are opened, and give the figures that they gave.

use serde_json::Value;
use std::fs;
use std::path::Path;
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

#[test]
fn folders_of_earlier_versions_give_the_same_figures() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    for plan in ["open-16k", "http-10k-15k-20k"] {
        let runs = fs::read_dir(kept.join(plan)).unwrap().map(|one| one.unwrap().path());
        let run = runs.max().unwrap();
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(&run).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let read = || -> Value {
            serde_json::from_slice(&fs::read(copy.path().join("report.json")).unwrap()).unwrap()
        };
        let before = read();
        let status = Command::new(env!("CARGO_BIN_EXE_planrun"))
            .arg("report")
            .arg(copy.path())
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(0), "{plan}");
        let after = read();
        assert!(!before["scenarios"].as_array().unwrap().is_empty());
        for part in ["scenarios", "thresholds"] {
            stands_in(&before[part], &after[part], part);
        }
        assert!(copy.path().join("requests.csv").exists());
    }
}
