//! What a run leaves behind: every format of a canned run, live, saved and recovered; damaged
//! journals, full disks.

mod baseline;
mod calibrated;
mod canned;
mod ci;
mod command;
mod compared;
mod damage;
mod damaged_files;
mod earlier;
mod figures;
mod html;
mod looking;
mod pages;
mod replayed;
mod screen;
mod soak;
mod verified;

use planrun::machine::Environment;
use planrun::record::Entry;
use planrun::report::page::{Page, WIDTH};
use planrun::report::{self, FINAL, RowSeries, WrittenReports, text};
use planrun::store::{Error, FolderLock, NewRun, SavedRun, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The exit status of planrun in a folder, and its standard output and error.
fn said_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planrun"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

const NOW: &str = "2026-11-22T16:45:00Z";

fn store(out: &Path, environment: &Environment) -> Result<Store, Error> {
    let now = NOW.parse().unwrap();
    let plan = canned::plan();
    let run = NewRun {
        plan: &plan,
        baseline: None,
        text: canned::TEXT,
        overrides: &canned::overrides(),
        now,
        environment,
    };
    Store::create(out, &run, Box::new(RowSeries::new(&plan)))
}

/// Runs the canned run into a folder below `out`, as the coordinator does it.
fn live(out: &Path) -> WrittenReports {
    run(out, &canned::entries())
}

fn run(out: &Path, entries: &[Entry]) -> WrittenReports {
    run_on(out, entries, &Environment::default())
}

/// The same on a machine of which these are the facts.
fn run_on(out: &Path, entries: &[Entry], environment: &Environment) -> WrittenReports {
    let mut store = store(out, environment).unwrap();
    store.started(canned::started());
    for entry in entries {
        store.add(&Arc::new(entry.clone()));
    }
    let closed = store.finish(canned::finished()).unwrap();
    report::write(&closed.saved, closed.problems)
}

/// Makes the reports of a folder again, as `planrun report` does it, and what it prints.
fn again(folder: &Path) -> Result<(WrittenReports, String), Error> {
    let saved = SavedRun::open(folder)?;
    let made = report::write_again(&saved, &FolderLock::take_after_run(&saved.folder).unwrap());
    let mut printed = Vec::new();
    text::write(&saved, &made, text::Detail::Full, &mut Page::new(&mut printed, WIDTH)).unwrap();
    let plain = anstream::adapter::strip_str(std::str::from_utf8(&printed).unwrap()).to_string();
    Ok((made, plain))
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Puts the plain recording, as it is while a run goes on, in place of the compressed one.
fn unpack(folder: &Path) {
    let mut command = std::process::Command::new("gunzip");
    let status = command.arg("recording.jsonl.gz").current_dir(folder).status().unwrap();
    assert!(status.success());
}

/// The folder's files and what is in them.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// A finished result folder of the canned run.
pub(crate) fn finished_run() -> (tempfile::TempDir, PathBuf) {
    finished()
}

fn finished() -> (tempfile::TempDir, PathBuf) {
    let out = tempfile::tempdir().unwrap();
    let made = live(out.path());
    assert!(made.problems.is_empty(), "{:?}", made.problems);
    (out, made.folder)
}

#[test]
fn a_run_leaves_a_folder_with_every_file() {
    let (out, folder) = finished();
    let name = folder.strip_prefix(out.path()).unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("canned/20261122T164500Z-"), "{name}");
    assert_eq!(name.len(), "canned/20261122T164500Z-".len() + 8);
    let names: Vec<String> = contents(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "SHA256SUMS",
            "environment.json",
            "failures.csv",
            "latency.hlog",
            "plan.toml",
            "recording.jsonl.gz",
            "report.html",
            "report.json",
            "requests.csv",
            "summary.csv",
            "timeline.csv"
        ]
    );
    assert_eq!(read(&folder, "plan.toml"), canned::TEXT);
    let sums = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stderr));
    assert_eq!(String::from_utf8(sums.stdout).unwrap().lines().count(), names.len() - 1);
}

#[test]
fn every_format_is_as_it_was() {
    let (_out, folder) = finished();
    for name in ["summary.csv", "timeline.csv", "failures.csv"] {
        insta::assert_snapshot!(name, read(&folder, name));
    }
    // Digests change with the fields of a plan, and their own tests look at them.
    let mut text = read(&folder, "report.json");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (name, digest) in report["plan"]["digests"].as_object().unwrap() {
        let digest = digest.as_str().unwrap();
        assert_eq!(digest.len(), 64);
        text = text.replacen(digest, &name.to_uppercase(), 1);
    }
    insta::assert_snapshot!("report.json", text);
}

