//! Every fault of the tcp-hold server, with the connections that it must hit and no other.

use super::*;
use planrun::serve::hits;
use planrun::units::Ratio;
use std::io::Write;

const CONNECTIONS: u64 = 200;

fn share() -> Faults {
    Faults { share: Ratio(0.3), seed: 7, ..Faults::default() }
}

fn is_hit(number: u64) -> bool {
    hits(7, number, Ratio(0.3))
}

/// Opens all connections in order; checks those that the fault must hit with `check`, and that the
/// others work.
fn try_fault(faults: Faults, check: impl Fn(&mut TcpStream)) -> BTreeMap<String, u64> {
    let running = start(hold(faults));
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| connect(&running)).collect();
    for (number, client) in (0..).zip(&mut clients) {
        if is_hit(number) {
            check(client);
        } else {
            assert_eq!(read(client, 2), "ok");
        }
    }
    // They live on.
    for (_, client) in (0..).zip(&mut clients).filter(|(number, _)| !is_hit(*number)) {
        client.write_all(b"ping").unwrap();
        assert_eq!(read(client, 2), "ok");
    }
    let hit = (0..CONNECTIONS).filter(|number| is_hit(*number)).count() as u64;
    assert!((57..=63).contains(&hit), "30% of 200 are not {hit}");
    drop(clients);
    let counts = stop(running);
    assert_eq!(counts["accepted"], CONNECTIONS);
    assert_eq!(counts["affected"], hit);
    assert_eq!(counts["open_at_end"], 0);
    assert!(counts["replies"] >= CONNECTIONS - hit);
    assert_ends_add_up(&counts);
    counts
}

#[test]
fn resets_after_a_time() {
    let counts = try_fault(Faults { reset_after: Some(millis(30)), ..share() }, |client| {
        assert_eq!(read_to_end(client), ("ok".into(), true));
    });
    assert_eq!(counts["reset_by_us"], counts["affected"]);
    assert_eq!(counts["closed_by_client"], CONNECTIONS - counts["affected"]);
}

#[test]
fn resets_after_bytes() {
    let counts = try_fault(Faults { reset_after_bytes: Some(3), ..share() }, |client| {
        client.write_all(b"pingping").unwrap();
        assert_eq!(read_to_end(client), ("oko".into(), true));
    });
    assert_eq!(counts["reset_by_us"], counts["affected"]);
    assert_eq!(
        counts["bytes_sent"],
        3 * counts["affected"] + 4 * (CONNECTIONS - counts["affected"])
    );
}

#[test]
fn closes_after_a_time() {
    let counts = try_fault(Faults { close_after: Some(millis(30)), ..share() }, |client| {
        assert_eq!(read_to_end(client), ("ok".into(), false));
    });
    assert_eq!(counts["closed_by_us"], counts["affected"]);
}

#[test]
fn is_silent_for_ever() {
    let counts = try_fault(Faults { silence: true, ..share() }, |client| {
        client.write_all(b"ping").unwrap();
        assert!(is_silent(client));
    });
    assert_eq!(counts["greeted"], CONNECTIONS - counts["affected"]);
    assert_eq!(counts["bytes_sent"], 4 * (CONNECTIONS - counts["affected"]));
    assert_eq!(counts["bytes_received"], 4 * CONNECTIONS);
    assert_eq!(counts["replies"], CONNECTIONS - counts["affected"]);
}

#[test]
fn sends_wrong_data() {
    let counts = try_fault(Faults { wrong_data: true, ..share() }, |client| {
        assert_eq!(read(client, 2), "nk");
    });
    assert_eq!(counts["greeted"], CONNECTIONS);
}

#[test]
fn delays_every_send() {
    let delay = Duration::from_millis(250);
    // A millisecond is the step of the server's clock, another that of its batch.
    let almost = Duration::from_millis(248);
    let running = start(hold(Faults { delay: Some(Time(delay)), ..Faults::default() }));
    let before = Instant::now();
    let mut client = connect(&running);
    assert_eq!(read(&mut client, 2), "ok");
    assert!(before.elapsed() >= almost);
    let before = Instant::now();
    client.write_all(b"pingping").unwrap();
    assert_eq!(read(&mut client, 4), "okok");
    assert!(before.elapsed() >= almost);
    drop(client);
    assert_eq!(stop(running)["replies"], 2);

    let counts = try_fault(Faults { delay: Some(millis(30)), ..share() }, |client| {
        assert_eq!(read(client, 2), "ok");
    });
    assert_eq!(counts["greeted"], CONNECTIONS);
}

#[test]
fn refuses() {
    let running = start(hold(Faults { refuse: true, ..Faults::default() }));
    for _ in 0..5 {
        let error = TcpStream::connect(running.addresses()[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
    assert_eq!(stop(running)["accepted"], 0);
}

#[test]
fn never_accepts() {
    for http in [false, true] {
        let faults = Faults { never_accept: true, ..Faults::default() };
        let running = if http { start_http("ok", faults) } else { start(hold(faults)) };
        let address = running.addresses()[0];
        let mut opened = Vec::new();
        let error = loop {
            match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(stream) => opened.push(stream),
                Err(error) => break error,
            }
            assert!(opened.len() < 5, "the queue has no end");
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(opened.iter_mut().all(is_silent));
        assert_eq!(stop(running)["accepted"], 0);
    }
}
