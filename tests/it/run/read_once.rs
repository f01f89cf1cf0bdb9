//! What was checked is what runs: the plan and its files are read once, for a run and for a whole
//! search.

use crate::outcome::{PATIENCE, Stage, await_true, exe, report, wait};
use crate::tls::{Peer, certificate};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROWS: &str = "id\n1\n2\n3\n";

fn plan(rows: &Path, search: &str) -> String {
    format!(
        "name = \"once\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
         data = {{ file = \"{}\" }}\nrequests = [{{ path = \"/${{row.id}}\" }}]\nthink_time = \"50ms\"\n\
         stages = [{{ users = 3, hold = \"1s\" }}]\nthresholds = [\"failure_ratio == 0%\"]\n{search}",
        rows.display()
    )
}

/// The result folders below `out`, the first run first.
fn runs(out: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(out.join("once")).into_iter().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.retain(|path| path.is_dir());
    runs.sort();
    runs
}

fn digests(report: &Value) -> Vec<String> {
    let files = report["files"].as_array().cloned().unwrap_or_default();
    files.iter().map(|file| file["sha256"].as_str().unwrap().to_owned()).collect()
}

/// Runs a plan that can be read once, with a file of rows that can be read once; the reports of its
/// runs.
fn run_from_pipes(search: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.csv");
    mkfifo(&rows, Mode::from_bits_truncate(0o600)).unwrap();
    let mut child = Command::new(exe())
        .args(["/dev/stdin", "--out", "out", "--progress", "none"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(plan(&rows, search).as_bytes()).unwrap();
    // Opening waits for the reader. There is one: whoever opened the file again would wait for
    // ever.
    let write = std::thread::spawn(move || std::fs::write(rows, ROWS).unwrap());
    let output = wait(child);
    write.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    runs(&folder.path().join("out")).iter().map(|path| report(path)).collect()
}

#[test]
fn a_run_reads_its_plan_and_its_files_once() {
    let reports = run_from_pipes("");
    assert_eq!(reports.len(), 1);
    assert_eq!(digests(&reports[0]).len(), 1);
}

#[test]
fn a_search_reads_its_plan_and_its_files_once() {
    let reports = run_from_pipes("[search]\nmin = 1\nmax = 3\nstep = 1\nconfirm = 0\n");
    assert_eq!(reports.len(), 3);
    let first = digests(&reports[0]);
    assert_eq!(first.len(), 1);
    assert!(reports.iter().all(|report| digests(report) == first));
}

#[test]
fn a_search_reads_the_certificates_of_its_targets_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    certificate(folder.path(), "own", false);
    let server = Peer::serve(folder.path(), &["--cert=own.pem", "--key=own.key"]);
    let text = format!(
        "name = \"once\"\n[targets.t]\naddress = \"{}\"\n\
         tls = {{ ca = \"pipe.pem\", server_name = \"localhost\" }}\n\
         [scenarios.s]\nprotocol = \"tcp-hold\"\nstages = [{{ users = 3, hold = \"1s\" }}]\n\
         thresholds = [\"success_ratio == 100%\"]\n[search]\nmin = 1\nmax = 3\nstep = 1\nconfirm = 0\n",
        server.address
    );
    std::fs::write(path("plan.toml"), text).unwrap();
    mkfifo(&path("pipe.pem"), Mode::from_bits_truncate(0o600)).unwrap();
    let child = Command::new(exe())
        .args(["plan.toml", "--out", "out", "--progress", "none"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (own, pipe) = (path("own.pem"), path("pipe.pem"));
    // A level that opened the file again would wait for ever.
    let write = std::thread::spawn(move || std::fs::write(pipe, std::fs::read(own).unwrap()));
    let output = wait(child);
    write.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(runs(&path("out")).len(), 3);
}

#[test]
fn what_is_changed_during_a_search_changes_no_level() {
    let stage = Stage::new("");
    let path = |name: &str| stage.folder.path().join(name);
    std::fs::write(path("rows.csv"), ROWS).unwrap();
    let text = plan(Path::new("rows.csv"), "[search]\nmin = 1\nmax = 3\nstep = 1\nconfirm = 0\n");
    std::fs::write(path("plan.toml"), &text).unwrap();
    let child = stage.start(&[]);
    await_true("the first run", PATIENCE, || !runs(&path("out")).is_empty());
    std::fs::write(path("plan.toml"), "name = \"another\"\n").unwrap();
    std::fs::write(path("rows.csv"), "other\nx\n").unwrap();
    let output = wait(child);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let runs = runs(&path("out"));
    assert_eq!(runs.len(), 3);
    for run in &runs {
        assert_eq!(std::fs::read_to_string(run.join("plan.toml")).unwrap(), text);
        assert_eq!(digests(&report(run)), digests(&report(&runs[0])));
    }
}

#[test]
fn a_worker_refuses_a_coordinator_of_another_version() {
    let mut child = Command::new(exe())
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut hello = [0; 12];
    output.read_exact(&mut hello).unwrap();
    assert_eq!(&hello[..8], b"planrun\0");
    // What follows the hello of another version is not even looked at.
    input.write_all(b"planrun\0\x63\0\0\0\xff\xff\xff\xffgarbage").unwrap();
    let ended = wait(child);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("it speaks version 99 of the messages"), "{said}");
    assert_eq!(ended.status.code(), Some(5));
}
