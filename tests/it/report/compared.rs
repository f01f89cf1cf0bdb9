//! `planrun compare`: sets that are alike, one that is slower, and what cannot be compared.

use super::{canned, run, run_on, said_in};
use planrun::machine::Environment;
use planrun::plan::TimeMetric;
use planrun::record::Entry;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn said(arguments: &[&str]) -> (Option<i32>, String) {
    said_in(Path::new("."), &[&["compare"], arguments].concat())
}

/// Folders of this many canned runs; in slower ones a fifth of the requests takes 200 ms.
fn set(runs: usize, slower: bool) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    let mut entries = canned::entries();
    for entry in entries.iter_mut().filter(|_| slower) {
        let Entry::Second(second) = entry else { continue };
        for (_, cell) in second.scenarios.get_mut(&1).into_iter().flat_map(|one| &mut one.cells) {
            (0..250).for_each(|_| cell.time(TimeMetric::ServiceTime, 200_000_000));
        }
    }
    (0..runs).for_each(|_| drop(run(out.path(), &entries)));
    out
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

#[test]
fn equal_sets_are_not_regressed_and_a_slower_one_is() {
    let (base, same, slower) = (set(4, false), set(4, false), set(4, true));
    let (code, text) = said(&[path(base.path()), path(same.path())]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("NOT REGRESSED by more than 5% (0.1 points)"), "{text}");
    let (code, text) = said(&[path(base.path()), path(slower.path())]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("REGRESSED by more than 5%") && text.contains("service_time.p99"),
        "{text}"
    );
    let (code, text) = said(&[path(slower.path()), path(base.path())]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("improved"), "{text}");
    let only = ["--metric", "failure_ratio", path(base.path()), path(slower.path())];
    assert_eq!(said(&only).0, Some(0));
    let (code, text) = said(&["--json", path(base.path()), path(slower.path())]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["outcome"]), (Some(1), &Value::from("regressed")));
    assert_eq!(json["schema"], "planrun.compare/1");
    let mut change = json["changes"].as_array().unwrap().iter();
    let change = change.rfind(|one| one["metric"] == "service_time.p99").unwrap();
    assert_eq!(change["base"].as_array().unwrap().len(), 4);
    assert!(change["interval"]["low"].as_f64().unwrap() > 1.05, "{change}");
    let (_, text) = said(&["--markdown", path(base.path()), path(slower.path())]);
    assert!(text.starts_with("**REGRESSED") && text.contains("| --- |"), "{text}");
    let (code, text) = said(&["--aa", path(base.path())]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("smallest change") && text.contains("±0.0%"), "{text}");
}

#[test]
fn one_run_a_side_has_no_interval() {
    let (base, new) = (set(1, false), set(1, true));
    let (code, text) = said(&[path(base.path()), path(new.path())]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("INCONCLUSIVE: 1 run a side: an interval needs 4"), "{text}");
    let (code, text) = said(&["--aa", path(base.path())]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("--repeat 5"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_said_with_the_reason() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let at = |run: &str| published.join(run);
    let article = at("100w-longconn-article/20261122T191148Z-35184994");
    let million = at("100w-longconn/20261122T220954Z-67cd8c96");
    let (code, text) = said(&[path(&article), path(&million)]);
    assert_eq!(code, Some(3), "{text}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["another workload than", "is INVALID (", "INCOMPARABLE"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // No flag makes another workload or an INVALID run comparable.
    let accepted = ["--accept", "machine", "--accept", "version", path(&article), path(&million)];
    assert_eq!(said(&accepted).0, Some(3));
    assert_eq!(said(&["--accept", "workload", path(&article), path(&million)]).0, Some(2));
    // Another machine can be accepted.
    let machine = |model: &str| {
        let out = tempfile::tempdir().unwrap();
        let mut environment = Environment::default();
        environment.cpu.model = Some(model.to_owned());
        (0..4).for_each(|_| drop(run_on(out.path(), &canned::entries(), &environment)));
        out
    };
    let (base, new) = (machine("Fast 1"), machine("Fast 2"));
    let (code, text) = said(&[path(base.path()), path(new.path())]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("processor: Fast 1 and Fast 2"), "{text}");
    assert_eq!(said(&["--accept", "machine", path(base.path()), path(new.path())]).0, Some(0));
}

fn runs(out: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(out.join("canned")).unwrap();
    all.map(|one| one.unwrap().path()).collect()
}

#[test]
fn wrong_folders_are_named() {
    let base = set(1, false);
    let run = runs(base.path()).remove(0);
    let missing = base.path().join("nothing");
    let damaged = set(1, false);
    std::fs::write(runs(damaged.path())[0].join("recording.jsonl"), "{}\n").unwrap();
    for (arguments, words) in [
        (vec![path(base.path())], "<NEW>"),
        (vec![path(base.path()), path(&missing)], "it does not exist"),
        (vec![path(&run.join("plan.toml")), path(&run)], "it is a file"),
        (vec![path(base.path()), path(&run)], "is on both sides"),
        (vec![path(base.path()), path(&run), "--base", path(&run)], "is named twice"),
        (vec![path(&run), path(damaged.path())], "does not begin with a whole header"),
        (vec!["--margin", "0.1%", path(&run), path(&missing)], "finer than what is measured"),
        (vec!["--metric", "service_time.p98", path(&run), path(&run)], "did you mean"),
        (vec!["--aa", path(&run), path(&run)], "cannot be used with"),
    ] {
        let (code, text) = said(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_comparison_has_a_page_that_loads_nothing() {
    let (base, slower) = (set(4, false), set(4, true));
    let out = tempfile::tempdir().unwrap();
    let page = out.path().join("page.html");
    let arguments = ["--html", path(&page), path(base.path()), path(slower.path())];
    let (code, text) = said(&arguments);
    assert_eq!(code, Some(1), "{text}");
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("REGRESSED") && page.contains("service_time.p99"), "{page}");
    assert!(page.contains("default-src 'none'"), "{page}");
    // A card for each figure of the text, each with two strips, and no address to load from.
    let cards = page.matches("class=\"strip\"").count();
    assert!(cards >= 6 && cards.is_multiple_of(2), "{cards}");
    for loaded in ["<link", "<img", "src=", "url(", " style="] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    assert!(page.contains("by percentile") && page.contains("over time"), "{page}");
    let (code, text) =
        said(&["--html", "/nowhere/page.html", path(base.path()), path(slower.path())]);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("--html FILE"), "{text}");
}
