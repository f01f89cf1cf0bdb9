//! Sessions of an API: steps, rows, values, cookies, checks and redirects, against servers that
//! write down what they were asked.

use crate::outcome::{Outcome, Stage, run_as, run_with};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// `GET /path`.
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_owned(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { line, headers, body })
}

/// A server that answers as it is told, and what it was asked so far.
pub(super) fn serve(
    answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
) -> (SocketAddr, Arc<Mutex<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some(one) = read(&mut reader) {
                    let bytes = answer(&one);
                    seen.lock().unwrap().push(one);
                    if reader.get_mut().write_all(&bytes).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, asked)
}

pub(super) fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(super) fn lines(asked: &Mutex<Vec<Asked>>) -> Vec<String> {
    asked.lock().unwrap().iter().map(|one| one.line.clone()).collect()
}

pub(super) fn plan(address: SocketAddr, scenario: &str) -> String {
    format!(
        "name = \"api\"\n[targets.web]\naddress = \"http://{address}/\"\n[scenarios.web]\n\
         protocol = \"http\"\ntimeout = \"10s\"\n{scenario}"
    )
}

/// Runs a plan beside some files.
pub(super) fn go(plan: &str, files: &[(&str, &[u8])]) -> Outcome {
    run_with(plan, |stage: &Stage| {
        for (name, bytes) in files {
            std::fs::write(stage.folder.path().join(name), bytes).unwrap();
        }
        stage.command(&[])
    })
}

pub(super) fn accounting(outcome: &Outcome) -> BTreeMap<String, u64> {
    let accounting = &outcome.report["scenarios"][0]["accounting"];
    assert_eq!(accounting["identities_hold"], true, "{}", outcome.stderr);
    let counts = accounting.as_object().unwrap().iter();
    counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}

/// The only cause of failures, and its sample.
pub(super) fn cause(outcome: &Outcome) -> (String, String, String) {
    let causes = outcome.report["scenarios"][0]["failures"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:?}");
    let text = |key: &str| causes[0][key].as_str().unwrap().to_owned();
    (text("failure"), text("origin"), text("sample"))
}

fn check<'a>(outcome: &'a Outcome, name: &str) -> &'a Value {
    let checks = outcome.report["scenarios"][0]["checks"].as_array().unwrap();
    checks.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {checks:?}"))
}

#[test]
fn the_shipped_session_passes_and_nobody_without_cookies_does() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let text = std::fs::read_to_string(folder.join("http-api.toml")).unwrap();
    let prepared = |stage: &Stage, arguments: &[&str]| {
        for name in ["http-api.csv", "http-api.json"] {
            std::fs::copy(folder.join(name), stage.folder.path().join(name)).unwrap();
        }
        stage.command(arguments)
    };
    let outcome = run_as(0, &text, |stage| prepared(stage, &["--set", "scenarios.mix.timeout=4s"]));
    let files = outcome.report["files"].as_array().unwrap();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|one| one["sha256"].as_str().unwrap().len() == 64));
    assert!(outcome.file("checks.csv").contains("is an item"));
    assert!(outcome.stdout.contains("is an item"), "{}", outcome.stdout);
    let alone = ["--set", "scenarios.session.cookies=false", "--only", "session"];
    // The steps behind the failed one have no checks to judge by, and that is the target's doing.
    let outcome = run_as(1, &text, |stage| prepared(stage, &alone));
    let thresholds = outcome.report["thresholds"].as_array().unwrap();
    let item = thresholds.iter().find(|one| one["check"].to_string().contains("an item")).unwrap();
    assert_eq!(item["state"], "unreached");
    assert!(outcome.stdout.contains("attempts failed"), "{}", outcome.stdout);
    let (failure, _, sample) = cause(&outcome);
    assert_eq!(failure, "status");
    assert!(sample.contains("who am I: GET /me") && sample.contains("status 401"), "{sample}");
}