#[test]
fn a_report_made_again_is_the_same_to_the_byte() {
    let (_out, folder) = finished();
    let before = contents(&folder);
    again(&folder).unwrap();
    for ((name, before), (_, after)) in before.iter().zip(&contents(&folder)) {
        assert!(before == after, "{name} differs");
    }
    // Also when only what was saved during the run is there.
    for (name, _) in &before {
        if !["plan.toml", "recording.jsonl.gz", "environment.json"].contains(&name.as_str()) {
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
    again(&folder).unwrap();
    assert!(before == contents(&folder));
}

#[test]
fn a_killed_run_is_reported_as_incomplete() {
    let (_out, folder) = finished();
    unpack(&folder);
    let journal = read(&folder, "recording.jsonl");
    let kept: Vec<&str> = journal
        .lines()
        .filter(|line| !line.contains("stopped") && !line.contains("\"finished\""))
        .collect();
    fs::write(folder.join("recording.jsonl"), kept.join("\n") + "\n").unwrap();
    let (_, printed) = again(&folder).unwrap();
    assert!(printed.starts_with("! INVALID  canned"), "{printed}");
    assert!(printed.contains("INCOMPLETE: cut off, saved up to 9.00 s"), "{printed}");
    let report: serde_json::Value = serde_json::from_str(&read(&folder, "report.json")).unwrap();
    assert_eq!(report["complete"], false);
    assert_eq!(report["verdict"], "INVALID");
    assert_eq!(report["invalid"][0]["rule"], "incomplete");
    assert!(report.get("stopped").is_none());
}

#[test]
fn nothing_in_report_json_is_null_and_all_books_balance() {
    let (_out, folder) = finished();
    let report: serde_json::Value = serde_json::from_str(&read(&folder, "report.json")).unwrap();
    let mut sums = 0;
    visit(&report, &mut |key, value| {
        assert!(!value.is_null(), "{key}");
        assert!(!key.ends_with("_ns") || value.is_u64(), "{key} {value}");
        if key == "accounting" {
            sums += 1;
            assert_eq!(value["identities_hold"], true);
        }
    });
    // Two scenarios, three stages, their ramps and holds, two drains.
    assert_eq!(sums, 2 + 3 + 6 + 2);
}

fn visit(value: &serde_json::Value, see: &mut dyn FnMut(&str, &serde_json::Value)) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
            see(key, value);
            visit(value, see);
        }),
        serde_json::Value::Array(all) => all.iter().for_each(|value| visit(value, see)),
        _ => {}
    }
}

#[test]
fn the_same_number_stands_in_every_format() {
    let (_out, folder) = finished();
    let report: serde_json::Value = serde_json::from_str(&read(&folder, "report.json")).unwrap();
    let timeline = table(&read(&folder, "timeline.csv"));
    let summary = table(&read(&folder, "summary.csv"));
    for (place, name) in ["hold", "web"].iter().enumerate() {
        let all = &report["scenarios"][place];
        let whole =
            summary.iter().find(|row| row["scenario"] == *name && row["stage"] == "*").unwrap();
        for column in [
            "due",
            "started",
            "dropped",
            "ok",
            "failed",
            "timed_out",
            "unfinished",
            "bytes.received",
        ] {
            let seconds = timeline.iter().filter(|row| row["scenario"] == *name);
            let (whole_rows, requests): (Vec<_>, Vec<_>) =
                seconds.partition(|row| row["request"].is_empty());
            let sum_of = |rows: &[&std::collections::HashMap<String, String>]| {
                rows.iter().filter_map(|row| row[column].parse::<u64>().ok()).sum::<u64>()
            };
            let sum = sum_of(&whole_rows);
            if *name == "web" && ["started", "ok", "failed", "timed_out"].contains(&column) {
                assert_eq!(sum_of(&requests), sum, "{column}");
                let rows = table(&read(&folder, "requests.csv"));
                let rows: Vec<_> = rows.iter().filter(|row| row["stage"] == "*").collect();
                assert_eq!(rows.len(), 2);
                assert_eq!(sum_of(&rows), sum, "{column}");
            }
            assert_eq!(all["counters"][column], sum, "{name} {column}");
            assert_eq!(whole[column], sum.to_string(), "{name} {column}");
        }
        let ratio = &all["ratios"]["success_ratio"];
        assert_eq!(whole["success_count"], ratio["numerator"].to_string());
        assert_eq!(whole["success_ratio.denominator"], ratio["denominator"].to_string());
    }
}

