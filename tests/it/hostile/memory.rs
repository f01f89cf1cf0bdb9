//! What floods cost the generator: memory, by connection.

use super::frames::{
    Act, Asked, DATA, END_HEADERS, HEADERS, NONE, OK, PING, answer, converse, frame, header,
};
use super::{alone, keep, pause, say, serve};
use crate::going::Going;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connections to each server that floods.
const USERS: u64 = 200;

/// What one of them may cost at most.
const MOST_BYTES: u64 = 64 << 10;

/// Waits for a request's first bytes, then says something and the same again and again.
fn flooding(first: &'static str, more: &'static str, times: usize) -> SocketAddr {
    let more = more.repeat(2_048 / more.len());
    serve(move |stream: TcpStream| {
        if stream.peek(&mut [0]).unwrap_or(0) == 0 {
            return;
        }
        say(&stream, first.as_bytes());
        for _ in 0..times {
            if !say(&stream, more.as_bytes()) {
                return;
            }
            pause(50);
        }
        keep(stream);
    })
}

/// The most resident memory that a process ever had, in bytes.
fn peak(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Runs against each of these at once; the peaks of their workers, of which the first one's has a
/// single user.
fn peaks(name: &str, servers: &[(&str, u64, SocketAddr)], keys: &str) -> Vec<u64> {
    let scenarios = servers.iter().map(|(name, users, address)| {
        format!(
            "[targets.{name}]\naddress = \"http://{address}\"\n[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\n\
             {keys}timeout = \"1500ms\"\nthink_time = \"100ms\"\nstages = [{{ users = {users}, hold = \"9s\" }}]\n"
        )
    });
    let plan = format!(
        "name = \"{name}\"\n{}[generator]\nworkers = 1\n",
        scenarios.collect::<Vec<_>>().concat()
    );
    // A worker a scenario, in their order. By the third second everybody has been flooded to the
    // end of its time once.
    let going = Going::start(&plan, &[], 3);
    let workers = going.below("worker");
    assert_eq!(workers.len(), servers.len());
    let peaks: Vec<u64> = workers.into_iter().map(peak).collect();
    let outcome = going.end();
    outcome.assert_whole();
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    for ((name, users, _), peak) in servers.iter().zip(&peaks).skip(1) {
        let each = peak.saturating_sub(peaks[0]) / users;
        assert!(each <= MOST_BYTES, "{name}: {each} bytes for each connection, {peaks:?}");
        let ended = outcome.scenario(name).counters(["failed", "timed_out"]);
        assert!(ended[0] + ended[1] >= *users, "{name}: {ended:?}");
    }
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
    peaks
}

#[test]
fn a_hostile_connection_costs_little_memory() {
    let _alone = alone();
    let lengthy = "HTTP/1.1 200 OK\r\nx: ";
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let servers = [
        ("calm", 1, flooding("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "x", 0)),
        // Just short of what a head may be, and then nothing more: all of it is kept.
        ("long_head", USERS, flooding(lengthy, "y", 7)),
        // Ends at the limit of a head.
        ("endless_line", USERS, flooding(lengthy, "y", usize::MAX)),
        ("endless_body", USERS, flooding("HTTP/1.1 200 OK\r\n\r\n", "y", usize::MAX)),
        ("endless_chunks", USERS, flooding(chunks, "1;x\r\ny\r\n", usize::MAX)),
    ];
    // A head may have 512 KiB; what one costs at most goes by the plan's limit.
    let peaks = peaks("floods", &servers, "limits = { head = \"16k\" }\n");
    // What is kept is seen: this would fail if it were not measured.
    assert!(peaks[1] > peaks[0] + USERS * (8 << 10), "{peaks:?}");
}

/// A server of HTTP/2 that does so with each request.
fn speaking(act: Act) -> SocketAddr {
    serve(move |stream| converse(&stream, &[], act))
}

/// Says so twenty times a second, beside what else is asked.
fn dripping(one: &Asked<'_>, frames: Vec<u8>) -> bool {
    let socket = one.socket.try_clone().unwrap();
    std::thread::spawn(move || {
        while say(&socket, &frames) {
            pause(50);
        }
    });
    true
}

#[test]
fn a_hostile_connection_of_http2_costs_little_memory() {
    let _alone = alone();
    let servers = [
        ("calm", 1, speaking(|one| one.say(&[answer(one.stream)]))),
        // Just short of what a head may be, and then nothing more: all of it is kept.
        (
            "long_head",
            USERS,
            speaking(|one| {
                let block = [OK, &header("x", &"y".repeat(15_000))].concat();
                one.say(&[frame(HEADERS, NONE, one.stream, &block)])
            }),
        ),
        (
            "endless_body",
            USERS,
            speaking(|one| {
                one.say(&[frame(HEADERS, END_HEADERS, one.stream, OK)]);
                dripping(one, frame(DATA, NONE, one.stream, &[b'x'; 2_048]))
            }),
        ),
        (
            "pings",
            USERS,
            speaking(|one| dripping(one, frame(PING, NONE, 0, b"12345678").repeat(20))),
        ),
    ];
    let keys =
        "version = \"2\"\nrequests = [{ method = \"POST\", path = \"/\", body = \"please\" }]\n";
    let peaks = peaks("frames", &servers, keys);
    assert!(peaks[1] > peaks[0] + USERS * (8 << 10), "{peaks:?}");
}