#[test]
fn a_step_that_fails_ends_the_pass_and_the_next_one_begins_anew() {
    let (address, asked) = serve(|one| {
        let status = if one.line.ends_with("/b") { 500 } else { 200 };
        answer(status, "", "x")
    });
    let steps = "steps = [{ path = \"/a\", think_time = \"5ms\" }, { path = \"/b\" }, { path = \"/c\" }]\n\
         think_time = \"10ms\"\nstages = [{ users = 1, hold = \"1s\" }]\n";
    let outcome = go(&plan(address, steps), &[]);
    let lines = lines(&asked);
    assert!(lines.len() > 10, "{lines:?}");
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line, ["GET /a", "GET /b"][at % 2]);
    }
    let counts = accounting(&outcome);
    assert_eq!(counts["started"], lines.len() as u64);
    assert!(counts["failed"].abs_diff(counts["ok"]) <= 1, "{counts:?}");
}

#[test]
fn an_arrival_is_a_pass_on_one_connection_and_holds_its_place() {
    let (address, asked) = serve(|_| {
        std::thread::sleep(std::time::Duration::from_millis(30));
        answer(200, "", "x")
    });
    let steps = |room: u32| {
        format!(
            "steps = [{{ path = \"/a\" }}, {{ path = \"/b\" }}, {{ path = \"/c\" }}]\n\
             max_in_flight = {room}\nstages = [{{ rate = \"20/s\", hold = \"2s\" }}]\n"
        )
    };
    let outcome = go(&plan(address, &steps(100)), &[]);
    let counts = accounting(&outcome);
    let begun = |path: &str| lines(&asked).iter().filter(|line| line.ends_with(path)).count();
    // The last passes are cut off by the end of the hold.
    assert_eq!(begun("/a"), 40);
    assert!((35..=40).contains(&begun("/c")) && begun("/b") >= begun("/c"), "{:?}", lines(&asked));
    assert_eq!(counts["due"], lines(&asked).len() as u64);
    assert_eq!((counts["ok"], counts["dropped"]), (counts["due"], 0));
    let times = &outcome.report["scenarios"][0]["times"];
    assert_eq!(times["response_time"]["samples"], counts["ok"]);
    // A pass takes longer than the time between two of them: the place of the first is taken.
    asked.lock().unwrap().clear();
    let outcome = go(&plan(address, &steps(1)), &[]);
    let counts = accounting(&outcome);
    assert!(counts["dropped"] > 10, "{counts:?}");
    assert_eq!(begun("/a") as u64 + counts["dropped"], 40, "{counts:?}");
}

#[test]
fn rows_are_taken_once_or_in_turn_whatever_the_number_of_workers() {
    let (address, asked) = serve(|_| answer(200, "", "x"));
    let rows: Vec<String> = (0..40).map(|row: u32| row.to_string()).collect();
    let rows = format!("id\n{}\n", rows.join("\n"));
    for (order, workers) in [("unique", 2), ("unique", 1), ("sequential", 2)] {
        asked.lock().unwrap().clear();
        let scenario = format!(
            "data = {{ file = \"rows.csv\", order = \"{order}\" }}\n\
             requests = [{{ path = \"/u/${{row.id}}\" }}]\n\
             stages = [{{ rate = \"40/s\", hold = \"1s\" }}]\n[generator]\nworkers = {workers}\n"
        );
        let outcome = go(&plan(address, &scenario), &[("rows.csv", rows.as_bytes())]);
        assert_eq!(accounting(&outcome)["ok"], 40, "{}", outcome.stderr);
        let mut lines = lines(&asked);
        lines.sort();
        let mut expected: Vec<String> = (0..40).map(|row| format!("GET /u/{row}")).collect();
        expected.sort();
        assert_eq!(lines, expected, "{order} {workers}");
    }
}

