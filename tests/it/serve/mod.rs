//! The built-in servers against clients that count, too.

mod faults;
mod http;
mod http2;
mod process;
mod tcp_hold;

use planrun::plan::{Builtin, Faults, HttpServer, TcpHoldServer};
use planrun::serve::Running;
use planrun::units::Time;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long enough for a machine that does something else, too.
const PATIENCE: Duration = Duration::from_secs(20);

fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_planrun"))
}

fn millis(ms: u64) -> Time {
    Time(Duration::from_millis(ms))
}

/// A tcp-hold server that greets with `ok`, answers `ping`, and has these faults.
fn hold(faults: Faults) -> TcpHoldServer {
    TcpHoldServer {
        message: "ok".into(),
        greet: true,
        every: None,
        reply_to: Some(b"ping".to_vec()),
        tls: None,
        websocket: None,
        faults,
    }
}

fn start(server: TcpHoldServer) -> Running {
    Running::start(exe(), &Builtin::TcpHold(server), 1_000).unwrap()
}

fn start_http(body: &str, faults: Faults) -> Running {
    let server = HttpServer { body: body.into(), tls: None, faults };
    Running::start(exe(), &Builtin::Http(server), 1_000).unwrap()
}

/// Its counters.
fn stop(running: Running) -> BTreeMap<String, u64> {
    running.stop(PATIENCE).unwrap().into_iter().collect()
}

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Exactly this many bytes, as text.
fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What comes until the end, and whether that was a reset.
fn read_to_end(stream: &mut TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let reset = match stream.read_to_end(&mut bytes) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("{error}"),
    };
    (String::from_utf8(bytes).unwrap(), reset)
}

/// Whether nothing has come, and no end.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let silent = stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    silent
}

fn await_true(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Every connection ended in one way or is open.
fn assert_ends_add_up(counts: &BTreeMap<String, u64>) {
    let ends = ["closed_by_client", "reset_by_client", "closed_by_us", "reset_by_us"];
    let sum: u64 = ends.iter().map(|name| counts[*name]).sum();
    assert_eq!(counts["accepted"], sum + counts["open_at_end"], "{counts:?}");
}
