//! What `planrun check`, `schema` and `init` print, and what unreadable files get.

use super::planrun;
use std::path::Path;
use std::process::{Command, Stdio};

fn said(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn page(plan: &str, arguments: &[&str]) -> String {
    let all: Vec<&str> = ["check", plan].iter().chain(arguments).copied().collect();
    let output = planrun(".", &all, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // What follows is about this machine.
    let (plan, needs) = text.split_once("\nneeds ").expect("a table of needs");
    assert!(needs.contains("open files of a process"), "{needs}");
    plan.to_owned()
}

#[test]
fn the_schedule_is_a_table_and_a_curve() {
    insta::assert_snapshot!("contract", page("tests/plans/ok/contract.toml", &[]));
    insta::assert_snapshot!("quickstart_ascii", page("plans/quickstart.toml", &["--ascii"]));
    assert!(page("plans/quickstart.toml", &["--ascii"]).is_ascii());
}

const AUTHORIZED: &str = r#"
name = "auth"

[targets.web]
address = "http://127.0.0.1:8080/"

[scenarios.basic]
protocol = "http"
auth = { basic = "${env.USER_OF_API}:${env.PASSWORD}" }
stages = [{ users = 2, hold = "10s" }]
thresholds = []

[scenarios.bearer]
protocol = "http"
auth = { bearer = "${env.TOKEN}" }
stages = [{ users = 2, hold = "10s" }]
thresholds = []
"#;

#[test]
fn an_empty_or_broken_secret_names_its_variable_and_shows_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, AUTHORIZED).expect("written");
    let plan = plan.to_str().expect("UTF-8");
    let check = |user: &str, password: &str, token: &str| {
        let variables = [("USER_OF_API", user), ("PASSWORD", password), ("TOKEN", token)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        planrun(".", &["check", plan], &variables)
    };
    assert_eq!(check("ada", "s3cret", "t0ken").status.code(), Some(0));
    for (user, password, token, words) in [
        (
            "ada",
            "",
            "t0ken",
            "the name or the password is empty (from the environment: `USER_OF_API`, `PASSWORD`)",
        ),
        ("", "s3cret", "t0ken", "the name or the password is empty"),
        (
            "ada",
            "s3cret\n",
            "t0ken",
            "the name or the password has a line break (from the environment: `USER_OF_API`, `PASSWORD`)",
        ),
        ("ada", "s3cret", "", "the token is empty (from the environment: `TOKEN`)"),
        (
            "ada",
            "s3cret",
            "t0ken\r\n",
            "the token has a line break (from the environment: `TOKEN`)",
        ),
    ] {
        let output = check(user, password, token);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(words), "{words}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
    }
}

#[test]
fn rows_are_counted_and_those_that_run_out_are_warned_of() {
    let page = page("tests/plans/ok/rows.toml", &[]);
    assert!(page.contains("a row of rows.csv (3 rows) for each request, each used once"), "{page}");
    let words = "warning: rows.csv has 3 rows, and each is used once: they last 10s only if the answers of a pass take 20s or longer";
    assert!(page.contains(words), "{page}");
}

#[test]
fn rows_that_are_no_paths_are_warned_of() {
    let page = page("tests/plans/ok/paths.toml", &[]);
    let words = "warning: `path` cannot be sent as a path in 2 rows, first in row 2: a path begins with `/`, or is a URL of the target";
    assert!(page.contains(words), "{page}");
}

#[test]
fn several_plans_are_all_checked() {
    let plans =
        ["check", "toml-unquoted-count.toml", "../ok/smallest-hold.toml", "name-empty.toml"];
    let output = planrun("tests/plans/bad", &plans, &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = said(&output);
    assert!(text.contains("--> toml-unquoted-count.toml:8:21"), "{text}");
    assert!(text.contains("--> name-empty.toml:1:8"), "{text}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("plan smallest-hold"));
}

#[test]
fn errors_have_colours_only_for_terminals_and_on_request() {
    let check = |variable: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_planrun"))
            .args(["check", "tests/plans/bad/name-empty.toml"])
            .env_remove("NO_COLOR")
            .env(variable, "1")
            .output()
            .expect("the program starts");
        said(&output)
    };
    assert!(!check("NO_COLOR").contains('\u{1b}'));
    assert!(check("CLICOLOR_FORCE").contains("\u{1b}[1m\u{1b}[91merror"));
}

fn assert_unreadable(path: &Path, expected: &str) {
    let name = path.to_str().expect("UTF-8");
    let output = planrun(".", &["check", name], &[]);
    let text = said(&output).replace(name, "PATH");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    assert_eq!(text, expected);
}

#[test]
fn unreadable_files_get_a_clear_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    assert_unreadable(
        &at("none.toml"),
        "error: cannot read the plan PATH: there is no such file\n |\n = help: `planrun init` writes a plan to start from\n",
    );
    assert_unreadable(
        folder.path(),
        "error: cannot read the plan PATH: it is a directory\n |\n = help: give the plan's file\n",
    );
    std::fs::write(at("latin1.toml"), b"name = \"x\"\n# gr\xf6\xdfe\n").expect("written");
    assert_unreadable(
        &at("latin1.toml"),
        "error: the plan PATH is not UTF-8: byte 15 (line 2) is 0xf6\n |\n = help: save the file as UTF-8\n",
    );
    std::fs::write(at("large.toml"), vec![b'#'; (1 << 20) + 1]).expect("written");
    assert_unreadable(
        &at("large.toml"),
        "error: the plan PATH is larger than 1 MiB\n |\n = help: a plan is a page of text: is this the right file?\n",
    );
    assert_unreadable(
        Path::new("/dev/zero"),
        "error: the plan PATH is larger than 1 MiB\n |\n = help: a plan is a page of text: is this the right file?\n",
    );
}

#[test]
fn a_name_of_a_file_is_harmless() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a\u{1b}[31mb\u{9b}c\u{202e}d.toml");
    std::fs::write(&path, "nmae = 5\n").expect("written");
    for path in [&path, &folder.path().join("\u{1b}none")] {
        let output = planrun(".", &["check", path.to_str().expect("UTF-8")], &[]);
        let text = said(&output);
        assert!(text.contains("\\x1b"), "{text}");
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text}");
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}

#[test]
fn a_megabyte_of_anything_gets_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.toml");
    let most = 1 << 20;
    let head =
        "name=\"x\"\ntargets.a.address=\"h:1\"\n[scenarios.a]\nprotocol=\"tcp-hold\"\nstages=";
    for text in [
        "[".repeat(most),
        "=".repeat(most),
        "\"".repeat(most),
        "\0".repeat(most),
        format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("x = {}", "{a=".repeat(100_000)),
        format!("a{} = 1", ".a".repeat(100_000)),
        format!("x = [{}", ",".repeat(most - 10)),
        "k = 1.2.3\n".repeat(100_000),
        (0..80_000).map(|number| format!("k{number} = 1")).collect::<Vec<_>>().join("\n"),
        format!("name = \"{}\"", "x".repeat(most - 10)),
        format!("{head}[{}]", "{users=1},".repeat(100_000)),
        format!("{head}[{}]", "{users=x},".repeat(100_000)),
    ] {
        let text = &text[..text.len().min(most)];
        std::fs::write(&path, text).expect("written");
        let started = std::time::Instant::now();
        let output = planrun(".", &["check", path.to_str().expect("UTF-8")], &[]);
        let took = started.elapsed();
        let start = &text[..40];
        assert_eq!(output.status.code(), Some(2), "{start}: {}", said(&output));
        let shown = said(&output).lines().filter(|line| line.starts_with("error: ")).count();
        assert!((1..=21).contains(&shown), "{start}: {shown} errors");
        assert!(output.stderr.len() < 100_000, "{start}: {} bytes", output.stderr.len());
        // About a second where the program is optimised and the machine is free.
        assert!(took.as_secs() < 20, "{start}: {took:?}");
    }
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(["check", "plans/quickstart.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""));
}

#[test]
fn the_plan_to_start_from_is_right_and_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    let name = path.to_str().expect("UTF-8");
    let output = planrun(".", &["init", "-o", name], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("planrun check"), "{}", said(&output));
    assert!(page(name, &[]).contains("plan my-first-plan"));
    std::fs::write(&path, "# mine\n").expect("written");
    let output = planrun(".", &["init", "--output", name], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("exists already"), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "# mine\n");
    let nowhere = folder.path().join("none/plan.toml");
    let output = planrun(".", &["init", "-o", nowhere.to_str().expect("UTF-8")], &[]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
}

/// What `check` prints of this plan.
fn checked(plan: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan).unwrap();
    page(path.to_str().unwrap(), &[])
}

#[test]
fn default_thresholds_are_shown_as_such() {
    let plan = "name = \"p\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
                stages = [{ users = 5, hold = \"5s\" }]\n";
    let page = checked(plan);
    assert!(page.contains("failure_ratio < 1%"), "{page}");
    assert!(page.contains("the default, `thresholds = []` is none"), "{page}");
    let page = checked(&format!("{plan}thresholds = []\n"));
    assert!(page.contains("no thresholds: only the validity of the run will be judged"), "{page}");
}

#[test]
fn thresholds_that_the_plan_is_likely_to_starve_are_foreseen() {
    let http = |keys: &str, stage: &str, threshold: &str| {
        checked(&format!(
            "name = \"p\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n{keys}\n\
             stages = [{{ name = \"x\", {stage} }}]\nthresholds = [{threshold}]\n"
        ))
    };
    let hold = |keys: &str, stage: &str, threshold: &str| {
        checked(&format!(
            "name = \"p\"\n[targets.t]\nbuiltin = \"tcp-hold\"\n[scenarios.s]\nprotocol = \"tcp-hold\"\n{keys}\n\
             stages = [{{ name = \"x\", {stage} }}]\nthresholds = [{threshold}]\n"
        ))
    };
    let warned = |page: &str, about: &str| {
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("warning: "), "{page}");
        assert!(words.contains(&format!("about {about} at most")), "{page}");
    };
    let fine = |page: &str| assert!(!page.contains("warning"), "{page}");
    let p99 = "\"service_time.p99 < 1s\"";
    // Mean pauses count, not the shortest: 50 users × 4 s / 550 ms.
    let mixed = "think_time = \"100ms..1s\"";
    warned(&http(mixed, "users = 50, hold = \"4s\"", p99), "364");
    fine(&http(mixed, "users = 50, hold = \"5s\"", p99));
    // A ramp has half of its users on average, and the first request of each.
    let ramp = "{ condition = \"service_time.p95 < 1s\", during = \"ramp\" }";
    warned(&http(mixed, "users = 20, ramp = \"2s\", hold = \"1s\"", ramp), "56");
    fine(&http(mixed, "users = 40, ramp = \"2s\", hold = \"1s\"", ramp));
    // Arrivals are exact.
    fine(&http("", "rate = \"92/s\", hold = \"4s\"", p99));
    // A window.
    let window = "{ condition = \"service_time.p95 < 1s\", window = \"2s\" }";
    warned(&http(mixed, "users = 15, hold = \"20s\"", window), "55");
    fine(&http(mixed, "users = 30, hold = \"20s\"", window));
    // Connections are kept, so that there are as many as users.
    let connect = "\"connect.time.p99 < 1s\"";
    warned(&http("", "users = 50, hold = \"60s\"", connect), "50");
    fine(&http("connection = { max_requests = 1 }", "users = 50, hold = \"60s\"", connect));
    // Heartbeats begin one period after the opening.
    let client =
        "heartbeat = { from = \"client\", send = \"ping\", every = \"2s\", timeout = \"1s\" }";
    let rtt = "\"heartbeat.rtt.p99 < 1s\"";
    warned(&hold(client, "users = 100, hold = \"8s\"", rtt), "300");
    fine(&hold(client, "users = 100, hold = \"11s\"", rtt));
    // Not foreseen by any arithmetic: how fast users without pauses are.
    fine(&http("", "users = 1, hold = \"1s\"", p99));
}

#[test]
fn a_url_gets_a_plan_on_standard_output() {
    let output = planrun(".", &["-c", "7", "-d", "10", "http://127.0.0.1:9/x"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        said.contains("expected a plan file, found the address `http://127.0.0.1:9/x`"),
        "{said}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("my-plan.toml");
    std::fs::write(&plan, &output.stdout).expect("written");
    let output = planrun(".", &["check", plan.to_str().expect("UTF-8")], &[]);
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("10s"), "{printed}");
}

#[test]
fn what_is_no_plan_leads_on() {
    for (arguments, says) in [
        (&["script.js"][..], "expected a plan, which is a TOML file"),
        (&["run", "locustfile.py"], "`planrun init`"),
        (&["plans/quickstart.toml", "--vus", "10"], "planrun has no flag `--vus`"),
        (&["a.toml", "b.toml"], "expected one plan, found `a.toml` and `b.toml`"),
        (&["run", "no-such.toml"], "there is no such file"),
    ] {
        let output = planrun(".", arguments, &[]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_said_and_a_closed_pipe_is_not() {
    for arguments in
        [&["schema"][..], &["man"], &["completions", "bash"], &["check", "plans/quickstart.toml"]]
    {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_planrun"))
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(full)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {said}");
        assert!(said.contains("cannot write to standard output: No space left"), "{said}");
    }
}

#[test]
fn a_plan_in_utf_16_is_said_to_be_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    let bytes: Vec<u8> = "name = \"x\"".encode_utf16().flat_map(u16::to_be_bytes).collect();
    std::fs::write(&plan, bytes).unwrap();
    let output = planrun(".", &["check", plan.to_str().unwrap()], &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is not text: byte 0 is zero") && said.contains("UTF-16"), "{said}");
}