#[test]
fn rows_that_run_out_are_the_generators_own_failure() {
    let (address, asked) = serve(|_| answer(200, "", "x"));
    let scenario = "data = { file = \"rows.jsonl\", order = \"unique\" }\n\
         requests = [{ path = \"/\", query = { q = \"${row.q}\" } }]\n\
         stages = [{ users = 2, hold = \"1s\" }]\nthresholds = [\"failure_ratio == 0%\"]\n";
    let rows = b"{\"q\":\"a&b\"}\n{\"q\":\"\xc3\xa4 /?\"}\n{\"q\":7}\n";
    let outcome = go(&plan(address, scenario), &[("rows.jsonl", rows)]);
    let (failure, origin, sample) = cause(&outcome);
    assert_eq!((failure.as_str(), origin.as_str()), ("no_row", "local"));
    assert!(sample.contains("all 3 rows of rows.jsonl were used"), "{sample}");
    assert_eq!(outcome.code, Some(3), "{}", outcome.stdout);
    let mut lines = lines(&asked);
    lines.sort();
    assert_eq!(lines, ["GET /?q=%C3%A4%20%2F%3F", "GET /?q=7", "GET /?q=a%26b"]);
}

#[test]
fn a_value_never_adds_a_line_to_a_head() {
    let (address, asked) = serve(|_| answer(200, "", "x"));
    let scenario = "data = { file = \"rows.csv\" }\n\
         requests = [{ path = \"/${row.v}\", headers = { x-v = \"${row.v}\" } }]\n\
         stages = [{ users = 1, hold = \"500ms\" }]\n";
    let rows = b"v\n\"a\r\nevil: 1\r\n\r\nGET /evil HTTP/1.1\"\n";
    let outcome = go(&plan(address, scenario), &[("rows.csv", rows)]);
    let (failure, origin, sample) = cause(&outcome);
    assert_eq!((failure.as_str(), origin.as_str()), ("bad_value", "local"));
    assert!(sample.contains("the header `x-v` has a line break"), "{sample}");
    assert_eq!(lines(&asked), [""; 0]);
}

#[test]
fn redirects_stay_on_their_host_and_end() {
    let (elsewhere, strangers) = serve(|_| answer(200, "", "x"));
    let (address, asked) = serve(move |one| {
        let to = |status, location: &str| answer(status, &format!("location: {location}\r\n"), "");
        match one.line.split_once(' ').unwrap().1 {
            "/see-other" => to(303, "after"),
            "/again" => to(307, "/after"),
            "/away" => to(302, &format!("http://{elsewhere}/")),
            "/loop" => to(302, "/loop"),
            _ => answer(200, "", "done"),
        }
    });
    let run = |path: &str, redirects: u32| {
        asked.lock().unwrap().clear();
        let scenario = format!(
            "redirects = {redirects}\nthink_time = \"200ms\"\n\
             requests = [{{ method = \"POST\", path = \"{path}\", body = \"hello\" }}]\n\
             stages = [{{ users = 1, hold = \"100ms\" }}]\n"
        );
        (go(&plan(address, &scenario), &[]), asked.lock().unwrap().clone())
    };
    let (outcome, seen) = run("/see-other", 3);
    assert_eq!(accounting(&outcome)["ok"], 1);
    let sent: Vec<_> = seen.iter().map(|one| (one.line.as_str(), one.body.len())).collect();
    assert_eq!(sent, [("POST /see-other", 5), ("GET /after", 0)]);
    assert!(!seen[1].headers.contains_key("content-length"));
    let (outcome, seen) = run("/again", 3);
    assert_eq!(accounting(&outcome)["ok"], 1);
    assert_eq!((seen[1].line.as_str(), seen[1].body.as_slice()), ("POST /after", &b"hello"[..]));
    let (outcome, seen) = run("/see-other", 0);
    assert_eq!((accounting(&outcome)["ok"], seen.len()), (1, 1));
    let (outcome, seen) = run("/loop", 4);
    assert_eq!(seen.len(), 5);
    assert_eq!(cause(&outcome).0, "redirect");
    let (outcome, seen) = run("/away", 4);
    assert_eq!((seen.len(), strangers.lock().unwrap().len()), (1, 0));
    let (failure, origin, sample) = cause(&outcome);
    assert_eq!((failure.as_str(), origin.as_str()), ("redirect", "application"));
    assert!(sample.contains("another scheme, host or port"), "{sample}");
}

