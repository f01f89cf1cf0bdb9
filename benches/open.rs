//! What requests at a rate measure: planrun against wrk2 and oha (with its correction of
//! latencies), on the same nginx, in turns.
//!
//! `cargo bench --bench open -- [RATE]`, 4000 by default. Prints the distribution of times from
//! when a request was due to its last byte, and from its sending where a tool knows that: once
//! while the server answers, once while it stands still for one second of 14. What all should show
//! then follows from arithmetic and is printed beside them. wrk2 and oha keep 100 connections, on
//! which late requests wait for their sending; planrun opens more and sends them, so that its times
//! from the sending hold the wait, too. Tools that are not on PATH are left out: `wrk2`, `oha`.
//! Needs nginx, taskset and two cores.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops at the first surprise"
)]

mod nginx;

use nginx::{Server, freeze};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// wrk2 looks for ten seconds before it records; the others warm up as long.
const WARM_S: u64 = 10;
const RECORDED_S: u64 = 14;
const CONNECTIONS: &str = "100";
const QUANTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

/// Milliseconds at each of the quantiles.
type Row = [f64; QUANTILES.len()];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let rate: u64 = args.first().map_or(4_000, |arg| arg.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("planrun-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let server = Server::start(&folder);
    for frozen in [false, true] {
        let how = if frozen { "stands still for one second of 14" } else { "answers at once" };
        println!("{rate} requests a second, the server {how}; milliseconds");
        println!("  {:<34} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p90", "p99", "p99.9", "max");
        for tool in ["planrun", "wrk2", "oha"] {
            let after = Duration::from_secs(if tool == "oha" { 0 } else { WARM_S });
            let stop = frozen.then(|| {
                freeze(server.worker(), after + Duration::from_secs(6), Duration::from_secs(1))
            });
            let rows = ask(tool, &server.address, &folder, rate);
            if let Some(stop) = stop {
                stop.join().unwrap();
            }
            if rows.is_empty() {
                println!("  {tool:<34} is not there");
            }
            for (what, row) in rows {
                print_row(&format!("{tool}, {what}"), &row);
            }
        }
        if frozen {
            // Of the requests due while it stands still, evenly spread, each waits for the rest of
            // the second.
            let part = 1.0 / RECORDED_S as f64;
            let exact = QUANTILES.map(|q| ((1.0 - (1.0 - q / 100.0) / part) * 1e3).max(0.0));
            print_row("by arithmetic, from the due time", &exact);
        }
    }
    drop(server);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn print_row(name: &str, row: &Row) {
    let cells: Vec<String> = row.iter().map(|ms| format!(" {ms:>9.2}")).collect();
    println!("  {name:<34}{}", cells.concat());
}

fn ask(tool: &str, address: &str, folder: &Path, rate: u64) -> Vec<(&'static str, Row)> {
    let url = format!("http://{address}/");
    let count = rate.to_string();
    match tool {
        "planrun" => planrun(&url, folder, rate),
        "wrk2" => {
            let time = format!("{}s", WARM_S + RECORDED_S);
            let given = ["-t1", "-c", CONNECTIONS, "-d", &time, "-R", &count, "-L", "-U", &url];
            let Some(text) = output(tool, &given) else { return Vec::new() };
            let mut parts = text.split("Latency Distribution");
            let mut next = || parts.by_ref().nth(1).map(spectrum);
            let due = next();
            let sent = text.split("Uncorrected Latency").nth(1).map(spectrum);
            [("from the due time", due), ("from the sending", sent)]
                .into_iter()
                .filter_map(|(what, row)| Some((what, row?)))
                .collect()
        }
        _ => {
            let time = format!("{RECORDED_S}s");
            let common = ["--no-tui", "--output-format", "json", "-c", CONNECTIONS];
            let paced = ["-z", &time, "-q", &count, &url];
            let corrected = [&common[..], &["--latency-correction"], &paced].concat();
            let Some(text) = output(tool, &corrected) else { return Vec::new() };
            let report: Value = serde_json::from_str(&text).unwrap();
            let all = &report["latencyPercentiles"];
            let ms = |value: &Value| value.as_f64().unwrap_or(f64::NAN) * 1e3;
            let slowest = ms(&report["summary"]["slowest"]);
            let row =
                [ms(&all["p50"]), ms(&all["p90"]), ms(&all["p99"]), ms(&all["p99.9"]), slowest];
            vec![("from the due time", row)]
        }
    }
}

/// The distribution that wrk2 prints first in a text: `  99.000%    1.23ms`.
fn spectrum(text: &str) -> Row {
    QUANTILES.map(|q| {
        let label = format!("{q:.3}%");
        let line = text.lines().find(|line| line.trim().starts_with(&label));
        let time = line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("");
        let unit = time.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number: f64 = time.trim_end_matches(unit).parse().unwrap_or(f64::NAN);
        number
            * if unit == "us" {
                1e-3
            } else if unit == "s" {
                1e3
            } else {
                1.0
            }
    })
}

fn output(tool: &str, args: &[&str]) -> Option<String> {
    let output = Command::new("taskset").args(["-c", "0", tool]).args(args).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

fn planrun(url: &str, folder: &Path, rate: u64) -> Vec<(&'static str, Row)> {
    let text = format!(
        "name = \"bench\"\n[targets.web]\naddress = \"{url}\"\n[generator]\nworkers = 1\n[scenarios.web]\n\
         protocol = \"http\"\nstages = [{{ name = \"warm\", rate = \"{rate}/s\", hold = \"{WARM_S}s\", warmup = true }},\n\
         {{ name = \"recorded\", rate = \"{rate}/s\", hold = \"{RECORDED_S}s\" }}]\n\
         thresholds = [\"success_ratio == 100%\"]\n"
    );
    let (plan, out) = (folder.join("plan.toml"), folder.join("results"));
    std::fs::write(&plan, text).unwrap();
    let _ = std::fs::remove_dir_all(&out);
    let mut command = Command::new("taskset");
    command.args(["-c", "0", env!("CARGO_BIN_EXE_planrun")]).arg(&plan).arg("--out").arg(&out);
    command.args(["--progress", "none", "--force"]).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = command.status().unwrap();
    let only = |folder: &Path| std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let report = std::fs::read_to_string(only(&only(&out)).join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    if !ended.success() {
        println!("  ! planrun: {ended}: {}", report["verdict"]);
    }
    let times = &report["scenarios"][0]["stages"][1]["parts"]["hold"]["times"];
    let row = |name: &str| {
        ["p50", "p90", "p99", "p99.9", "max"]
            .map(|stat| times[name][format!("{stat}_ns")].as_f64().unwrap_or(f64::NAN) / 1e6)
    };
    vec![
        ("from the due time", row("response_time")),
        ("from the sending", row("service_time")),
        ("late by", row("schedule_lag")),
    ]
}
