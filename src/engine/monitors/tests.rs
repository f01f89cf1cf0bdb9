use super::*;
use crate::plan::{Plan, Source};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// A server that gives each connection the next of these responses, then the last one again.
fn server(responses: Vec<String>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut at = 0;
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).to_ascii_lowercase();
            assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
            let _ = stream.write_all(responses[at.min(responses.len() - 1)].as_bytes());
            at += 1;
        }
    });
    port
}

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn monitors(port: u16, metrics: &str) -> Vec<Monitor> {
    let text = format!(
        r#"
        name = "m"
        targets.t = {{ address = "127.0.0.1:1" }}
        [scenarios.s]
        protocol = "tcp-hold"
        stages = [{{ users = 1, hold = "1s" }}]
        [monitors.lb]
        url = "http://127.0.0.1:{port}/metrics"
        metrics = {metrics}
        every = "1s"
        "#
    );
    let source = Source { name: "plan.toml".to_owned(), text };
    Plan::parse(&source, &crate::plan::Overrides::default(), &|_| None).unwrap().monitors
}

fn probe_of(port: u16, metrics: &str) -> Vec<String> {
    let errors = probe_monitors(&monitors(port, metrics)).unwrap();
    errors.into_iter().map(|error| format!("{error}; {}", error.help)).collect()
}

const NODE: &str = "# TYPE node_load1 gauge\nnode_load1 0.5\nnode_load5 0.25\n\
                    sessions{proxy=\"a\"} 3\nsessions{proxy=\"b\"} 4\nodd NaN\n";

#[test]
fn a_probe_finds_what_is_there() {
    let port = server(vec![response("200 OK", NODE)]);
    assert_eq!(probe_of(port, r#"["node_load1", "sessions"]"#), [""; 0]);
}

#[test]
fn a_probe_says_what_is_missing_and_what_is_there() {
    let port = server(vec![response("200 OK", NODE)]);
    let table = [
        (r#"["node_lod1"]"#, "its response has no `node_lod1`; did you mean `node_load1`?"),
        (
            r#"['sessions{proxy="c"}']"#,
            r#"its response has no `sessions{proxy="c"}`; it has for example `sessions{proxy="a"}`"#,
        ),
        (r#"["odd"]"#, "its response has no `odd`; the value of `odd` is NaN: read another metric"),
        (
            r#"["zzzzzzzzzzz"]"#,
            "its response has no `zzzzzzzzzzz`; it has 4 metrics, for example `node_load1`",
        ),
    ];
    for (metrics, expected) in table {
        assert_eq!(probe_of(port, metrics), [format!("monitor `lb`: {expected}")]);
    }
}

#[test]
fn a_probe_says_why_a_monitor_cannot_be_read() {
    let table = [
        (response("404 Not Found", ""), "the response has the status 404 Not Found"),
        ("nonsense\r\n\r\n".to_owned(), "the response is not HTTP"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnode".to_owned(), "the response broke off"),
        (response("200 OK", ""), "it has no metrics in the text format of Prometheus"),
    ];
    for (response, expected) in table {
        let errors = probe_of(server(vec![response]), r#"["node_load1"]"#);
        assert!(errors.len() == 1 && errors[0].contains(expected), "{errors:?}");
    }
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let errors = probe_of(closed, r#"["node_load1"]"#);
    assert!(errors[0].contains("cannot connect: Connection refused"), "{errors:?}");
}

#[test]
fn headers_of_the_plan_are_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(response("200 OK", "up 1\n").as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length]).to_ascii_lowercase()
    });
    let headers = "[\"up\"]\nheaders = { Authorization = \"Bearer t0ken\" }";
    assert_eq!(probe_of(port, headers), [""; 0]);
    assert!(asked.join().unwrap().contains("\r\nauthorization: bearer t0ken\r\n"));
}

#[tokio::test]
async fn readings_come_in_turn_and_a_failed_one_is_told() {
    let port = server(vec![
        response("200 OK", NODE),
        response("503 Service Unavailable", ""),
        response("200 OK", "node_load1 7\n"),
    ]);
    let monitors = monitors(port, r#"["node_load1", "sessions"]"#);
    let clock = Clock::starting_at(super::super::clock::monotonic_ns());
    let mut readings = Readings::start(&monitors, clock).unwrap();
    let first = readings.next().await;
    assert_eq!((first.monitor, first.values), (0, vec![Some(0.5), Some(7.0)]));
    let second = readings.next().await;
    assert!(second.values.is_empty());
    assert!(second.failed.is_some_and(|why| why.contains("503")));
    let third = readings.next().await;
    assert_eq!(third.values, [Some(7.0), None]);
    assert!(third.at_ns > first.at_ns + 1_000_000_000);
}
