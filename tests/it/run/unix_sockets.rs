//! Requests to a Unix socket: what is sent, what is reported, and what is refused.

use crate::outcome::{run, run_once};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Accepts for ever, and answers every request; what it got last lies in `last`.
fn serve(path: &Path, last: Arc<Mutex<String>>) {
    accept(UnixListener::bind(path).unwrap(), Duration::ZERO, last);
}

/// The same, with a pause before each connection.
fn accept(listener: UnixListener, pause: Duration, last: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            std::thread::sleep(pause);
            let (socket, last) = (socket.unwrap(), Arc::clone(&last));
            std::thread::spawn(move || answer(&socket, &last));
        }
    });
}

fn answer(mut socket: &UnixStream, last: &Mutex<String>) {
    let mut lines = BufReader::new(socket).lines();
    loop {
        let mut head = String::new();
        loop {
            let Some(Ok(line)) = lines.next() else { return };
            if line.is_empty() {
                break;
            }
            head += &line;
            head.push('\n');
        }
        *last.lock().unwrap() = head;
        if socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

#[test]
fn requests_go_to_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let last = Arc::new(Mutex::new(String::new()));
    serve(&path, Arc::clone(&last));
    let plan = format!(
        "name = \"unix\"\n[targets]\nown.address = \"unix:{path}\"\nsub.address = \"unix:{path}:/a?b=c\"\n\
         [scenarios.own]\nprotocol = \"http\"\ntarget = \"own\"\nthink_time = \"20ms\"\n\
         requests = [{{ expect = {{ status = 200, body = \"ok\" }} }}]\n\
         stages = [{{ users = 5, ramp = \"200ms\", hold = \"1s\" }}]\n\
         thresholds = [\"success_ratio == 100%\"]\n\
         [scenarios.sub]\nprotocol = \"http\"\ntarget = \"sub\"\nstart_after = \"1500ms\"\n\
         connection = {{ max_requests = 1 }}\nstages = [{{ rate = \"50/s\", hold = \"1s\" }}]\n\
         thresholds = [\"success_ratio == 100%\"]\n",
        path = path.display()
    );
    let outcome = run(0, &plan, &[]);
    let own = outcome.scenario("own");
    assert_eq!(own.counter("connect.ok"), 5);
    assert!(own.counter("ok") > 100);
    assert_eq!(outcome.scenario("sub").counters(["ok", "connect.ok"]), [50; 2]);
    let last = last.lock().unwrap().clone();
    assert!(last.starts_with("GET /a?b=c HTTP/1.1\nhost: localhost\n"), "{last}");
    assert!(last.contains("connection: close\n"), "{last}");
    let target = &outcome.report["targets"][0];
    assert_eq!(target["addresses"][0], format!("unix:{}", path.display()));
    assert_eq!(target["preflight.probes"], 1);
    assert!(outcome.stdout.contains(&format!("unix:{}", path.display())), "{}", outcome.stdout);
}

/// A listener for so few at a time.
fn narrow(path: &Path, backlog: i32) -> UnixListener {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(path).unwrap()).unwrap();
    socket.listen(backlog).unwrap();
    socket.into()
}

#[test]
fn users_wait_for_a_place_in_a_queue_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let (slow, never) = (folder.path().join("slow.sock"), folder.path().join("never.sock"));
    accept(narrow(&slow, 1), Duration::from_millis(20), Arc::default());
    // Two find a place, and no answer.
    let _never = narrow(&never, 1);
    let of = |name: &str, path: &Path| {
        format!(
            "[targets.{name}]\naddress = \"unix:{}\"\n[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"{name}\"\n\
             think_time = \"50ms\"\nconnect_timeout = \"2s\"\ntimeout = \"4s\"\n",
            path.display()
        )
    };
    let plan = format!(
        "name = \"queue\"\n{}stages = [{{ users = 30, hold = \"1s\" }}]\nthresholds = [\"success_ratio == 100%\"]\n\
         {}stages = [{{ users = 6, hold = \"3s\" }}]\nthresholds = []\n[generator]\nworkers = 1\n",
        of("slow", &slow),
        of("never", &never)
    );
    let outcome = run(0, &plan, &[]);
    let slow = outcome.scenario("slow");
    assert_eq!(slow.counters(["connect.ok", "connect.failed"]), [30, 0]);
    let longest = slow.0["times"]["connect.time"]["max_ns"].as_f64().unwrap() / 1e6;
    assert!((300.0..1_500.0).contains(&longest), "{longest} ms");
    let failures = outcome.scenario("never").failures();
    assert!(failures["connect_timeout"] >= 4, "{failures:?}");
    let said = "its queue of connections stayed full";
    assert!(outcome.file("report.json").contains(said));
    let causes = outcome.report["causes"].as_array().unwrap();
    assert_eq!(causes[0]["root_cause"], "accept_queue", "{causes:?}");
    assert!(!outcome.stdout.contains("network backlog"), "{}", outcome.stdout);
}

#[test]
fn a_unix_socket_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone.sock");
    let plan = format!(
        "name = \"unix\"\ntargets.t.address = \"unix:{}\"\n[scenarios.s]\nprotocol = \"http\"\n\
         stages = [{{ users = 5, hold = \"300ms\" }}]\n",
        gone.display()
    );
    let missing = run_once(&plan, &[]);
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    assert!(missing.results.is_none());
    let said = format!("unix:{} does not accept connections: No such file", gone.display());
    assert!(missing.stderr.contains(&said), "{}", missing.stderr);
    // A file that nobody listens on any more.
    drop(UnixListener::bind(&gone).unwrap());
    let dead = run_once(&plan, &[]);
    assert_eq!(dead.code, Some(4), "{}", dead.stderr);
    assert!(
        dead.stderr.contains("does not accept connections: Connection refused"),
        "{}",
        dead.stderr
    );
    // All the same: every request fails, none of them here.
    let forced = run(1, &plan, &["--force"]);
    let facts = forced.scenario("s");
    assert!(facts.counter("failed") >= 5);
    assert_eq!(facts.counters(["ok", "connect.failed.local"]), [0; 2]);
}
