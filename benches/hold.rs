//! What holding costs: planrun with its built-in server against the floor, a bare epoll loop on
//! both ends, in one run.
//!
//! `cargo bench --bench hold -- [CONNECTIONS] [ROUNDS]`, 100,000 and 3 by default. Prints, for each
//! round and as medians: seconds until all connections are open and verified, on both, and their
//! ratio; memory of the generator and of the whole machine a connection; how well a spawn rate is
//! kept; verified heartbeats a second; seconds from Ctrl-C to the end of the last process.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops at the first surprise"
)]
#![expect(clippy::cast_possible_truncation, reason = "figures for people")]

mod floor;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if floor::take_part(&args) {
        return;
    }
    let number = |place: usize, default: u64| {
        args.get(place).map_or(default, |arg| arg.replace('_', "").parse().unwrap())
    };
    let (connections, rounds) = (number(0, 100_000), number(1, 3));
    let out = std::env::temp_dir().join(format!("planrun-bench-{}", std::process::id()));
    opening(connections, rounds, &out);
    pacing(&out);
    heartbeats(&out);
    websockets(connections.min(20_000), rounds, &out);
    stopping(connections, &out);
    std::fs::remove_dir_all(&out).unwrap();
}

/// A plan for the built-in server, and where its results go.
fn run(out: &Path, scenario: &str) -> Value {
    let (plan, folder) = written(out, scenario);
    let status = command(&plan, &folder).status().unwrap();
    let report = report(&folder);
    if !status.success() {
        println!("  ! {status}: {}", report["verdict"]);
    }
    report
}

fn written(out: &Path, scenario: &str) -> (PathBuf, PathBuf) {
    written_for("tcp-hold", out, scenario)
}

fn written_for(protocol: &str, out: &Path, scenario: &str) -> (PathBuf, PathBuf) {
    std::fs::create_dir_all(out).unwrap();
    let plan = out.join("plan.toml");
    let text = format!(
        "name = \"bench\"\n[targets.lb]\nbuiltin = \"{protocol}\"\n[scenarios.hold]\nprotocol = \"{protocol}\"\nexpect = \"ok\"\n{scenario}\n"
    );
    std::fs::write(&plan, text).unwrap();
    let folder = out.join("results");
    let _ = std::fs::remove_dir_all(&folder);
    (plan, folder)
}

fn command(plan: &Path, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planrun"));
    command
        .arg(plan)
        .arg("--out")
        .arg(folder)
        .args(["--progress", "none", "--force"])
        .stdout(Stdio::null());
    command
}

fn only(folder: &Path) -> PathBuf {
    std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn report(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(only(&only(folder)).join("report.json")).unwrap())
        .unwrap()
}

