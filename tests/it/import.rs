//! `planrun import`: what it makes of real files passes `planrun check`, one of them runs, and
//! wrong files are refused with their place.

use crate::outcome::{exe, wait};
use crate::served::Served;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imports")
}

/// What a command printed, and its exit status.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = wait(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

/// `planrun import …` of a file of the tests, into a directory.
fn import(arguments: &[&str], into: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(exe());
    command.current_dir(files()).arg("import").args(arguments).arg("-o").arg(into);
    said(&mut command)
}

/// Everything that an import wrote.
fn written(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

/// The variables that a plan names.
fn variables(plan: &str) -> Vec<String> {
    let names = plan.split("${env.").skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
    names.collect()
}

/// Asserts that a plan passes, without a word of error or warning.
fn assert_passes(plan: &Path) {
    let text = std::fs::read_to_string(plan).unwrap();
    let mut command = Command::new(exe());
    command.arg("check").arg(plan);
    command.envs(variables(&text).into_iter().map(|name| (name, "name:password".to_owned())));
    let (code, said) = said(&mut command);
    assert_eq!(code, Some(0), "{said}\n{text}");
    let words = said.split_whitespace().filter(|word| ["error:", "warning:"].contains(word));
    assert_eq!(words.count(), 0, "{said}");
}

/// What is told and written for a file, for people to read.
fn whole(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = import(arguments, folder.path());
    assert_eq!(code, Some(0), "{said}");
    let place = folder.path().display().to_string();
    let mut text = said.replace(&place, "DIR");
    let mut plans = 0;
    for (name, content) in written(folder.path()) {
        let content = String::from_utf8_lossy(&content).into_owned();
        let _ = write!(text, "\n--- {name}\n{content}");
        if name.rsplit('.').next() == Some("toml") {
            plans += 1;
            assert_passes(&folder.path().join(&name));
            // Every variable is told, and no other.
            let mut named = variables(&content);
            named.sort();
            named.dedup();
            let told = said.lines().skip_while(|line| !line.starts_with("Set these"));
            let told = told.skip(1).take_while(|line| line.starts_with("  "));
            let mut told: Vec<&str> =
                told.map(|line| line.split_whitespace().next().unwrap()).collect();
            told.sort_unstable();
            assert_eq!(named, told, "{said}");
        }
    }
    assert_eq!(plans, 1);
    text
}

/// No credential of the files is in what is written or said.
fn assert_secret(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn commands_of_browsers_become_steps() {
    let chrome = whole(&["curl", "chrome.txt"]);
    assert_secret(&chrome, &["it's", "5f2c9e1d", "eyJhbG", "_ga=", "4711"]);
    insta::assert_snapshot!("chrome", chrome);
    let firefox = whole(&["curl", "firefox.txt"]);
    assert_secret(&firefox, &["0a1b2c3d4e"]);
    insta::assert_snapshot!("firefox", firefox);
}

#[test]
fn commands_of_people_keep_their_options() {
    let terminal = whole(&["curl", "terminal.txt"]);
    assert_secret(&terminal, &["s3cret", "YW5uOnMzY3JldA"]);
    insta::assert_snapshot!("terminal", terminal);
    let one = whole(&["curl", "terminal.txt", "--host", "other.example"]);
    assert!(one.contains("1 request to https://other.example"), "{one}");
    assert!(one.contains("4 requests to other hosts"), "{one}");
}

#[test]
fn a_recording_becomes_a_user_with_pauses() {
    let shop = whole(&["har", "shop.har"]);
    assert_secret(&shop, &["pa%26ss", "tok-123", "theme=dark", "sid=abc"]);
    insta::assert_snapshot!("shop", shop);
    let both =
        whole(&["har", "shop.har", "--assets", "--host", "shop.example", "--host", "cdn.example"]);
    assert!(
        both.contains("9 steps to https://shop.example, 1 step to https://cdn.example"),
        "{both}"
    );
}

#[test]
fn a_document_becomes_a_request_for_each_operation() {
    insta::assert_snapshot!("petstore", whole(&["openapi", "petstore.yaml"]));
    // The same document as JSON is the same plan.
    let yaml = std::fs::read_to_string(files().join("petstore.yaml")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let json: serde_json::Value = serde_yaml_ng::from_str(&yaml).unwrap();
    std::fs::write(place.path().join("petstore.json"), json.to_string()).unwrap();
    let json = place.path().join("petstore.json");
    let out = place.path().join("out");
    let (code, said) = import(&["openapi", json.to_str().unwrap()], &out);
    assert_eq!(code, Some(0), "{said}");
    let yaml_out = place.path().join("yaml");
    import(&["openapi", "petstore.yaml"], &yaml_out);
    let lines = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("petstore.toml")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&out), lines(&yaml_out));
}

#[test]
fn a_list_of_urls_becomes_requests_or_rows() {
    let urls = whole(&["urls", "urls.txt"]);
    assert_secret(&urls, &["pa%20ss", "pa ss", "0123456789abcdef"]);
    insta::assert_snapshot!("urls", urls);
    let many: Vec<String> =
        (0..2_500).map(|number| format!("http://127.0.0.1:8080/items/{number}?q=${{x}}")).collect();
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(exe());
    command.current_dir(place.path()).args(["import", "urls", "-", "-o", "many.toml"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), many.join("\n").as_bytes())
        .unwrap();
    let output = wait(child);
    assert!(output.status.success(), "{output:?}");
    let files = written(place.path());
    let rows = String::from_utf8(files["many-rows.csv"].clone()).unwrap();
    assert_eq!(rows.lines().count(), 2_501);
    assert!(rows.contains("\n/items/2499?q=${x}\n"), "{rows}");
    assert_passes(&place.path().join("many.toml"));
}

#[test]
fn an_imported_plan_runs_and_the_server_counts_its_requests() {
    let server = Served::start(&["http"]);
    let base = format!("http://{}", server.address);
    let place = tempfile::tempdir().unwrap();
    let commands = format!(
        "curl '{base}/login' -H 'content-type: application/json' --data-raw '{{\"user\":\"ada\",\"password\":\"pw\"}}' ;\n\
         curl '{base}/items/7?token=abc' -H 'accept: application/json' --compressed ;\n\
         curl '{base}/echo' -H 'content-type: text/plain' --data-raw $'two\\nlines ${{env.HOME}} \\u00e4' ;\n"
    );
    std::fs::write(place.path().join("session.txt"), commands).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(exe());
        command.current_dir(place.path()).args(arguments);
        command.env("PASSWORD", "pw").env("TOKEN", "abc");
        said(&mut command)
    };
    let (code, text) = run(&["import", "curl", "session.txt"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&["try", "session.toml"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("two") && text.contains("lines ${env.HOME} ä"), "{text}");
    let stages = "scenarios.web.stages=[{ users = 3, hold = \"1s\" }]";
    let sets = ["--set", stages, "--set", "scenarios.web.think_time=10ms", "--no-probe"];
    let (code, text) = run(&[&["session.toml", "--progress", "none"][..], &sets].concat());
    assert!([Some(0), Some(3)].contains(&code), "{text}");
    let counts = server.stop();
    assert!(counts["requests"] >= 30, "{counts:?}\n{text}");
}

#[test]
fn nothing_is_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let plan = place.path().join("terminal.toml");
    std::fs::write(place.path().join("terminal-body-1.bin"), "mine").unwrap();
    let (code, said) = import(&["curl", "terminal.txt"], place.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("exists already, and is left as it is") && said.contains("-o NAME.toml"));
    assert!(!plan.exists());
    let kept = std::fs::read(place.path().join("terminal-body-1.bin")).unwrap();
    assert_eq!(kept, b"mine");
    let other = place.path().join("deep/er/other.toml");
    assert_eq!(import(&["curl", "terminal.txt"], &other).0, Some(0));
    assert!(other.is_file() && other.with_file_name("other-body-1.bin").is_file());
    assert_passes(&other);
}

#[test]
fn wrong_files_are_refused_with_their_place_and_a_way_out() {
    let folder = files().join("bad");
    let place = tempfile::tempdir().unwrap();
    let mut names: Vec<String> = written(&folder).into_keys().collect();
    names.sort();
    assert!(names.len() >= 25, "{names:?}");
    let mut all = String::new();
    for name in names {
        let format = name.rsplit('.').next().unwrap();
        let mut command = Command::new(exe());
        command.current_dir(&folder).args(["import", format, &name, "-o"]).arg(place.path());
        let (code, said) = said(&mut command);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(said.contains(&name) && said.contains("help"), "{said}");
        let _ = writeln!(all, "{said}");
    }
    assert!(written(place.path()).is_empty());
    insta::assert_snapshot!("bad", all);
}