#[test]
fn checks_are_counted_by_name_and_values_that_are_missing_are_named() {
    let (address, _) = serve(|one| match one.line.as_str() {
        "GET /slow" => {
            std::thread::sleep(std::time::Duration::from_millis(60));
            answer(
                200,
                "content-type: application/json; charset=utf-8\r\n",
                "{\"id\":7,\"ok\":true}",
            )
        }
        _ => answer(201, "", "{\"other\":1}"),
    });
    let scenario = "requests = [{ path = \"/slow\", expect = [\
           { status = [200, 201], headers = { content-type = \"application/json\" }, json = { \"/id\" = 7.0, \"/ok\" = false }, size = \"<= 10\", time = \"20ms\" },\
           { name = \"mine\", contains = [\"\\\"id\\\":7\", \"nothing\"] } ] }]\n\
         stages = [{ users = 1, hold = \"500ms\" }]\n\
         thresholds = [\"check.json /id.success_ratio == 100%\", \"check.mine.success_ratio == 50%\", \"check.size <= 10.success_ratio == 0%\"]\n";
    let outcome = go(&plan(address, scenario), &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    let counts = accounting(&outcome);
    let made = counts["failed"];
    assert!(made > 3 && counts["ok"] == 0, "{counts:?}");
    for (name, passed, failed) in [
        ("status 200 or 201", made, 0),
        ("header content-type", made, 0),
        ("json /id", made, 0),
        ("json /ok", 0, made),
        ("size <= 10", 0, made),
        ("time < 20ms", 0, made),
        ("mine", made, made),
    ] {
        let one = check(&outcome, name);
        assert_eq!((&one["passed"], &one["failed"]), (&passed.into(), &failed.into()), "{name}");
    }
    assert!(cause(&outcome).2.contains("`/ok` is true, not false"), "{:?}", cause(&outcome));
    let steps = "steps = [{ path = \"/a\", extract = { token = { json = \"/token\" } } }, { path = \"/b\" }]\n\
         think_time = \"10ms\"\nstages = [{ users = 1, hold = \"200ms\" }]\n";
    let outcome = go(&plan(address, steps), &[]);
    let (failure, _, sample) = cause(&outcome);
    assert_eq!(failure, "not_extracted");
    assert!(sample.contains("`token` was not found: there is nothing at `/token`"), "{sample}");
}

#[test]
fn gzip_is_asked_for_decoded_and_never_expands_without_end() {
    let pack = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let small = pack(b"what is in there");
    let bomb = pack(&vec![0; 80 << 20]);
    let length = small.len();
    let (address, asked) = serve(move |one| {
        let body = if one.line.ends_with("bomb") { &bomb } else { &small };
        answer(200, "content-encoding: gzip\r\n", body)
    });
    let run = |path: &str, compression: bool| {
        let scenario = format!(
            "compression = {compression}\nthink_time = \"1s\"\n\
             requests = [{{ path = \"{path}\", expect = {{ contains = \"is in\" }} }}]\n\
             stages = [{{ users = 1, hold = \"200ms\" }}]\n"
        );
        go(&plan(address, &scenario), &[])
    };
    let outcome = run("/small", true);
    assert_eq!(accounting(&outcome)["ok"], 1, "{}", outcome.stdout);
    let received = &outcome.report["scenarios"][0]["counters"]["bytes.received"];
    assert_eq!(received.as_u64(), Some(length as u64));
    let encodings = |asked: &Mutex<Vec<Asked>>| {
        let asked = asked.lock().unwrap();
        asked.last().unwrap().headers.get("accept-encoding").cloned()
    };
    assert_eq!(encodings(&asked).as_deref(), Some("gzip"));
    assert_eq!(accounting(&run("/small", false))["ok"], 0);
    assert_eq!(encodings(&asked), None);
    let outcome = run("/bomb", true);
    assert!(cause(&outcome).2.contains("expands beyond 67108864 bytes"), "{:?}", cause(&outcome));
}