/// A column of `timeline.csv`, with the second and the part of each row.
fn timeline(out: &Path, column: &str) -> Vec<(u64, String, f64)> {
    let path = only(&only(&out.join("results"))).join("timeline.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let place = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (second, part, column) = (place("second"), place("part"), place(column));
    let row = |row: csv::StringRecord| {
        (row[second].parse().unwrap(), row[part].to_owned(), row[column].parse().unwrap_or(0.0))
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn available_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemAvailable")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Seconds from the first connection to the last verified one, against the floor, in turns.
fn opening(connections: u64, rounds: u64, out: &Path) {
    println!(
        "opening {connections} connections, both ends here, the first message of each verified"
    );
    let (mut ours, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let floor = floor::open(connections);
        let before = available_bytes();
        let scenario = format!(
            "greeting = \"60s\"\nconnect_timeout = \"60s\"\nclose = \"rst\"\nstages = [{{ users = {connections}, hold = \"5s\" }}]\n\
             thresholds = [\"success_ratio == 100%\"]"
        );
        let (plan, folder) = written(out, &scenario);
        let mut child = command(&plan, &folder).spawn().unwrap();
        let mut lowest = before;
        while child.try_wait().unwrap().is_none() {
            lowest = lowest.min(available_bytes());
            std::thread::sleep(Duration::from_millis(200));
        }
        let report = report(&folder);
        let seconds = boundary_ns(&report, "hold") / 1e9;
        let verified: f64 = timeline(out, "verified").iter().map(|row| row.2).sum();
        let rss = timeline(out, "workers.rss_bytes").iter().map(|row| row.2).fold(0.0, f64::max);
        let workers = timeline(out, "workers").iter().map(|row| row.2).fold(0.0, f64::max);
        let fixed = workers * f64::from(8 << 20);
        println!(
            "  round {round}: floor {floor:.2} s, planrun {seconds:.2} s, ratio {:.2}; verified {verified}; {workers} workers, \
             {:.1} MiB each, {:.0} B a connection beyond 8 MiB a worker; machine {:.0} B a connection",
            seconds / floor,
            rss / workers / f64::from(1 << 20),
            (rss - fixed).max(0.0) / connections as f64,
            (before - lowest) / connections as f64,
        );
        ours.push(seconds);
        floors.push(floor);
        ratios.push(seconds / floor);
    }
    println!(
        "  median: floor {:.2} s, planrun {:.2} s, ratio {:.2}",
        median(floors),
        median(ours),
        median(ratios)
    );
}

/// When the first mark of a kind was passed.
fn boundary_ns(report: &Value, mark: &str) -> f64 {
    let scenario = &report["scenarios"][0];
    let boundaries = scenario["boundaries"].as_array().unwrap();
    let found =
        boundaries.iter().find(|boundary| boundary["mark"].to_string().contains(mark)).unwrap();
    found["at_ns"].as_f64().unwrap()
}

/// How well a spawn rate is kept in every second, and how late starts are.
fn pacing(out: &Path) {
    for rate in [2_000_u64, 20_000] {
        let (users, seconds) = (rate * 4, 4);
        let scenario = format!(
            "close = \"rst\"\nstages = [{{ users = {users}, spawn_rate = \"{rate}/s\", hold = \"2s\" }}]"
        );
        run(out, &scenario);
        let started = timeline(out, "started");
        let worst = started
            .iter()
            .filter(|row| row.0 < seconds)
            .map(|row| (row.2 - rate as f64).abs() / rate as f64);
        let lag = timeline(out, "schedule_lag.p99_ms").iter().map(|row| row.2).fold(0.0, f64::max);
        println!(
            "spawn rate {rate}/s: worst second off by {:.2} %, lag p99 of the worst second {lag:.2} ms",
            worst.fold(0.0, f64::max) * 100.0
        );
    }
}

/// Heartbeats a second that both ends can send and verify.
fn heartbeats(out: &Path) {
    for (users, every) in [(20_000_u64, 200_u64), (20_000, 150), (20_000, 100)] {
        let scenario = format!(
            "heartbeat = {{ from = \"server\", every = \"{every}ms\", grace = \"2s\" }}\nclose = \"rst\"\n\
             stages = [{{ users = {users}, hold = \"8s\" }}]\nthresholds = [\"heartbeat.success_ratio == 100%\"]"
        );
        let report = run(out, &scenario);
        let received = timeline(out, "heartbeat.received");
        let held: Vec<f64> =
            received.iter().filter(|row| row.1 == "hold").map(|row| row.2).collect();
        let steady = &held[1..held.len().saturating_sub(1)];
        println!(
            "heartbeats: {} planned a second, {:.0} verified a second (median), {}",
            users * 1_000 / every,
            median(steady.to_vec()),
            report["verdict"]
        );
    }
}

/// WebSockets against plain connections, in turns: seconds to open them all and processor time of
/// both ends for each; heartbeats verified a second, the worker's processor time for each, and its
/// memory for each connection. A WebSocket opens with one more message each way than a connection
/// that is greeted; held, both do the same.
fn websockets(users: u64, rounds: u64, out: &Path) {
    let scenario = format!(
        "greeting = \"60s\"\nheartbeat = {{ from = \"server\", every = \"200ms\", grace = \"5s\" }}\nclose = \"rst\"\n\
         stages = [{{ users = {users}, hold = \"8s\" }}]"
    );
    let mut figures = std::collections::BTreeMap::<&str, Vec<[f64; 5]>>::new();
    for _ in 0..rounds {
        for protocol in ["tcp-hold", "ws-hold"] {
            let (plan, folder) = written_for(protocol, out, &scenario);
            let status = command(&plan, &folder).status().unwrap();
            if !status.success() {
                println!("  ! {protocol}: {status}");
            }
            let held = |column: &str| -> Vec<f64> {
                let rows = timeline(out, column).into_iter();
                rows.filter(|row| row.1 == "hold").map(|row| row.2).collect()
            };
            let received = held("heartbeat.received");
            let steady = received[1..received.len() - 1].to_vec();
            let cpu: f64 = held("workers.cpu_ms").iter().sum();
            let rss = held("workers.rss_bytes").into_iter().fold(0.0, f64::max);
            let beats: f64 = received.iter().sum();
            let report = report(&folder);
            let opening_us = |end: &str| {
                let cost =
                    &report["scenarios"][0]["cost"][end]["cpu_seconds_per_thousand_connections"];
                cost.as_f64().unwrap() * 1e3
            };
            let row = [
                median(steady),
                cpu * 1e6 / beats,
                rss / users as f64,
                boundary_ns(&report, "hold") / 1e9,
                opening_us("generator") + opening_us("target"),
            ];
            figures.entry(protocol).or_default().push(row);
        }
    }
    for (protocol, rows) in &figures {
        let of = |at: usize| median(rows.iter().map(|row| row[at]).collect());
        println!(
            "{protocol}: {:.0} heartbeats verified a second, {:.0} ns of a worker's processor for each; {:.0} B a connection, \
             the worker itself among them; opened in {:.2} s, {:.1} us of both ends' processors for each",
            of(0),
            of(1),
            of(2),
            of(3),
            of(4)
        );
    }
    let ratio = |at: usize| {
        let pairs = figures["ws-hold"].iter().zip(&figures["tcp-hold"]);
        median(pairs.map(|(ws, tcp)| ws[at] / tcp[at]).collect())
    };
    println!(
        "ws-hold to tcp-hold, by rounds: heartbeats {:.3} x, processor time for each {:.3} x, opening {:.2} x, \
         processor time of an opening {:.2} x",
        ratio(0),
        ratio(1),
        ratio(3),
        ratio(4)
    );
}

/// Seconds from Ctrl-C at the full level to the end of the last process, reports written.
fn stopping(connections: u64, out: &Path) {
    let scenario = format!(
        "close = \"rst\"\nconnect_timeout = \"60s\"\nstages = [{{ users = {connections}, hold = \"10m\" }}]"
    );
    let (plan, folder) = written(out, &scenario);
    let mut child = command(&plan, &folder).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(5);
    let journal = || {
        std::fs::read_to_string(only(&only(&folder)).join("recording.jsonl")).unwrap_or_default()
    };
    std::thread::sleep(Duration::from_secs(2));
    while !journal().contains("\"mark\":{\"hold\":0}") {
        assert!(Instant::now() < deadline, "the level is reached");
        std::thread::sleep(Duration::from_millis(200));
    }
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let begin = Instant::now();
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    let took = begin.elapsed().as_secs_f64();
    println!(
        "stopping {connections} connections: {took:.2} s from Ctrl-C to the end ({status}), reports written"
    );
    assert!(report(&folder)["verdict"].is_string());
}
