//! Readers of others: pandas reads the tables with the types that are promised, and Python's
//! `hdrhistogram` reads the same samples and percentiles from the interval log.

use super::{TABLES, schema};
use crate::outcome::run;
use crate::report::finished_run;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// What tests/peers/formats.py says of a folder.
fn read(folder: &Path) -> Value {
    let schemas: serde_json::Map<String, Value> =
        TABLES.iter().map(|table| ((*table).to_owned(), schema(table))).collect();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("schemas.json");
    std::fs::write(&file, Value::from(schemas).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/formats.py");
    let output = Command::new("python3").arg(script).arg(folder).arg(file).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tests/setup.sh installs what it needs: {words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The distributions of report.json under the tags that the interval log gives them.
fn distributions(report: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for scenario in report["scenarios"].as_array().unwrap() {
        let name = scenario["name"].as_str().unwrap();
        for (number, stage) in (1..).zip(scenario["stages"].as_array().unwrap()) {
            for (part, facts) in stage["parts"].as_object().unwrap() {
                for (time, figures) in facts["times"].as_object().into_iter().flatten() {
                    all.push((format!("{name}.{time}:s{number:02}.{part}"), figures.clone()));
                }
            }
        }
    }
    all
}

/// Asserts that Python finds in a folder what report.json says. Returns the distributions that were
/// compared.
fn assert_read(folder: &Path) -> usize {
    let found = read(folder);
    assert_eq!(found["wrong_types"], json!([]), "{}", folder.display());
    assert!(found["tables"].as_u64().unwrap() >= 3);
    let bytes = std::fs::read(folder.join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&bytes).unwrap();
    let mut compared = 0;
    for (tag, figures) in distributions(&report) {
        // What is measured of an event, or of the gap at an end, stands in no second.
        let Some(histogram) = found["histograms"].get(&tag) else { continue };
        for key in ["samples", "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "min_ns", "max_ns"] {
            assert_eq!(histogram[key], figures[key], "{tag} {key}");
        }
        compared += 1;
    }
    let tags = found["histograms"].as_object().unwrap().keys();
    // Tags of single requests have a slash.
    let whole = tags.filter(|tag| !tag.contains('/')).count();
    assert_eq!(compared, whole, "every histogram of the log is one of the report");
    compared
}

#[test]
fn a_canned_run_is_read_by_pandas_and_by_another_hdrhistogram() {
    let (_out, folder) = finished_run();
    assert!(assert_read(&folder) >= 8);
}

#[test]
fn real_runs_are_read_by_pandas_and_by_another_hdrhistogram() {
    let plan = "name = \"formats\"\n[targets.web]\nbuiltin = \"http\"\n[targets.held]\n\
        builtin = \"tcp-hold\"\n[targets.ws]\nbuiltin = \"ws-hold\"\n[scenarios.web]\n\
        protocol = \"http\"\ntarget = \"web\"\n\
        requests = [{ name = \"a\", path = \"/a\", expect = { status = 200 } }, { name = \"b\", path = \"/b\" }]\n\
        stages = [{ rate = \"100/s\", hold = \"2s\" }]\nthresholds = [\"within.200ms.ratio >= 1%\"]\n\
        [scenarios.held]\nprotocol = \"tcp-hold\"\ntarget = \"held\"\nexpect = \"ok\"\ngreeting = \"1s\"\n\
        stages = [{ users = 40, spawn_rate = \"80/s\", hold = \"2s\" }]\nthresholds = []\n\
        [scenarios.ws]\nprotocol = \"ws-hold\"\ntarget = \"ws\"\ngreeting = \"1s\"\n\
        heartbeat = { from = \"client\", every = \"500ms\", timeout = \"400ms\" }\n\
        stages = [{ users = 40, spawn_rate = \"80/s\", hold = \"2s\" }]\nthresholds = []\n";
    let outcome = run(0, plan, &[]);
    let folder = outcome.results.clone().unwrap();
    super::assert_conforms(&folder);
    assert!(assert_read(&folder) >= 8);
}
