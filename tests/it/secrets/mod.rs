//! Credentials, tokens and values of the environment reach no output of the program: not as they
//! are, and in no encoding in which they travel.

mod target;

use crate::outcome::{Stage, exe, wait};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use target::{plan, reflecting};

/// What a plan takes from the environment: the variable, and its value.
const FROM_ENVIRONMENT: [(&str, &str); 12] = [
    ("S_BASIC", "wilma:basic-Pa55-kE0v"),
    ("S_BEARER", "bearer.tok-Yq81+zz=="),
    ("S_HEADER", "header-key/9fJ2 x"),
    ("S_BODY", "body\"pass'w0rd-77Q"),
    ("S_QUERY", "query&token=88fL"),
    ("S_COOKIE", "cookie-val-31Xc"),
    ("S_PATH", "path-key-55Rw"),
    ("S_EXPECT", "expected-words-62Np"),
    ("S_MONITOR_HEADER", "monitor-header-19Ut"),
    ("S_MONITOR_QUERY", "monitor-query-27Gh"),
    ("S_WEBSOCKET", "websocket-header-43Vb"),
    ("S_NOBODY_ASKED", "private-variable-84Jk"),
];

/// What the target gives to users: a token that is extracted and sent on in a header, and one in a
/// path; a cookie; what redirects carry along; a cookie that is not kept.
const FROM_TARGET: [&str; 8] = [
    "extracted-token-11Aa",
    "extracted-path-12Bb",
    "set-cookie-13Cc",
    "redirect-code-14Dd",
    "foreign-code-15Ee",
    "foreign-pass-16Ff",
    "rejected-cookie-17Gg",
    "chain-code-18Hh",
];

/// What stands in files that the plan names, outside of the folder that is looked at.
struct Inputs {
    folder: tempfile::TempDir,
    /// A line of the key of the client's certificate.
    key: String,
}

/// Passwords of the rows that requests are made from.
const ROW_SECRETS: [&str; 2] = ["row-password-71Ee", "row/token-72Ff+"];

fn inputs() -> &'static Inputs {
    static INPUTS: OnceLock<Inputs> = OnceLock::new();
    INPUTS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        crate::tls::certificate(folder.path(), "client", false);
        let key = std::fs::read_to_string(folder.path().join("client.key")).unwrap();
        let key = key.lines().nth(1).unwrap().to_owned();
        let [password, token] = ROW_SECRETS;
        let rows = format!("user,password,token\nann,{password},{token}\n");
        std::fs::write(folder.path().join("users.csv"), rows).unwrap();
        Inputs { folder, key }
    })
}

fn secrets() -> Vec<&'static str> {
    let mut all: Vec<&str> = FROM_ENVIRONMENT.iter().map(|(_, value)| *value).collect();
    all.extend(["basic-Pa55-kE0v"]);
    all.extend(FROM_TARGET);
    all.extend(ROW_SECRETS);
    all.push(&inputs().key);
    assert!(all.len() >= 20);
    all
}

