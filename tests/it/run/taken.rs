//! Bytes that are reported as sent are those that went, not those of the plan: servers that read
//! late, or let little in, count them too.

use crate::outcome::{Outcome, Stage, run_once, run_with};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// More than the buffers of a socket hold.
const BODY: usize = 15_000_000;

/// A server that counts the body bytes on each of its connections by `count`.
fn serve(count: fn(TcpStream) -> u64) -> (SocketAddr, Receiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (counted, counts)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let counted = counted.clone();
            std::thread::spawn(move || counted.send(count(stream.unwrap())));
        }
    });
    (address, counts)
}

/// Reads nothing until the client has gone, then all that the kernel took; without the head.
fn reads_late(mut stream: TcpStream) -> u64 {
    std::thread::sleep(Duration::from_millis(2_500));
    let mut all = Vec::new();
    // What does not end in order has come nevertheless.
    let _ = stream.read_to_end(&mut all);
    let head = all.windows(4).position(|end| end == b"\r\n\r\n");
    head.map_or(0, |head| (all.len() - head - 4) as u64)
}

/// Takes a connection of HTTP/2 and opens no window: 65,535 bytes go, and no more.
fn opens_no_window(mut stream: TcpStream) -> u64 {
    use std::io::Write as _;
    let mut count = 0;
    stream.read_exact(&mut [0; 24]).unwrap_or_default();
    // Empty settings.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap_or_default();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        if stream.read_exact(&mut vec![0; length as usize]).is_err() {
            break;
        }
        if head[3] == 0 {
            count += u64::from(length);
        }
    }
    count
}

fn plan(address: SocketAddr, keys: &str) -> String {
    format!(
        "name = \"taken\"\ntargets.web.address = \"http://{address}\"\n[scenarios.web]\n\
         protocol = \"http\"\n{keys}\nthresholds = [\"failure_ratio == 100%\"]\n"
    )
}

fn sent(outcome: &Outcome, requests: u64) -> u64 {
    let web = outcome.scenario("web");
    assert_eq!(web.counters(["started", "timed_out"]), [requests; 2]);
    web.counter("bytes.sent")
}

/// All that the server counted on connections on which something came.
fn counted(counts: &Receiver<u64>, connections: usize) -> u64 {
    let next = || counts.recv_timeout(Duration::from_secs(20)).unwrap();
    std::iter::repeat_with(next).filter(|count| *count > 0).take(connections).sum()
}

#[test]
fn what_the_kernel_did_not_take_was_not_sent() {
    let (address, counts) = serve(reads_late);
    let keys = "timeout = \"1s\"\nrequests = [{ method = \"POST\", path = \"/x\", body_file = \"large\" }]\n\
                stages = [{ users = 2, hold = \"500ms\" }]";
    let outcome = run_with(&plan(address, keys), |stage: &Stage| {
        std::fs::write(stage.folder.path().join("large"), vec![b'x'; BODY]).unwrap();
        stage.command(&[])
    });
    let sent = sent(&outcome, 2);
    assert!(sent > 0 && sent < 2 * BODY as u64, "{sent}");
    assert_eq!(sent, counted(&counts, 2));
}

#[test]
fn what_flow_control_held_back_was_not_sent() {
    let (address, counts) = serve(opens_no_window);
    let body = "y".repeat(100_000);
    let keys = format!(
        "version = \"2\"\nconnection = {{ streams = 1 }}\ntimeout = \"1s\"\n\
         requests = [{{ method = \"POST\", path = \"/x\", body = \"{body}\" }}]\n\
         stages = [{{ users = 2, hold = \"500ms\" }}]"
    );
    let outcome = run_once(&plan(address, &keys), &[]);
    let sent = sent(&outcome, 2);
    assert_eq!((sent, counted(&counts, 2)), (131_070, 131_070));
}

#[test]
fn a_body_that_was_answered_was_sent_as_a_whole() {
    let keys = "requests = [{ method = \"POST\", path = \"/echo\", body = \"four\", expect = { body = \"four\" } }]\n\
                think_time = \"20ms\"\nstages = [{ users = 5, hold = \"1s\" }]";
    for version in ["1.1", "2"] {
        let plan = format!(
            "name = \"taken\"\ntargets.web.builtin = \"http\"\n[scenarios.web]\n\
             protocol = \"http\"\nversion = \"{version}\"\n{keys}\nthresholds = [\"success_ratio == 100%\"]\n"
        );
        let outcome = run_once(&plan, &[]);
        let web = outcome.scenario("web");
        let [ok, sent, received] = web.counters(["ok", "bytes.sent", "bytes.received"]);
        assert!(ok > 100, "{ok}");
        assert_eq!((sent, received), (4 * ok, 4 * ok), "{version}");
    }
}
