//! Greetings, heartbeats, replies, and clients that do not read.

use super::*;
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn greets_each_connection_and_counts_its_end() {
    let running = start(hold(Faults::default()));
    let mut clients: Vec<_> = (0..30).map(|_| connect(&running)).collect();
    for client in &mut clients {
        assert_eq!(read(client, 2), "ok");
    }
    let kept = clients.split_off(20);
    for client in clients.drain(10..) {
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    }
    drop(clients);
    let counts = stop(running);
    for (name, count) in [
        ("accepted", 30),
        ("open_at_end", 10),
        ("peak_open", 30),
        ("greeted", 30),
        ("messages_sent", 30),
        ("bytes_sent", 60),
        ("closed_by_client", 10),
        ("reset_by_client", 10),
        ("affected", 0),
        ("send_failed", 0),
    ] {
        assert_eq!(counts[name], count, "{name}: {counts:?}");
    }
    assert_ends_add_up(&counts);
    for mut client in kept {
        assert_eq!(read_to_end(&mut client), (String::new(), false));
    }
}

#[test]
fn sends_each_connection_its_messages_at_its_own_times() {
    let every = Duration::from_millis(100);
    let running = start(TcpHoldServer {
        message: "tick".into(),
        every: Some(Time(every)),
        reply_to: None,
        ..hold(Faults::default())
    });
    let mut late = Vec::new();
    for _ in 0..3 {
        let before = Instant::now();
        let mut client = connect(&running);
        assert_eq!(read(&mut client, 4), "tick");
        let connected = Instant::now();
        for i in 1..=4 {
            assert_eq!(read(&mut client, 4), "tick");
            // A millisecond is the step of the server's clock, another that of its batch.
            let earliest = before + (every * i).saturating_sub(Duration::from_millis(2));
            assert!(Instant::now() >= earliest, "message {i} came too early");
            late.push(Instant::now().saturating_duration_since(connected + every * i));
        }
    }
    late.sort();
    assert!(late[late.len() / 2] < every / 2, "messages drift: {late:?}");
    let counts = stop(running);
    assert!(counts["messages_sent"] >= 15);
    assert_eq!(counts["greeted"], 3);
    assert_eq!(counts["bytes_sent"], counts["messages_sent"] * 4);
}

#[test]
fn answers_split_and_joined_messages() {
    let running = start(TcpHoldServer { greet: false, ..hold(Faults::default()) });
    let mut client = connect(&running);
    for (sent, answers) in [("pi", 0), ("ngpi", 1), ("ng", 1), ("pingpingpip", 2), ("ing!ping", 2)]
    {
        client.write_all(sent.as_bytes()).unwrap();
        assert_eq!(read(&mut client, 2 * answers), "ok".repeat(answers));
    }
    client.write_all("ping".repeat(5_000).as_bytes()).unwrap();
    assert_eq!(read(&mut client, 10_000), "ok".repeat(5_000));
    assert!(is_silent(&mut client));
    drop(client);
    let counts = stop(running);
    assert_eq!(counts["greeted"], 0);
    assert_eq!(counts["replies"], 5_006);
    assert_eq!(counts["messages_sent"], 5_006);
    assert_eq!(counts["bytes_received"], 27 + 20_000);
    assert_eq!(counts["closed_by_client"], 1);
}

#[test]
fn a_client_that_reads_late_gets_every_message_whole() {
    let message: String = ('a'..='z').cycle().take(99_991).collect();
    let running = start(TcpHoldServer {
        message: message.clone().into_bytes(),
        every: Some(millis(2)),
        reply_to: None,
        ..hold(Faults::default())
    });
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&running.addresses()[0].into()).unwrap();
    let mut client = TcpStream::from(socket);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = vec![0; message.len()];
    for i in 0..60 {
        client.read_exact(&mut bytes).unwrap();
        assert!(bytes == message.as_bytes(), "message {i} is not whole");
    }
    drop(client);
    let counts = stop(running);
    assert_eq!(counts["accepted"], 1);
    assert!(counts["messages_sent"] >= 60);
    assert_ends_add_up(&counts);
}

#[test]
fn waits_for_a_descriptor_when_it_has_none_left() {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" serve tcp-hold --json --until-eof"])
        .arg(exe())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = process::lines(&mut child);
    let address = process::listening(&lines.next().unwrap())[0];
    let mut clients: Vec<_> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
    let (mut greeted, mut since) = (0, Instant::now());
    await_true("the server's last free descriptor", || {
        let now = clients.iter().filter(|client| !peek(client).is_empty()).count();
        if now != greeted {
            (greeted, since) = (now, Instant::now());
        }
        // It has some for itself, and may only have been slow.
        greeted >= 25 && since.elapsed() > Duration::from_millis(300)
    });
    assert!(greeted < 40, "{greeted} connections fit into 40 descriptors");
    // Those that have theirs go, and the others get their turn.
    clients.retain(|client| peek(client).is_empty());
    await_true("the others' greeting", || clients.iter().all(|client| !peek(client).is_empty()));
    drop(clients);
    drop(child.stdin.take());
    let counts = process::counts(&lines.next().unwrap());
    assert!(child.wait().unwrap().success());
    assert_eq!(counts["accepted"], 50);
    // What a client did not read turns its close into a reset.
    assert_eq!(counts["reset_by_client"], 50);
    assert!((1..50).contains(&counts["accept_failed"]), "{counts:?}");
}

fn peek(client: &TcpStream) -> Vec<u8> {
    client.set_nonblocking(true).unwrap();
    let mut bytes = [0; 8];
    let length = client.peek(&mut bytes).unwrap_or(0);
    bytes[..length].to_vec()
}

#[test]
fn does_not_wake_up_when_nothing_is_due() {
    let running = start(TcpHoldServer { every: Some(millis(600_000)), ..hold(Faults::default()) });
    let mut clients: Vec<_> = (0..50).map(|_| connect(&running)).collect();
    for client in &mut clients {
        assert_eq!(read(client, 2), "ok");
    }
    let path = format!("/proc/{}/status", running.pids()[0]);
    let field = |name: &str| {
        let status = std::fs::read_to_string(&path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    await_true("its falling asleep", || field("State:") == "S");
    let switches = || field("voluntary_ctxt_switches:");
    let before = switches();
    // There is no condition to await: that nothing happens takes time.
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(switches(), before);
    drop(clients);
    assert_eq!(stop(running)["closed_by_client"], 50);
}