/// A secret in every form in which it may be found.
fn forms(secret: &str) -> BTreeSet<Vec<u8>> {
    let percent = |keep: &str| -> String {
        let encoded = |byte: &u8| {
            let kept = byte.is_ascii_alphanumeric() || keep.as_bytes().contains(byte);
            if kept { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
        };
        secret.as_bytes().iter().map(encoded).collect()
    };
    let json = serde_json::to_string(secret).unwrap();
    let html = secret.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
    let mut all = vec![
        secret.to_owned(),
        percent("-._~"),
        percent(""),
        percent("-._~").to_lowercase(),
        percent("-._~ ").replace(' ', "+"),
        json.trim_matches('"').to_owned(),
        html,
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    all.retain(|form| form.len() > 8);
    all.into_iter().map(String::into_bytes).collect()
}

/// Which secrets stand in some bytes, and what is around them.
fn found(bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for secret in secrets() {
        for form in forms(secret) {
            let at = bytes.windows(form.len()).position(|window| window == form);
            if let Some(at) = at {
                let around =
                    &bytes[at.saturating_sub(120)..(at + form.len() + 20).min(bytes.len())];
                all.push(format!("{secret} in `{}`", String::from_utf8_lossy(around)));
                break;
            }
        }
    }
    all
}

/// Everything that was printed or written, by name.
#[derive(Default)]
struct Sinks(Vec<(String, Vec<u8>)>);

impl Sinks {
    fn add(&mut self, name: &str, output: Output) {
        self.0.push((format!("stdout of {name}"), output.stdout));
        self.0.push((format!("stderr of {name}"), output.stderr));
    }

    /// Each file below a folder; compressed ones as they are when unpacked, too.
    fn folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.folder(&path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let name = path.display().to_string();
            if path.extension().is_some_and(|extension| extension == "gz") {
                let mut plain = Vec::new();
                flate2::read::MultiGzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
                self.0.push((format!("{name}, unpacked"), plain));
            }
            self.0.push((name, bytes));
        }
    }

    fn assert_silent(&self) {
        let all = self.0.iter().flat_map(|(name, bytes)| {
            found(bytes).into_iter().map(move |one| format!("{name}: {one}"))
        });
        let leaks: Vec<String> = all.collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}

/// A command with the secrets in its environment.
fn command(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(exe());
    command.args(arguments).envs(FROM_ENVIRONMENT);
    stage.prepare(&mut command);
    command
}

/// The command lines of a process and of those that it started.
fn command_lines(pid: u32) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        let own = path.file_name().is_some_and(|name| name.to_string_lossy() == pid.to_string());
        if own || parent == Some(&pid.to_string()) {
            let bytes = std::fs::read(path.join("cmdline")).unwrap_or_default();
            all.push((path.join("cmdline").display().to_string(), bytes));
        }
    }
    all
}

/// What the live page says while a run goes on: its document, figures and events.
fn page(url: &str) -> Vec<(String, Vec<u8>)> {
    let (address, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    ["/", "/metrics", "/events"]
        .into_iter()
        .map(|path| {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(900))).unwrap();
            let line = format!(
                "GET {path}?token={token} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
            );
            socket.write_all(line.as_bytes()).unwrap();
            let (mut bytes, mut chunk) = (Vec::new(), [0; 8192]);
            let until = Instant::now() + Duration::from_millis(900);
            while let Ok(read @ 1..) = socket.read(&mut chunk) {
                bytes.extend_from_slice(&chunk[..read]);
                if Instant::now() > until {
                    break;
                }
            }
            assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes));
            (format!("{path} of the live page"), bytes)
        })
        .collect()
}

/// A run that prints JSON, serves its page and writes every file for CI; the token of the page.
fn run_watched(stage: &Stage, sinks: &mut Sinks) -> String {
    // JSON, the live page, and every file that CI asks for.
    let mut run = command(
        stage,
        &[
            "plan.toml",
            "--out",
            "json",
            "--force",
            "--progress",
            "json",
            "--summary",
            "full",
            "--junit",
            "ci.xml",
            "--markdown",
            "ci.md",
            "--openmetrics",
            "ci.txt",
            "--dashboard",
        ],
    );
    run.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", stage.folder.path().join("step.md"));
    let mut child = run.spawn().unwrap();
    let (mut line, mut byte) = (Vec::new(), [0]);
    let stderr = child.stderr.as_mut().unwrap();
    while !line.windows(12).any(|window| window == b"\"dashboard\":") || byte[0] != b'\n' {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&line));
        line.push(byte[0]);
    }
    let text = String::from_utf8(line.clone()).unwrap();
    let started = text.lines().rev().find(|line| line.contains("\"dashboard\":")).unwrap();
    let started: serde_json::Value = serde_json::from_str(started).unwrap();
    let url = started["dashboard"].as_str().unwrap().to_owned();
    let token = url.split_once("token=").unwrap().1.to_owned();
    sinks.0.push(("the first lines of the JSON run".to_owned(), line));
    std::thread::sleep(Duration::from_millis(300));
    let lines = command_lines(child.id());
    assert!(lines.len() >= 2, "workers: {lines:?}");
    sinks.0.extend(lines);
    sinks.0.extend(page(&url));
    let output = wait(child);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{output:?}");
    // The run has failed as it was meant to, and says of each failure what it was.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.matches("first_failure").count() >= 3, "{said}");
    sinks.add("the JSON run", output);
    token
}

