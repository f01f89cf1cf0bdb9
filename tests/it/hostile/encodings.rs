//! Bodies that are not there, not decoded or not rounded: what checks and extracted values make of
//! them, over both versions of HTTP.

use super::frames::{DATA, END, END_HEADERS, HEADERS, converse, frame, header};
use super::{say, serve};
use crate::outcome::{Outcome, run_beside, run_once};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// The bytes of a request's head and body, as far as they come in one piece.
fn asked(mut socket: &TcpStream) -> Option<String> {
    let mut room = [0; 4_096];
    let length = socket.read(&mut room).ok().filter(|length| *length > 0)?;
    Some(String::from_utf8_lossy(&room[..length]).into_owned())
}

/// Answers the request of each path with what is said for it, and keeps what was asked.
fn answering(answers: &'static [(&str, &str)], seen: &Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let seen = Arc::clone(seen);
    serve(move |socket| {
        while let Some(request) = asked(&socket) {
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (_, answer) = answers.iter().find(|(at, _)| *at == path).unwrap();
            say(&socket, answer.as_bytes());
            seen.lock().unwrap().push(request);
        }
    })
}

fn ran(address: SocketAddr, code: i32, keys: &str) -> Outcome {
    let plan = format!(
        "name = \"bodies\"\ntargets.web.address = \"http://{address}/\"\n[scenarios.web]\nprotocol = \"http\"\n{keys}\n\
         think_time = \"5ms\"\nstages = [{{ users = 2, hold = \"400ms\" }}]\nthresholds = [\"failure_ratio == 0%\"]\n"
    );
    run_beside(code, || (run_once(&plan, &[]), ())).0
}

/// The words of the only failure.
fn sample(outcome: &Outcome) -> String {
    let web = outcome.scenario("web");
    web.only_failure();
    web.0["failures"][0]["sample"].as_str().unwrap().to_owned()
}

