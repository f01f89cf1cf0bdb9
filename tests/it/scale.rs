//! The figures of a million held connections, at a tenth of it: what is counted exactly, and what
//! has a limit that no busy machine moves. How fast all of it is belongs to
//! `cargo bench --bench hold`.

use crate::outcome::{Outcome, Stage, await_true, results, run_paced};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CONNECTIONS: u64 = 100_000;

/// Who gets the machine's processors beside it is not what these runs are about.
fn plan(keys: &str) -> String {
    format!(
        "name = \"scale\"\n[targets.lb]\nbuiltin = \"tcp-hold\"\n[scenarios.hold]\nprotocol = \"tcp-hold\"\nexpect = \"ok\"\n\
         greeting = \"20s\"\nconnect_timeout = \"20s\"\nclose = \"rst\"\n{keys}\n\
         [generator]\nlimits = {{ steal = \"100%\" }}\n"
    )
}

/// Columns of `timeline.csv`, a row for each second and part.
fn timeline<const N: usize>(outcome: &Outcome, columns: [&str; N]) -> Vec<[f64; N]> {
    let text = outcome.file("timeline.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let places = columns.map(|name| headers.iter().position(|header| header == name).unwrap());
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        places.map(|place| row[place].parse().unwrap_or(0.0))
    });
    rows.collect()
}

/// All processes that a process started, and those that they did.
fn below(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")));
    let children = children.map(Result::unwrap_or_default).collect::<String>();
    let children = children.split_whitespace().map(|child| child.parse().unwrap());
    children.flat_map(|child| std::iter::once(child).chain(below(child))).collect()
}

/// The most memory of files, most of it code, that a worker below this process has resident while
/// `run` runs, in bytes, and what `run` returns.
fn with_code_of_a_worker<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let (ended, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let code = |pid: u32| -> Option<u64> {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        command.split(|byte| *byte == 0).nth(1).filter(|word| *word == b"worker")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("RssFile:"))?;
        Some(kib.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    };
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                let all = below(std::process::id()).into_iter().filter_map(code);
                most.fetch_max(all.max().unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(250));
            }
        });
        let result = run();
        ended.store(true, Ordering::Relaxed);
        result
    });
    (most.into_inner(), result)
}

#[test]
fn a_hundred_thousand_are_opened_on_time_verified_held_and_cheap() {
    let (code, outcome) = with_code_of_a_worker(|| {
        run_paced(
            0,
            &plan(
                "heartbeat = { from = \"server\", every = \"4s\", grace = \"20s\" }\n\
             stages = [{ users = \"100k\", spawn_rate = \"5000/s\", hold = \"9s\" }]\n\
             thresholds = [\"success_ratio == 100%\", \"heartbeat.success_ratio == 100%\", \"hold.survival_ratio == 100%\"]",
            ),
            &[],
        )
    });
    let hold = outcome.scenario("hold");
    let names = ["due", "started", "connect.ok", "verified", "ok", "hold.lost", "dropped"];
    let all = CONNECTIONS;
    assert_eq!(hold.counters(names), [all, all, all, all, all, 0, 0]);
    assert_eq!(hold.ratio("success_ratio"), Some(1.0));

    // Both ends count the same: all that the generator heard was sent, and all but what was on its
    // way at the end was heard.
    let server = outcome.server("lb");
    assert_eq!((server["accepted"], server["peak_open"], server["greeted"]), (all, all, all));
    let heard = hold.counter("messages.received");
    assert_eq!(heard, all + hold.counter("heartbeat.received"));
    assert!(heard <= server["messages_sent"], "{heard} of {server:?}");
    // Held for nine seconds and sent one each four: two at least, but for the few whose second one
    // was late.
    let beats = hold.counter("heartbeat.received");
    assert!(beats >= 2 * all - all / 10, "{beats}");

    // No start comes before it is due, or later than the largest lag that was reported.
    let lag_s = hold.0["times"]["schedule_lag"]["max_ns"].as_f64().unwrap() / 1e9;
    let mut started = 0.0;
    for [second, more] in timeline(&outcome, ["second", "started"]) {
        started += more;
        let most = (5_000.0 * (second + 1.0)).min(all as f64);
        let least = (5_000.0 * (second + 1.0 - lag_s)).min(all as f64);
        assert!(
            started <= most + 1.0 && started + 1.0 >= least,
            "second {second}: {started} is not in {least}..{most}"
        );
    }

    let cost = &hold.0["cost"];
    let generator = cost["generator"]["rss_bytes"].as_f64().unwrap();
    let processes = cost["generator"]["processes"].as_f64().unwrap();
    // A debug build has far more code, and more with each subcommand, which is not a cost of
    // connections: what else it has is as in a release build, where code and all are 6 MB.
    assert!(code > 1 << 20, "the code of no worker was seen: {code}");
    let fixed = if cfg!(debug_assertions) { code + (3 << 20) } else { 8 << 20 } as f64;
    let each = (generator - processes * fixed).max(0.0) / all as f64;
    assert!(each <= 128.0, "{each} B a connection beyond {fixed} B a worker: {cost}");
    let kernel = cost["kernel_bytes_per_connection"].as_f64().unwrap();
    let target = cost["target"]["rss_bytes_per_connection"].as_f64().unwrap();
    let generator = cost["generator"]["rss_bytes_per_connection"].as_f64().unwrap();
    let ends = kernel + target + generator;
    assert!((1_000.0..9_216.0).contains(&ends), "{ends} B a connection: {cost}");
}

#[test]
fn a_hundred_thousand_are_let_go_of_on_ctrl_c() {
    let stage = Stage::new(&plan("stages = [{ users = \"100k\", hold = \"10m\" }]"));
    let since = Instant::now();
    let child = stage.start(&[]);
    let out = stage.folder.path().join("out");
    let journal = || {
        results(&out)
            .and_then(|results| std::fs::read_to_string(results.join("recording.jsonl")).ok())
            .unwrap_or_default()
    };
    await_true("the level", Duration::from_secs(45), || journal().contains(r#""mark":{"hold":0}"#));
    let pid = child.id();
    let processes = below(pid);
    assert!(processes.len() >= 12, "workers and servers of 20,000 descriptors: {processes:?}");
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGINT).unwrap();
    let asked = Instant::now();
    let outcome = stage.end(child, since);
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    outcome.assert_whole();
    for process in processes {
        assert!(!std::path::Path::new(&format!("/proc/{process}")).exists(), "{process} is left");
    }
    let hold = outcome.scenario("hold");
    assert_eq!(hold.counters(["started", "connect.ok"]), [CONNECTIONS, CONNECTIONS]);
}
