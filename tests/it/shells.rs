//! What shells complete, asked of a real bash, and the manual pages.

use crate::outcome::exe;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const PLAN: &str = "name = \"p\"\n[targets.web]\nbuiltin = \"http\"\n[targets.lb]\n\
    builtin = \"tcp-hold\"\n[scenarios.browse]\nprotocol = \"http\"\ntarget = \"web\"\n\
    requests = [{ name = \"pay\", path = \"/\" }]\nstages = [{ users = 1, hold = \"1s\" }]\n\
    [scenarios.buy]\nprotocol = \"http\"\ntarget = \"web\"\nrequests = [{ path = \"/\" }]\n\
    stages = [{ users = 1, hold = \"1s\" }]\n[scenarios.hold]\nprotocol = \"tcp-hold\"\n\
    target = \"lb\"\nstages = [{ users = 1, hold = \"1s\" }]\n";

/// A directory with a plan and a result folder.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("p.toml"), PLAN).unwrap();
    std::fs::write(place.path().join("notes.txt"), "").unwrap();
    for run in ["20260101T000000Z-00000000", "20260201T000000Z-00000000"] {
        let run = place.path().join("results/p").join(run);
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join("recording.jsonl"), "").unwrap();
    }
    place
}

/// The environment in which `planrun` is this program.
fn shell(name: &str, place: &Path) -> Command {
    let bin = exe().parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(name);
    command.current_dir(place).env("PATH", format!("{bin}:{path}"));
    command
}

/// What bash offers for a line; the last word is the one that is typed.
fn bash(place: &Path, line: &str) -> BTreeSet<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
    let script = format!(
        "set -e\nsource <(planrun completions bash)\nCOMP_WORDS=({})\nCOMP_CWORD={}\nCOMP_TYPE=9\n\
         complete -p planrun >&2\n_clap_complete_planrun planrun '{last}' '{before}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        quoted.join(" "),
        words.len() - 1
    );
    let output = shell("bash", place).args(["-c", &script]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && words.contains("_clap_complete_planrun"), "{words}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn set<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn bash_completes_names_of_the_plan_words_of_reports_and_result_folders() {
    let place = place();
    let place = place.path();
    assert_eq!(bash(place, "planrun p.toml --only "), set(["browse", "buy", "hold"]));
    assert_eq!(bash(place, "planrun p.toml --only b"), set(["browse", "buy"]));
    assert_eq!(bash(place, "planrun check p.toml --only h"), set(["hold"]));
    assert_eq!(bash(place, "planrun p.toml --target "), set(["web=", "lb="]));
    assert_eq!(bash(place, "planrun p.toml --progress j"), set(["json"]));
    assert_eq!(bash(place, "planrun comp"), set(["compare", "completions"]));
    assert_eq!(bash(place, "planrun check p"), set(["p.toml"]));
    let words = bash(place, "planrun explain first");
    assert!(words.contains("first_byte"), "{words:?}");
    let folders = bash(place, "planrun report ");
    for run in ["20260101T000000Z-00000000", "20260201T000000Z-00000000"] {
        assert!(folders.contains(&format!("results/p/{run}")), "{folders:?}");
    }
    for command in ["verify", "compare", "replay"] {
        let folders = bash(place, &format!("planrun {command} results/p/202602"));
        let wanted = "results/p/20260201T000000Z-00000000";
        assert!(folders.iter().all(|one| one.starts_with(wanted)), "{command}: {folders:?}");
        assert!(!folders.is_empty(), "{command}");
    }
    // Requests, values and metrics.
    assert_eq!(bash(place, "planrun try p.toml --scenario b"), set(["browse", "buy"]));
    assert_eq!(bash(place, "planrun try p.toml --request p"), set(["pay"]));
    let stage = "scenarios.hold.stages.0";
    let wanted = [format!("{stage}.hold="), format!("{stage}.users=")];
    assert_eq!(bash(place, &format!("planrun p.toml --set {stage}")), wanted.into());
    let metrics = bash(place, "planrun compare a b --metric service_time.p9");
    assert!(
        metrics.contains("service_time.p99") && metrics.contains("service_time.p95"),
        "{metrics:?}"
    );
    assert_eq!(bash(place, "planrun import har"), set(["har"]));
    assert!(bash(place, "planrun explain spawn").contains("spawn_rate"));
    // Without a plan there are no names, and no error either.
    assert_eq!(bash(place, "planrun none.toml --only "), set([""]));
}

#[test]
fn other_shells_get_a_script_and_the_same_answers() {
    let place = place();
    for name in ["zsh", "fish", "elvish", "powershell"] {
        let script = shell("planrun", place.path()).args(["completions", name]).output().unwrap();
        let script = String::from_utf8(script.stdout).unwrap();
        assert!(script.contains("_PLANRUN_COMPLETE") && script.contains("planrun"), "{script}");
    }
    let ask = |shell_name: &str, line: &[&str]| {
        let index = (line.len() - 1).to_string();
        let mut command = shell("planrun", place.path());
        command.arg("--").args(line).env("_PLANRUN_COMPLETE", shell_name);
        let output = command.env("_CLAP_COMPLETE_INDEX", index).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for name in ["zsh", "fish"] {
        let said = ask(name, &["planrun", "p.toml", "--only", "b"]);
        assert!(
            said.contains("browse") && said.contains("buy") && !said.contains("hold"),
            "{said}"
        );
    }
}

#[test]
fn every_command_has_a_page_with_its_exit_statuses() {
    let place = place();
    let run = |arguments: &[&str]| {
        let output = shell("planrun", place.path()).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    std::fs::create_dir(place.path().join("man")).unwrap();
    assert_eq!(run(&["man", "--out", "man"]), (Some(0), String::new()));
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(place.path().join("man")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(page.contains(".SH \"EXIT STATUS\"") || page.contains(".SH EXIT STATUS"), "{name}");
        assert!(page.contains("\\fB0\\fR") && page.contains("\\fB2\\fR"), "{name}: {page}");
        names.insert(name);
    }
    for name in ["planrun.1", "planrun-check.1", "planrun-compare.1", "planrun-serve-http.1"] {
        assert!(names.contains(name), "{names:?}");
    }
    assert!(!names.contains("planrun-worker.1"), "{names:?}");
    let (code, page) = run(&["man", "compare"]);
    assert_eq!(code, Some(0));
    assert!(page.contains("planrun\\-compare") && page.contains("inconclusive"), "{page}");
    assert!(!page.contains("Exit status:"), "{page}");
    let (code, page) = run(&["man"]);
    assert_eq!(code, Some(0));
    assert!(page.contains("INVALID") && page.contains("\\fB130\\fR"), "{page}");
    let (code, words) = run(&["man", "nonsense"]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("help: ") && words.contains("compare"), "{words}");
}