/// Answers without a body that are said to be in gzip.
const EMPTY: &[(&str, &str)] = &[
    ("/204", "HTTP/1.1 204 No Content\r\ncontent-encoding: gzip\r\n\r\n"),
    ("/304", "HTTP/1.1 304 Not Modified\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\n"),
    ("/length", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n"),
    (
        "/chunks",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("/head", "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 9\r\n\r\n"),
];

#[test]
fn where_no_body_is_nothing_is_decoded() {
    for compression in [true, false] {
        let address = answering(EMPTY, &Arc::default());
        let requests: Vec<String> = EMPTY
            .iter()
            .map(|(path, _)| {
                let method = if *path == "/head" { "HEAD" } else { "GET" };
                let expect = "status = [200, 204, 304], body = \"\"";
                format!("{{ method = \"{method}\", path = \"{path}\", expect = {{ {expect} }} }}")
            })
            .collect();
        let keys = format!("compression = {compression}\nrequests = [{}]", requests.join(", "));
        let outcome = ran(address, 0, &keys);
        assert!(outcome.scenario("web").counter("ok") > 50, "{compression}");
    }
}

#[test]
fn what_is_sought_in_no_body_is_told_so() {
    for (expect, words) in [
        ("expect = { contains = \"x\" }", "there is no body"),
        ("expect = { json = { \"/a\" = 1 } }", "there is no body"),
        ("extract = { a = { json = \"/a\" } }", "`a` was not found: there is no body"),
        ("extract = { a = { regex = \"x\" } }", "`a` was not found: there is no body"),
    ] {
        let address = answering(EMPTY, &Arc::default());
        let keys = format!("compression = true\nsteps = [{{ path = \"/length\", {expect} }}]");
        let sample = sample(&ran(address, 1, &keys));
        assert!(sample.ends_with(&format!("{words}; status 200")), "{expect}: {sample}");
    }
}

/// What nobody asked for, or knows.
const ENCODED: &[(&str, &str)] = &[
    ("/br", "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 5\r\n\r\nworld"),
    ("/gzip", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nworld"),
    ("/twice", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 5\r\n\r\nworld"),
    (
        "/identity",
        "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 5\r\n\r\nworld",
    ),
];

#[test]
fn a_body_that_is_not_decoded_names_its_encoding() {
    let asks = "which is not decoded (compression = true asks for gzip)";
    let only = "which is not decoded: planrun decodes gzip alone";
    for (path, compression, words) in [
        ("/br", false, format!("the body is encoded with br, {asks}")),
        ("/gzip", false, format!("the body is encoded with gzip, {asks}")),
        ("/br", true, format!("the body is encoded with br, {only}")),
        ("/twice", true, format!("the body is encoded with gzip, gzip, {only}")),
    ] {
        for look in [
            "expect = { contains = \"world\" }",
            "expect = { body = \"world\" }",
            "expect = { json = { \"/a\" = 1 } }",
            "extract = { a = { regex = \"w(.)\" } }",
            "extract = { a = { json = \"/a\" } }",
        ] {
            let address = answering(ENCODED, &Arc::default());
            let keys =
                format!("compression = {compression}\nsteps = [{{ path = \"{path}\", {look} }}]");
            let sample = sample(&ran(address, 1, &keys));
            assert!(sample.contains(&words), "{path} {look}: {sample}");
        }
    }
    // Nobody looks into it, or it is what it is.
    for step in [
        "{ path = \"/br\", expect = { size = 5 } }",
        "{ path = \"/identity\", expect = { body = \"world\" } }",
    ] {
        ran(answering(ENCODED, &Arc::default()), 0, &format!("steps = [{step}]"));
    }
}

/// `world` in gzip, stored and not compressed: it may be written as text.
const GZIP: &str = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 28\r\n\r\n";

#[test]
fn a_header_that_asks_for_gzip_is_as_good_as_the_key() {
    let mut stored = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1, 5, 0, 0xfa, 0xff];
    stored.extend(b"world");
    stored.extend(0x3a77_1143_u32.to_le_bytes());
    stored.extend(5_u32.to_le_bytes());
    for (accepted, code) in [("gzip, br", 0), ("*", 0), ("br", 1), ("gzip;q=0", 1)] {
        let stored = stored.clone();
        let address = serve(move |socket| {
            while asked(&socket).is_some() {
                say(&socket, &[GZIP.as_bytes(), &stored].concat());
            }
        });
        let keys = format!(
            "requests = [{{ path = \"/\", headers = {{ accept-encoding = \"{accepted}\" }}, expect = {{ body = \"world\" }} }}]"
        );
        let outcome = ran(address, code, &keys);
        if code == 1 {
            let sample = sample(&outcome);
            assert!(sample.contains("encoded with gzip, which is not decoded"), "{sample}");
        }
    }
}

#[test]
fn bodies_of_http2_are_treated_alike() {
    // Of two requests on a connection the first has no body, and the second one that nobody asked
    // for.
    let address = serve(|socket: TcpStream| {
        converse(&socket, &[], |one| {
            let block = [&[0x88][..], &header("content-encoding", "br")].concat();
            if one.before % 2 == 0 {
                return one.say(&[frame(HEADERS, END | END_HEADERS, one.stream, &block)]);
            }
            one.say(&[
                frame(HEADERS, END_HEADERS, one.stream, &block),
                frame(DATA, END, one.stream, b"world"),
            ])
        });
    });
    let step = |name: &str, body: &str| {
        format!(
            "{{ name = \"{name}\", method = \"POST\", path = \"/\", body = \"x\", expect = {{ body = \"{body}\" }} }}"
        )
    };
    let keys = format!("version = \"2\"\nsteps = [{}, {}]", step("none", ""), step("br", "world"));
    let outcome = ran(address, 1, &keys);
    assert!(outcome.scenario("web").ended("none").0 > 0);
    assert_eq!(outcome.scenario("web").ended("none").1, 0);
    let sample = sample(&outcome);
    assert!(sample.contains("the body is encoded with br, which is not decoded"), "{sample}");
}

const NUMBERS: &[(&str, &str)] = &[
    (
        "/j",
        "HTTP/1.1 200 OK\r\ncontent-length: 121\r\n\r\n\
         {\"id\":9007199254740993,\"big\":12345678901234567890123,\"price\":10.50,\"e\":1e2,\
         \"none\":null,\"o\":{ \"b\" : 1.0, \"a\":[1e2] }}     ",
    ),
    ("/echo", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
];

#[test]
fn numbers_of_json_are_what_they_are() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let address = answering(NUMBERS, &seen);
    let names = ["id", "big", "price", "e", "none", "o"];
    let takes = names.map(|name| format!("{name} = {{ json = \"/{name}\" }}")).join(", ");
    let sends = names.map(|name| format!("{name}=${{var.{name}}}")).join(" ");
    let keys = format!(
        "steps = [{{ path = \"/j\", extract = {{ {takes} }}, expect = {{ json = {{ \"/id\" = 9007199254740993, \
         \"/price\" = 10.5, \"/e\" = 100, \"/o\" = {{ a = [100.0], b = 1 }} }} }} }}, \
         {{ method = \"POST\", path = \"/echo\", body = '{sends}' }}]"
    );
    ran(address, 0, &keys);
    let sent = "id=9007199254740993 big=12345678901234567890123 price=10.50 e=1e2 none=null o={ \"b\" : 1.0, \"a\":[1e2] }";
    let seen = seen.lock().unwrap();
    let echo: Vec<&String> = seen.iter().filter(|one| one.starts_with("POST")).collect();
    assert!(!echo.is_empty() && echo.iter().all(|one| one.ends_with(sent)), "{echo:?}");

    let keys = "steps = [{ path = \"/j\", expect = { json = { \"/id\" = 9007199254740992 } } }]";
    let sample = sample(&ran(answering(NUMBERS, &Arc::default()), 1, keys));
    assert!(sample.contains("`/id` is 9007199254740993, not 9007199254740992"), "{sample}");
}
