//! The HTTP server over HTTP/2: h2load of nghttp2 asks, on the same port as clients of HTTP/1.1.

use super::*;
use planrun::plan::Certificate;
use std::io::Write;
use std::net::Shutdown;
use std::process::Command;

/// Asks so often, on so many connections, ten at once on each; what it says of the answers.
fn h2load(url: &str, requests: u32, connections: u32, more: &[&str]) -> String {
    let mut command = Command::new("h2load");
    command.args(["-t1", "-m10", "-n", &requests.to_string(), "-c", &connections.to_string()]);
    let output = command.args(more).arg(url).output();
    let output =
        output.unwrap_or_else(|error| panic!("h2load: {error}; tests/setup.sh installs it"));
    String::from_utf8(output.stdout).unwrap()
}

fn start_with(tls: Option<Certificate>, faults: Faults) -> Running {
    let server = HttpServer { body: "hello".into(), tls, faults };
    Running::start(exe(), &Builtin::Http(server), 1_000).unwrap()
}

#[test]
fn h2load_gets_what_it_asks_for_and_http_1_beside_it() {
    let running = start_with(None, Faults::default());
    let address = running.addresses()[0];
    let said = h2load(&format!("http://{address}/"), 500, 5, &[]);
    assert!(said.contains("500 total, 500 started, 500 done, 500 succeeded"), "{said}");
    assert!(said.contains("Application protocol: h2c"), "{said}");
    let mut old = connect(&running);
    old.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(read(&mut old, 15), "HTTP/1.1 200 OK");
    drop(old);
    // Neither the one nor the other: it has said a part of the preface, and that it will say no
    // more.
    let mut half = connect(&running);
    half.write_all(b"PR").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.read(&mut [0]).unwrap(), 0);
    let counts = stop(running);
    assert_eq!([counts["requests"], counts["accepted"], counts["status.200"]], [501, 7, 501]);
}

#[test]
fn who_resets_before_a_word_is_counted_so() {
    let running = start_with(None, Faults::default());
    drop(connect(&running));
    let quiet = socket2::Socket::from(connect(&running));
    quiet.set_linger(Some(Duration::ZERO)).unwrap();
    drop(quiet);
    let counts = stop(running);
    assert_eq!([counts["reset_by_client"], counts["closed_by_client"]], [1, 1]);
}

#[test]
fn silence_has_no_settings_and_nonsense_is_bad() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let running = start_with(None, Faults { silence: true, ..Faults::default() });
    let mut client = connect(&running);
    client.write_all(preface).unwrap();
    client.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(client.read(&mut [0]).is_err(), "a silent server has said something");
    drop(client);
    assert_eq!(stop(running)["closed_by_client"], 1);
    let running = start_with(None, Faults::default());
    let mut client = connect(&running);
    client.write_all(preface).unwrap();
    client.write_all(b"what is this, and why").unwrap();
    assert!(client.read_to_end(&mut Vec::new()).is_ok());
    let mut client = connect(&running);
    client.write_all(b"PRI what\r\n\r\n").unwrap();
    assert!(client.read_to_end(&mut Vec::new()).is_ok());
    assert_eq!(stop(running)["bad_requests"], 2);
}

#[test]
fn inside_tls_the_client_chooses() {
    for (more, spoken) in [(&[][..], "h2"), (&["--h1"][..], "http/1.1")] {
        let running = start_with(Some(Certificate::Own), Faults::default());
        let url = format!("https://{}/", running.addresses()[0]);
        let said = h2load(&url, 100, 2, more);
        assert!(said.contains("100 done, 100 succeeded"), "{said}");
        assert!(said.contains(&format!("Application protocol: {spoken}\n")), "{said}");
        let counts = stop(running);
        assert_eq!([counts["requests"], counts["secured"]], [100, 2], "{spoken}");
    }
}

#[test]
fn faults_are_of_requests_there_too() {
    let running = start_with(None, Faults { status: Some(503), ..Faults::default() });
    let said = h2load(&format!("http://{}/", running.addresses()[0]), 100, 2, &[]);
    assert!(said.contains("0 2xx, 0 3xx, 0 4xx, 100 5xx"), "{said}");
    assert_eq!(stop(running)["affected"], 100);
    let running = start_with(None, Faults { truncate_body: true, ..Faults::default() });
    let said = h2load(&format!("http://{}/", running.addresses()[0]), 100, 2, &[]);
    // The streams end, their connections do not.
    assert!(said.contains("100 done, 0 succeeded, 100 failed, 100 errored"), "{said}");
    assert_eq!(stop(running)["accepted"], 2);
}
