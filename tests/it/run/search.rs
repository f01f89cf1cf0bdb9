//! A search for the highest level that passes, on servers whose limit is known.

use crate::outcome::{PATIENCE, Stage, await_true, exe, wait};
use crate::served::Served;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Greets within half a second as long as it has descriptors, and has about six hundred.
fn limited() -> Served {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 600; exec \"$0\" \"$@\""]).arg(exe());
    Served::start_as(command, &["tcp-hold"])
}

fn plan(server: &Served, search: &str) -> String {
    format!(
        "name = \"search\"\n[targets.lb]\naddress = \"{}\"\n[scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\n\
         greeting = \"1s\"\nclose = \"rst\"\nstages = [{{ users = 10, hold = \"1500ms\" }}]\n\
         thresholds = [\"success_ratio == 100%\"]\n[search]\n{search}\n",
        server.address
    )
}

struct Found {
    code: Option<i32>,
    stdout: String,
    report: Value,
}

impl Found {
    fn levels(&self) -> Vec<(u64, String)> {
        let runs = self.report["runs"].as_array().unwrap().iter();
        runs.map(|run| (run["level"].as_u64().unwrap(), run["verdict"].as_str().unwrap().into()))
            .collect()
    }
}

fn saved(folder: &Path) -> Value {
    let files = std::fs::read_dir(folder.join("out/search")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let path = files.find(|path| path.to_string_lossy().ends_with("-search.json")).unwrap();
    let found: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(
        crate::formats::differences("search", std::slice::from_ref(&found)),
        [] as [String; 0]
    );
    found
}

fn search(plan: &str, arguments: &[&str]) -> Found {
    let stage = Stage::new(plan);
    let output = wait(stage.start(arguments));
    Found {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        report: saved(stage.folder.path()),
    }
}

#[test]
fn the_limit_of_a_server_is_found_and_confirmed() {
    let server = limited();
    let found = search(&plan(&server, "min = 300\nmax = \"5k\"\nprecision = \"10%\""), &[]);
    assert_eq!(found.code, Some(0), "{}", found.stdout);
    let levels = found.levels();
    // The preflight's probe holds one as well, and the server needs a few for itself.
    let highest = found.report["highest"].as_u64().unwrap();
    assert!((530..600).contains(&highest), "{levels:?}");
    assert_eq!(levels[0], (300, "PASS".to_owned()));
    assert_eq!(levels[1], (600, "FAIL".to_owned()), "doubled");
    assert_eq!(levels[2].0, 450, "halved");
    assert_eq!(levels.last(), Some(&(highest, "PASS".to_owned())), "confirmed");
    assert_eq!(found.report["limit"], "threshold");
    assert!(found.report["broken"].as_u64().unwrap() <= highest + highest / 10);
    let why = found.report["runs"][1]["why"][0].as_str().unwrap();
    assert!(why.starts_with("success_ratio == 100%: 9"), "{why}");
    assert!(found.stdout.contains("PASS again"), "{}", found.stdout);
    assert!(found.stdout.contains("users is the highest level that passed;"), "{}", found.stdout);
}

#[test]
fn a_search_fails_below_what_it_must_reach_and_stops_where_nothing_breaks() {
    let server = limited();
    let short = search(
        &plan(&server, "min = 500\nmax = 900\nstep = 200\nat_least = 700\nconfirm = 0"),
        &[],
    );
    assert_eq!(short.code, Some(1), "{}", short.stdout);
    assert_eq!(short.levels(), [(500, "PASS".to_owned()), (700, "FAIL".to_owned())]);
    let said = short.stdout.replace('\n', " ");
    assert!(said.contains("at least 700 users is asked for"), "{said}");

    let easy = search(&plan(&server, "min = 10\nmax = 25\nstep = 10\nconfirm = 0"), &[]);
    assert_eq!((easy.code, &easy.report["limit"]), (Some(0), &Value::from("max")));
    assert_eq!(easy.levels().iter().map(|one| one.0).collect::<Vec<_>>(), [10, 20, 25]);

    let nothing = search(&plan(&server, "min = 800\nmax = 900"), &[]);
    assert_eq!((nothing.code, &nothing.report["highest"]), (Some(1), &Value::Null));
    assert_eq!(nothing.levels().len(), 1);
}

#[test]
fn limits_of_the_generator_end_a_search_as_invalid() {
    let server = limited();
    let plan = plan(&server, "min = 100\nmax = 2000\nstep = 300\nconfirm = 0")
        + "[generator]\nworkers = 1\n";
    let found = {
        let stage = Stage::new(&plan);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 300; exec \"$0\" \"$@\""]).arg(exe());
        command.args(["plan.toml", "--out", "out", "--progress", "lines"]);
        stage.prepare(&mut command);
        let output = wait(command.spawn().unwrap());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("open files"), "{said}");
        Found {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            report: saved(stage.folder.path()),
        }
    };
    assert_eq!(found.code, Some(3), "{}", found.stdout);
    assert_eq!(found.report["limit"], "generator");
    assert_eq!((&found.report["highest"], &found.report["broken"]), (&100.into(), &400.into()));
    assert!(found.stdout.contains("the generator's own limits"), "{}", found.stdout);
}

#[test]
fn one_level_is_run_without_the_search() {
    let server = limited();
    let stage = Stage::new(&plan(&server, "min = 100\nmax = 900"));
    let output = wait(stage.start(&["--no-search", "--set", "scenarios.hold.stages.0.users=20"]));
    assert_eq!(output.status.code(), Some(0));
    let outcome = crate::outcome::results(&stage.folder.path().join("out")).unwrap();
    assert_eq!(crate::outcome::report(&outcome)["scenarios"][0]["counters"]["connect.ok"], 20);
}

#[test]
fn an_interrupted_search_keeps_what_it_has() {
    let server = limited();
    let stage = Stage::new(&plan(&server, "min = 10\nmax = 500\nstep = 10\nconfirm = 0"));
    let child = stage.start(&[]);
    let folder = stage.folder.path().join("out/search");
    let runs = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    await_true("the second level", PATIENCE, || runs() >= 2);
    std::thread::sleep(Duration::from_millis(500));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = wait(child);
    assert_eq!(output.status.code(), Some(130));
    let report = saved(stage.folder.path());
    assert_eq!((&report["limit"], &report["verdict"]), (&"stopped".into(), &Value::Null));
    assert_eq!((&report["highest"], &report["exit_code"]), (&10.into(), &130.into()));
}
