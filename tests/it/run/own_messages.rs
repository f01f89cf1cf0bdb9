//! Messages that are sent every so often without a reply, each with the number of its user.

use crate::outcome::{Outcome, run, run_beside, run_once};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

/// The lines that came, each by how often.
type Lines = Arc<Mutex<BTreeMap<String, u32>>>;

/// A server that only reads.
fn listener() -> (u16, Lines) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, lines) = (listener.local_addr().unwrap().port(), Lines::default());
    let mine = Arc::clone(&lines);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let lines = Arc::clone(&mine);
            thread::spawn(move || {
                for line in BufReader::new(stream.unwrap()).lines().map_while(Result::ok) {
                    *lines.lock().unwrap().entry(line).or_default() += 1;
                }
            });
        }
    });
    (port, lines)
}

#[test]
fn every_user_sends_its_own_message_every_so_often() {
    let (outcome, lines): (Outcome, BTreeMap<String, u32>) = run_beside(0, || {
        let (port, lines) = listener();
        let plan = format!(
            "name = \"own\"\ntargets.t.address = \"127.0.0.1:{port}\"\n[scenarios.hold]\nprotocol = \"tcp-hold\"\n\
             opening = [{{ send = \"hello ${{user}}\\n\" }}]\n\
             send_every = {{ every = \"400ms\", send = [\"at \", {{ hex = \"23\" }}, \"${{user(4)}}\\n\"] }}\n\
             stages = [{{ users = 130, ramp = \"200ms\", hold = \"1500ms\" }}]\nthresholds = [\"success_ratio >= 100%\"]\n\
             [generator]\nworkers = 2\n"
        );
        let outcome = run_once(&plan, &[]);
        let heard = lines.lock().unwrap().clone();
        (outcome, heard)
    });
    let sent = outcome.scenario("hold").counter("messages.sent");
    assert!((130 * 3..=130 * 4).contains(&sent), "{sent}");
    let of = |prefix: &str| {
        lines.iter().filter(|(line, _)| line.starts_with(prefix)).collect::<Vec<_>>()
    };
    let hellos: Vec<_> = of("hello ");
    // The probe before the run says nothing.
    assert_eq!((hellos.len(), hellos.iter().all(|(_, count)| **count == 1)), (130, true));
    let messages = of("at #");
    assert_eq!(messages.iter().map(|(_, count)| u64::from(**count)).sum::<u64>(), sent);
    for user in 0..130 {
        let count = lines[&format!("at #{user:04}")];
        assert!((3..=4).contains(&count), "user {user}: {count}");
        assert_eq!(lines[&format!("hello {user}")], 1);
    }
}

#[test]
fn a_websocket_sends_its_own_messages_in_frames() {
    let plan = "name = \"own\"\ntargets.t.builtin = \"ws-hold\"\n[scenarios.hold]\nprotocol = \"ws-hold\"\n\
                send_every = { every = \"300ms\", send = \"user ${user}\" }\n\
                stages = [{ users = 10, hold = \"1s\" }]\nthresholds = [\"success_ratio >= 100%\"]\n";
    let outcome = run(0, plan, &[]);
    let sent = outcome.scenario("hold").counter("messages.sent");
    assert_eq!(sent, 30);
    assert_eq!(outcome.server("t")["messages_received"], sent);
}