/// The rows of a CSV file by their headings.
fn table(text: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn cells_that_others_wrote_are_defused() {
    let (_out, folder) = finished();
    let rows = table(&read(&folder, "failures.csv"));
    let samples: Vec<&str> = rows.iter().map(|row| row["sample"].as_str()).collect();
    assert!(samples.contains(&"'@192.0.2.7:80 after \\x1b[31m5.5 s"), "{samples:?}");
    assert!(samples.contains(&"home: \"busy\", try later\\r\\n"), "{samples:?}");
    assert!(table(&read(&folder, "summary.csv")).iter().any(|row| row["stage"] == "'-10k"));
}

#[test]
fn the_interval_log_adds_up_to_what_was_measured() {
    use base64::Engine as _;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    let (_out, folder) = finished();
    let log = fs::read(folder.join("latency.hlog")).unwrap();
    let mut merged = std::collections::BTreeMap::<String, hdrhistogram::Histogram<u64>>::new();
    let mut times = 0;
    for entry in IntervalLogIterator::new(&log) {
        let interval = match entry.unwrap() {
            LogEntry::Interval(interval) => interval,
            LogEntry::StartTime(time) | LogEntry::BaseTime(time) => {
                assert_eq!(time.as_millis(), 1_795_365_901_250);
                times += 1;
                continue;
            }
        };
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
        let samples: hdrhistogram::Histogram<u64> =
            hdrhistogram::serialization::Deserializer::new()
                .deserialize(&mut bytes.as_slice())
                .unwrap();
        assert_eq!(interval.duration().as_secs(), 1);
        assert!((interval.max() - samples.max() as f64 / 1e6).abs() < 0.001);
        let tag = interval.tag().unwrap().as_str().to_owned();
        match merged.get_mut(&tag) {
            Some(all) => all.add(samples).unwrap(),
            None => {
                merged.insert(tag, samples);
            }
        }
    }
    assert_eq!(times, 2);
    let report: serde_json::Value = serde_json::from_str(&read(&folder, "report.json")).unwrap();
    let second = &report["scenarios"][1]["stages"][1]["parts"]["hold"]["times"]["service_time"];
    let log = &merged["web.service_time:s02.hold"];
    assert_eq!(second["samples"], log.len());
    assert_eq!(second["p99_ns"], log.value_at_quantile(0.99));
    assert_eq!(second["max_ns"], log.max());
    assert!(merged.contains_key("hold.connect.time:s01.ramp"), "{:?}", merged.keys());
    // Each of several requests has its own.
    let request = &report["scenarios"][1]["stages"][1]["parts"]["hold"]["requests"][0];
    let log = &merged[&format!("web/{}.service_time:s02.hold", request["name"].as_str().unwrap())];
    assert_eq!(request["times"]["service_time"]["samples"], log.len());
    assert_eq!(request["times"]["service_time"]["p99_ns"], log.value_at_quantile(0.99));
}

#[test]
fn a_folder_that_exists_is_never_written_over() {
    let out = tempfile::tempdir().unwrap();
    let first = live(out.path()).folder;
    let before = contents(&first);
    let second = live(out.path()).folder;
    assert_eq!(second.to_string_lossy(), format!("{}-2", first.display()));
    assert!(before == contents(&first));
    assert!(again(&second).is_ok());
}

#[test]
fn an_unwritable_place_is_named_before_anything_is_sent() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("results");
    fs::write(&file, "mine").unwrap();
    let error = store(&file, &Environment::default()).unwrap_err().to_string();
    let folder = file.join("canned");
    assert!(
        error.starts_with(&format!("cannot make the result folder {}: ", folder.display())),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn what_is_no_result_folder_is_said_to_be_none() {
    let out = tempfile::tempdir().unwrap();
    let reason = |folder: &Path| SavedRun::open(folder).unwrap_err().to_string();
    assert!(reason(&out.path().join("nowhere")).ends_with("it does not exist"));
    assert!(reason(out.path()).ends_with("there is no recording.jsonl.gz"));
    fs::write(out.path().join("recording.jsonl"), "{}\n").unwrap();
    assert!(reason(out.path()).ends_with("recording.jsonl does not begin with a whole header"));
    let (_out, folder) = finished();
    fs::write(folder.join("plan.toml"), "name = \"other\"\n").unwrap();
    assert!(reason(&folder).ends_with("plan.toml was changed after the run"));
}

#[test]
fn every_format_stands_in_the_folder_under_its_name() {
    let (_out, folder) = finished();
    for (name, _) in FINAL {
        // The plan has no checks, and one address.
        let is_due = !["checks.csv", "addresses.csv"].contains(name);
        assert_eq!(folder.join(name).is_file(), is_due, "{name}");
    }
}
