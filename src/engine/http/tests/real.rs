//! A worker on real sockets.

use super::super::*;
use super::world::{load, paced, rate, settings, time, users};
use crate::engine::Link;
use crate::engine::clock::Clock;
use crate::engine::wire::{FromWorker, Inbox, WorkerReport};
use crate::engine::worker::drive;
use crate::plan::{HostPort, Site, ThinkTime, TimeMetric};
use crate::record::Counter;
use crate::schedule::Partition;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers every request with `ok`, and closes each connection after its tenth answer.
fn answer_all(listener: &TcpListener, answered: &Arc<AtomicU64>) {
    for stream in listener.incoming() {
        let (mut stream, answered) = (stream.unwrap(), Arc::clone(answered));
        std::thread::spawn(move || {
            let mut request = [0; 4096];
            for _ in 0..10 {
                // Requests come whole on loopback, and one at a time.
                if stream.read(&mut request).unwrap_or(0) == 0 {
                    return;
                }
                answered.fetch_add(1, Ordering::Relaxed);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        });
    }
}

/// Runs one worker on real sockets; returns its reports.
fn really_ran(load: Load) -> Vec<WorkerReport> {
    let (input, keep) = nix::unistd::pipe().unwrap();
    let (told, output) = nix::unistd::pipe().unwrap();
    let link = Link::new(input, output).unwrap();
    let http = load.scenario().protocol.http().unwrap().clone();
    let request_sets = request_sets(&load, &http).unwrap();
    let clock = Clock::starting_at(crate::engine::clock::monotonic_ns());
    let hear = std::thread::spawn(move || {
        let (_keep, mut bytes) = (keep, Vec::new());
        std::fs::File::from(told).read_to_end(&mut bytes).unwrap();
        bytes
    });
    let host = HttpSockets::host(clock, link, (load.clone(), &http), request_sets).unwrap();
    drive(HttpWorker::new(host, load, &http)).unwrap().finish().unwrap();
    let mut inbox = Inbox::default();
    inbox.feed(&hear.join().unwrap());
    let next = || inbox.take::<FromWorker>().unwrap();
    let notices = std::iter::from_fn(next).filter_map(|message| match message {
        FromWorker::Report(notice) => Some(notice),
        _ => None,
    });
    notices.collect()
}

#[test]
fn a_real_server_counts_what_is_booked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answered = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&answered);
    std::thread::spawn(move || answer_all(&listener, &counted));
    let think_time = ThinkTime { min: time(1), max: time(5) };
    let http = Http { think_time, ..settings() };
    let stages = [users(20, paced(200), 300), rate(300, 300)];
    let load = Load { addresses: vec![address.into()], ..load(http, &stages, Partition::WHOLE) };
    let mut total = crate::record::Cell::default();
    for notice in really_ran(load) {
        if let WorkerReport::Snapshot(snapshot) = notice {
            snapshot.cells.iter().for_each(|(_, cell)| total.merge(cell));
        }
    }
    let answered = answered.load(Ordering::Relaxed);
    let count = |counter| total.counters.get(counter);
    assert_eq!(count(Counter::Ok), answered);
    assert_eq!(count(Counter::Ok), count(Counter::Due), "{:?}", total.failures);
    assert_eq!(total.statuses, BTreeMap::from([(200, answered)]));
    assert_eq!(count(Counter::BytesReceived), 2 * answered);
    assert_eq!(count(Counter::ConnectOk), count(Counter::ConnectAttempts));
    assert!(count(Counter::Ok) > 500, "{}", count(Counter::Ok));
    assert!(count(Counter::ConnectOk) >= count(Counter::Ok) / 10);
    assert_eq!(total.times.count(TimeMetric::ServiceTime), answered);
    assert_eq!(total.times.count(TimeMetric::ResponseTime), 90);
}

/// Answers one request on each connection; the lines of heads that say whom they are for, and for
/// what.
fn listen_to(listener: TcpListener) -> Arc<std::sync::Mutex<Vec<String>>> {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = [0; 512];
            let length = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let host = head.lines().find(|line| line.starts_with("host: ")).unwrap_or_default();
            told.lock()
                .unwrap()
                .push(format!("{} {host}", head.lines().next().unwrap_or_default()));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    heard
}

#[test]
fn each_address_is_asked_by_the_url_that_it_belongs_to() {
    // The first URL's name has two addresses.
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.iter().map(|one| one.local_addr().unwrap().into()).collect();
    let heard = listeners.map(listen_to);
    let url = |name: &str| HttpUrl {
        is_secure: false,
        site: Site::Host(HostPort { host: name.into(), port: 80 }),
        host_header: name.parse().unwrap(),
        path: format!("/{name}").parse().unwrap(),
    };
    let connection = ConnectionUse { max_requests: Some(1), max_age: None };
    let load = load(Http { connection, ..settings() }, &[rate(60, 500)], Partition::WHOLE);
    let mut load = Load { addresses, origins: vec![0, 0, 1], ..load };
    load.plan.targets[0].endpoint = Endpoint::Urls(vec![url("two"), url("one")]);
    really_ran(load);
    for (heard, name) in heard.iter().zip(["two", "two", "one"]) {
        let heard = heard.lock().unwrap();
        let right = format!("GET /{name} HTTP/1.1 host: {name}");
        assert_eq!((heard.len(), heard.iter().filter(|one| **one == right).count()), (10, 10));
    }
}
