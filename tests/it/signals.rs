//! Signals to any process of a run: nothing that was measured is lost, no process stays behind, and
//! the report says what happened.

use crate::going::{Going, command_line, send};
use crate::outcome::{BUSY, Outcome, await_true, exe, report, results, run_once};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Long enough to be interrupted at any time; heartbeats so that connections live.
const PLAN: &str = r#"
name = "signals"
[targets.lb]
builtin = "tcp-hold"
[targets.web]
builtin = "http"
[scenarios.hold]
protocol = "tcp-hold"
target = "lb"
expect = "ok"
greeting = "5s"
heartbeat = { from = "server", every = "500ms", grace = "20s" }
stages = [{ users = 256, ramp = "1s", hold = "100s" }]
[scenarios.web]
protocol = "http"
target = "web"
think_time = "20ms"
stages = [{ users = 4, hold = "100s" }]
[generator]
workers = 2
"#;

/// One that nobody has waited for yet is gone, too.
fn is_gone(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|state| state.is_empty() || state.starts_with('Z'))
}

/// Every process that belongs to a run, itself apart.
fn all_below(going: &Going) -> Vec<i32> {
    let all = [going.below("worker"), going.below("serve")].concat();
    assert_eq!(all.len(), 6, "four workers, two servers");
    all
}

fn assert_interrupted(outcome: &Outcome, code: i32, signal: i64) {
    assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
    outcome.assert_whole();
    assert_eq!(outcome.verdict(), "INVALID");
    assert_eq!(outcome.report["exit_code"], code);
    assert_eq!(outcome.report["stopped"]["reason"], "interrupted");
    assert_eq!(outcome.report["stopped"]["signal"], signal);
    assert!(outcome.rules().contains(&"incomplete".to_owned()), "{:?}", outcome.rules());
    assert!(outcome.stdout.to_lowercase().contains("interrupted"), "{}", outcome.stdout);
}

#[test]
fn one_signal_ends_a_run_gracefully() {
    for (signal, number, code) in [(Signal::SIGINT, 2, 130), (Signal::SIGTERM, 15, 143)] {
        let going = Going::start(PLAN, &[], 2);
        let below = all_below(&going);
        let since = Instant::now();
        send(going.pid(), signal);
        let outcome = going.end();
        assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
        assert!(below.iter().all(|pid| is_gone(*pid)));
        assert_interrupted(&outcome, code, number);
        let hold = outcome.scenario("hold");
        let ended = hold.counters(["due", "ok", "unfinished"]);
        assert_eq!(ended, [256, 256, 0], "{}", outcome.file("failures.csv"));
        let (lb, web) = (outcome.server("lb"), outcome.server("web"));
        assert_eq!([lb["accepted"], lb["closed_by_client"], lb["open_at_end"]], [256, 256, 0]);
        let asked = outcome.scenario("web");
        assert_eq!(asked.counters(["started", "ok"]), [web["requests"], web["requests"]]);
    }
}

#[test]
fn a_terminal_that_is_gone_ends_a_run_as_sigterm_does() {
    let going = Going::start(PLAN, &[], 2);
    let below = all_below(&going);
    // Whoever hangs up may tell all processes of the session.
    for pid in &below {
        send(*pid, Signal::SIGHUP);
    }
    send(going.pid(), Signal::SIGHUP);
    let outcome = going.end();
    assert!(below.iter().all(|pid| is_gone(*pid)));
    assert_interrupted(&outcome, 129, 1);
    let hold = outcome.scenario("hold");
    let ended = hold.counters(["due", "ok", "unfinished"]);
    assert_eq!(ended, [256, 256, 0], "{}", outcome.file("failures.csv"));
    assert!(outcome.stdout.contains("interrupted by SIGHUP"), "{}", outcome.stdout);
}

