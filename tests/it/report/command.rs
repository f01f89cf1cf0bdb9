//! `planrun report` as a program: its exit status, full disks, folders that cannot be written to,
//! runs that were killed.

use super::{canned, contents, finished, read};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PLANRUN: &str = env!("CARGO_BIN_EXE_planrun");

fn report(folder: &Path) -> Output {
    let mut command = Command::new(PLANRUN);
    command.arg("report").arg(folder).env_remove("CANNED_TOKEN");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a script in a separate mount namespace, `$OUT` being an empty folder and `$RESULTS` a
/// finished result folder.
fn in_own_mounts(script: &str) -> Output {
    let (_out, results) = finished();
    let out = tempfile::tempdir().unwrap();
    Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-euc", script])
        .envs([("OUT", out.path()), ("RESULTS", &results), ("PLANRUN", Path::new(PLANRUN))])
        .env("PLAN", plan(out.path()))
        .output()
        .unwrap()
}

/// A plan with a server of its own that holds ten connections.
fn plan(folder: &Path) -> PathBuf {
    let path = folder.with_extension("toml");
    let text = r#"
        name = "kept"
        [targets.lb]
        builtin = "tcp-hold"
        [scenarios.hold]
        protocol = "tcp-hold"
        expect = "ok"
        heartbeat = { from = "server", every = "500ms", grace = "5s" }
        stages = [{ name = "ten", users = 10, ramp = "1s", hold = "60s" }]
        thresholds = ["connect.success_ratio == 100%"]
    "#;
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_status_says_whether_the_reports_were_written_not_what_they_say() {
    let (_out, folder) = finished();
    let output = report(&folder);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("✗ FAIL  canned: 3 of 5 thresholds broken\n"));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn what_the_program_makes_again_is_the_same_to_the_byte_also_without_the_secret() {
    let (_out, folder) = finished();
    let before = contents(&folder);
    assert_eq!(report(&folder).status.code(), Some(0));
    assert!(before == contents(&folder));
    for (name, bytes) in before {
        assert!(!String::from_utf8_lossy(&bytes).contains(canned::SECRET), "{name}");
    }
}

#[test]
fn a_folder_without_results_is_refused_with_2() {
    let out = tempfile::tempdir().unwrap();
    let output = report(out.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    let what = format!(
        "{} is not a result folder of planrun: there is no recording.jsonl.gz",
        out.path().display()
    );
    assert!(said.contains(&what), "{said}");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_written_to_stays_as_it_was() {
    let output = in_own_mounts(
        r#"mount -t tmpfs none "$OUT"
        cp -r "$RESULTS" "$OUT/run"
        mount -o remount,ro "$OUT"
        "$PLANRUN" report "$OUT/run" && status=0 || status=$?
        echo "status $status"
        cd "$OUT/run" && sha256sum --check --strict --quiet SHA256SUMS"#,
    );
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("status 5"), "{said}{complained}");
    assert!(
        complained.contains("cannot write") && complained.contains("Read-only file system"),
        "{complained}"
    );
}

#[test]
fn a_full_disk_costs_no_report_that_was_there() {
    let output = in_own_mounts(
        r#"mount -t tmpfs -o size=1m none "$OUT"
        cp -r "$RESULTS" "$OUT/run"
        cat /dev/zero > "$OUT/filler" 2>/dev/null || true
        "$PLANRUN" report "$OUT/run" && status=0 || status=$?
        echo "status $status"
        cd "$OUT/run" && sha256sum --check --strict --quiet SHA256SUMS
        ls -A"#,
    );
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("status 5"), "{said}{complained}");
    assert!(complained.contains("No space left on device"), "{complained}");
    assert!(!said.contains("unfinished"), "{said}");
}

#[test]
fn a_disk_that_fills_during_a_run_costs_files_but_neither_the_run_nor_its_summary() {
    let output = in_own_mounts(
        r#"mount -t tmpfs -o size=40k none "$OUT"
        "$PLANRUN" "$PLAN" --out "$OUT" --set scenarios.hold.stages.0.hold=2s && status=0 || status=$?
        echo "status $status"
        mount -o remount,size=1m "$OUT"
        "$PLANRUN" report "$OUT"/kept/* && status=0 || status=$?
        echo "again $status""#,
    );
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    let (first, second) =
        said.split_once("status 5").unwrap_or_else(|| panic!("{said}{complained}"));
    assert!(first.starts_with("✓ PASS  kept"), "{said}");
    assert!(first.contains("Not written"), "{said}");
    assert!(complained.contains("No space left on device"), "{complained}");
    assert!(second.contains("again 0"), "{said}{complained}");
}

#[test]
fn a_killed_run_is_completed_at_most_two_seconds_short() {
    let out = tempfile::tempdir().unwrap();
    let plan = plan(out.path());
    let mut run = Command::new(PLANRUN)
        .args([plan.as_os_str(), "--out".as_ref(), out.path().as_os_str()])
        .args(["--progress", "none"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(50);
    let journal = loop {
        assert!(Instant::now() < deadline, "no journal in time");
        let folder = fs::read_dir(out.path().join("kept")).ok().and_then(|mut all| all.next());
        let journal = folder.map(|folder| folder.unwrap().path().join("recording.jsonl"));
        if let Some(journal) = journal
            && fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"started\":{"))
        {
            break journal;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let began = Instant::now();
    while fs::read_to_string(&journal).unwrap().matches("\"second\":{").count() < 3 {
        assert!(Instant::now() < deadline, "no seconds in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(700));
    run.kill().unwrap();
    let lasted = began.elapsed();
    run.wait().unwrap();
    let folder = journal.parent().unwrap();
    let output = report(folder);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("! INVALID  kept") && said.contains("INCOMPLETE: cut off"), "{said}");
    let report: serde_json::Value = serde_json::from_str(&read(folder, "report.json")).unwrap();
    assert_eq!(report["complete"], false);
    assert_eq!(report["exit_code"], 3);
    let seconds = report["seconds"].as_u64().unwrap();
    assert!(seconds as f64 + 2.0 >= lasted.as_secs_f64(), "{seconds} of {lasted:?}");
    assert_eq!(report["scenarios"][0]["counters"]["connect.ok"], 10);
}

#[test]
fn what_was_published_is_still_read() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let below = |folder: &Path| -> Vec<PathBuf> {
        let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.is_dir()).collect()
    };
    let runs: Vec<PathBuf> = below(&published).iter().flat_map(|plan| below(plan)).collect();
    assert!(!runs.is_empty());
    for run in runs {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path()) {
            fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
        let output = report(copy.path());
        assert_eq!(output.status.code(), Some(0), "{}: {}", run.display(), text(&output.stderr));
        let of = |folder: &Path| -> serde_json::Value {
            serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
        };
        let (was, is) = (of(&run), of(copy.path()));
        assert_eq!(was["verdict"], is["verdict"], "{}", run.display());
        // Every figure that both have is the same.
        let (was, is) = (summary(&run), summary(copy.path()));
        assert_eq!(was.len(), is.len());
        for (was, is) in was.iter().zip(&is) {
            for (column, value) in was.iter().filter(|(column, _)| is.contains_key(*column)) {
                assert_eq!(&is[column], value, "{} {column}", run.display());
            }
            assert!(is.len() > 60, "{}", is.len());
        }
        let is = of(copy.path());
        // What nobody measured then is not called fine now.
        let health = is["health"].as_array().unwrap();
        let steal = health.iter().find(|one| one["rule"] == "steal").unwrap();
        assert!(steal["state"] == "not_measured" || !steal["measured"].is_null(), "{steal}");
    }
}

/// The rows of a folder's summary by their headings.
fn summary(folder: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.join("summary.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}
