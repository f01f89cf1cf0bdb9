//! `planrun verify`: whole folders, changed ones, and what is no folder of a run.

use super::earlier::published_copy;
use super::{contents, finished, read, said_in, unpack};
use planrun::results::verify::{Verification, verify};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the command says, and its exit status.
fn said(arguments: &[&str]) -> (Option<i32>, String) {
    said_in(Path::new("."), arguments)
}

fn found(folder: &Path) -> Verification {
    verify(folder).unwrap()
}

/// Makes the checksums right, as somebody would who changed a file on purpose.
fn sum_up(folder: &Path) {
    planrun::store::checksums(folder).unwrap();
}

#[test]
fn a_folder_that_nobody_touched_is_verified() {
    let (_out, folder) = finished();
    let before = contents(&folder);
    let all = found(&folder);
    assert!(all.verified, "{:?}", all.problems);
    assert_eq!(all.intact, before.len() - 1);
    assert_eq!(all.same.len(), 7, "{:?}", all.same);
    assert!(all.others.is_empty() && all.left_out.is_empty() && all.same_figures.is_empty());
    assert!(before == contents(&folder), "verifying changed the folder");
    let (code, text) = said(&["verify", folder.to_str().unwrap(), folder.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    // Once, however often it is named.
    assert_eq!(text.matches("verified").count(), 1, "{text}");
}

#[test]
fn any_changed_byte_of_any_file_is_noticed() {
    let (_out, folder) = finished();
    for (name, bytes) in contents(&folder) {
        let mut places =
            vec![0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2, bytes.len() - 1];
        places.dedup();
        for place in places {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            fs::write(folder.join(&name), &changed).unwrap();
            let all = found(&folder);
            assert!(!all.verified, "{name}, byte {place}");
            let named = all.problems.iter().any(|one| one.file == name);
            assert!(named || name == "SHA256SUMS", "{name}, byte {place}: {:?}", all.problems);
        }
        fs::write(folder.join(&name), &bytes).unwrap();
    }
    let (_, report) =
        contents(&folder).into_iter().find(|(name, _)| name == "report.json").unwrap();
    fs::write(folder.join("report.json"), [&report[..], b"\n"].concat()).unwrap();
    assert!(!found(&folder).verified, "a byte more");
    fs::remove_file(folder.join("report.json")).unwrap();
    let (code, text) = said(&["verify", folder.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("NOT verified") && text.contains("report.json"), "{text}");
}

#[test]
fn a_changed_figure_is_noticed_though_its_checksum_was_made_right() {
    let (_out, folder) = finished();
    let changes = [
        ("report.json", "\"verdict\": \"INVALID\"", "\"verdict\": \"PASS\""),
        ("summary.csv", ",1200,", ",1300,"),
        ("timeline.csv", ",400,", ",401,"),
        ("failures.csv", "refused", "reset"),
        ("requests.csv", "home", "hone"),
        ("latency.hlog", "web.service_time", "web.first_byte"),
    ];
    for (name, from, to) in changes {
        let text = read(&folder, name);
        let from = if text.contains(from) { from } else { "FAIL" };
        assert!(text.contains(from), "{name}: {from}");
        fs::write(folder.join(name), text.replacen(from, to, 1)).unwrap();
        sum_up(&folder);
        let all = found(&folder);
        assert!(!all.verified, "{name}");
        assert_eq!(all.problems.len(), 1, "{:?}", all.problems);
        assert_eq!(all.problems[0].file, name);
        fs::write(folder.join(name), text).unwrap();
    }
    // The recording checks itself, line by line; what is left of it gives other figures.
    unpack(&folder);
    let journal = read(&folder, "recording.jsonl");
    fs::write(folder.join("recording.jsonl"), journal.replacen("\"ok\":", "\"oK\":", 1)).unwrap();
    sum_up(&folder);
    assert!(!found(&folder).verified);
}

#[test]
fn what_was_not_compared_is_told() {
    let (_out, folder) = finished();
    let page = read(&folder, "report.html");
    fs::write(folder.join("report.html"), page.replacen("<main>", "<main >", 1)).unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    fs::remove_file(folder.join("latency.hlog")).unwrap();
    sum_up(&folder);
    let all = found(&folder);
    assert!(all.verified, "{:?}", all.problems);
    assert_eq!(all.not_compared, ["report.html"]);
    assert_eq!(all.others, ["notes.txt"]);
    assert_eq!(all.left_out, ["latency.hlog"]);
    let (code, text) = said(&["verify", "--json", folder.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["verified"], true);
    assert_eq!(json["others"][0], "notes.txt");
}

#[test]
fn what_is_no_folder_of_a_run_is_said_to_be_none() {
    let (out, folder) = finished();
    let at = |path: &Path| path.to_str().unwrap().to_owned();
    let empty = out.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (path, code, words) in [
        (at(&out.path().join("nothing")), 2, "it does not exist"),
        (at(&folder.join("plan.toml")), 2, "it is a file"),
        (at(&empty), 2, "there is no run in it"),
    ] {
        let (status, text) = said(&["verify", &path]);
        assert_eq!(status, Some(code), "{text}");
        assert!(text.contains(words) && text.contains("help: "), "{text}");
    }
    assert_eq!(said(&["verify"]).0, Some(2));
    // A folder above is as good as the run itself.
    assert_eq!(said(&["verify", out.path().to_str().unwrap()]).0, Some(0));
    unpack(&folder);
    let journal = read(&folder, "recording.jsonl");
    let later = journal.replacen("planrun.recording/3", "planrun.recording/99", 1);
    let line = later.lines().next().unwrap();
    let body = line.split_once(',').unwrap().1;
    let whole = format!("{{\"crc32\":\"{:08x}\",{body}", crc32fast::hash(body.as_bytes()));
    fs::write(folder.join("recording.jsonl"), later.replacen(line, &whole, 1)).unwrap();
    let (status, text) = said(&["verify", folder.to_str().unwrap()]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("its recording is `planrun.recording/99`"), "{text}");
    fs::remove_file(folder.join("recording.jsonl")).unwrap();
    let (status, text) = said(&["verify", folder.to_str().unwrap()]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("there is no recording.jsonl"), "{text}");
}

#[test]
fn every_published_folder_is_verified() {
    let copy = published_copy();
    let results = copy.path().join("results");
    let (code, text) = said(&["verify", results.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.matches("verified  ").count() >= 11, "{text}");
}

#[test]
fn the_index_of_published_runs_is_up_to_date() {
    let copy = published_copy();
    let results = copy.path().join("results");
    let (code, text) = said(&["index", "--check", results.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn the_two_commands_of_the_published_results_make_a_run_again() {
    let copy = published_copy();
    let results = copy.path().join("results");
    let readme = read(&results, "README.md");
    let (_, shell) = readme.rsplit_once("```sh\n").unwrap();
    let commands: Vec<&str> = shell.split("```").next().unwrap().lines().collect();
    let [verify, replay] = commands[..] else { panic!("{commands:?}") };
    let run = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "planrun", "{command}");
        let mut program = Command::new(env!("CARGO_BIN_EXE_planrun"));
        let output = program.args(&words[1..]).current_dir(&results).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = run(verify);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("verified  "), "{text}");
    let (code, text) = run(replay);
    // It is another machine, and a busy one; the words go with the status.
    let word = match code {
        Some(0) => "\nREPRODUCED: ",
        Some(1) => "\nNOT REPRODUCED: ",
        Some(3) => "\nINCOMPARABLE: ",
        _ => panic!("{code:?}: {text}"),
    };
    assert!(text.contains(word), "{text}");
    let folder = replay.split(' ').nth(2).unwrap();
    let digests = |folder: &Path| -> serde_json::Value {
        let report: serde_json::Value = serde_json::from_str(&read(folder, "report.json")).unwrap();
        report["plan"]["digests"].clone()
    };
    let after = planrun::results::runs_below(&results.join("results")).unwrap().remove(0);
    assert_eq!(digests(&results.join(folder)), digests(&after));
}

#[test]
fn an_index_is_written_once_and_keeps_the_words_around_it() {
    let (out, folder) = finished();
    let path = out.path().to_str().unwrap();
    fs::write(out.path().join("README.md"), "# Mine\n\nwords\n").unwrap();
    let (code, text) = said(&["index", "--check", path]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("README.md is stale") && text.contains("planrun index"), "{text}");
    let (code, text) = said(&["index", path]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("README.md") && text.contains("index.html"), "{text}");
    assert_eq!(said(&["index", "--check", path]).0, Some(0));
    let page = read(out.path(), "README.md");
    let name = folder.strip_prefix(out.path()).unwrap().to_str().unwrap();
    assert!(page.starts_with("# Mine\n\nwords\n") && page.contains(name), "{page}");
    let html = read(out.path(), "index.html");
    assert!(html.contains(&format!("{name}/report.html")), "{html}");
    let edited = page.replace("canned", "other");
    fs::write(out.path().join("README.md"), edited).unwrap();
    assert_eq!(said(&["index", "--check", path]).0, Some(1));
    let empty = tempfile::tempdir().unwrap();
    for path in [empty.path(), &folder.join("plan.toml"), &empty.path().join("none")] {
        let (code, text) = said(&["index", path.to_str().unwrap()]);
        assert_eq!(code, Some(2), "{text}");
    }
}