#[test]
fn under_nohup_a_terminal_that_is_gone_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, PLAN.replace("100s", "4s")).unwrap();
    let mut run = Command::new("nohup")
        .arg(exe())
        .arg(&plan)
        .args(["--progress", "none", "--out"])
        .arg(folder.path().join("out"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let results = || results(&folder.path().join("out"));
    await_true("the run's folder", Duration::from_secs(30), || results().is_some());
    let pid = i32::try_from(run.id()).unwrap();
    await_true("workers", Duration::from_secs(30), || {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children.is_ok_and(|children| children.split_whitespace().count() == 6)
    });
    send(pid, Signal::SIGHUP);
    let code = run.wait().unwrap().code();
    let report = report(&results().unwrap());
    assert_ne!(code, Some(129), "{report:#}");
    assert_eq!(report["stopped"]["reason"], "completed", "{report:#}");
}

#[test]
fn a_signal_in_the_ramp_leaves_out_the_rest_of_it() {
    let slow = PLAN.replace("ramp = \"1s\"", "ramp = \"50s\"");
    let going = Going::start(&slow, &[], 1);
    send(going.pid(), Signal::SIGINT);
    let outcome = going.end();
    assert_interrupted(&outcome, 130, 2);
    let [due, ok] = outcome.scenario("hold").counters(["due", "ok"]);
    assert!(due < 256 && due == ok, "{due} {ok}");
    assert_eq!(outcome.server("lb")["accepted"], due);
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    // Answers take so long that a graceful end would wait for them.
    let slow =
        PLAN.replace("builtin = \"http\"", "builtin = \"http\"\nfaults = { delay = \"25s\" }");
    let going = Going::start(&slow, &[], 2);
    let below = all_below(&going);
    let since = Instant::now();
    send(going.pid(), Signal::SIGINT);
    // Two signals in a moment are one for the kernel: the first must have been seen.
    std::thread::sleep(Duration::from_millis(500));
    assert!(below.iter().any(|pid| !is_gone(*pid)), "a graceful end would have waited");
    send(going.pid(), Signal::SIGINT);
    let outcome = going.end();
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
    assert!(below.iter().all(|pid| is_gone(*pid)));
    assert_interrupted(&outcome, 130, 2);
    assert_eq!(outcome.scenario("web").counters(["started", "unfinished"]), [4, 4]);
}

/// What `planrun report` makes of a folder, and its exit status.
fn remake(results: &PathBuf) -> (Value, Option<i32>, String) {
    let output = Command::new(exe()).arg("report").arg(results).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (report(results), output.status.code(), text)
}

#[test]
fn a_killed_coordinator_takes_everybody_with_it_and_costs_two_seconds_at_most() {
    let mut going = Going::start(PLAN, &[], 4);
    let below = all_below(&going);
    let lived = going.since.elapsed();
    send(going.pid(), Signal::SIGKILL);
    await_true("the end of all processes", Duration::from_secs(2), || {
        below.iter().all(|pid| is_gone(*pid))
    });
    going.child.wait().unwrap();
    let results = results(&going.out).unwrap();
    assert!(!results.join("report.json").exists());
    let (report, code, text) = remake(&results);
    assert_eq!(code, Some(0), "{text}");
    assert_report_is_recovered(&report);
    let seconds = report["seconds"].as_u64().unwrap();
    assert!((4..=lived.as_secs() + 1).contains(&seconds), "{seconds} of {lived:?}");
    assert!(text.to_lowercase().contains("incomplete"), "{text}");
    assert!(text.contains("INVALID"), "{text}");
    // Once more, the same comes out.
    assert_eq!(remake(&results).0, report);
    crate::outcome::assert_sums(&results);
}

/// Two requests that differ, two hundred in a second together.
const BY_REQUEST: &str = r#"
name = "signals"
targets.web.builtin = "http"
[scenarios.web]
protocol = "http"
requests = [{ name = "home", path = "/" }, { name = "order", method = "POST", path = "/echo", body = "one", weight = 3 }]
stages = [{ name = "load", rate = "200/s", hold = "100s" }]
thresholds = [{ condition = "failure_ratio < 1%", request = "order" }]
"#;

#[test]
fn a_killed_run_has_the_facts_of_each_request() {
    let mut going = Going::start(BY_REQUEST, &[], 3);
    send(going.pid(), Signal::SIGKILL);
    going.child.wait().unwrap();
    let results = results(&going.out).unwrap();
    assert!(!results.join("requests.csv").exists());
    let (report, code, text) = remake(&results);
    assert_eq!(code, Some(0), "{text}");
    let mut rows = csv::Reader::from_path(results.join("requests.csv")).unwrap();
    let headers = rows.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|one| one == name).unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let web = crate::outcome::Facts(&report["scenarios"][0]);
    let seconds = report["seconds"].as_u64().unwrap();
    for stage in ["load", "*"] {
        let of = |request: &str, column: &str| -> u64 {
            let row = rows.iter().find(|row| (&row[1], &row[2]) == (stage, request)).unwrap();
            row[at(column)].parse().unwrap()
        };
        for column in ["due", "started", "ok", "bytes.received"] {
            let each = [of("home", column), of("order", column)];
            assert_eq!(each[0] + each[1], web.counter(column), "{stage} {column}");
            assert!(each[1] > 2 * each[0] && each[0] > 0, "{stage} {column}: {each:?}");
        }
        // All that was due in the seconds that are in the journal.
        assert!(of("home", "due") + of("order", "due") >= (seconds - 1) * 200, "{stage}");
        assert_eq!(of("order", "service_time.samples"), of("order", "ok"), "{stage}");
    }
    let value = &report["thresholds"][0];
    assert_eq!((&value["request"], &value["numerator"]), (&"order".into(), &0.into()), "{value}");
    assert!(text.contains("order") && text.contains("INVALID"), "{text}");
}

