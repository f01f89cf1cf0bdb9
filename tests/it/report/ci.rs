//! What CI systems are given: files in their formats, annotations at the plan's lines, a page in
//! the step summary.

use super::{canned, contents, finished, read, run};
use planrun::report::ci;
use planrun::store::SavedRun;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PLANRUN: &str = env!("CARGO_BIN_EXE_planrun");

/// `planrun report FOLDER …` in `folder`, in GitHub Actions.
fn report(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PLANRUN);
    command.args(["report", "."]).args(arguments).current_dir(folder).env_remove("CANNED_TOKEN");
    command.envs([("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "../step.md")]);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The canned run without its last seconds, thus INVALID.
fn cut() -> (tempfile::TempDir, SavedRun) {
    let out = tempfile::tempdir().unwrap();
    let entries = canned::entries();
    let made = run(out.path(), &entries[..entries.len() / 2]);
    let saved = SavedRun::open(&made.folder).unwrap();
    (out, saved)
}

/// Parses the file as Python's expat does, and gives the numbers of its root: tests, failures,
/// errors.
fn counted(junit: &[u8]) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junit.xml");
    fs::write(&path, junit).unwrap();
    let script = "import sys, xml.etree.ElementTree as e\n\
        root = e.parse(sys.argv[1]).getroot()\n\
        count = lambda what: len(root.findall('.//' + what))\n\
        assert count('testcase') == int(root.get('tests'))\n\
        print(count('testcase'), count('failure'), count('error'))";
    let output = Command::new("python3").args(["-c", script]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn every_format_is_as_it_was() {
    let (_out, folder) = finished();
    // Where the folder is, is another place each time.
    let mut saved = SavedRun::open(&folder).unwrap();
    saved.folder = "results/canned".into();
    insta::assert_snapshot!("junit.xml", text(&ci::junit(&saved)));
    insta::assert_snapshot!("summary.md", text(&ci::markdown(&saved)));
    insta::assert_snapshot!("openmetrics.txt", text(&ci::openmetrics(&saved)));
}

#[test]
fn a_broken_threshold_is_a_failure_and_an_invalid_run_has_only_errors() {
    let (_out, folder) = finished();
    let saved = SavedRun::open(&folder).unwrap();
    let broken = saved.judgement.findings.iter().filter(|one| one.state.is_broken()).count();
    let cases = saved.judgement.findings.len() + saved.judgement.health.len();
    assert!(broken > 0);
    assert_eq!(counted(&ci::junit(&saved)), [cases, broken, 0]);
    let (_out, saved) = cut();
    let [_, failures, errors] = counted(&ci::junit(&saved))[..] else { panic!() };
    assert_eq!(failures, 0);
    assert!(errors >= saved.judgement.breaches.len(), "{:?}", saved.judgement.breaches);
    assert!(errors > 0);
}

#[test]
fn github_is_told_at_the_lines_of_the_plan_and_each_step_adds_to_the_page() {
    let (_out, folder) = finished();
    let output = report(&folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let errors = text(&output.stderr);
    let at = |wanted: &str| {
        let line = canned::TEXT.lines().position(|line| line.contains(wanted)).unwrap() + 1;
        format!("::error file=./plan.toml,line={line},title=FAIL canned::")
    };
    let want = at("service_time.p99 < 100ms");
    assert!(errors.lines().any(|line| line.starts_with(&want)), "{want} in {errors}");
    assert!(errors.lines().all(|line| line.starts_with("::error ")), "{errors}");
    report(&folder, &[]);
    let page = fs::read_to_string(folder.join("../step.md")).unwrap();
    assert_eq!(page.matches("## ❌ FAIL: canned").count(), 2, "{page}");
}

#[test]
fn a_flag_switches_the_ci_system_off_and_files_are_written_without_one() {
    let (_out, folder) = finished();
    let before: Vec<String> = contents(&folder).into_iter().map(|(name, _)| name).collect();
    let files =
        ["--junit", "../junit.xml", "--markdown", "../s.md", "--openmetrics", "../metrics.txt"];
    let output = report(&folder, &[&["--ci", "never"][..], &files].concat());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    assert!(!folder.join("../step.md").exists());
    assert!(read(&folder, "../junit.xml").starts_with("<?xml"));
    assert!(read(&folder, "../s.md").starts_with("## ❌ FAIL: canned\n"));
    assert!(read(&folder, "../metrics.txt").ends_with("# EOF\n"));
    let after: Vec<String> = contents(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(before, after);
}

#[test]
fn nothing_is_sent_when_a_file_could_not_be_written_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let plan = "name = \"x\"\ntargets.t.builtin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
        stages = [{ users = 1, hold = \"1s\" }]\n";
    fs::write(folder.path().join("plan.toml"), plan).unwrap();
    let mut command = Command::new(PLANRUN);
    command.args(["plan.toml", "--junit", "nowhere/junit.xml"]).current_dir(folder.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("nowhere/junit.xml"), "{}", text(&output.stderr));
    assert!(!folder.path().join("results").exists());
}

#[test]
fn errors_of_a_plan_are_annotated_where_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plan.toml"), "name = \"x\"\ncolour = \"red\"\n").unwrap();
    for (arguments, annotated) in [
        (&["plan.toml"][..], true),
        (&["check", "plan.toml"], true),
        (&["check", "plan.toml", "--ci", "never"], false),
    ] {
        let mut command = Command::new(PLANRUN);
        command.args(arguments).current_dir(folder.path()).env("GITHUB_ACTIONS", "true");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let errors = text(&output.stderr);
        let line = "::error file=plan.toml,line=2,col=1,title=wrong plan::";
        assert_eq!(errors.contains(line), annotated, "{errors}");
    }
}
