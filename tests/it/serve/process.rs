//! The server as a process: several of them, signals, ports in use, and the end of the process that
//! started it.

use super::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

pub(super) fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines: Lines<BufReader<ChildStdout>> = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(Result::unwrap)
}

pub(super) fn listening(line: &str) -> Vec<SocketAddr> {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    serde_json::from_value(value["listening"].clone()).unwrap()
}

pub(super) fn counts(line: &str) -> BTreeMap<String, u64> {
    serde_json::from_str(line).unwrap()
}

fn serve(arguments: &[&str]) -> Child {
    Command::new(exe())
        .arg("serve")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn output(arguments: &[&str]) -> Output {
    Command::new(exe()).arg("serve").args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap())
}

/// A process that nobody has waited for yet is gone, too.
fn is_gone(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|state| state.is_empty() || state.starts_with('Z'))
}

#[test]
fn several_processes_have_a_port_each_and_count_together() {
    for kind in ["tcp-hold", "http"] {
        let mut child = serve(&[kind, "--processes=3", "--json", "--until-eof"]);
        let mut lines = lines(&mut child);
        let addresses = listening(&lines.next().unwrap());
        assert_eq!(addresses.len(), 3);
        let clients: Vec<_> = addresses
            .iter()
            .flat_map(|address| [*address; 4])
            .map(|address| TcpStream::connect(address).unwrap())
            .collect();
        drop(clients);
        drop(child.stdin.take());
        let counts = counts(&lines.next().unwrap());
        assert!(child.wait().unwrap().success());
        assert_eq!(counts["accepted"], 12);
        assert_eq!(counts["open_at_end"], 0);
        assert_ends_add_up(&counts);
    }
}

#[test]
fn several_processes_share_a_port_that_was_asked_for() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = format!("--listen={port}");
    let mut child = serve(&["tcp-hold", "--processes=3", "--json", "--until-eof", &listen]);
    let mut lines = lines(&mut child);
    assert_eq!(listening(&lines.next().unwrap()), [port]);
    let mut clients: Vec<_> = (0..60).map(|_| TcpStream::connect(port).unwrap()).collect();
    for client in &mut clients {
        assert_eq!(read(client, 2), "ok");
    }
    drop(clients);
    drop(child.stdin.take());
    let counts = counts(&lines.next().unwrap());
    assert!(child.wait().unwrap().success());
    assert_eq!(counts["accepted"], 60);
    assert_eq!(counts["greeted"], 60);
    assert_eq!(counts["closed_by_client"], 60);
}

#[test]
fn capacity_makes_processes() {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 164; exec \"$0\" serve tcp-hold --capacity=101 --json --until-eof"])
        .arg(exe())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = lines(&mut child);
    assert!(listening(&lines.next().unwrap()).len() >= 2);
    drop(child.stdin.take());
    assert_eq!(counts(&lines.next().unwrap())["accepted"], 0);
    assert!(child.wait().unwrap().success());
}

#[test]
fn signals_end_it_with_its_counters() {
    for (signal, arguments) in [
        (Signal::SIGTERM, vec!["tcp-hold"]),
        (Signal::SIGHUP, vec!["http"]),
        (Signal::SIGHUP, vec!["tcp-hold", "--processes=2"]),
        (Signal::SIGINT, vec!["http"]),
        (Signal::SIGINT, vec!["tcp-hold", "--processes=2"]),
        (Signal::SIGTERM, vec!["http", "--until-eof"]),
    ] {
        let mut child = serve(&arguments);
        let mut lines = lines(&mut child);
        assert!(lines.next().unwrap().starts_with("listening on 127.0.0.1:"));
        kill(pid(child.id()), signal).unwrap();
        let rest: Vec<_> = lines.collect();
        assert!(child.wait().unwrap().success());
        assert!(rest.iter().any(|line| line.starts_with("accepted ") && line.ends_with('0')));
    }
}

#[test]
fn ctrl_c_is_left_to_whoever_started_it() {
    let running = start(hold(Faults::default()));
    let mut client = connect(&running);
    kill(pid(running.pids()[0]), Signal::SIGINT).unwrap();
    assert_eq!(read(&mut client, 2), "ok");
    assert_eq!(read(&mut connect(&running), 2), "ok");
    assert_eq!(stop(running)["accepted"], 2);
}

#[test]
fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for extra in ["--processes=1", "--processes=2"] {
        let output = output(&["http", &format!("--listen=127.0.0.1:{port}"), extra]);
        assert_eq!(output.status.code(), Some(4));
        let text = String::from_utf8(output.stderr).unwrap();
        let text = text.replace(&port.to_string(), "PORT");
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @r"
            error: cannot listen on 127.0.0.1:PORT: the port is in use
            help: `ss -ltnp 'sport = :PORT'` shows who holds it; stop that, or listen on another port (0 takes a free one)
            ");
        }
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn wrong_options_are_told() {
    for (arguments, told) in [
        (vec!["tcp-hold", "--refuse", "--share=30%"], "cannot hit a share of 30%"),
        (vec!["tcp-hold", "--every=50"], "write `50s` or `50ms`"),
        (vec!["tcp-hold", "--listen=here"], "an address is `HOST:PORT`"),
        (vec!["tcp-hold", "--message="], "an empty message"),
        (vec!["tcp-hold", "--every=1us"], "at most one message per millisecond"),
        (vec!["http", "--status=99"], "invalid response status"),
    ] {
        let output = output(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn no_process_outlives_the_one_that_started_it() {
    for (processes, victim) in [("--processes=3", 0), ("--processes=1", 0)] {
        let mut child = serve(&["tcp-hold", processes, "--json", "--until-eof"]);
        let line = lines(&mut child).next().unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let pids: Vec<u32> = serde_json::from_value(value["pids"].clone()).unwrap();
        assert!(pids.iter().all(|id| !is_gone(*id)));
        kill(pid(pids[victim]), Signal::SIGKILL).unwrap();
        await_true("the end of all processes", || pids.iter().all(|id| is_gone(*id)));
        child.wait().unwrap();
    }
}

#[test]
fn the_loss_of_a_process_is_an_error() {
    let mut child = Command::new(exe())
        .args(["serve", "tcp-hold", "--processes=2", "--json", "--until-eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = lines(&mut child).next().unwrap();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    let pids: Vec<u32> = serde_json::from_value(value["pids"].clone()).unwrap();
    kill(pid(pids[2]), Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("server process {}", pids[2])), "{text}");
    assert!(text.contains("signal: 9"), "{text}");
    await_true("the end of the other process", || is_gone(pids[1]));
}

#[test]
fn a_run_that_stops_gets_counters_from_all_processes_or_an_error() {
    let running =
        Running::start(exe(), &Builtin::TcpHold(hold(Faults::default())), 30_000).unwrap();
    let pids = running.pids();
    kill(pid(pids[0]), Signal::SIGSTOP).unwrap();
    let error = running.stop(Duration::from_millis(100)).unwrap_err();
    assert!(error.to_string().contains("took too long to stop"), "{error}");
    await_true("the end of all processes", || pids.iter().all(|id| is_gone(*id)));

    let error =
        Running::start(Path::new("/nowhere"), &Builtin::TcpHold(hold(Faults::default())), 1);
    assert!(error.unwrap_err().to_string().contains("/nowhere"));
    let faults = Faults { refuse: true, never_accept: true, ..Faults::default() };
    let error = Running::start(exe(), &Builtin::TcpHold(hold(faults)), 1).unwrap_err();
    assert!(error.to_string().contains("exclude each other"), "{error}");
}