fn assert_report_is_recovered(report: &Value) {
    assert_eq!((&report["complete"], &report["verdict"]), (&false.into(), &"INVALID".into()));
    assert_eq!(report["exit_code"], 3);
    let rules: Vec<&str> = report["invalid"]
        .as_array()
        .unwrap()
        .iter()
        .map(|breach| breach["rule"].as_str().unwrap())
        .filter(|rule| !BUSY.contains(rule))
        .collect();
    assert_eq!(rules, ["incomplete"]);
    let hold = crate::outcome::Facts(&report["scenarios"][0]);
    assert_eq!(hold.counters(["due", "connect.ok", "failed"]), [256, 256, 0]);
    assert!(report["servers"].is_null());
}

/// Kills or stops one worker of held connections, in a run that ends by itself.
fn lose_a_worker(signal: Signal, settings: &str) -> (Outcome, Duration) {
    let hold = if signal == Signal::SIGSTOP { "hold = \"20s\"" } else { "hold = \"10s\"" };
    let plan = PLAN.replace("hold = \"100s\"", hold) + settings;
    let going = Going::start(&plan, &[], 2);
    let worker = *going.below("worker").first().unwrap();
    let lost = Instant::now();
    send(worker, signal);
    let journal = results(&going.out).unwrap().join("recording.jsonl");
    await_true("the note of the loss", Duration::from_secs(15), || {
        std::fs::read_to_string(&journal).unwrap().contains("worker_lost")
    });
    let noticed = lost.elapsed();
    let outcome = going.end();
    assert!(is_gone(worker));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    outcome.assert_whole();
    (outcome, noticed)
}

fn assert_lost(outcome: &Outcome, why: &str) {
    assert!(outcome.rules().contains(&"worker_lost".to_owned()), "{:?}", outcome.rules());
    let lost = outcome.report["workers_lost"].as_array().unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0]["scenario"], "hold");
    assert!(lost[0]["why"].as_str().unwrap().contains(why), "{lost:?}");
    assert!(outcome.stdout.contains("worker_lost"), "{}", outcome.stdout);
}

#[test]
fn a_killed_worker_leaves_its_connections_unfinished() {
    let (outcome, noticed) = lose_a_worker(Signal::SIGKILL, "");
    assert!(noticed < Duration::from_secs(5), "{noticed:?}");
    assert_lost(&outcome, "signal: 9");
    let hold = outcome.scenario("hold");
    let names = ["due", "ok", "unfinished", "unfinished.open", "failed", "dropped"];
    assert_eq!(hold.counters(names), [256, 128, 128, 128, 0, 0]);
    assert_eq!(outcome.report["stopped"]["reason"], "completed");
    assert_eq!(outcome.server("lb")["accepted"], 256);
    let web = outcome.scenario("web");
    assert_eq!(web.counter("started"), outcome.server("web")["requests"]);
    assert!(outcome.took > Duration::from_secs(10), "{:?}", outcome.took);
}

#[test]
fn a_worker_that_stands_still_is_lost() {
    let (outcome, noticed) = lose_a_worker(Signal::SIGSTOP, "on_worker_loss = \"stop\"\n");
    assert!(noticed < Duration::from_secs(13), "{noticed:?}");
    assert_lost(&outcome, "sent nothing for 10 s");
    let hold = outcome.scenario("hold");
    assert_eq!(hold.counters(["due", "ok", "unfinished"]), [256, 128, 128]);
    assert_eq!(outcome.report["stopped"]["reason"], "worker_loss");
    assert!(outcome.rules().contains(&"incomplete".to_owned()), "{:?}", outcome.rules());
    assert!(outcome.took < Duration::from_secs(19), "{:?}", outcome.took);
}

