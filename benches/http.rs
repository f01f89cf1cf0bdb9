//! What a request costs: planrun against wrk, h2load, oha and the floor, in turns, on one core,
//! with nginx on the other.
//!
//! `cargo bench --bench http -- [SECONDS] [ROUNDS]`, 5 and 3 by default. Prints, at 100 and at
//! 10,000 kept connections, medians of requests a second, of processor time a request, and of the
//! ratio to wrk in the same round; the same at 100 connections of TLS; then over HTTP/2, as ratios
//! to h2load, for 100 users with ten and with one on each connection; then memory a user at 20,000
//! users. All checks and recording of planrun are on. `sessions` is planrun with two steps: a row
//! of a file, a value that a regular expression takes from one answer for the next request, a
//! search in the body, cookies. Tools that are not on PATH are left out. Needs nginx, taskset and
//! two cores.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops at the first surprise"
)]

#[path = "floor/http.rs"]
mod floor;
mod nginx;

use nginx::Server;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if floor::take_part(&args) {
        return;
    }
    let number =
        |place: usize, default| args.get(place).map_or(default, |arg| arg.parse().unwrap());
    let (seconds, rounds) = (number(0, 5), number(1, 3));
    let folder = std::env::temp_dir().join(format!("planrun-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let server = Server::start(&folder);
    let ways = [(Way::Plain, 100), (Way::Plain, 10_000), (Way::Secured, 100)];
    for (way, users) in ways.into_iter().chain([10, 1].map(|streams| (Way::Shared(streams), 100))) {
        let url = match way {
            Way::Plain => format!("http://{}/", server.address),
            Way::Secured => format!("https://{}/", server.secured),
            Way::Shared(_) => format!("http://{}/", server.shared),
        };
        compare(&Comparison { url, users, way, seconds }, &folder, rounds);
    }
    drop(server);
    memory(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// How a connection is used.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// HTTP/1.1, each user its own.
    Plain,
    /// The same over TLS.
    Secured,
    /// HTTP/2, so many users one.
    Shared(u64),
}

/// What is asked, and how.
struct Comparison {
    url: String,
    users: u64,
    way: Way,
    seconds: u64,
}

/// One who asks: requests a second, and processor seconds of all its processes for each.
type Figures = (f64, f64);

fn compare(comparison: &Comparison, folder: &Path, rounds: u64) {
    let Comparison { users, way, seconds, .. } = comparison;
    // The second one is what the others are compared with.
    let (how, tools): (String, &[&str]) = match way {
        Way::Plain => (
            format!("{users} connections"),
            &["planrun", "wrk", "h2load", "oha", "floor", "sessions"],
        ),
        Way::Secured => (format!("TLS, {users} connections"), &["planrun", "wrk", "h2load", "oha"]),
        Way::Shared(streams) => {
            let how = format!("HTTP/2, {} connections of {streams} streams", users / streams);
            (how, &["planrun", "h2load", "oha"])
        }
    };
    println!("{how}, {rounds} rounds of {seconds} s, generator on one core");
    let mut rows: Vec<Vec<Figures>> = vec![Vec::new(); tools.len()];
    for _ in 0..rounds {
        for (tool, row) in tools.iter().zip(&mut rows) {
            row.extend(ask(tool, comparison, folder));
        }
    }
    let (peer, theirs) = (tools[1], rows[1].clone());
    for (tool, row) in tools.iter().zip(&rows) {
        if row.is_empty() {
            println!("  {tool:<8} is not there");
            continue;
        }
        let rate = median(row.iter().map(|one| one.0));
        let cpu = median(row.iter().map(|one| one.1 * 1e6));
        let ratio = median(row.iter().zip(&theirs).map(|(one, peer)| one.0 / peer.0));
        println!(
            "  {tool:<8} {rate:>8.0} requests/s  {cpu:>6.2} us of processor each  {ratio:.3} of {peer}"
        );
    }
}

fn ask(tool: &str, comparison: &Comparison, folder: &Path) -> Option<Figures> {
    let Comparison { url, users, way, seconds } = comparison;
    let streams = if let Way::Shared(streams) = way { *streams } else { 1 };
    let (connections, shared) = ((users / streams).to_string(), streams.to_string());
    let (time, limit) = (seconds.to_string(), format!("{seconds}s"));
    let is_shared = matches!(way, Way::Shared(_));
    let before = cpu_seconds();
    let rate = match tool {
        "planrun" | "sessions" => {
            let stages = format!("{{ users = {users}, hold = \"{seconds}s\" }}");
            let secured = if *way == Way::Secured { "tls = { ca = \"tls.pem\" }" } else { "" };
            let target = format!("address = \"{url}\"\n{secured}");
            let asks = match way {
                Way::Shared(streams) => {
                    format!("version = \"2\"\nconnection = {{ streams = {streams} }}\n{REQUEST}")
                }
                _ if tool == "sessions" => sessions(folder),
                _ => REQUEST.to_owned(),
            };
            let rate = plan(folder, &target, &stages, &asks, Some(1));
            // The time to reach the level comes on top, and counts.
            let requests = column(&folder.join("results"), "summary.csv", "ok")[0];
            return Some((rate, (cpu_seconds() - before) / requests));
        }
        "wrk" => {
            let text = output(tool, &["-t1", "-c", &connections, "-d", &limit, url])?;
            word_after(&text, "Requests/sec:")
        }
        "h2load" => {
            let way: &[&str] = if is_shared { &["-m", &shared] } else { &["--h1"] };
            let rest = ["-t1", "-c", &connections, "-D", &time, url];
            let text = output(tool, &[way, &rest].concat())?;
            word_after(&text[text.find(" req/s")? - 12..], ",")
        }
        "oha" => {
            let way: &[&str] =
                if is_shared { &["--http2", "-p", &shared] } else { &["--insecure"] };
            let rest = ["--no-tui", "-c", &connections, "-z", &limit, url];
            let text = output(tool, &[way, &rest].concat())?;
            word_after(&text, "Requests/sec:")
        }
        _ => {
            let me = std::env::current_exe().unwrap();
            let address = url.trim_start_matches("http://").trim_end_matches('/');
            let text = output(me.to_str()?, &["floor-http", address, &connections, &time])?;
            text.trim().parse().unwrap()
        }
    };
    Some((rate, (cpu_seconds() - before) / (rate * *seconds as f64)))
}

const REQUEST: &str = "requests = [{ path = \"/\", expect = { status = 200, body = \"ok\" } }]\n";

/// What a scenario of sessions says; its file of rows lies beside the plan.
fn sessions(folder: &Path) -> String {
    let rows: Vec<String> = (0..1_000).map(|row| format!("user{row},{row}\n")).collect();
    std::fs::write(folder.join("rows.csv"), format!("name,item\n{}", rows.concat())).unwrap();
    "data = { file = \"rows.csv\" }\ncookies = true\nsteps = [\n\
     { path = \"/a\", query = { item = \"${row.item}\" }, expect = { status = 200, contains = \"ok\" }, \
     extract = { found = { regex = \"(o.)\" } } },\n\
     { path = \"/b/${var.found}\", headers = { x-name = \"${row.name}\" }, expect = { status = 200, body = \"ok\" } },\n]\n"
        .to_owned()
}

/// Runs a tool on the first core; `None` when there is no such tool.
fn output(tool: &str, args: &[&str]) -> Option<String> {
    let output = Command::new("taskset").args(["-c", "0", tool]).args(args).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

fn word_after(text: &str, before: &str) -> f64 {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Runs a plan, on the first core when it has one worker; its requests a second.
fn plan(folder: &Path, target: &str, stages: &str, more: &str, workers: Option<u64>) -> f64 {
    let own = workers.map_or_else(String::new, |n| format!("[generator]\nworkers = {n}\n"));
    let text = format!(
        "name = \"bench\"\n[targets.web]\n{target}\n{own}[scenarios.web]\nprotocol = \"http\"\n{more}stages = [{stages}]\n\
         thresholds = [\"success_ratio == 100%\"]\n"
    );
    let (plan, out) = (folder.join("plan.toml"), folder.join("results"));
    std::fs::write(&plan, text).unwrap();
    let _ = std::fs::remove_dir_all(&out);
    let mut command = if workers == Some(1) {
        let mut command = Command::new("taskset");
        command.args(["-c", "0", env!("CARGO_BIN_EXE_planrun")]);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_planrun"))
    };
    command.arg(&plan).arg("--out").arg(&out).args(["--progress", "none", "--force"]);
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    if !ended.success() {
        println!("  ! planrun: {ended}");
    }
    column(&out, "summary.csv", "requests.rate_per_s")[0]
}

/// A column of a file of the only result.
fn column(out: &Path, file: &str, name: &str) -> Vec<f64> {
    let only = |folder: &Path| -> PathBuf {
        std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    };
    let mut reader = csv::Reader::from_path(only(&only(out)).join(file)).unwrap();
    let place = reader.headers().unwrap().iter().position(|header| header == name).unwrap();
    reader.records().map(|row| row.unwrap()[place].parse().unwrap_or(0.0)).collect()
}

/// Memory of all workers a user: in all, and what each user adds to a run with few.
fn memory(folder: &Path) {
    let resident = |users: u64, asks: &str| {
        let stages = format!("{{ users = {users}, ramp = \"10s\", hold = \"5s\" }}");
        let asks = format!("think_time = \"1s\"\n{asks}");
        plan(folder, "builtin = \"http\"\nbody = \"ok\"", &stages, &asks, Some(2));
        let rows = column(&folder.join("results"), "timeline.csv", "workers.rss_bytes");
        rows.into_iter().fold(0.0, f64::max)
    };
    println!("20,000 users, two workers, resident memory");
    for (tool, asks) in [("planrun", REQUEST), ("sessions", &sessions(folder))] {
        let (few, many) = (resident(100, asks), resident(20_000, asks));
        let (all, each) = (many / 20_000.0, (many - few) / 19_900.0);
        println!("  {tool:<8} {all:>6.0} bytes a user in all, {each:.0} that each user adds");
    }
}
