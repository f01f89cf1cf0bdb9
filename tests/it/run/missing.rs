//! Thresholds without samples: FAIL where the target is the reason, INVALID where it is not.

use crate::outcome::{Outcome, await_true, run, run_beside, run_once};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server whose connections are handled by this, each in a thread; it lives as long as the tests.
fn server(handle: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || handle(socket));
        }
    });
    address
}

fn http(address: SocketAddr, rest: &str) -> String {
    format!(
        "name = \"missing\"\ntargets.t.address = \"http://{address}/\"\n[scenarios.s]\nprotocol = \"http\"\n{rest}"
    )
}

/// The state of each threshold.
fn states(outcome: &Outcome) -> Vec<&str> {
    let all = outcome.report["thresholds"].as_array().unwrap();
    all.iter().map(|one| one["state"].as_str().unwrap()).collect()
}

fn swallow(mut socket: TcpStream) {
    let _ = std::io::copy(&mut socket, &mut std::io::sink());
}

#[test]
fn a_target_that_never_answers_fails() {
    let rest = r#"timeout = "2s"
stages = [{ users = 20, hold = "1s" }]
thresholds = ["failure_ratio < 1%", "service_time.p50 < 1s", "requests.count > 10"]
"#;
    let outcome = run(1, &http(server(swallow), rest), &[]);
    assert_eq!(states(&outcome), ["unreached", "unreached", "broken"]);
    assert_eq!(outcome.scenario("s").counters(["started", "timed_out"]), [20, 20]);
    assert!(outcome.stdout.contains("20 attempts failed"), "{}", outcome.stdout);
    // Once it can be decided, the run ends if asked to: nobody waits for the hold.
    let rest = rest.replace("hold = \"1s\"", "hold = \"50s\"").replace(
        "\"service_time.p50 < 1s\"",
        "{ condition = \"service_time.p50 < 1s\", abort = true }",
    );
    let outcome = run(1, &http(server(swallow), &rest), &[]);
    assert_eq!(outcome.report["stopped"]["reason"], "aborted");
    assert_eq!(outcome.report["stopped"]["threshold"], "service_time.p50 < 1s");
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
}

#[test]
fn a_target_that_closes_each_connection_fails() {
    let address = server(|mut socket| {
        let _ = socket.read(&mut [0; 4_096]);
    });
    let rest = r#"think_time = "20ms"
stages = [{ users = 5, hold = "1s" }]
thresholds = ["success_ratio > 1%", "first_byte.p50 < 1s", "transfer.time.p50 < 1s"]
"#;
    let outcome = run(1, &http(address, rest), &[]);
    assert_eq!(states(&outcome), ["broken", "unreached", "unreached"]);
    // No threshold that can be broken by what was measured.
    let rest = rest.replace("\"success_ratio > 1%\", ", "");
    assert_eq!(states(&run(1, &http(address, &rest), &[])), ["unreached"; 2]);
}

#[test]
fn a_target_that_refuses_fails_when_the_run_is_forced() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rest = r#"think_time = "20ms"
stages = [{ users = 5, hold = "1s" }]
thresholds = ["service_time.p50 < 1s"]
"#;
    assert_eq!(run_once(&http(dead, rest), &[]).code, Some(4));
    let outcome = run(1, &http(dead, rest), &["--force"]);
    assert_eq!(states(&outcome), ["unreached"]);
    let hold = format!(
        "name = \"missing\"\ntargets.t.address = \"{dead}\"\n[scenarios.s]\nprotocol = \"tcp-hold\"\n\
         stages = [{{ users = 10, ramp = \"200ms\", hold = \"300ms\" }}]\n\
         thresholds = [\"hold.survival_ratio >= 99%\", \"connect.time.p50 < 1s\", \"connections.open == 10\"]\n"
    );
    let outcome = run(1, &hold, &["--force"]);
    assert_eq!(states(&outcome), ["unreached"; 3]);
}