#[test]
fn a_worker_that_pauses_proves_nothing() {
    let plan = PLAN.replace("hold = \"100s\"", "hold = \"8s\"");
    let going = Going::start(&plan, &[], 3);
    let workers = going.below("worker");
    for worker in &workers {
        send(*worker, Signal::SIGSTOP);
    }
    std::thread::sleep(Duration::from_millis(500));
    for worker in &workers {
        send(*worker, Signal::SIGCONT);
    }
    let outcome = going.end();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    outcome.assert_whole();
    assert_eq!(outcome.report["workers_lost"].as_array().unwrap().len(), 0);
    assert!(outcome.rules().contains(&"stalled".to_owned()), "{:?}", outcome.rules());
    let stall = outcome.health("stall");
    assert_eq!((&stall["state"], &stall["ok"]), (&"warning".into(), &false.into()));
    assert!(stall["measured_ns"].as_u64() >= Some(350_000_000), "{stall}");
    for said in ["! stalled", "stall: "] {
        assert!(outcome.stdout.contains(said), "{said}: {}", outcome.stdout);
    }
    // Those of both protocols stood still.
    for index in [0, 1] {
        let longest = longest_stall(&outcome, index);
        assert!(longest >= 350_000_000, "{index}: {longest}");
    }
}

/// The longest stall of any worker of a scenario, by the journal.
fn longest_stall(outcome: &Outcome, scenario: usize) -> u64 {
    let journal = outcome.journal();
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let workers = lines.map(|line| {
        let second = &line["entry"]["second"]["scenarios"][scenario.to_string()];
        second["workers"]["stall_max_ns"].as_u64().unwrap_or(0)
    });
    workers.max().unwrap()
}

#[test]
fn a_worker_that_dies_in_the_ramp_drops_what_would_have_been_its_part() {
    let plan = PLAN
        .replace("ramp = \"1s\", hold = \"100s\"", "ramp = \"6s\", hold = \"1s\"")
        .replace("100s", "5s");
    let going = Going::start(&plan, &[], 2);
    send(*going.below("worker").first().unwrap(), Signal::SIGKILL);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    outcome.assert_whole();
    assert_lost(&outcome, "signal: 9");
    let hold = outcome.scenario("hold");
    let [due, ok, dropped, unfinished] = hold.counters(["due", "ok", "dropped", "unfinished"]);
    assert_eq!((due, ok, dropped + unfinished), (256, 128, 128));
    assert!(dropped > 0 && unfinished > 0, "{dropped} {unfinished}");
    assert!(outcome.rules().contains(&"dropped".to_owned()), "{:?}", outcome.rules());
}

#[test]
fn a_coordinator_that_stands_still_loses_nobody() {
    let plan = PLAN.replace("hold = \"100s\"", "hold = \"16s\"");
    let going = Going::start(&plan, &[], 2);
    send(going.pid(), Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(12));
    send(going.pid(), Signal::SIGCONT);
    let outcome = going.end();
    assert_eq!(outcome.report["workers_lost"].as_array().unwrap().len(), 0);
    let rules: Vec<String> =
        outcome.rules().into_iter().filter(|rule| !BUSY.contains(&rule.as_str())).collect();
    assert!(rules.is_empty(), "{rules:?}");
    outcome.assert_whole();
    assert_eq!(outcome.scenario("hold").counters(["due", "ok"]), [256, 256]);
}

#[test]
fn the_loss_of_a_built_in_server_is_told() {
    let plan = PLAN.replace("hold = \"100s\"", "hold = \"4s\"");
    let going = Going::start(&plan, &[], 2);
    let server = going
        .below("serve")
        .into_iter()
        .find(|pid| command_line(*pid).contains(&"tcp-hold".to_owned()));
    send(server.unwrap(), Signal::SIGKILL);
    let outcome = going.end();
    assert_eq!(outcome.scenario("hold").failures().values().sum::<u64>(), 256);
    assert!(outcome.stderr.contains("server process"), "{}", outcome.stderr);
    outcome.assert_whole();
    // The default threshold judges the target; nothing went wrong on this side.
    assert_eq!((outcome.code, outcome.verdict()), (Some(1), "FAIL"));
    let again = run_once(PLAN, &["--set", "scenarios.hold.stages.0.hold=1s", "--only", "hold"]);
    assert_eq!(again.scenario("hold").counter("ok"), 256);
}