/// Runs that print lines, and draw on a terminal.
fn run_shown(stage: &Stage, sinks: &mut Sinks) {
    let lines = command(stage, &["plan.toml", "--out", "lines", "--force", "--progress", "lines"]);
    let output = wait({
        let mut lines = lines;
        lines.spawn().unwrap()
    });
    sinks.add("the run in lines", output);
    // A terminal of its own.
    let mut terminal = Command::new("script");
    let typed = format!("{} plan.toml --out terminal --force --progress bar", exe().display());
    terminal
        .args(["-qec", &typed, "typescript"])
        .envs(FROM_ENVIRONMENT)
        .env("TERM", "xterm-256color");
    stage.prepare(&mut terminal);
    sinks.add("the run in a terminal", wait(terminal.spawn().unwrap()));
}

/// Every command that reads a plan or the folders of runs.
fn ask(stage: &Stage, sinks: &mut Sinks) {
    let saved =
        |out: &str| -> PathBuf { crate::outcome::results(&stage.folder.path().join(out)).unwrap() };
    let [json, lines] = ["json", "lines"].map(|out| saved(out).display().to_string());
    for arguments in [
        &["check", "plan.toml"][..],
        &["doctor", "plan.toml"],
        &["doctor", "plan.toml", "--json"],
        &["verify", &json],
        &["verify", "--json", &json],
        &["compare", &json, &lines],
        &["report", &json, "--verbose"],
        &["replay", &json, "--out", "replayed", "--force"],
        &["index", "json"],
    ] {
        let output = command(stage, arguments).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code <= 4), "{arguments:?}: {output:?}");
        sinks.add(&arguments.join(" "), output);
    }
}

/// Checks plans that are wrong just where a secret stands.
fn check_wrong_plans(stage: &Stage, text: &str, sinks: &mut Sinks) {
    for (number, (from, to)) in [
        ("path = \"/show/${env.S_PATH}\"", "path = \"show ${env.S_PATH}\""),
        ("query = { key = \"${env.S_QUERY}\"", "query = { key = 1, \"${env.S_QUERY}\" = 2"),
        ("every = \"1s\"", "every = \"${env.S_MONITOR_HEADER}\""),
        ("/metrics\"", "/metrics?key=${env.S_MONITOR_QUERY}\""),
        ("users = 4", "users = \"${env.S_HEADER}\""),
        ("address = \"http://", "address = \"http://wilma:${env.S_COOKIE}@"),
        ("url = \"http://", "url = \"http://wilma:${env.S_MONITOR_QUERY}@"),
        ("failure_ratio < 10%", "${env.S_EXPECT} < 10%"),
        ("target = \"web\"", "target = \"${env.S_QUERY}\""),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("wrong-{number}.toml");
        assert!(text.contains(from), "{from}");
        std::fs::write(stage.folder.path().join(&name), text.replacen(from, to, 1)).unwrap();
        let output = command(stage, &["check", &name]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{to}: {output:?}");
        sinks.add(&format!("check of {to}"), output);
    }
}

#[test]
fn no_secret_reaches_any_output() {
    let text = plan(reflecting(), inputs().folder.path());
    let stage = Stage::new(&text);
    let mut sinks = Sinks::default();
    let token = run_watched(&stage, &mut sinks);
    run_shown(&stage, &mut sinks);
    ask(&stage, &mut sinks);
    check_wrong_plans(&stage, &text, &mut sinks);
    sinks.folder(stage.folder.path());
    assert!(sinks.0.len() > 60, "{} outputs", sinks.0.len());
    sinks.assert_silent();
    // Whoever may see the live page does not learn of it from a file.
    let mut files = Sinks::default();
    files.folder(stage.folder.path());
    for (name, bytes) in files.0 {
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{name}");
    }
}

#[test]
fn what_hides_a_secret_is_found_in_each_of_its_forms() {
    for (at, secret) in secrets().into_iter().enumerate() {
        for form in forms(secret) {
            let text = [b"before ", &form[..], b" after"].concat();
            assert!(!found(&text).is_empty(), "{at}: {}", String::from_utf8_lossy(&form));
        }
    }
    assert!(found(b"nothing of that kind").is_empty());
}
