//! The HTTP server: keep-alive, statuses, bodies that come slowly or not to their end.

use super::*;
use planrun::serve::hits;
use planrun::units::Ratio;
use std::io::{BufRead, BufReader, Write};

/// A connection, and what was read of it beyond the last answer.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(running: &Running) -> Self {
        Self(BufReader::new(connect(running)))
    }

    fn send(&mut self, request: &str) {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// Status and promised length.
    fn head(&mut self) -> (u16, usize) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        (status, length)
    }

    fn get(&mut self) -> (u16, String) {
        self.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        let (status, length) = self.head();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

#[test]
fn keeps_connections_alive_and_counts_requests() {
    let running = start_http("hello", Faults::default());
    let mut clients: Vec<_> = (0..3).map(|_| Client::new(&running)).collect();
    for client in &mut clients {
        for _ in 0..10 {
            assert_eq!(client.get(), (200, "hello".into()));
        }
    }
    let head = "POST /save HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
    clients[0].send(&format!("{head}{}", "x".repeat(100_000)));
    assert_eq!(clients[0].head(), (200, 5));
    clients[1].send("HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(clients[1].head(), (200, 5));
    assert_eq!(clients[1].0.read(&mut [0]).unwrap(), 0);
    clients[2].send("what is this\r\n\r\n");
    assert_eq!(clients[2].head().0, 400);
    drop(clients);
    let counts = stop(running);
    for (name, count) in [
        ("accepted", 3),
        ("peak_open", 3),
        ("open_at_end", 0),
        ("requests", 32),
        ("bad_requests", 1),
        ("status.200", 32),
        ("affected", 0),
    ] {
        assert_eq!(counts[name], count, "{name}: {counts:?}");
    }
    assert_ends_add_up(&counts);
    let get = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".len() as u64;
    let least = 30 * get + head.len() as u64 + 100_000;
    assert!(counts["bytes_received"] > least, "{counts:?}");
}

#[test]
fn statuses_and_wrong_bodies_hit_the_predicted_requests() {
    let share = Ratio(0.3);
    let faults =
        Faults { share, seed: 3, status: Some(503), wrong_data: true, ..Faults::default() };
    let running = start_http("ok", faults);
    let mut clients = [Client::new(&running), Client::new(&running)];
    let mut hit = 0;
    for number in 0..200_u64 {
        // Which connection it comes on plays no part.
        let answer = clients[usize::from(number % 3 == 0)].get();
        if hits(3, number, share) {
            hit += 1;
            assert_eq!(answer, (503, "nk".into()), "request {number}");
        } else {
            assert_eq!(answer, (200, "ok".into()), "request {number}");
        }
    }
    drop(clients);
    let counts = stop(running);
    assert_eq!(counts["requests"], 200);
    assert_eq!(counts["status.503"], hit);
    assert_eq!(counts["status.200"], 200 - hit);
    assert_eq!(counts["affected"], hit);
}

#[test]
fn a_truncated_body_is_half_of_its_promise() {
    for length in [2, 99_999] {
        let body = "x".repeat(length);
        let running = start_http(&body, Faults { truncate_body: true, ..Faults::default() });
        let mut client = Client::new(&running);
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(client.head(), (200, length));
        let mut rest = Vec::new();
        client.0.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), length / 2);
        let counts = stop(running);
        assert_eq!(counts["closed_by_us"], 1);
        assert_eq!(counts["affected"], 1);
    }
}

#[test]
fn a_slow_body_takes_its_time_and_is_whole() {
    let time = Duration::from_millis(300);
    let running =
        start_http("0123456789", Faults { slow_body: Some(Time(time)), ..Faults::default() });
    let mut client = Client::new(&running);
    for _ in 0..2 {
        let before = Instant::now();
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(client.head(), (200, 10));
        let head = before.elapsed();
        assert!(head < time, "the head took {head:?}");
        let mut body = [0; 10];
        client.0.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"0123456789");
        assert!(before.elapsed() >= time);
    }
    drop(client);
    assert_eq!(stop(running)["closed_by_client"], 1);
}

#[test]
fn delays_answers() {
    let delay = Duration::from_millis(150);
    let running = start_http("ok", Faults { delay: Some(Time(delay)), ..Faults::default() });
    let mut client = Client::new(&running);
    let before = Instant::now();
    assert_eq!(client.get(), (200, "ok".into()));
    assert!(before.elapsed() >= delay);
    assert_eq!(stop(running)["affected"], 1);
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Opens connections in order; checks those that the fault must hit with `check`, and that the
/// others work.
fn try_connections(faults: &Faults, check: impl Fn(&mut TcpStream)) -> BTreeMap<String, u64> {
    let faults = Faults { share: Ratio(0.3), seed: 7, ..faults.clone() };
    let running = start_http("ok", faults);
    let is_hit = |number: u64| hits(7, number, Ratio(0.3));
    let mut clients: Vec<_> = (0..100).map(|_| connect(&running)).collect();
    for (number, client) in (0..).zip(&mut clients) {
        if is_hit(number) {
            check(client);
        } else {
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
            assert!(read_to_end(client).0.ends_with("\r\n\r\nok"), "connection {number}");
        }
    }
    drop(clients);
    let counts = stop(running);
    assert_eq!(counts["accepted"], 100);
    assert_eq!(counts["affected"], (0..100).filter(|number| is_hit(*number)).count() as u64);
    assert_eq!(counts["open_at_end"], 0);
    assert_ends_add_up(&counts);
    counts
}

#[test]
fn faults_of_connections_hit_the_predicted_ones() {
    let faults = Faults { reset_after_bytes: Some(10), ..Faults::default() };
    let counts = try_connections(&faults, |client| {
        client.write_all(GET).unwrap();
        assert_eq!(read_to_end(client), ("HTTP/1.1 2".into(), true));
    });
    assert_eq!(counts["reset_by_us"], counts["affected"]);

    let faults = Faults { reset_after: Some(millis(20)), ..Faults::default() };
    let counts = try_connections(&faults, |client| {
        assert_eq!(read_to_end(client), (String::new(), true));
    });
    assert_eq!(counts["reset_by_us"], counts["affected"]);

    let faults = Faults { silence: true, ..Faults::default() };
    let counts = try_connections(&faults, |client| {
        client.write_all(GET).unwrap();
        assert!(is_silent(client));
    });
    assert_eq!(counts["requests"], 100);
    assert_eq!(counts["status.200"], 100 - counts["affected"]);
}

#[test]
fn refuses() {
    let running = start_http("ok", Faults { refuse: true, ..Faults::default() });
    let error = TcpStream::connect(running.addresses()[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(stop(running)["accepted"], 0);
}

#[test]
fn closes_idle_connections_after_a_time() {
    let running = start_http("ok", Faults { close_after: Some(millis(50)), ..Faults::default() });
    let mut client = Client::new(&running);
    assert_eq!(client.get(), (200, "ok".into()));
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    let counts = stop(running);
    assert_eq!(counts["closed_by_us"], 1);
    assert_eq!(counts["affected"], 1);
}
