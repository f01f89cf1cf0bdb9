//! Source addresses of a plan are spread over: whoever goes by the source sees all of them.

use crate::outcome::run_once;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

type Seen = Arc<Mutex<BTreeMap<IpAddr, u64>>>;

/// A server of connections that are held or carry a request, and where they came from.
fn serve() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let counts = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            *counts.lock().unwrap().entry(stream.peer_addr().unwrap().ip()).or_default() += 1;
            let mut answer = stream.try_clone().unwrap();
            kept.push(stream.try_clone().unwrap());
            std::thread::spawn(move || {
                let mut head = [0; 1_024];
                while stream.read(&mut head).is_ok_and(|length| length > 0) {
                    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if answer.write_all(ok).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, seen)
}

/// How many connections came from each address. `target`: keys of the target.
fn counts_of(scenario: &str, target: &str, rest: &str) -> BTreeMap<IpAddr, u64> {
    let (address, seen) = serve();
    let address = if scenario.contains("\"http\"") {
        format!("http://{address}/")
    } else {
        address.to_string()
    };
    let plan = format!(
        "name = \"sources\"\n[generator]\nworkers = 2\nsource_addresses = [\"127.0.0.2-127.0.0.9\"]\n{rest}\n\
         [targets.t]\naddress = \"{address}\"\n{target}\n[scenarios.s]\nthresholds = []\n{scenario}\n"
    );
    let outcome = run_once(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let counts = seen.lock().unwrap().clone();
    assert!(!counts.contains_key(&IpAddr::from([127, 0, 0, 1])), "{counts:?}");
    counts
}

/// The same without the connection that probes the target before the run.
fn counts(scenario: &str, rest: &str) -> BTreeMap<IpAddr, u64> {
    counts_of(scenario, "probe = false", rest)
}

#[test]
fn the_probe_comes_from_a_source_of_the_plan() {
    let hold = "protocol = \"tcp-hold\"\nstages = [{ users = 16, hold = \"1s\" }]";
    let probed = counts_of(hold, "", "");
    assert_eq!(probed.values().copied().collect::<Vec<_>>(), [3, 2, 2, 2, 2, 2, 2, 2]);
}

#[test]
fn held_connections_are_spread_over_all_sources() {
    let hold = "protocol = \"tcp-hold\"\nstages = [{ users = 200, spawn_rate = \"200/s\", hold = \"1s\" }]";
    let spread = counts(hold, "");
    assert_eq!(spread.values().copied().collect::<Vec<_>>(), [25; 8], "{spread:?}");
    let reserve = counts(hold, "source_use = \"reserve\"");
    assert_eq!(reserve.values().copied().collect::<Vec<_>>(), [200], "{reserve:?}");
}

#[test]
fn requests_are_spread_over_all_sources_by_user_and_by_connection() {
    let users =
        "protocol = \"http\"\nthink_time = \"100ms\"\nstages = [{ users = 16, hold = \"1s\" }]";
    assert_eq!(counts(users, "").values().copied().collect::<Vec<_>>(), [2; 8]);
    // Each arrival has a connection of its own, and few are open at once.
    let arrivals = "protocol = \"http\"\nconnection = { max_requests = 1 }\nstages = [{ rate = \"160/s\", hold = \"1s\" }]";
    let spread = counts(arrivals, "");
    assert_eq!((spread.len(), spread.values().sum::<u64>()), (8, 160), "{spread:?}");
    assert!(spread.values().all(|count| (18..=22).contains(count)), "{spread:?}");
}
