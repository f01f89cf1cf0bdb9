//! `planrun try`: one pass on screen, and that it is what a run sends.

use super::api::{Asked, answer, lines, plan, serve};
use crate::outcome::{Stage, exe};
use flate2::Compression;
use flate2::write::GzEncoder;
use regex::Regex;
use std::io::Write;
use std::process::{Command, Output};

/// `planrun try plan.toml …` in the folder of a plan.
fn try_plan(stage: &Stage, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(exe());
    command.args(["try", "plan.toml"]).args(arguments);
    command.envs(environment.iter().copied());
    stage.prepare(&mut command);
    command.output().unwrap()
}

/// What it printed, without what differs from one time to the next: ports, times, dates, keys.
fn printed(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let rules = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d[\d,.]* (ns|µs|ms|s)\b", "TIME"),
        (r"date: .*", "date: DATE"),
        (r"Sec-WebSocket-(Key|Accept): .*", "Sec-WebSocket-$1: KEY"),
    ];
    rules.iter().fold(text, |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

fn shop(asked: &Asked) -> Vec<u8> {
    match asked.line.as_str() {
        "POST /login" => answer(
            200,
            "content-type: application/json\r\nset-cookie: sid=7; Path=/\r\n",
            r#"{"token":"t-1","user":{"name":"\u001b[31mada","ids":[1,2.50]}}"#,
        ),
        "GET /old" => answer(302, "location: /orders\r\n", ""),
        "GET /orders" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(b"open orders: none\x1b[2J\n").unwrap();
            answer(200, "content-encoding: gzip\r\n", encoder.finish().unwrap())
        }
        _ => answer(200, "", [0, 1, 2, 0xff, b'h', b'i', b'g', b'h']),
    }
}

const STEPS: &str = r#"
cookies = true
redirects = 2
compression = true
think_time = "30s"
data = { file = "users.csv", order = "random" }
steps = [
  { name = "login", method = "POST", path = "/login", headers = { x-key = "${env.API_KEY}" },
    body = "{\"user\":\"${row.user}\"}", extract = { token = { json = "/token" } }, expect = { status = 200 } },
  { name = "orders", path = "/old", headers = { authorization = "Bearer ${var.token}" },
    expect = { name = "is empty", contains = "none" } },
  { name = "picture", path = "/picture" },
]
stages = [{ users = 100, hold = "1h" }]
"#;

#[test]
fn a_pass_is_shown_exchange_by_exchange() {
    let (address, asked) = serve(shop);
    let stage = Stage::new(&plan(address, STEPS));
    std::fs::write(stage.folder.path().join("users.csv"), "user\nada\nbob\neve\n").unwrap();
    let environment = [("API_KEY", "k3y-0f-all")];
    let output = try_plan(&stage, &["--row", "2"], &environment);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("k3y-0f-all") && !text.contains('\u{1b}'), "{text}");
    let sent = ["POST /login", "GET /old", "GET /orders", "GET /picture"];
    assert_eq!(lines(&asked), sent);
    assert_eq!(asked.lock().unwrap()[0].body, b"{\"user\":\"bob\"}");
    assert_eq!(asked.lock().unwrap()[0].headers["x-key"], "k3y-0f-all");
    insta::assert_snapshot!(text);

    let shown = try_plan(&stage, &["--show-secrets", "--request", "login"], &environment);
    let text = printed(&shown);
    assert!(text.contains("> x-key: k3y-0f-all") && text.contains("1/1 login"), "{text}");
    assert!(text.contains("1 exchange succeeded"), "{text}");
}

#[test]
fn what_fails_is_said_and_ends_a_pass_of_steps_but_not_the_requests() {
    let (address, asked) = serve(|asked| match asked.line.as_str() {
        "GET /b" => answer(503, "", "down"),
        _ => answer(200, "", "up"),
    });
    let each = "[{ path = \"/a\", expect = { contains = \"down\", count_only = true } }, \
         { path = \"/b\" }, { path = \"/c\", expect = { status = 204 } }]\n\
         stages = [{ users = 1, hold = \"1s\" }]\n";
    for (key, sent) in [("steps", 2), ("requests", 3)] {
        asked.lock().unwrap().clear();
        let stage = Stage::new(&plan(address, &format!("{key} = {each}")));
        let output = try_plan(&stage, &[], &[]);
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(lines(&asked).len(), sent, "{text}");
        assert!(text.contains("✗ contains \"down\""), "{text}");
        assert!(text.contains("✗ GET /b at 127.0.0.1:PORT: status 503, body: `down`"), "{text}");
        assert!(text.contains(&format!("{sent} of {sent} exchanges failed")), "{text}");
    }
    let stage = Stage::new(&plan(address, &format!("requests = {each}")));
    let output = try_plan(&stage, &["--request", "GET /d"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no scenario has a request `GET /d`"), "{error}");
}

#[test]
fn nobody_there_is_a_failed_exchange() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let stage = Stage::new(&plan(address, "stages = [{ users = 1, hold = \"1s\" }]\n"));
    let output = try_plan(&stage, &[], &[]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("✗ connect to 127.0.0.1:PORT: Connection refused"), "{text}");
}

#[test]
fn every_protocol_is_tried_on_built_in_servers() {
    let stage = Stage::new(
        r#"
name = "all"
[targets]
two = { builtin = "http", tls = {} }
held = { builtin = "tcp-hold" }
ws = { builtin = "ws-hold" }
[scenarios.two]
protocol = "http"
target = "two"
version = "2"
stages = [{ rate = "10/s", hold = "1s" }]
[scenarios.held]
protocol = "tcp-hold"
target = "held"
expect = "ok\n"
heartbeat = { from = "server", every = "1s" }
stages = [{ users = 1000, hold = "1s" }]
[scenarios.ws]
protocol = "ws-hold"
target = "ws"
heartbeat = { from = "client", send = "ping", every = "30s", timeout = "2s" }
stages = [{ users = 1000, hold = "1s" }]
"#,
    );
    let output = try_plan(&stage, &[], &[]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    insta::assert_snapshot!(text);
    let output = try_plan(&stage, &["--scenario", "held", "--wait", "1ms"], &[]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("nothing that the plan expects came within"), "{text}");
}

#[test]
fn a_step_that_fails_is_followed_by_the_next_where_the_plan_says_so() {
    let (address, asked) = serve(|asked| match asked.line.as_str() {
        "GET /a" => answer(500, "", "{}"),
        _ => answer(200, "", "up"),
    });
    let scenario = |keys: &str| {
        format!(
            "steps = [{{ path = \"/a\", extract = {{ id = {{ json = \"/id\" }} }}{keys} }}, {{ path = \"/b\" }}, \
             {{ path = \"/c/${{var.id}}\" }}]\nstages = [{{ users = 1, hold = \"1s\" }}]\n"
        )
    };
    for (keys, sent) in
        [("", 1), (", on_failure = \"stop\"", 1), (", on_failure = \"continue\"", 2)]
    {
        asked.lock().unwrap().clear();
        let stage = Stage::new(&plan(address, &scenario(keys)));
        let output = try_plan(&stage, &[], &[]);
        let text = printed(&output);
        assert_eq!((output.status.code(), lines(&asked).len()), (Some(1), sent), "{text}");
        let missing = text.contains("`id` has no value: the step that extracts it failed");
        assert_eq!(missing, sent == 2, "{text}");
    }
}