#[test]
fn a_slow_target_is_broken_on_few_samples_when_they_tell() {
    let address = server(|mut socket| {
        let mut buffer = [0; 4_096];
        while socket.read(&mut buffer).is_ok_and(|count| count > 0) {
            std::thread::sleep(Duration::from_millis(200));
            if socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    });
    let rest = r#"stages = [{ users = 10, hold = "2s" }]
thresholds = ["service_time.p99 < 100ms"]
"#;
    let outcome = run(1, &http(address, rest), &[]);
    assert_eq!(states(&outcome), ["broken"]);
    assert!(outcome.stdout.contains("few, but enough to tell"), "{}", outcome.stdout);
    // The same number of samples proves nothing where they lie within the bound: the plan is too
    // short.
    let outcome = run(3, &http(address, &rest.replace("100ms", "5s")), &[]);
    assert_eq!(states(&outcome), ["too_few_samples"]);
    assert_eq!(outcome.rules(), ["samples"]);
}

#[test]
fn a_hold_shorter_than_a_good_answer_proves_nothing() {
    let address = server(|mut socket| {
        let _ = socket.read(&mut [0; 4_096]);
        std::thread::sleep(Duration::from_secs(2));
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        swallow(socket);
    });
    let rest = r#"stages = [{ users = 5, hold = "500ms" }]
thresholds = ["failure_ratio < 1%"]
"#;
    let outcome = run(3, &http(address, rest), &[]);
    assert_eq!((states(&outcome), outcome.rules()), (vec!["no_data"], vec!["samples".to_owned()]));
}

/// A real redis that wants a password.
struct Redis {
    process: Child,
    _folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Redis {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"]);
        command.args(["--requirepass", "secret", "--save", "", "--appendonly", "no", "--dir"]);
        let command = command.arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| {
            panic!("redis-server: {error}; tests/all.sh installs it");
        });
        let redis = Self { process, _folder: folder, address };
        await_true("redis", Duration::from_secs(20), || TcpStream::connect(address).is_ok());
        redis
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

const HEARTBEATS: &str = r#"name = "heartbeats"
targets.t.address = "ADDRESS"
[scenarios.s]
protocol = "tcp-hold"
expect = '+PONG\r\n'
heartbeat = { from = "client", send = 'PING\r\n', every = "400ms", timeout = "300ms" }
stages = [{ users = 20, ramp = "1s", hold = "2s" }]
thresholds = [
  "heartbeat.success_ratio >= 99%",
  "heartbeat.rtt.p95 < 100ms",
  "connect.success_ratio >= 99%",
]
"#;

fn heartbeats(address: SocketAddr) -> String {
    HEARTBEATS.replace("ADDRESS", &address.to_string()).replace('\'', "\"")
}

#[test]
fn a_redis_that_wants_a_password_fails() {
    let (outcome, ()) = run_beside(1, || {
        let redis = Redis::start();
        (run_once(&heartbeats(redis.address), &[]), ())
    });
    assert_eq!(states(&outcome), ["unreached", "unreached", "held"]);
    assert_eq!(outcome.scenario("s").counters(["started", "failed"]), [20, 20]);
}

#[test]
fn wrong_replies_to_heartbeats_fail_and_right_ones_pass() {
    let wrong = server(|mut socket| {
        let mut buffer = [0; 64];
        while socket.read(&mut buffer).is_ok_and(|count| count > 0) {
            if socket.write_all(b"-ERR unknown\r\n").is_err() {
                return;
            }
        }
    });
    assert_eq!(states(&run(1, &heartbeats(wrong), &[])), ["unreached", "unreached", "held"]);
    let right = server(|mut socket| {
        let mut buffer = [0; 64];
        while socket.read(&mut buffer).is_ok_and(|count| count > 0) {
            if socket.write_all(b"+PONG\r\n").is_err() {
                return;
            }
        }
    });
    assert_eq!(states(&run(0, &heartbeats(right), &[])), ["held"; 3]);
}

#[test]
fn without_thresholds_there_is_one_and_an_empty_list_is_none() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rest = "think_time = \"20ms\"\nstages = [{ users = 5, hold = \"500ms\" }]\n";
    let plan = http(dead, rest);
    let outcome = run(1, &plan, &["--force"]);
    let threshold = &outcome.report["thresholds"][0];
    assert_eq!(threshold["condition"], "failure_ratio < 1%");
    assert_eq!(threshold["check"], threshold["condition"], "its earlier name");
    assert_eq!((&threshold["default"], &threshold["state"]), (&true.into(), &"broken".into()));
    assert!(outcome.stdout.contains("default threshold"), "{}", outcome.stdout);
    // The folder says so again, and a report made from it is the same.
    let folder = outcome.results.clone().unwrap();
    let again = Command::new(crate::outcome::exe()).arg("report").arg(&folder).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(crate::outcome::report(&folder)["thresholds"], outcome.report["thresholds"]);

    let none = ["--force", "--set", "scenarios.s.thresholds=[]"];
    let outcome = run(0, &plan, &none);
    let first = outcome.stdout.lines().next().unwrap();
    let said = "no thresholds: nothing was judged; 100% of the requests failed";
    assert!(first.starts_with("! PASS") && first.contains(said), "{first}");
    assert!(outcome.report["thresholds"].as_array().unwrap().is_empty());
}

#[test]
fn held_connections_have_their_default_and_a_ramp_alone_is_judged_by_itself() {
    let plan = r#"name = "defaults"
[targets.lb]
builtin = "tcp-hold"
faults = { close_after = "200ms", share = "10%" }
[targets.web]
builtin = "http"
[scenarios.hold]
protocol = "tcp-hold"
target = "lb"
stages = [{ users = 100, ramp = "200ms", hold = "1s" }]
[scenarios.ramp]
protocol = "http"
target = "web"
think_time = "50ms"
stages = [{ users = 10, ramp = "1s", hold = "0s" }]
"#;
    let outcome = run(1, plan, &[]);
    assert_eq!(states(&outcome), ["broken", "held"]);
    let all = outcome.report["thresholds"].as_array().unwrap();
    assert_eq!(all[0]["check"], "success_ratio >= 99%");
    assert_eq!((&all[0]["during"], &all[1]["during"]), (&"all".into(), &"all".into()));
}

#[test]
fn a_few_answered_requests_do_not_break_the_default() {
    let plan = |faults: &str, think: &str| {
        format!(
            "name = \"few\"\n[targets.web]\nbuiltin = \"http\"\nfaults = {{ {faults} }}\n\
             [scenarios.web]\nprotocol = \"http\"\ntimeout = \"500ms\"\nthink_time = \"{think}\"\n\
             stages = [{{ users = 1, hold = \"1s\" }}]\n"
        )
    };
    let outcome = run(0, &plan("status = 404", "250ms"), &[]);
    assert_eq!(states(&outcome), ["too_few_samples"]);
    let first = outcome.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("! PASS") && first.contains("100% of the requests failed"),
        "{first}"
    );
    // Six of them do, and so does one that gets no response.
    assert_eq!(states(&run(1, &plan("status = 404", "50ms"), &[])), ["broken"]);
    assert!(run(1, &plan("silence = true", "250ms"), &[]).stdout.contains("FAIL"));
}

#[test]
fn the_plan_to_start_from_passes() {
    let folder = tempfile::tempdir().unwrap();
    let init = Command::new(crate::outcome::exe()).arg("init").current_dir(&folder).output();
    assert!(init.unwrap().status.success());
    let plan = std::fs::read_to_string(folder.path().join("plan.toml")).unwrap();
    let outcome = run(0, &plan, &[]);
    assert_eq!(outcome.verdict(), "PASS");
    assert!(states(&outcome).iter().all(|state| *state == "held"));
    // Not by a hair: the plan's arithmetic leaves room for a slow machine.
    for threshold in outcome.report["thresholds"].as_array().unwrap() {
        if threshold["metric"].as_str().unwrap().ends_with("p99") {
            assert!(threshold["samples"].as_u64() >= Some(450), "{threshold}");
        }
    }
}
