//! What floods cost the generator: memory, by connection.

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

#[test]
fn a_hostile_connection_costs_little_memory() {
    let _alone = alone();
    let lengthy = "HTTP/1.1 200 OK\r\nx: ";
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let servers = [
        ("calm", 1, flooding("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "x", 0)),
        // Just short of what a head may be, and then nothing more: all of it is kept.
        ("long_head", USERS, flooding(lengthy, "y", 7)),
        ("endless_line", USERS, flooding(lengthy, "y", usize::MAX)),
        ("endless_body", USERS, flooding("HTTP/1.1 200 OK\r\n\r\n", "y", usize::MAX)),
        ("endless_chunks", USERS, flooding(chunks, "1;x\r\ny\r\n", usize::MAX)),
    ];
    let scenarios = servers.iter().map(|(name, users, address)| {
        format!(
            "[targets.{name}]\naddress = \"http://{address}\"\n[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\n\
             timeout = \"1500ms\"\nthink_time = \"100ms\"\nstages = [{{ users = {users}, hold = \"9s\" }}]\n"
        )
    });
    let plan = format!(
        "name = \"floods\"\n{}[generator]\nworkers = 1\n",
        scenarios.collect::<Vec<_>>().concat()
    );
    // A worker a scenario, in their order. By the third second everybody has been flooded to the end of its time once.
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
    // What is kept is seen: this would fail if it were not measured.
    assert!(peaks[1] > peaks[0] + USERS * (8 << 10), "{peaks:?}");
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
}
